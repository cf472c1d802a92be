// The arguments of a tool: a row each, in the order in which the model reads them, with the JSON Schema beside them.
import { same } from "../lib/changes.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { EMPTY, ofType, rowsOf, TYPES, typeOf, valuesOf, withRows, withText, withValues } from "../lib/schema.js";
import { complaint } from "./fields.js";

/** `state`: {content, locked, changed()}. Owns `content.parameters`. */
export function argumentsForm(state) {
  let rows = [], drawn = [];
  const list = h("div", { class: "entries" }), said = h("p", { class: "unseen", role: "status" });
  const problem = h("p", { class: "problem" });
  const json = field("parameters", "The same as JSON Schema", { lines: 12, class: "code", spellcheck: "false",
    help: "What has no field of its own can be written here." });
  const wrongJson = complaint(json);
  const add = h("button", { type: "button", on: { click: () => {
    redraw([...rows, { name: free(), schema: { type: "string" }, required: true }]);
    drawn.at(-1).name.input.select();
  } } }, "Add an argument");
  json.input.readOnly = state.locked;

  const schema = () => state.content?.parameters ?? EMPTY;
  const free = () => { let at = rows.length + 1; while (rows.some((row) => row.name === `argument_${at}`)) at += 1; return `argument_${at}`; };
  const written = () => { json.input.value = JSON.stringify(schema(), null, 2); wrongJson([]); };

  /** Takes over what stands in the rows, unless a name is missing or there twice. */
  const take = () => {
    const names = rows.map((row) => row.name);
    names.forEach((name, at) => drawn[at].name.wrong(name === "" ? ["An argument needs a name."]
      : names.indexOf(name) !== at ? ["Another argument has this name."] : []));
    if (names.includes("") || new Set(names).size < names.length) return false;
    const now = withRows(mapping(schema()) ? schema() : EMPTY, rows);
    if (!same(now, schema())) {
      state.content = { ...state.content, parameters: now };
      written();
      state.changed();
    }
    return true;
  };
  const change = (at, how) => { rows[at] = how(rows[at]); take(); };
  const redraw = (next) => { rows = next; draw(); take(); };
  const move = (at, by) => {
    const next = [...rows];
    [next[at], next[at + by]] = [next[at + by], next[at]];
    redraw(next);
    said.textContent = `${next[at + by].name} is now argument ${at + by + 1}.`;
    const buttons = drawn[at + by].buttons;
    (buttons[by < 0 ? 0 : 1].disabled ? buttons[by < 0 ? 1 : 0] : buttons[by < 0 ? 0 : 1]).focus();
  };
  const remove = (at) => {
    redraw(rows.filter((_, each) => each !== at));
    (drawn[Math.min(at, drawn.length - 1)]?.name.input ?? add).focus();
  };

  const draw = () => {
    drawn = rows.map(row);
    fill(list, drawn.map(({ element }) => element), rows.length ? null : h("p", { class: "empty" }, "No arguments: the model only calls it."));
  };

  function row(given, at) {
    const own = (made, how) => {
      if (made.input.tagName === "SELECT" || made.input.type === "checkbox") made.input.disabled = state.locked;
      else made.input.readOnly = state.locked;
      made.input.addEventListener("input", () => how());
      return Object.assign(made, { wrong: complaint(made) });
    };
    const known = typeOf(given.schema), options = Object.entries(TYPES).map(([value, label]) => ({ value, label }));
    const name = own(field("name", "Name", { value: given.name, maxlength: 64, spellcheck: "false" }), () => {
      change(at, (now) => ({ ...now, name: name.input.value.trim() }));
    });
    const type = own(field("type", "Type", { options: known ? options : [{ value: "", label: "something else: see the JSON" }, ...options] }), () => {
      change(at, (now) => ({ ...now, schema: type.value() ? ofType(now.schema, type.value()) : now.schema }));
      draw();
      take();
      drawn[at].type.input.focus();
    });
    type.input.value = known;
    const about = own(field("description", "What it is, for the model", { value: given.schema?.description ?? "" }), () => {
      change(at, (now) => ({ ...now, schema: withText(now.schema, "description", about.input.value) }));
    });
    const values = valuesOf(given.schema), lines = Math.min(5, Math.max(2, (values ?? "").split("\n").length));
    const allowed = values === undefined ? null : own(field("values", "Only these values", { lines, help: "One a line; empty: any." }), () => {
      change(at, (now) => ({ ...now, schema: withValues(now.schema, allowed.input.value) }));
    });
    if (allowed) allowed.input.value = values;
    const needed = own(field("required", "Required", { type: "checkbox", checked: given.required }), () => {
      change(at, (now) => ({ ...now, required: needed.value() }));
    });
    needed.element.classList.add("tick");
    const act = (label, what, work, off) => h("button", { type: "button", class: "small", disabled: off,
      "aria-label": `${what} argument ${at + 1}`, on: { click: work } }, label);
    const buttons = state.locked ? [] : [act("↑", "Up", () => move(at, -1), at === 0), act("↓", "Down", () => move(at, 1), at === rows.length - 1),
      act("Remove", "Remove", () => remove(at))];
    const rest = h("p", { class: "problem" });
    const element = h("fieldset", { class: "row fields" }, h("legend", {}, `Argument ${at + 1}`),
      h("div", { class: "grid" }, name.element, type.element), about.element, allowed?.element, needed.element, rest,
      buttons.length ? h("div", { class: "buttons" }, buttons) : null);
    return { element, name, type, about, allowed, buttons, rest };
  }

  json.input.addEventListener("input", () => { if (read()) show(false); });
  const read = () => {
    try {
      const now = JSON.parse(json.input.value);
      wrongJson(mapping(now) ? [] : ["Must be a JSON Schema of an object: {\"type\": \"object\", …}"]);
      if (!mapping(now)) return false;
      if (!same(now, schema())) { state.content = { ...state.content, parameters: now }; state.changed(); }
      return true;
    } catch (error) {
      wrongJson([`Not valid JSON: ${error.message}`]);
      return false;
    }
  };
  const show = (all = true) => {
    if (all) written();
    const next = rowsOf(schema());
    problem.textContent = next ? "" : "This is no schema of an object: see the JSON.";
    if (drawn.length && same(next, rows)) return;
    rows = next ?? [];
    draw();
  };

  const element = h("div", { class: "sides" }, h("div", { class: "fields" }, list, problem, said, state.locked ? null : h("div", {}, add)), json.element);
  return {
    element,
    show,
    /** Whether what stands there is taken; otherwise the focus goes to what is wrong. */
    leave: () => {
      const fits = read() && take();
      if (!fits) element.querySelector("[aria-invalid]")?.focus();
      return fits;
    },
    /** Shows errors at the rows. `found`: [{path, text}] with paths from `parameters` on. */
    wrong: (found) => {
      const general = [], at = new Map();
      for (const each of found) {
        const hit = rows.map((one, number) => [`properties.${one.name}`, number]).filter(([path]) => below(each.path, path))
          .sort(([one], [other]) => other.length - one.length)[0];
        if (!hit) { general.push(`${each.path} ${each.text}`.trim()); continue; }
        const part = each.path.slice(hit[0].length + 1), made = drawn[hit[1]];
        const place = part.startsWith("enum") && made.allowed || { type: made.type, description: made.about }[part] || made.rest;
        at.set(place, [...(at.get(place) || []), place === made.rest ? `${part} ${each.text}`.trim() : each.text]);
      }
      for (const made of drawn) {
        for (const each of [made.type, made.about, made.allowed]) each?.wrong(at.get(each) || []);
        fill(made.rest, (at.get(made.rest) || []).join(" "));
      }
      fill(problem, general.join(" "));
    },
  };
}

const mapping = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const below = (path, above) => path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);
