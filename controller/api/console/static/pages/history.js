// Calls of the past: found by number, words, time, agent, trunk, direction, duration and outcome; sorted, and added up.
import { ask, query } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { counted, day, milliseconds, money, outcome, party, span } from "../lib/format.js";
import { moments, PRESETS } from "../lib/period.js";
import { table } from "../lib/table.js";
import { attempt } from "../lib/toasts.js";
import { badgeOf } from "../parts/outcome.js";

const PAGE = 50;
const OUTCOMES = ["answered", "machine", "busy", "no_answer", "declined", "congestion", "invalid_number", "redirected", "incompatible",
  "trunk_fault", "cancelled", "failed", "rejected", "expired", "interrupted", "node_lost"];
const SORTS = [["started_at desc", "Newest first"], ["started_at asc", "Oldest first"], ["talked_s desc", "Longest first"],
  ["talked_s asc", "Shortest first"], ["cost desc", "Most expensive first"], ["cost asc", "Cheapest first"],
  ["first_frame_ms desc", "Slowest response first"], ["first_frame_ms asc", "Fastest response first"]];
let kept = {}; // what was sought: whoever comes back from a call finds it again

export function open(main, me) {
  const any = [{ value: "", label: "Any" }];
  const seconds = { type: "number", min: 0, step: "any", inputmode: "decimal" };
  const fields = [
    field("number", "Number", { type: "search", maxlength: 300, placeholder: "any part of it" }),
    ...(me.may("recordings") ? [field("text", "Transcript contains", { type: "search", maxlength: 200 })] : []),
    field("first", "From", { type: "date" }),
    field("last", "Until", { type: "date" }),
    field("direction", "Direction", { options: [...any, { value: "inbound", label: "Inbound" }, { value: "outbound", label: "Outbound" }] }),
    field("agent", "Agent", { options: [...any, ...me.choices.agents] }),
    field("trunk", "Trunk", { options: [...any, ...me.choices.trunks] }),
    field("outcome", "Outcome", { options: [...any, ...OUTCOMES.map((each) => ({ value: each, label: outcome(each) }))] }),
    field("least_talked_s", "Duration from (s)", seconds),
    field("most_talked_s", "Duration to (s)", seconds),
    field("sort", "Sort", { options: SORTS.map(([value, label]) => ({ value, label })) }),
  ];
  const of = Object.fromEntries(fields.map((each) => [each.name, each]));
  for (const each of fields) each.input.value = kept[each.name] || (each === of.sort ? SORTS[0][0] : "");
  const presets = Object.keys(PRESETS).map((name) => h("button", { type: "button", class: "small", on: { click: () => choose(...PRESETS[name]()) } }, name));
  const always = h("button", { type: "button", class: "small", on: { click: () => choose("", "") } }, "Any time");
  const button = h("button", { type: "submit", class: "main" }, "Search");
  const more = h("button", { type: "button", hidden: true }, "More");
  const exports = h("p", { class: "quiet" }), tiles = h("dl", { class: "tiles", hidden: true });
  const count = h("p", { class: "quiet", role: "status" });
  const form = h("form", { class: "search", role: "search" }, fields.map((each) => each.element), button);
  const calls = table({ caption: "Call history", empty: "No calls found.", key: (call) => `${call.id} ${call.attempt}`, columns,
    sort: (name) => { of.sort.input.value = `${name} ${of.sort.value() === `${name} desc` ? "asc" : "desc"}`; look(false); } });
  fill(main, h("h1", {}, "History"), h("div", { class: "verbs", role: "group", "aria-label": "Period" }, presets, always), form, tiles, count,
    calls.element, more, exports);

  const choose = (first, last) => { [of.first.input.value, of.last.input.value] = [first, last]; look(false); };
  let found = [], next = null, asked = null;
  const look = async (on) => {
    if (!on) asked = sought(); // further pages are of the same search, whatever the form says by then
    const wanted = asked, [sort, order] = kept.sort.split(" ");
    await attempt(button, "Search", async () => {
      const page = await ask("GET", `/v1/history${query({ ...wanted, limit: PAGE, ...(on ? { before: next } : { totals: true }) })}`);
      if (wanted !== asked) return;
      found = on ? [...found, ...page.calls] : page.calls;
      next = page.next;
      calls.update(found);
      calls.sorted(sort, order === "asc");
      more.hidden = next === null;
      if (page.totals) draw(tiles, page.totals);
      count.textContent = `${counted(found.length, "call")} shown${sort === "started_at" ? "" : "; calls that go on, or have no such value, are left out"}`;
      const { sort: _, order: __, ...filters } = wanted;
      fill(exports, "Export: ", ["csv", "json", "cdr"].map((format, at) => [at ? ", " : "",
        h("a", { href: `/v1/history/export${query({ ...filters, format })}`, download: "" }, format.toUpperCase())]).flat());
    });
  };
  const sought = () => {
    kept = Object.fromEntries(fields.map((each) => [each.name, each.value()]));
    const { first, last, sort, ...others } = kept, [by, order] = sort.split(" ");
    for (const [name, each] of presets.map((each) => [each.textContent, each])) {
      each.setAttribute("aria-pressed", String(PRESETS[name]().join() === [first, last].join()));
    }
    always.setAttribute("aria-pressed", String(!first && !last));
    return { ...others, ...moments(first, last), sort: by, order };
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); look(false); });
  of.sort.input.addEventListener("change", () => look(false));
  more.addEventListener("click", () => look(true));
  look(false);
  return () => {};
}

function draw(tiles, totals) {
  const shown = [["Calls", String(totals.calls)], ["Total duration", span(totals.talked_s)], ["Cost", money(totals.cost)]];
  fill(tiles, shown.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
  tiles.hidden = false;
}

const columns = [
  { label: "Started", sort: "started_at", cell: (call) => day(call.started_at) },
  { label: "Number", kind: "wide", cell: (call) => [
    h("span", { class: "direction", "aria-hidden": "true" }, call.direction === "inbound" ? "↘" : "↗"),
    h("span", { class: "unseen" }, call.direction === "inbound" ? "Inbound from " : "Outbound to "),
    h("a", { href: `#/history/${encodeURIComponent(call.id)}${call.attempt > 1 ? `?attempt=${call.attempt}` : ""}` }, party(call))] },
  { label: "Agent", cell: (call) => call.agent },
  { label: "Trunk", cell: (call) => call.trunk || "–" },
  { label: "Outcome", cell: badgeOf },
  { label: "Duration", sort: "talked_s", kind: "number", cell: (call) => (call.talked_s === null ? "–" : span(call.talked_s)) },
  { label: "Turns", kind: "number", cell: (call) => String(call.turns) },
  { label: "Response time", sort: "first_frame_ms", kind: "number", cell: (call) => milliseconds(call.first_frame_ms?.p50) },
  { label: "Cost", sort: "cost", kind: "number", cell: (call) => money(call.cost) },
];
