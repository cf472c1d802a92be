// How a call ended, in a colour and in words.
import { h } from "../lib/dom.js";
import { outcome, OUTCOME_KINDS } from "../lib/format.js";

/** A call of the past, or a live one. */
export function badgeOf(call) {
  if (!call.ended_at) return h("span", { class: "badge wait" }, "live");
  return h("span", { class: `badge ${OUTCOME_KINDS[call.outcome] || "over"}` }, outcome(call.outcome));
}
