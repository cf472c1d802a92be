// Calls of the past: found by number, words, time, agent and outcome.
import { ask, query } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { day, milliseconds, money, outcome, party, span } from "../lib/format.js";
import { table } from "../lib/table.js";
import { attempt } from "../lib/toasts.js";

const PAGE = 50;
const OUTCOMES = ["answered", "machine", "busy", "no_answer", "declined", "congestion", "invalid_number", "redirected", "incompatible",
  "trunk_fault", "cancelled", "failed", "rejected", "expired", "interrupted"];
let kept = {}; // what was sought: whoever comes back from a call finds it again

export function open(main, me) {
  const fields = [
    field("number", "Number", { type: "search", maxlength: 300, placeholder: "any part, any spelling" }),
    ...(me.may("recordings") ? [field("text", "Transcript contains", { type: "search", maxlength: 200 })] : []),
    field("since", "From", { type: "date" }),
    field("until", "Until", { type: "date" }),
    field("agent", "Agent", { options: [{ value: "", label: "Any" }, ...me.choices.agents] }),
    field("outcome", "Outcome", { options: [{ value: "", label: "Any" }, ...OUTCOMES.map((each) => ({ value: each, label: outcome(each) }))] }),
  ];
  for (const each of fields) each.input.value = kept[each.name] || "";
  const button = h("button", { type: "submit", class: "main" }, "Search");
  const more = h("button", { type: "button", hidden: true }, "More");
  const exports = h("p", { class: "quiet" });
  const count = h("p", { class: "quiet", role: "status" });
  const form = h("form", { class: "search", role: "search" }, fields.map((each) => each.element), button);
  const calls = table({ caption: "Call history", empty: "No calls found.", key: (call) => `${call.id} ${call.attempt}`, columns });
  fill(main, h("h1", {}, "History"), form, count, calls.element, more, exports);

  let found = [], next = null;
  const look = async (on) => {
    await attempt(button, "Search", async () => {
      const page = await ask("GET", `/v1/history${query({ ...sought(), limit: PAGE, before: on ? next : null })}`);
      found = on ? [...found, ...page.calls] : page.calls;
      next = page.next;
      calls.update(found);
      more.hidden = next === null;
      count.textContent = `${found.length}${next === null ? "" : " or more"} ${found.length === 1 ? "call" : "calls"}`;
      fill(exports, "Export: ", ["csv", "json", "cdr"].map((format, at) => [at ? ", " : "",
        h("a", { href: `/v1/history/export${query({ ...sought(), format })}`, download: "" }, format.toUpperCase())]).flat());
    });
  };
  const sought = () => {
    kept = Object.fromEntries(fields.map((each) => [each.name, each.value()]));
    const until = kept.until && new Date(`${kept.until}T00:00`);
    if (until) until.setDate(until.getDate() + 1); // that day, too
    return { ...kept, since: kept.since && new Date(`${kept.since}T00:00`).toISOString(), until: until && until.toISOString() };
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); look(false); });
  more.addEventListener("click", () => look(true));
  look(false);
  return () => {};
}

const columns = [
  { label: "Started", cell: (call) => day(call.started_at) },
  { label: "Number", kind: "wide", cell: (call) => [
    h("span", { class: "direction", "aria-hidden": "true" }, call.direction === "inbound" ? "↘" : "↗"),
    h("span", { class: "unseen" }, call.direction === "inbound" ? "Inbound from " : "Outbound to "),
    h("a", { href: `#/history/${encodeURIComponent(call.id)}${call.attempt > 1 ? `?attempt=${call.attempt}` : ""}` }, party(call))] },
  { label: "Agent", cell: (call) => call.agent },
  { label: "Outcome", cell: (call) => (call.ended_at ? outcome(call.outcome) : "goes on") },
  { label: "Talked", kind: "number", cell: (call) => (call.talked_s === null ? "–" : span(call.talked_s)) },
  { label: "Turns", kind: "number", cell: (call) => String(call.turns) },
  { label: "Response time", kind: "number", cell: (call) => milliseconds(call.first_frame_ms?.p50) },
  { label: "Cost", kind: "number", cell: (call) => money(call.cost) },
];
