// Questions that have to be answered first. Escape is "no"; focus goes back to where it came from.
import { h } from "./dom.js";

let count = 0;

/** Resolves to true for yes. The safe answer has the focus. */
export function confirm({ title, text, yes, danger = true }) {
  return new Promise((resolve) => {
    const no = h("button", { type: "button", autofocus: true }, "Cancel");
    const go = h("button", { type: "button", class: danger ? "danger" : "main" }, yes);
    const dialog = frame(title, [h("p", {}, text), h("div", { class: "buttons" }, no, go)]);
    no.addEventListener("click", () => dialog.close());
    go.addEventListener("click", () => dialog.close("yes"));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    show(dialog);
    no.focus();
  });
}

/** A form in a dialog. `send(values)` does the work and may throw what `shown` then shows; after it the dialog closes. */
export function form({ title, fields, yes, send, note }) {
  const problem = h("p", { class: "problem", role: "alert" });
  const go = h("button", { type: "submit", class: "main" }, yes);
  const no = h("button", { type: "button" }, "Cancel");
  const body = h("form", { class: "fields", method: "dialog" }, note && h("p", { class: "quiet" }, note),
    fields.map((each) => each.element), problem, h("div", { class: "buttons" }, no, go));
  const dialog = frame(title, [body]);
  no.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  body.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    go.disabled = true;
    try {
      await send(Object.fromEntries(fields.map((each) => [each.name, each.value()])));
      dialog.close();
    } catch (error) {
      const wrong = (error.errors || []).map((each) => `${(each.pointer || "").slice(1)} ${each.detail}`);
      problem.textContent = [error.message, error.detail, ...wrong].filter(Boolean).join(". ");
    } finally {
      go.disabled = false;
    }
  });
  show(dialog);
}

/** Something to read, with a button that ends it; Escape does not, as it is shown once. */
export function notice({ title, content, done }) {
  const go = h("button", { type: "button", class: "main" }, done);
  const dialog = frame(title, [...content, h("div", { class: "buttons" }, go)]);
  go.addEventListener("click", () => dialog.close());
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => dialog.remove());
  show(dialog);
}

/** Several of some: checkboxes. `options`: {value, help} or text. Its value is a list. */
export function choices(name, label, { options, chosen = [], help }) {
  const boxes = options.map((each) => {
    const value = each.value ?? each, id = `field-${++count}`;
    const box = h("input", { id, type: "checkbox", value, checked: chosen.includes(value) });
    return { box, element: h("div", { class: "choice" }, box, h("label", { for: id }, value, each.help && h("small", {}, each.help))) };
  });
  const value = () => boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
  return { name, value, element: h("fieldset", { class: "field" }, h("legend", {}, label), help && h("small", {}, help),
    h("div", { class: "choices" }, boxes.map(({ element }) => element))) };
}

function frame(title, content) {
  const name = `dialog-${++count}`;
  return h("dialog", { "aria-labelledby": name }, h("h2", { id: name }, title), content);
}

function show(dialog) {
  document.body.append(dialog);
  dialog.showModal();
}

/** A labelled input. `options`: of a select ({value, label} or text); `known`: what an input suggests. */
export function field(name, label, { options, known, help, lines, ...more } = {}) {
  const id = `field-${++count}`;
  let input;
  if (options) input = h("select", { id, ...more }, options.map((each) =>
    h("option", { value: each.value ?? each }, each.label ?? each)));
  else if (lines) input = h("textarea", { id, rows: lines, ...more });
  else input = h("input", { id, autocomplete: "off", ...more });
  const list = known?.length ? h("datalist", { id: `${id}-known` }, known.map((each) => h("option", { value: each }))) : null;
  if (list) input.setAttribute("list", list.id);
  const helper = help ? h("small", { id: `${id}-help` }, help) : null;
  if (helper) input.setAttribute("aria-describedby", helper.id);
  const value = () => (input.type === "checkbox" ? input.checked : input.value.trim());
  return { name, input, value, element: h("div", { class: "field" }, h("label", { for: id }, label), input, list, helper) };
}
