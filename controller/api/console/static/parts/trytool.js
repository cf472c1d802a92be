// A tool over HTTP tried: a form made of its schema, one real request, and what the model would read of it.
import { ask, path } from "../lib/api.js";
import { same } from "../lib/changes.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { argumentOf, rowsOf, typeOf, valuesOf } from "../lib/schema.js";
import { attempt } from "../lib/toasts.js";
import { complaint } from "./fields.js";

/** `content()`: of the tool that would be tried. `ready()`: resolves to {draft}, or to null: it can't be tried now. */
export function tryTool(name, { content, ready, before = null }) {
  const holder = h("div", { class: "grid" }), result = h("div", { role: "status" });
  const raw = field("arguments", "Arguments as JSON", { lines: 4, class: "code", spellcheck: "false", help: "Also what a form would not let you write." });
  const wrongRaw = complaint(raw);
  const go = h("button", { type: "submit" }, "Try it"), note = h("p", { class: "quiet" });
  const form = h("form", { class: "fields", "aria-label": `Try ${name}` }, note, before, holder, h("details", {}, h("summary", {}, "As JSON"), raw.element), h("div", {}, go), result);
  let rows = null, inputs = [];

  const given = () => Object.fromEntries(inputs.filter(({ row, made }) => made.input.value !== "" || row.required && row.schema?.type === "string")
    .map(({ row, made, wrong }) => {
      try {
        wrong([]);
        return [row.name, argumentOf(row.schema, made.input.value)];
      } catch (error) {
        wrong([`Not valid JSON: ${error.message}`]);
        throw error;
      }
    }));
  const written = () => {
    try {
      raw.input.value = JSON.stringify(given(), null, 2);
      wrongRaw([]);
    } catch { /* it is said at the field */ }
  };
  const one = (row) => {
    const label = row.required ? `${row.name} (required)` : row.name, help = row.schema?.description;
    const type = typeOf(row.schema), values = valuesOf(row.schema);
    const options = type === "boolean" ? [["true", "yes"], ["false", "no"]] : values ? values.split("\n").map((each) => [each, each]) : null;
    const more = options ? { options: [{ value: "", label: "not given" }, ...options.map(([value, text]) => ({ value, label: text }))] }
      : type === "integer" || type === "number" ? { inputmode: "decimal" } : type === "string" ? {} : { lines: 2, placeholder: type === "array" ? "[\"…\"]" : "JSON" };
    const made = field(row.name, label, { help, ...more }), wrong = complaint(made);
    made.input.addEventListener("input", written);
    return { row, made, wrong };
  };
  const update = () => {
    const now = content(), next = rowsOf(now?.parameters ?? {}) ?? [], method = now?.method || "GET";
    fill(note, `Sends one real ${method} request, as in a call${method === "GET" ? "." : ". It can change data on the server."} Secrets are hidden.`);
    if (same(rows, next)) return;
    const kept = new Map(inputs.map(({ row, made }) => [row.name, made.input.value]));
    rows = next;
    inputs = rows.map(one);
    for (const { row, made } of inputs) made.input.value = kept.get(row.name) ?? "";
    fill(holder, inputs.map(({ made }) => made.element));
    holder.hidden = !inputs.length;
    written();
  };

  const show = (found) => {
    const facts = [["For the model", found.ok ? "it went well" : "it failed"], ["Status", found.status ?? "none"], ["Took", `${found.duration_ms} ms`],
      ["Asked", found.url ? `${found.method} ${found.url}` : "nothing was sent"], found.reason && ["Cause", [found.reason.replaceAll("_", " "), found.detail].filter(Boolean).join(": ")]];
    fill(result, h("dl", { class: "rows" }, facts.filter(Boolean).map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, String(value))))),
      h("h3", {}, "What the model reads"), h("pre", { class: `diff ${found.ok ? "" : "failed"}`, tabindex: "0", role: "region", "aria-label": "What the model reads" }, found.output));
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let sent;
    try {
      sent = JSON.parse(raw.input.value || "{}");
      if (sent === null || typeof sent !== "object" || Array.isArray(sent)) throw new Error("must be an object");
      wrongRaw([]);
    } catch (error) {
      wrongRaw([`Not a JSON object: ${error.message}`]);
      raw.input.closest("details").open = true;
      return raw.input.focus();
    }
    if (inputs.some(({ made }) => made.input.hasAttribute("aria-invalid"))) return inputs.find(({ made }) => made.input.hasAttribute("aria-invalid")).made.input.focus();
    fill(result, h("p", { class: "quiet" }, "It is being asked…"));
    await attempt(go, "Try it", async () => {
      const which = await ready();
      if (which) show(await ask("POST", path`/v1/resources/http_tools/${name}/try`, { arguments: sent, draft: which.draft }));
    });
    if (result.firstChild?.tagName === "P") fill(result);
  });
  update();
  return { element: form, update };
}

/** In the list of an agent's tools: the way to its page, and to try what is published. */
export function toolInAgent(name, content, me) {
  const link = h("a", { href: `#/edit/http_tools/${encodeURIComponent(name)}` }, me.may("config") ? "Edit" : "Look at it", h("span", { class: "unseen" }, ` ${name}`));
  if (!me.may("config")) return h("div", { class: "more" }, link);
  const place = h("div", {}), fold = h("details", {}, h("summary", {}, `Try ${name}`), place);
  fold.addEventListener("toggle", () => {
    if (fold.open && !place.firstChild) place.append(tryTool(name, { content: () => content, ready: async () => ({ draft: false }) }).element);
  });
  return h("div", { class: "more" }, link, fold);
}

/** Beside the editor of a tool: its draft, saved first, or what is published. */
export function tryBeside({ name, state, store, mayEdit }) {
  const which = field("which", "Which", { options: [] });
  let found = null;
  const drafted = () => which.value() === "draft";
  const made = tryTool(name, {
    before: which.element,
    content: () => (drafted() ? state.content : found?.published?.content),
    ready: async () => (!drafted() ? { draft: false } : await store() ? { draft: Boolean(found?.draft) } : null),
  });
  which.input.addEventListener("change", made.update);
  const update = (next) => {
    found = next;
    const options = [mayEdit && ["draft", "as it stands above (saved as a draft first)"], found?.published && ["published", `version ${found.published.version}, as it is published`]].filter(Boolean);
    const before = which.input.value;
    fill(which.input, options.map(([value, label]) => h("option", { value }, label)));
    if (options.some(([value]) => value === before)) which.input.value = before;
    element.hidden = !options.length;
    made.update();
  };
  const element = h("section", { class: "card fields beside", "aria-labelledby": "try-it" }, h("h2", { id: "try-it" }, "Try it"), made.element);
  return { element, update, changed: made.update };
}
