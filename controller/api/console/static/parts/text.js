// The whole of a resource as JSON.
import { same } from "../lib/changes.js";
import { field } from "../lib/dialog.js";
import { h } from "../lib/dom.js";

export function text(state) {
  const made = field("text", "All of it, as JSON", { lines: 24, spellcheck: "false", class: "code", help: "The keys are those of config.yaml." });
  const problem = h("p", { class: "problem", role: "alert" });
  made.input.readOnly = state.locked;
  const read = () => {
    try {
      const now = JSON.parse(made.input.value);
      problem.textContent = "";
      made.input.removeAttribute("aria-invalid");
      if (!same(now, state.content)) { state.content = now; state.changed(); }
      return true;
    } catch (error) {
      problem.textContent = `Not valid JSON: ${error.message}`;
      made.input.setAttribute("aria-invalid", "true");
      return false;
    }
  };
  made.input.addEventListener("change", read);
  return {
    element: h("section", { class: "card" }, made.element, problem),
    show: () => { made.input.value = JSON.stringify(state.content, null, 2); problem.textContent = ""; },
    /** Whether what stands there is taken: it is valid JSON. */
    leave: read,
  };
}
