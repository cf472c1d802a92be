// Figures of ended calls in a period, by day, agent or trunk: as tiles, charts and a table.
import { ask, query } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { counted, milliseconds, money, outcome, span } from "../lib/format.js";
import { moments, PRESETS, ZONE } from "../lib/period.js";
import { table } from "../lib/table.js";
import { failed } from "../lib/toasts.js";
import { chart } from "../parts/chart.js";
import { list } from "../parts/facts.js";
import { staleness } from "../parts/stale.js";

const GROUPS = { day: "Day", agent: "Agent", trunk: "Trunk" };
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
let kept = null; // what was asked for: it is there again when the page is opened again

export function open(main, me) {
  kept ||= { preset: "7 days", group: "day", direction: "", agent: "", trunk: "" };
  const any = [{ value: "", label: "Any" }];
  const fields = [
    field("first", "From", { type: "date", required: true }),
    field("last", "Until", { type: "date", required: true }),
    field("group", "Group by", { options: Object.entries(GROUPS).map(([value, label]) => ({ value, label })) }),
    field("direction", "Direction", { options: [...any, { value: "inbound", label: "Inbound" }, { value: "outbound", label: "Outbound" }] }),
    field("agent", "Agent", { options: [...any, ...me.choices.agents] }),
    field("trunk", "Trunk", { options: [...any, ...me.choices.trunks] }),
  ];
  const of = Object.fromEntries(fields.map((each) => [each.name, each]));
  const presets = Object.keys(PRESETS).map((name) => h("button", { type: "button", class: "small", on: { click: () => choose(name) } }, name));
  const tiles = h("dl", { class: "tiles" }), rows = h("div", {}), outcomes = h("section", { class: "card" });
  const charts = [
    chart({ title: "Calls", series: [{ label: "not answered", colour: "--edge" }, { label: "answered", colour: "--accent" }] }),
    chart({ title: "Response time", series: [{ label: "95th percentile", colour: "--edge" }, { label: "median", colour: "--accent" }], shown: milliseconds }),
    chart({ title: "Cost", series: [{ label: "cost", colour: "--accent" }], shown: money }),
  ];
  const drawn = h("div", { class: "charts" }, charts.map((each) => each.element), outcomes);
  const data = staleness(tiles, drawn, h("h2", {}, "Figures"), rows);
  const problem = h("p", { class: "problem", role: "alert" }), status = h("p", { class: "unseen", role: "status" });
  fill(main, h("h1", {}, "Statistics"), h("div", { class: "verbs", role: "group", "aria-label": "Period" }, presets),
    h("div", { class: "search" }, fields.map((each) => each.element)), problem, status, data.element);

  const choose = (name) => {
    kept.preset = name;
    [of.first.input.value, of.last.input.value] = PRESETS[name]();
    look();
  };
  let asked = 0;
  const look = async () => {
    Object.assign(kept, Object.fromEntries(fields.map((each) => [each.name, each.value()])));
    for (const each of presets) each.setAttribute("aria-pressed", String(each.textContent === kept.preset));
    problem.textContent = kept.first && kept.last ? "" : "Choose the first and the last day.";
    if (problem.textContent) return;
    const number = ++asked, { first, last, preset, ...wanted } = kept;
    try {
      const found = await ask("GET", `/v1/statistics${query({ ...wanted, ...moments(first, last), zone: ZONE })}`);
      if (number !== asked) return; // another period was chosen meanwhile
      draw(found);
      data.fresh();
      status.textContent = `${counted(found.total.calls, "call")} in this period.`;
    } catch (error) {
      if (number !== asked || error.status === 401) return;
      if (!error.status) data.lost();
      else if (error.status === 400) problem.textContent = error.errors.map((each) => `${NAMES[each.parameter] || each.parameter}: ${each.detail}`).join(". ") || error.detail;
      else failed(error, "Statistics");
    }
  };
  const draw = (found) => {
    const names = found.groups.map((each) => name(each));
    fill(tiles, figures(found.total).map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
    drawn.hidden = !found.total.calls;
    const summary = (what) => `${what} by ${found.group}. The table below has the numbers.`;
    charts[0].update(names, [pick(found, (each) => each.calls), pick(found, (each) => each.answered)], summary("Calls, and how many of them were answered,"));
    charts[1].update(names, [pick(found, (each) => each.response_ms.p95), pick(found, (each) => each.response_ms.median)], summary("Response time, median and 95th percentile,"));
    charts[2].update(names, [pick(found, (each) => each.cost)], summary("Cost"));
    fill(outcomes, h("h2", {}, "Outcomes"), list(shares(found.total)));
    const numbers = figureTable(found.group);
    fill(rows, numbers.element);
    numbers.update(found.total.calls ? [...found.groups.filter((each) => each.calls), { ...found.total, total: true }] : []);
  };
  for (const each of fields) each.input.addEventListener("change", () => {
    if (each === of.first || each === of.last) kept.preset = null;
    look();
  });
  for (const each of fields) each.input.value = kept[each.name] ?? "";
  if (kept.preset) choose(kept.preset); else look();
  return () => { asked += 1; charts.forEach((each) => each.stop()); };
}

const NAMES = { since: "From", until: "Until" };
const pick = (found, value) => found.groups.map(value);
const name = (group) => (group.total ? "Total" : group.day ? DAY.format(new Date(`${group.day}T00:00Z`)) : group.name || "(none)");
const percent = (part, whole) => (whole ? `${Math.round(100 * part / whole)} %` : "–");
const seconds = (value) => (value === null ? "–" : span(value));

function figures(total) {
  return [["Calls", String(total.calls)], ["Answer rate", percent(total.answered, total.calls)], ["Median duration", seconds(total.talked_s.median)],
    ["Median response time", milliseconds(total.response_ms.median)], ["95\u00a0% response time", milliseconds(total.response_ms.p95)],
    ["Interruptions", String(total.interruptions)], ["Cost", money(total.cost)]];
}

function shares(total) {
  return Object.entries(total.outcomes).sort(([, one], [, other]) => other - one)
    .map(([result, count]) => [outcome(result), `${count} (${percent(count, total.calls)})`]);
}

function figureTable(group) {
  return table({
    caption: `Figures by ${group}`, empty: "No calls in this period.", key: (each) => (each.total ? "total" : `of ${each.day || each.name || ""}`),
    columns: [
      { label: GROUPS[group], kind: "wide", cell: (each) => (each.total ? h("strong", {}, "Total") : name(each)) },
      { label: "Calls", kind: "number", cell: (each) => String(each.calls) },
      { label: "Answered", kind: "number", cell: (each) => String(each.answered) },
      { label: "Mean duration", kind: "number", cell: (each) => seconds(each.talked_s.mean) },
      { label: "Median duration", kind: "number", cell: (each) => seconds(each.talked_s.median) },
      { label: "95\u00a0% duration", kind: "number", cell: (each) => seconds(each.talked_s.p95) },
      { label: "Median response time", kind: "number", cell: (each) => milliseconds(each.response_ms.median) },
      { label: "95\u00a0% response time", kind: "number", cell: (each) => milliseconds(each.response_ms.p95) },
      { label: "Interruptions", kind: "number", cell: (each) => String(each.interruptions) },
      { label: "Cost", kind: "number", cell: (each) => money(each.cost) },
    ],
  });
}
