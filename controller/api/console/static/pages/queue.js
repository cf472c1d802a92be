// Calls that wait to be placed: when each is due and why it waits; which are cancelled; whether dialing is paused.
import { ask, query } from "../lib/api.js";
import { confirm, field } from "../lib/dialog.js";
import { every, fill, h, paced, refill } from "../lib/dom.js";
import { counted, day, outcome, party, time } from "../lib/format.js";
import { listen } from "../lib/streams.js";
import { table } from "../lib/table.js";
import { attempt, failed, told } from "../lib/toasts.js";
import { badgeOf } from "../parts/outcome.js";
import { staleness } from "../parts/stale.js";
import { hangUp } from "../parts/verbs.js";

const PAGE = 50;

export function open(main, me) {
  const control = me.may("control"), chosen = new Set();
  const pick = (call) => call.queue.status === "queued" && h("input", { type: "checkbox", "aria-label": `Select the call to ${party(call)}`,
    "data-focus": `pick ${call.id}`, checked: chosen.has(call.id), on: { change: (event) => {
      chosen[event.currentTarget.checked ? "add" : "delete"](call.id);
      count();
    } } });
  const calls = table({
    caption: "Outbound calls",
    empty: "No calls.",
    key: (call) => call.id,
    columns: [
      ...(control ? [{ label: "Select", hidden: true, kind: "pick", cell: pick }] : []),
      { label: "No.", cell: (call) => String(call.queue.number), kind: "number" },
      { label: "To", cell: (call) => h("a", { href: `#/calls/${encodeURIComponent(call.id)}`, "data-focus": `open ${call.id}` }, party(call)), kind: "wide" },
      { label: "Status", cell: (call) => h("span", { class: `badge ${{ queued: "wait", dialing: "good" }[call.queue.status] || "over"}` }, call.queue.status) },
      { label: "Agent", cell: (call) => call.agent },
      { label: "Trunk", cell: (call) => call.trunk || "–" },
      { label: "Due", cell: (call) => day(call.queue.due_at) },
      { label: "Attempts", cell: attempts, kind: "number" },
      { label: "Waits for / outcome", kind: "why", cell: why },
      { label: "Requested by", cell: (call) => call.queue.asked_by },
      ...(control ? [{ label: "", kind: "acts", cell: (call) => call.queue.status === "queued" && h("button",
        { type: "button", class: "danger small", "data-focus": `end ${call.id}`, "aria-label": `Cancel the call to ${party(call)}`,
          on: { click: (event) => hangUp(call, event.currentTarget) } }, "Cancel") }] : []),
    ],
  });
  const status = field("status", "Status", { options: [{ value: "active", label: "queued and dialing" }, "queued", "dialing", "ended", { value: "", label: "all" }] });
  const any = (names) => ({ options: [{ value: "", label: "any" }, ...names] });
  const trunk = field("trunk", "Trunk", any(me.choices.trunks)), agent = field("agent", "Agent", any(me.choices.agents));
  const filters = [status, trunk, agent];
  const tiles = h("dl", { class: "tiles" }), acts = h("div", { class: "verbs" });
  const matching = h("p", { class: "quiet", role: "status" });
  const some = h("button", { type: "button", class: "danger", hidden: true });
  const all = h("button", { type: "button", class: "danger", hidden: true });
  const bulk = control && h("div", { class: "verbs", role: "group", "aria-label": "Cancel several calls" }, some, all);
  const more = h("button", { type: "button", hidden: true }, "More");
  let limit = PAGE;
  const data = staleness(tiles, h("div", { class: "filters" }, filters.map((each) => each.element), acts), bulk || null, matching, calls.element, more);
  fill(main, h("h1", {}, "Outbound queue"), data.element);

  let waits = false;
  const sought = () => Object.fromEntries(filters.map((each) => [each.name, each.value()]));
  const count = () => {
    some.hidden = !chosen.size;
    some.textContent = `Cancel ${counted(chosen.size, "selected call")}`;
    all.hidden = !waits;
    all.textContent = trunk.value() || agent.value() ? "Cancel all that fit" : "Cancel all";
  };
  const cancel = async (button, which) => {
    const { trunk: over, agent: by } = sought();
    const body = which ? { calls: which } : over || by ? { trunk: over || null, agent: by || null } : { all: true };
    const request = (more) => ask("POST", "/v1/queue/cancel", { ...body, ...more });
    await attempt(button, "Cancel", async () => {
      const expected = which ? which.length : (await request({})).matching;
      const fits = [over && `over ${over}`, by && `of the agent ${by}`].filter(Boolean).join(", ");
      const sure = expected && await confirm({ title: `Cancel ${counted(expected, "call")}?`, yes: `Cancel ${counted(expected, "call")}`,
        text: `${counted(expected, "call")} that ${expected === 1 ? "waits" : "wait"}${which || !fits ? "" : ` (${fits})`} will not be placed.` });
      if (!sure) return;
      told(`${counted((await request({ expected })).cancelled, "call")} cancelled.`);
      chosen.clear();
    });
    refresh();
  };
  some.addEventListener("click", () => cancel(some, [...chosen]));
  all.addEventListener("click", () => cancel(all, null));

  const refresh = paced(async () => {
    try {
      const found = await ask("GET", `/v1/queue${query({ ...sought(), limit })}`);
      const waiting = new Set(found.calls.filter((call) => call.queue.status === "queued").map((call) => call.id));
      for (const each of chosen) if (!waiting.has(each)) chosen.delete(each);
      calls.update(found.calls);
      waits = waiting.size > 0;
      matching.textContent = `${counted(found.matching, "call")}${found.calls.length < found.matching ? `, ${found.calls.length} shown` : ""}`;
      count();
      more.hidden = found.next === null;
      draw(tiles, found);
      if (control) refill(acts, pauses(found, me.choices.trunks, refresh));
      data.fresh();
    } catch (error) {
      if (!error.status) data.lost();
      if (error.status && error.status !== 401) failed(error);
    }
  }, 500);
  for (const each of filters) each.input.addEventListener("change", refresh);
  more.addEventListener("click", () => { limit += PAGE; refresh(); });
  const types = ["call.queued", "call.started", "call.ended", "call.settled"];
  const stops = [listen(`/v1/events?${types.map((type) => `type=${type}`).join("&")}`, types, { fresh: refresh, event: refresh }),
    every(5000, refresh), refresh.stop];
  refresh();
  return () => stops.forEach((stop) => stop());
}

const WAITS = { not_before: "its time", calling_hours: "calling hours", retry: "next attempt", paused: "paused", draining: "node is drained",
  not_ready: "not ready", trunk_suspended: "trunk suspended", no_worker: "a worker", concurrency_limit: "concurrency limit", rate_limit: "rate limit",
  minutes_limit: "daily minutes", spend_limit: "spend limit", limit: "limit", turn: "its turn" };

/** What a queued call waits for, with a sentence; how an ended one ended. */
function why(call) {
  const waiting = call.queue.waiting;
  if (!waiting) return call.ended_at ? badgeOf(call) : "–";
  return [h("span", { class: "badge wait" }, WAITS[waiting.reason] || waiting.reason.replaceAll("_", " ")), " ",
    h("small", {}, waiting.detail, waiting.until && waiting.until !== call.queue.due_at ? ` Until ${day(waiting.until)}.` : "")];
}

function attempts(call) {
  const done = call.queue.attempts;
  return h("span", { title: done.map((each) => `${day(each.at)}: ${outcome(each.result)}${each.sip_status ? ` (SIP ${each.sip_status})` : ""}`).join("\n") || "none" }, String(done.length));
}

function draw(tiles, found) {
  const paused = found.paused ? "Paused" : found.paused_trunks.length ? `Paused: ${found.paused_trunks.join(", ")}` : "Dialing";
  const shown = [...Object.entries(found.counts).map(([name, count]) => [name, String(count)]), ["Status", paused],
    ...(found.suspended_trunks || []).map((each) => [`Trunk ${each.trunk} suspended`,
      `${outcome(each.outcome)}${each.sip_status ? ` (SIP ${each.sip_status})` : ""}, next try at ${time(each.next_probe_at)}`])];
  fill(tiles, shown.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
}

function pauses(found, trunks, refresh) {
  const act = (label, verb, body) => h("button", { type: "button", on: { click: async (event) => {
    await attempt(event.currentTarget, label, () => ask("POST", `/v1/queue/${verb}`, body));
    refresh();
  } } }, label);
  const all = found.paused ? act("Resume dialing", "resume", {}) : act("Pause dialing", "pause", {});
  const each = trunks.length < 2 ? [] : trunks.map((trunk) => (found.paused_trunks.includes(trunk)
    ? act(`Resume ${trunk}`, "resume", { trunk }) : act(`Pause ${trunk}`, "pause", { trunk })));
  const probes = (found.suspended_trunks || []).map(({ trunk }) => act(`Try ${trunk} now`, "resume", { trunk }));
  return [all, ...each, ...probes];
}
