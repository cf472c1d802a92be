// A text with {{variables}}: marked as they are typed, and listed with where they come from.
import { fill, h } from "../lib/dom.js";

const PLACES = /\{\{[^{}]*\}\}|\{%[^{}]*%\}/g;
const STRINGS = /"[^"]*"|'[^']*'/g;
const NAMES = /(?<![\w.|]\s*)[A-Za-z_]\w*/g;
const WORDS = new Set(["if", "elif", "else", "endif", "for", "endfor", "in", "not", "and", "or", "is", "set", "endset", "true", "false",
  "none", "defined", "undefined", "loop", "range", "True", "False", "None"]);
const LOCAL = /\{%-?\s*(?:for|set)\s+([A-Za-z_][\w, ]*?)\s*(?:in\b|=)/g;

/** The names of variables in a template, in their order. */
export function variables(text) {
  const local = new Set([...text.matchAll(LOCAL)].flatMap((each) => each[1].split(/[, ]+/)));
  const found = [...text.matchAll(PLACES)].flatMap((place) => place[0].replace(STRINGS, "").match(NAMES) || []);
  return [...new Set(found)].filter((name) => !WORDS.has(name) && !local.has(name));
}

/** Lays the marks of `input`'s variables behind it; call `draw` when its text was set. */
export function marked(input) {
  const marks = h("div", { class: "marks-behind", "aria-hidden": "true" });
  const frame = h("div", { class: "prompt" }, marks, input);
  const follow = () => { marks.scrollTop = input.scrollTop; };
  const draw = () => {
    const pieces = [];
    let end = 0;
    for (const place of input.value.matchAll(PLACES)) {
      pieces.push(input.value.slice(end, place.index), h("mark", {}, place[0]));
      end = place.index + place[0].length;
    }
    fill(marks, pieces, `${input.value.slice(end)}\n`);
    follow();
  };
  input.addEventListener("input", draw);
  input.addEventListener("scroll", follow);
  return { element: frame, draw };
}

/** What a text uses. `known`: name → where it comes from. */
export function listed(names, known) {
  if (!names.length) return [h("small", {}, "Uses no variables. ", h("code", {}, "{{caller}}"), " becomes the caller's number.")];
  const item = (name) => h("li", {}, h("code", {}, name), " ",
    known.has(name) ? h("span", { class: "badge good" }, known.get(name)) : h("span", { class: "badge wait" }, "not known here"));
  const strange = names.some((name) => !known.has(name));
  return [h("ul", { class: "variables" }, names.map(item)),
    strange && h("small", {}, "What is not known here is empty, unless the dialplan, a look-up or whoever places the call gives it.")];
}
