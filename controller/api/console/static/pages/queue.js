// Calls that wait to be placed, and whether anybody is called at present.
import { ask, query } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { every, fill, h, paced, refill } from "../lib/dom.js";
import { day, outcome, party, time } from "../lib/format.js";
import { listen } from "../lib/streams.js";
import { table } from "../lib/table.js";
import { attempt, failed } from "../lib/toasts.js";
import { staleness } from "../parts/stale.js";
import { hangUp } from "../parts/verbs.js";

const PAGE = 50;

export function open(main, me) {
  const control = me.may("control");
  const calls = table({
    caption: "Outbound calls",
    empty: "None.",
    key: (call) => call.id,
    columns: [
      { label: "No.", cell: (call) => String(call.queue.number), kind: "number" },
      { label: "To", cell: (call) => h("a", { href: `#/calls/${encodeURIComponent(call.id)}`, "data-focus": `open ${call.id}` }, party(call)), kind: "wide" },
      { label: "Status", cell: (call) => h("span", { class: `badge ${{ queued: "wait", dialing: "good" }[call.queue.status] || "over"}` }, call.queue.status) },
      { label: "Agent", cell: (call) => call.agent },
      { label: "Trunk", cell: (call) => call.trunk || "–" },
      { label: "Due", cell: (call) => day(call.queue.due_at) },
      { label: "Attempts", cell: attempts, kind: "number" },
      { label: "Outcome", cell: (call) => outcome(call.outcome) },
      { label: "Requested by", cell: (call) => call.queue.asked_by },
      ...(control ? [{ label: "", kind: "acts", cell: (call) => call.queue.status === "queued" && h("button",
        { type: "button", class: "danger small", "data-focus": `end ${call.id}`, "aria-label": `Cancel the call to ${party(call)}`,
          on: { click: (event) => hangUp(call, event.currentTarget) } }, "Cancel") }] : []),
    ],
  });
  const status = field("status", "Show", { options: [{ value: "", label: "All" }, "queued", "dialing", "ended"] });
  const tiles = h("dl", { class: "tiles" }), acts = h("div", { class: "verbs" });
  const more = h("button", { type: "button", hidden: true }, "More");
  let limit = PAGE;
  const data = staleness(tiles, h("div", { class: "filters" }, status.element, acts), calls.element, more);
  fill(main, h("h1", {}, "Outbound queue"), data.element);

  const refresh = paced(async () => {
    try {
      const found = await ask("GET", `/v1/queue${query({ status: status.value(), limit })}`);
      calls.update(found.calls);
      more.hidden = found.next === null;
      draw(tiles, found);
      if (control) refill(acts, pauses(found, me.choices.trunks, refresh));
      data.fresh();
    } catch (error) {
      if (!error.status) data.lost();
      if (error.status && error.status !== 401) failed(error);
    }
  }, 500);
  status.input.addEventListener("change", refresh);
  more.addEventListener("click", () => { limit += PAGE; refresh(); });
  const types = ["call.queued", "call.started", "call.ended", "call.settled"];
  const stops = [listen(`/v1/events?${types.map((type) => `type=${type}`).join("&")}`, types, { fresh: refresh, event: refresh }),
    every(5000, refresh), refresh.stop];
  refresh();
  return () => stops.forEach((stop) => stop());
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
