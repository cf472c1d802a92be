// One call of the past: its sound with the words that follow it, and all that is kept of it.
import { ask, path, query } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { lasted, milliseconds, money, outcome, OUTCOME_KINDS, party, span, time } from "../lib/format.js";
import { failed } from "../lib/toasts.js";
import { answerTimes, facts, list } from "../parts/facts.js";
import { badgeOf } from "../parts/outcome.js";
import { player } from "../parts/player.js";
import { transcript } from "../parts/transcript.js";

export function open(main, me, id) {
  const attempt = new URLSearchParams(location.hash.split("?")[1] || "").get("attempt");
  let close = () => {}, over = false;
  fill(main, h("p", { class: "quiet" }, "…"));
  ask("GET", `${path`/v1/history/${id}`}${query({ attempt })}`).then((call) => {
    if (!over) close = draw(main, me, asLive(call, me));
  }).catch((error) => {
    if (error.type !== "unknown-call") return failed(error);
    fill(main, h("h1", {}, "No record of this call"), h("p", {}, "The record was deleted, or none was kept."),
      h("p", {}, h("a", { href: "#/history" }, "Back to the history")));
  });
  return () => { over = true; close(); };
}

/** With the fields that a live call has. In events of earlier releases `latency_ms` is `cut_ms`. */
function asLive(call, me) {
  return { ...call, latency: { first_frame_ms: call.first_frame_ms }, muted: [], participants: [], recording: "off", transfer: null,
    supervision: null, counters: null, barge_ins: call.events.filter((each) => each.type === "call.barge_in").map((each) =>
      ({ at: each.at, latency_ms: each.data.cut_ms, ...each.data })), recordings: [], sounds: me.may("recordings") ? call.recordings : null,
    transcript: call.transcript || [] };
}

function draw(main, me, call) {
  let sound = null;
  const seek = call.sounds?.some((each) => each.url) ? (at) => sound?.seek(at) : null;
  const said = transcript({ seek, may: me.may("recordings") });
  said.show(call);
  sound = player(call, said);
  const tiles = [["Duration", lasted(call)], ["Talked", call.talked_s === null ? "–" : span(call.talked_s)], ["Cost", money(call.cost)],
    ["Response time", milliseconds(call.first_frame_ms?.p50)], ["Turns", call.turns], ["Outcome", badgeOf(call)]];
  const others = call.attempts.filter((each) => each !== call.attempt);
  fill(main, h("p", { class: "back" }, h("a", { href: "#/history" }, "← History")),
    h("div", { class: "title" }, h("h1", {}, `${call.direction === "inbound" ? "From" : "To"} ${party(call)}`)),
    others.length > 0 && h("p", { class: "quiet" }, `Attempt ${call.attempt}; others: `, others.map((each) => [" ",
      h("a", { href: `#/history/${encodeURIComponent(call.id)}?attempt=${each}` }, String(each))]).flat()),
    h("dl", { class: "tiles" }, tiles.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, typeof value === "object" ? value : String(value))))),
    sound.element,
    h("div", { class: "columns" }, h("section", { class: "card words" }, h("h2", {}, "Transcript"), said.element),
      h("aside", { class: "facts", "aria-label": "Call details" }, answerTimes(call), parties(call), facts(call), more(call))));
  return sound.close;
}

const MODES = { take_over: "take over", refer: "REFER" };

/** Transfers, participants and supervision: who, by whom, when, and how it went. */
function parties(call) {
  if (!call.legs.length) return null;
  const rows = call.legs.map((each) => h("li", {}, h("strong", {}, [each.kind, each.mode && ` (${MODES[each.mode] || each.mode})`].filter(Boolean).join("")),
    h("span", { class: `badge ${OUTCOME_KINDS[each.outcome || each.state] || "over"}` }, outcome(each.outcome || each.state)),
    h("span", {}, `${each.party || "unknown number"}${each.by ? `, by ${each.by}` : ""}`),
    h("span", { class: "quiet" }, `${time(each.began_at)}${each.at === each.began_at ? "" : ` to ${time(each.at)}`}${each.outcome && each.outcome !== each.state ? `, ${outcome(each.state)}` : ""}`)));
  return h("section", { class: "card" }, h("h2", {}, "Transfers and supervision"), h("ul", { class: "parties" }, rows));
}

function more(call) {
  const part = (title, rows) => rows.length > 0 && h("details", {}, h("summary", {}, title), list(rows, true));
  const shown = [
    part("Tools", call.tools.map((each) => [each.tool, `${each.ok ? "well" : "failed"}, ${milliseconds((each.seconds || 0) * 1000)}`])),
    part("Usage", call.usage.map((each) => [`${each.model}, ${each.kind}`, `${Object.values(each.tokens).reduce((sum, n) => sum + n, 0)} tokens, ${money(each.cost)}`])),
    part("Events", call.events.map((each) => [time(each.at), `${each.type.replace("call.", "")}${each.data.state ? `: ${each.data.state}` : ""}`])),
  ].filter(Boolean);
  return shown.length > 0 && h("section", { class: "card" }, h("h2", {}, "More"), shown);
}
