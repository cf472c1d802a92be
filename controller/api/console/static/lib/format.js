// How things are written: moments, spans, money, states.

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const time = (moment) => (moment ? TIME.format(new Date(moment)) : "–");
export const day = (moment) => (moment ? DAY.format(new Date(moment)) : "–");

/** Seconds as 0:07 or 1:02:03. */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${parts.join(":")}` : parts.join(":").replace(/^0/, "");
}

export function lasted(call) {
  const from = new Date(call.answered_at || call.started_at);
  return span(((call.ended_at ? new Date(call.ended_at) : new Date()) - from) / 1000);
}

export const money = (dollars) => `$${(dollars || 0).toFixed(dollars && dollars < 0.1 ? 4 : 2)}`;
export const milliseconds = (value) => (value === null || value === undefined ? "–" : `${Math.round(value)} ms`);

const STATES = {
  queued: ["queued", "wait"], waiting: ["in line", "wait"], ringing: ["ringing", "wait"], preparing: ["preparing", "wait"],
  dialing: ["dialling", "wait"], detecting: ["detecting", "wait"], connecting: ["connecting", "wait"],
  talking: ["talking", "good"], holding: ["on hold", "held"], closing: ["closing", "held"],
  transferring: ["transferring", "moved"], consulting: ["consulting", "moved"], referring: ["transferring", "moved"],
  transferred: ["transferred", "moved"], failover: ["moving worker", "bad"], fallback: ["AI lost", "bad"],
  ending: ["ending", "over"], ended: ["ended", "over"],
};
export const state = (name) => (STATES[name] || [name, "wait"])[0];
export const stateKind = (name) => (STATES[name] || [name, "wait"])[1];

export const outcome = (text) => (text ? text.replaceAll("_", " ") : "–");

/** Colours of outcomes; those that are not here are grey. */
export const OUTCOME_KINDS = {
  answered: "good", machine: "moved", busy: "wait", no_answer: "wait", declined: "wait", no_room: "wait", joined: "good", on: "good",
  congestion: "bad", invalid_number: "bad", incompatible: "bad", trunk_fault: "bad", failed: "bad", rejected: "bad", expired: "bad",
  interrupted: "bad", node_lost: "bad", no_route: "bad", redirected: "bad",
};

export const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** When an utterance began, in milliseconds since 1970. Earlier releases kept the end, and of the agent how much was heard. */
export const begin = (said) => Date.parse(said.started_at || said.at) - (said.started_at ? 0 : said.heard_ms || 0);

/** Who it is about: the other end, whichever that is. */
export function party(call) {
  if (call.direction === "inbound" && !call.caller && call.callee === "browser") return "a browser";
  return (call.direction === "inbound" ? call.caller : call.callee) || "unknown number";
}
