// The fields of a form over a piece of JSON. Each one owns one path of it; what has no field stays as it is.
import { get, put } from "../lib/changes.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";

const KINDS = {
  text: { read: (value) => value ?? "", write: (input) => input.value || undefined },
  number: { read: (value) => value ?? "", write: (input) => (input.value === "" ? undefined : Number(input.value)) },
  choice: { read: (value) => value ?? "", write: (input) => input.value || undefined },
  check: { read: (value) => value === true, write: (input) => (input.checked ? true : undefined) },
};

/** `state`: {content, locked, changed()}. */
export function fields(state) {
  const all = [];

  const own = (path, made, { read, write, shown }) => {
    const input = made.input, wrong = complaint(made);
    if (input.tagName === "SELECT" || input.type === "checkbox") input.disabled = state.locked;
    else input.readOnly = state.locked;
    const show = () => {
      const value = read(get(state.content, path));
      if (input.type === "checkbox") input.checked = value;
      else if (input.value !== String(value)) input.value = value;
      shown?.();
    };
    input.addEventListener("input", () => {
      state.content = put(state.content, path, write(input));
      shown?.();
      state.changed();
    });
    all.push({ path: path.join("."), show, wrong, input });
    return made.element;
  };

  return {
    text: (path, label, more = {}) => own(path, field(path.join("."), label, more), { ...KINDS.text, shown: more.shown }),
    number: (path, label, more = {}) => own(path, field(path.join("."), label, { type: "number", ...more }), KINDS.number),
    choice: (path, label, options, more = {}) => own(path, field(path.join("."), label, { options, ...more }), KINDS.choice),
    check: (path, label, more = {}) => {
      const made = field(path.join("."), label, { type: "checkbox", ...more });
      made.element.classList.add("tick");
      return own(path, made, KINDS.check);
    },
    own,
    /** Something that is no single input: `show()` draws it from the content. */
    part: (path, element, show) => {
      const problem = h("p", { class: "problem" });
      element.append(problem);
      all.push({ path, show, wrong: (texts) => fill(problem, texts.join(" ")), input: element });
      return element;
    },
    show: () => all.forEach((each) => each.show()),
    /** Shows [{path, text}] at the fields. Returns those for which there is none. */
    wrong: (found) => {
      const at = new Map();
      const rest = found.filter((each) => {
        const place = all.filter(({ path }) => within(each.path, path)).sort((one, other) => other.path.length - one.path.length)[0];
        if (place) at.set(place, [...(at.get(place) || []), each.text]);
        return !place;
      });
      for (const each of all) each.wrong(at.get(each) || []);
      const first = [...at.keys()].sort((one, other) => all.indexOf(one) - all.indexOf(other))[0];
      for (let fold = first?.input.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
      return rest;
    },
    paths: () => all.map(({ path }) => path),
  };
}

/** A place below a field (`lib/dialog`) for what is wrong with it. Returns what shows texts there. */
export function complaint({ element, input }) {
  const problem = h("small", { class: "problem", id: `${input.id}-problem` });
  element.append(problem);
  return (texts) => {
    fill(problem, texts.join(" "));
    if (texts.length) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
    const about = [element.querySelector("small[id$=help]")?.id, texts.length && problem.id].filter(Boolean);
    if (about.length) input.setAttribute("aria-describedby", about.join(" ")); else input.removeAttribute("aria-describedby");
  };
}

const within = (path, above) => path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);

export function group(title, ...content) {
  const name = `group-${title.toLowerCase().replaceAll(" ", "-")}`;
  return h("section", { class: "card fields", "aria-labelledby": name }, h("h2", { id: name }, title), content);
}
