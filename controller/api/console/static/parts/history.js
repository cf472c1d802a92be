// Versions of a resource: who, when, why; what differs between any two; one of them published again.
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { day } from "../lib/format.js";
import { differences, versions } from "../lib/resources.js";
import { table } from "../lib/table.js";
import { failed } from "../lib/toasts.js";
import { diff } from "./diff.js";

export function history({ kind, name, locked, back }) {
  const from = field("from", "From", { options: [] }), to = field("to", "To", { options: [] });
  const lines = h("div", {});
  let newest = 0;
  const rows = table({
    caption: "Versions",
    empty: "None is published yet.",
    key: (each) => String(each.version),
    columns: [
      { label: "Version", kind: "number", cell: (each) => String(each.version) },
      { label: "Published", cell: (each) => day(each.at) },
      { label: "By", cell: (each) => each.by },
      { label: "Comment", kind: "wide", cell: (each) => each.comment },
      ...(locked ? [] : [{ label: "", kind: "acts", cell: (each) => each.version !== newest && h("button", { type: "button", class: "small",
        "data-focus": each.version, "aria-label": `Roll back to version ${each.version}`,
        on: { click: (event) => back(each.version, event.currentTarget) } }, "Roll back") }]),
    ],
    signature: (each) => JSON.stringify([each, newest]),
  });
  const compare = async () => {
    if (!from.value() || !to.value()) return fill(lines);
    try {
      fill(lines, diff((await differences(kind, name, from.value(), to.value())).lines));
    } catch (error) {
      if (error.status !== 401) failed(error, "Compare");
    }
  };
  for (const each of [from, to]) each.input.addEventListener("change", compare);

  const update = async (found) => {
    if (!found) return;
    try {
      const all = (await versions(kind, name)).versions;
      newest = found.published?.version;
      rows.update(all);
      const options = [...(found.draft ? ["draft"] : []), ...all.map((each) => String(each.version))];
      for (const each of [from, to]) fill(each.input, options.map((value) => h("option", { value }, value === "draft" ? "draft" : `version ${value}`)));
      to.input.value = options[0] ?? "";
      from.input.value = found.draft ? String(newest ?? "draft") : options[1] ?? options[0] ?? "";
      await compare();
    } catch (error) {
      if (error.type !== "unknown-resource" && error.status !== 401) failed(error, "Versions");
    }
  };
  const element = h("section", { "aria-label": "History" }, h("h2", {}, "What differs"),
    h("div", { class: "filters" }, from.element, to.element), lines, h("h2", {}, "Versions"), rows.element);
  return { element, update };
}
