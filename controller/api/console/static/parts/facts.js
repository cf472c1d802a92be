// What there is to know of a call besides its words: times, outcome, transfers, participants, counters, answer times.
import { h } from "../lib/dom.js";
import { counted, day, lasted, milliseconds, money, outcome, span } from "../lib/format.js";

const SHOWN = 40; // turns
const SLOW_MS = 1200;

export function facts(call) {
  const rows = [
    ["Caller", call.caller], ["Called", call.callee], ["Agent", call.agent], ["Version", call.agent_version === 0 ? "a draft" : call.agent_version], ["Trunk", call.trunk],
    ["Started", day(call.started_at)], ["Answered", call.answered_at && day(call.answered_at)], ["Ended", call.ended_at && day(call.ended_at)],
    ["Duration", call.ended_at && lasted(call)], ["Outcome", call.outcome && outcome(call.outcome)], ["Ended by", call.ended_by && outcome(call.ended_by)],
    ["SIP status", call.sip_status], ["Hang-up cause", call.cause], ["Detail", call.detail], ["On hold by", call.held_by || (call.caller_hold ? "the caller" : null)], ["Muted", call.muted.join(", ")],
    ["Recording", call.recording === "off" ? null : call.recording],
    ["Queue position", call.place], ["Cost", money(call.cost)],
    ["Transfer", call.transfer && `${call.transfer.kind} to ${call.transfer.to}: ${outcome(call.transfer.outcome || call.transfer.state)}`],
    ["Supervision", call.supervision && `${call.supervision.to}, ${outcome(call.supervision.mode)}: ${call.supervision.state}`],
    ...call.participants.map((each) => ["Participant", `${each.to}: ${each.state}`]),
    ...(call.recordings || []).map((each) => ["Recorded", `${span(each.seconds)}, ${each.path}`]),
    ...Object.entries(call.metadata || {}).map(([key, value]) => ["Metadata", `${key}: ${value}`]),
    ["Id", h("code", {}, call.id)],
  ];
  return h("section", { class: "card" }, h("h2", {}, "Details"), list(rows), counters(call));
}

/** `asIs`: the labels are names, such as a model's, and are shown as they are written. */
export function list(rows, asIs = false) {
  const kept = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: asIs ? "rows as-is" : "rows" }, kept.map(([label, value]) =>
    h("div", {}, h("dt", {}, label), h("dd", {}, typeof value === "object" ? value : String(value)))));
}

function counters(call) {
  if (!call.counters) return null;
  const { usage, ...sums } = call.counters;
  const rows = [...Object.entries(sums), ...Object.entries(usage)].map(([name, value]) => [name.replaceAll("_", " "), value]);
  return h("details", {}, h("summary", {}, "Counters"), list(rows));
}

/** A bar per turn: from the caller's end of speech to the agent's first sound. */
export function answerTimes(call) {
  const turns = (call.turn_times || []).filter((each) => each.first_frame_ms !== null);
  if (!turns.length) return null;
  const latest = turns.slice(-SHOWN);
  const most = Math.max(SLOW_MS, ...latest.map((each) => each.first_frame_ms));
  const bars = latest.map((each) => {
    const bar = h("li", { class: each.first_frame_ms > SLOW_MS ? "slow" : "", title: `Turn ${each.turn}: ${milliseconds(each.first_frame_ms)}` },
      h("span", { class: "unseen" }, `Turn ${each.turn}: ${milliseconds(each.first_frame_ms)}`));
    bar.style.setProperty("block-size", `${Math.max(4, 100 * each.first_frame_ms / most)}%`);
    return bar;
  });
  const spread = call.latency.first_frame_ms;
  return h("section", { class: "card" }, h("h2", {}, "Response times"), h("ol", { class: "bars" }, bars),
    h("p", { class: "quiet" }, `Last ${milliseconds(latest.at(-1).first_frame_ms)}, median ${milliseconds(spread?.p50)} of ${turns.length}, `
      + `slowest ${milliseconds(spread?.max)}; ${counted(call.barge_ins.length, "interruption")}`));
}
