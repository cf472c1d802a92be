// Routes as an ordered table: the first that fits counts. And: which agent would answer?
import { ask } from "../lib/api.js";
import { field, form as dialog } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { faults } from "../lib/resources.js";
import { attempt } from "../lib/toasts.js";

const SHOWN = new Set(["to", "agent", "caller", "trunk", "hours"]);

/** `found`: {agents, trunks, config: may try routes that are not published}. */
export function routesForm(state, found) {
  const rows = h("tbody", { role: "rowgroup" }), said = h("p", { class: "unseen", role: "status" });
  const nobody = h("p", { class: "empty" }, "No routes. The first agent answers all calls.");
  const heads = ["", "Called", "Agent", "Conditions", ""].map((label) => h("th", { scope: "col", role: "columnheader" }, label || h("span", { class: "unseen" }, "Order")));
  const table = h("table", { role: "table" }, h("caption", { class: "unseen" }, "Routes"), h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)), rows);
  const asked = question(state, found);
  let problems = new Map();
  const list = () => (Array.isArray(state.content) ? state.content : []);
  const set = (next, focus) => {
    state.content = next;
    problems = new Map();
    asked.clear();
    draw();
    state.changed();
    rows.querySelector(`[data-focus="${focus}"]:not(:disabled)`)?.focus() ?? rows.querySelector(`[data-row="${focus?.split(" ")[1]}"]:not(:disabled)`)?.focus();
  };
  const move = (at, by) => {
    const next = [...list()];
    [next[at], next[at + by]] = [next[at + by], next[at]];
    set(next, `${by < 0 ? "up" : "down"} ${at + by}`);
    said.textContent = `The route for ${next[at + by].to} is now number ${at + by + 1}.`;
  };
  const act = (label, name, at, work, off = false) => h("button", { type: "button", class: "small", "aria-label": `${name} route ${at + 1}`,
    "data-focus": `${name.toLowerCase()} ${at}`, "data-row": at, disabled: off, on: { click: work } }, label);
  const row = (route, at) => h("tr", { role: "row" }, [
    ["Order", String(at + 1), "number"], ["Called", h("strong", {}, String(route?.to ?? "?")), "wide"], ["Agent", agents(route?.agent)],
    ["Conditions", [conditions(route || {}), ...(problems.get(at) || []).map((each) => h("p", { class: "problem" }, each))]],
    ["", state.locked ? [] : [act("↑", "Up", at, () => move(at, -1), at === 0), " ", act("↓", "Down", at, () => move(at, 1), at === list().length - 1), " ",
      act("Edit", "Edit", at, () => edit(at)), " ", act("Remove", "Remove", at, () => set(list().filter((_, each) => each !== at), `edit ${Math.max(0, at - 1)}`))], "acts"],
  ].map(([label, content, kind]) => h("td", { role: "cell", class: kind, "data-label": label }, content)));
  const draw = () => {
    fill(rows, list().map(row));
    table.hidden = !list().length;
    nobody.hidden = list().length > 0;
  };

  function edit(at) {
    const route = list()[at] || {};
    const fields = [
      field("to", "Number called", { value: route.to ?? "", required: true, help: "The number as dialed. A * at the end matches any further digits." }),
      field("agent", "Agent", { value: written(route.agent), required: true, known: found.agents, help: "Several agents by weight: reception: 90, trial: 10" }),
      field("caller", "Caller's number", { value: route.caller ?? "", help: "Empty: any caller." }),
      field("trunk", "Trunk", { options: [{ value: "", label: "any" }, ...new Set([...found.trunks, ...(route.trunk ? [route.trunk] : [])])] }),
      field("windows", "Hours", { lines: 2, help: "One entry per line, such as mon-fri 08:00-18:00. Empty: always." }),
      field("zone", "Time zone of the hours", { value: route.hours?.time_zone ?? "", placeholder: "Europe/Berlin" }),
    ];
    fields[3].input.value = route.trunk ?? "";
    fields[4].input.value = (route.hours?.windows || []).join("\n");
    dialog({ title: at === undefined ? "New route" : `Route ${at + 1}`, fields, yes: "Apply", send: async (given) => {
      const next = { ...route, to: given.to, agent: weights(given.agent) };
      for (const key of ["caller", "trunk"]) if (given[key]) next[key] = given[key]; else delete next[key];
      const windows = given.windows.split("\n").map((line) => line.trim()).filter(Boolean);
      if (windows.length) next.hours = { ...route.hours, time_zone: given.zone, windows }; else delete next.hours;
      set(at === undefined ? [...list(), next] : list().map((each, number) => (number === at ? next : each)), `edit ${at ?? list().length}`);
    } });
  }

  const add = h("button", { type: "button", on: { click: () => edit() } }, "Add route");
  const element = h("div", {}, h("p", { class: "quiet" }, "The first route that matches is used. A call that matches no route is declined."),
    h("div", { class: "table" }, table, nobody), said, state.locked ? "" : h("div", { class: "verbs" }, add), asked.element);
  return {
    element,
    show: draw,
    wrong: (errors) => {
      problems = new Map();
      const rest = errors.filter(({ path, text }) => {
        const at = /^\[(\d+)\]\.?(.*)$/.exec(path);
        if (at) problems.set(Number(at[1]), [...(problems.get(Number(at[1])) || []), `${at[2]} ${text}`.trim()]);
        return !at;
      });
      draw();
      return rest;
    },
  };
}

function question(state, found) {
  const to = field("to", "Number called", { required: true, type: "tel" }), caller = field("caller", "Caller's number", { type: "tel", help: "Empty: number withheld." });
  const trunk = field("trunk", "Trunk", { options: [{ value: "", label: "none" }, ...found.trunks] });
  const at = field("at", "When", { type: "datetime-local", help: "Empty: now." });
  const answer = h("p", { role: "status", class: "answer" }), go = h("button", { type: "submit" }, "Test");
  const form = h("form", { class: "fields" }, h("div", { class: "grid" }, to.element, caller.element, trunk.element, at.element), h("div", {}, go));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer.textContent = "";
    attempt(go, "Test", async () => {
      const when = at.value() ? new Date(at.value()).toISOString() : undefined;
      const body = { to: to.value(), caller: caller.value(), trunk: trunk.value() || undefined, at: when };
      if (found.config) body.routes = state.content;
      try {
        answer.textContent = told(await ask("POST", "/v1/routes/test", body));
      } catch (error) {
        if (error.type !== "invalid-config") throw error;
        answer.textContent = `These routes are not valid: ${faults(error, "routes", "routes").map((each) => `${each.path} ${each.text}`).join("; ")}`;
      }
    });
  });
  const element = h("section", { class: "card", "aria-labelledby": "who-answers" }, h("h2", { id: "who-answers" }, "Test the routes"),
    h("p", { class: "quiet" }, found.config ? "Uses the routes above, saved or not." : "Uses the routes in force."), form, answer);
  return { element, clear: () => { answer.textContent = ""; } };
}

function told(found) {
  if (!Object.keys(found.agents).length) return `No route matches: the call is declined. ${found.nearest ? `Nearest: ${found.nearest}.` : ""}`;
  const by = found.route === null ? "there are no routes" : `by route ${found.route + 1}`;
  return found.agent ? `${found.agent}, ${by}.` : `One of ${agents(found.agents)}, ${by}, chosen at random for each call.`;
}

const agents = (given) => {
  if (given === null || typeof given !== "object") return String(given ?? "?");
  const whole = Object.values(given).reduce((sum, each) => sum + each, 0);
  return Object.entries(given).map(([name, share]) => `${name} ${Math.round(100 * share / whole)} %`).join(", ");
};
const written = (given) => (given !== null && typeof given === "object" ? Object.entries(given).map(([name, share]) => `${name}: ${share}`).join(", ") : given ?? "");

function weights(text) {
  if (!text.includes(":")) return text;
  return Object.fromEntries(text.split(",").map((part) => part.split(":")).map(([name, share]) => [name.trim(), Number(share)]));
}

function conditions(route) {
  const found = [route.caller && `caller ${route.caller}`, route.trunk && `trunk ${route.trunk}`,
    route.hours && `${(route.hours.windows || []).join(", ")} ${route.hours.time_zone || ""}`,
    ...Object.entries(route).filter(([key]) => !SHOWN.has(key)).map(([key, value]) => `${key}: ${JSON.stringify(value)}`)];
  return found.filter(Boolean).join(" · ");
}
