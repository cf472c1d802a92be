// Lines of a diff: each one's sign says what it is, and so does its colour.
import { h } from "../lib/dom.js";

const KINDS = { "+": "came", "-": "went", "@": "place" };

export function diff(lines) {
  if (!lines.length) return h("p", { class: "empty" }, "No difference.");
  return h("pre", { class: "diff", tabindex: "0", role: "region", "aria-label": "Differences" },
    lines.map((line) => h("span", { class: KINDS[line[0]] }, `${line}\n`)));
}
