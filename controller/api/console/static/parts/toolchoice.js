// Which tools an agent has: a tick each, and those that are named but not there.
import { get } from "../lib/changes.js";
import { fill, h } from "../lib/dom.js";

let count = 0;

/** `known`: [{name, about}]. `unset`: what counts if the key is not there. */
export function choice(state, form, key, label, known, unset = []) {
  const body = h("div", { class: "ticks" });
  const frame = h("fieldset", {}, h("legend", {}, label), body);
  const show = () => {
    const has = get(state.content, [key]) ?? unset;
    if (!Array.isArray(has)) return fill(body, h("p", { class: "quiet" }, "Is no list: see the text."));
    const strange = has.filter((name) => !known.some((each) => each.name === name)).map((name) => ({ name, about: "is not there" }));
    const all = [...known, ...strange];
    const focused = body.contains(document.activeElement) && document.activeElement.value;
    fill(body, all.length ? all.map(({ name, about }) => tick(name, about, has)) : h("p", { class: "quiet" }, "There are none."));
    if (focused) [...body.querySelectorAll("input")].find((each) => each.value === focused)?.focus();
  };
  const tick = (name, about, has) => {
    const id = `tool-${++count}`;
    const input = h("input", { type: "checkbox", id, value: name, checked: has.includes(name), disabled: state.locked,
      "aria-describedby": `${id}-about` });
    input.addEventListener("input", () => {
      const now = get(state.content, [key]) ?? unset;
      state.content = { ...state.content, [key]: input.checked ? [...now, name] : now.filter((each) => each !== name) };
      state.changed();
    });
    return h("div", { class: "field tick" }, h("label", { for: id }, name), input, h("small", { id: `${id}-about` }, about));
  };
  return form.part(key, frame, show);
}
