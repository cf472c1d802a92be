// The headers of a request: name and value each. Secrets are references to environment variables, never their values.
import { same } from "../lib/changes.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { complaint } from "./fields.js";

/** `known`: names that `resources.secrets` allows, such as CRM_TOKEN or HOOK_*. Owns `content.headers`. */
export function headersForm(state, known) {
  let rows = [], drawn = [];
  const list = h("div", { class: "entries" }), problem = h("p", { class: "problem" });
  const examples = known.filter((name) => !name.endsWith("*")).flatMap((name) => [`\${${name}}`, `Bearer \${${name}}`]);
  const help = h("small", {}, "A secret is an environment variable's name, ", h("code", {}, "${NAME}"), ", alone or after a word: ",
    h("code", {}, "Bearer ${NAME}"), ". ", known.length ? `Allowed here: ${known.join(", ")}.` : "Allowed names are listed under resources.secrets in config.yaml.");
  const add = h("button", { type: "button", on: { click: () => { redraw([...rows, ["", ""]]); drawn.at(-1).name.input.focus(); } } }, "Add a header");
  const headers = () => state.content?.headers ?? {};

  const take = () => {
    const names = rows.map(([name]) => name.toLowerCase());
    names.forEach((name, at) => drawn[at].name.wrong(name === "" ? ["A header needs a name."] : names.indexOf(name) !== at ? ["Another header has this name."] : []));
    if (names.includes("") || new Set(names).size < names.length) return false;
    const now = Object.fromEntries(rows);
    if (!same(now, headers())) {
      const { headers: _, ...rest } = state.content;
      state.content = rows.length ? { ...state.content, headers: now } : rest;
      state.changed();
    }
    return true;
  };
  const redraw = (next) => { rows = next; draw(); if (rows.every(([name]) => name)) take(); };
  const draw = () => {
    drawn = rows.map(row);
    fill(list, drawn.map(({ element }) => element), rows.length ? null : h("p", { class: "quiet" }, "No headers of its own."));
  };

  function row(given, at) {
    const own = (made, place) => {
      made.input.readOnly = state.locked;
      made.input.addEventListener("input", () => { rows[at][place] = made.input.value.trim(); take(); });
      return Object.assign(made, { wrong: complaint(made) });
    };
    const name = own(field("header", `Header ${at + 1}`, { value: given[0], known: ["Authorization", "X-Api-Key", "Accept", "Accept-Language"], spellcheck: "false" }), 0);
    const value = own(field("value", `Value ${at + 1}`, { value: given[1], known: examples, spellcheck: "false" }), 1);
    const gone = h("button", { type: "button", class: "small", "aria-label": `Remove header ${at + 1}`, on: { click: () => {
      redraw(rows.filter((_, each) => each !== at));
      (drawn[Math.min(at, drawn.length - 1)]?.name.input ?? add).focus();
    } } }, "Remove");
    return { element: h("div", { class: "pair" }, name.element, value.element, state.locked ? null : gone), name, value };
  }

  const element = h("fieldset", { class: "fields" }, h("legend", {}, "Headers"), help, list, problem, state.locked ? null : h("div", {}, add));
  return {
    element,
    show: () => {
      const now = headers(), plain = now !== null && typeof now === "object" && !Array.isArray(now);
      problem.textContent = plain ? "" : "Is no mapping: see the text.";
      const next = plain ? Object.entries(now).map(([name, value]) => [name, String(value)]) : [];
      if (drawn.length && same(next, rows)) return;
      rows = next;
      draw();
    },
    leave: () => {
      rows = rows.filter(([name, value]) => name || value);
      if (rows.length < drawn.length) draw();
      const fits = take();
      if (!fits) element.querySelector("[aria-invalid]")?.focus();
      return fits;
    },
    /** Shows errors at the rows. `found`: [{path, text}] with paths from `headers` on. */
    wrong: (found) => {
      const at = (name) => found.filter((each) => each.path === name).map((each) => each.text);
      rows.forEach(([name], number) => drawn[number].value.wrong(at(name)));
      fill(problem, found.filter((each) => !rows.some(([name]) => name === each.path)).map((each) => `${each.path} ${each.text}`.trim()).join(" "));
    },
  };
}
