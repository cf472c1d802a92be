// A table whose rows are renewed one by one, so that focus and selection stay. On narrow screens each row is a card.
import { fill, h } from "./dom.js";

/** `columns`: {label, cell(row) → text or node, kind?, hidden?: its label, sort?: the name by which it is sorted};
 * `sort(name)` is asked for by a click on its label, `sorted(name, ascending)` shows what is the case. `key(row)` names a row; `signature(row)` changes when it must be
 * drawn anew. */
export function table({ caption, columns, key, signature = JSON.stringify, empty, sort = () => {} }) {
  const body = h("tbody", { role: "rowgroup" });
  const heads = columns.map((each) => h("th", { scope: "col", role: "columnheader", class: each.kind },
    each.hidden ? h("span", { class: "unseen" }, each.label)
      : each.sort ? h("button", { type: "button", class: "sort", on: { click: () => sort(each.sort) } }, each.label) : each.label));
  const sorted = (name, ascending) => columns.forEach((each, at) => {
    if (each.sort === name) heads[at].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    else heads[at].removeAttribute("aria-sort");
  });
  const made = h("table", { role: "table" }, h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)), body);
  const nothing = h("p", { class: "empty" }, "Loading…");
  const frame = h("div", { class: "table" }, made, nothing);
  const rows = new Map();

  const draw = (row, element) => {
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    fill(element, columns.map((each) =>
      h("td", { role: "cell", class: each.kind, "data-label": each.label }, each.cell(row))));
    if (focused) element.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  };

  const update = (found) => {
    const names = new Set(found.map(key));
    for (const [name, kept] of rows) if (!names.has(name)) { kept.element.remove(); rows.delete(name); }
    let before = null;
    for (const row of found) {
      const name = key(row), drawn = signature(row);
      let kept = rows.get(name);
      if (!kept) rows.set(name, kept = { element: h("tr", { role: "row", "data-key": name }), drawn: null });
      if (kept.drawn !== drawn) { draw(row, kept.element); kept.drawn = drawn; }
      const place = before ? before.nextSibling : body.firstChild;
      if (place !== kept.element) body.insertBefore(kept.element, place);
      before = kept.element;
    }
    made.hidden = !found.length;
    nothing.textContent = empty;
    nothing.hidden = found.length > 0;
  };
  made.hidden = true; // until the first update
  return { element: frame, update, sorted, row: (name) => rows.get(name)?.element };
}
