// Which tools an agent has: a tick each, and those that are named but not there.
import { get } from "../lib/changes.js";
import { fill, h } from "../lib/dom.js";

let count = 0;

/** `known`: [{name, about, more}]; `more()` makes what stands below a tool. `unset`: what counts if the key is not there. */
export function choice(state, form, key, label, known, unset = []) {
  const body = h("div", { class: "ticks" });
  const frame = h("fieldset", {}, h("legend", {}, label), body);
  const show = () => {
    const has = get(state.content, [key]) ?? unset;
    if (!Array.isArray(has)) return fill(body, h("p", { class: "quiet" }, "Is no list: see the text."));
    const strange = has.filter((name) => !known.some((each) => each.name === name)).map((name) => ({ name, about: "is not there" }));
    const all = [...known, ...strange];
    const focused = body.contains(document.activeElement) && document.activeElement.type === "checkbox" && document.activeElement.value;
    fill(body, all.length ? all.map((each) => tick(each, has)) : h("p", { class: "quiet" }, "None."));
    if (focused) [...body.querySelectorAll("input[type=checkbox]")].find((each) => each.value === focused)?.focus();
  };
  const mores = new Map(); // kept: somebody may have unfolded them
  const extra = ({ name, more }) => { if (more && !mores.has(name)) mores.set(name, more()); return mores.get(name); };
  const tick = (each, has) => {
    const { name, about } = each;
    const id = `tool-${++count}`;
    const input = h("input", { type: "checkbox", id, value: name, checked: has.includes(name), disabled: state.locked,
      "aria-describedby": `${id}-about` });
    input.addEventListener("input", () => {
      const now = get(state.content, [key]) ?? unset;
      state.content = { ...state.content, [key]: input.checked ? [...now, name] : now.filter((each) => each !== name) };
      state.changed();
    });
    return h("div", { class: "field tick" }, h("label", { for: id }, name), input, h("small", { id: `${id}-about` }, about), extra(each));
  };
  return form.part(key, frame, show);
}
