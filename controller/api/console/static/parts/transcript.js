// What was said in a call, with what interrupted it, how long the caller waited, and what operators told the agent.
// All of it is hostile text.
import { fill, h, say } from "../lib/dom.js";
import { begin, milliseconds, span } from "../lib/format.js";

const NAMES = { caller: "Caller", agent: "Agent", target: "Target", operator: "Operator" };
const ACTIONS = { say: "to say word for word", instruct: "instruction" };

/** `show(call)` draws what is new; `live(scene)` the words of this moment; `seek(utterance)` is called for a line,
 * and `follow(at)` marks the one that is heard. `may`: the token has the scope for words. */
export function transcript({ seek = null, may = true } = {}) {
  const lines = h("ol", { class: "lines" });
  const now = h("p", { class: "line agent now", hidden: true }, h("span", { class: "who" }, "Agent"), h("span", { class: "text" }));
  const empty = h("p", { class: "empty" }, may ? "No words yet." : "Your token lacks the scope “recordings”, which shows transcripts.");
  const element = h("div", { class: "transcript", role: "log", "aria-live": "polite", "aria-label": "Transcript", tabindex: "0" },
    empty, lines, now);
  let shown = 0, lastItem = null, lastShown = null;

  const show = (call) => {
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
    const waits = waitsOf(call);
    const last = shown && call.transcript[shown - 1];
    const moved = shown && (!last || last.at !== lastShown.at || last.text !== lastShown.text);
    if (moved) { fill(lines); shown = 0; } // the oldest were let go, or a text came late, to its place
    for (; shown < call.transcript.length; shown++) {
      lines.append(line(call, call.transcript[shown], waits.get(shown), seek));
      if (call.transcript[shown].who === "agent") { now.hidden = true; }
    }
    lastShown = call.transcript[shown - 1];
    empty.hidden = shown > 0 || !now.hidden;
    if (near) element.scrollTop = element.scrollHeight;
  };
  const live = (scene) => {
    const words = scene.saying;
    now.hidden = !words;
    empty.hidden = shown > 0 || !now.hidden;
    if (!words) return;
    lastItem = words;
    say(now.lastElementChild, lastItem);
    element.scrollTop = element.scrollHeight;
  };
  const follow = (at) => {
    const here = lines.children[at];
    for (const each of lines.querySelectorAll(".here")) if (each !== here) { each.classList.remove("here"); each.removeAttribute("aria-current"); }
    if (!here || here.classList.contains("here")) return;
    here.classList.add("here");
    here.setAttribute("aria-current", "true");
    element.scrollTop += here.getBoundingClientRect().top - element.getBoundingClientRect().top - element.clientHeight / 3;
  };
  return { element, show, live, follow };
}

/** By utterance: the first-sound latency of the turn that it answers. */
function waitsOf(call) {
  const waits = new Map();
  let turn = 0;
  call.transcript.forEach((said, at) => {
    if (said.who !== "agent") return;
    while (turn < call.turn_times.length && new Date(call.turn_times[turn].at) <= new Date(said.at)) {
      if (call.turn_times[turn].first_frame_ms !== null) waits.set(at, call.turn_times[turn].first_frame_ms);
      turn++;
    }
  });
  return waits;
}

function line(call, said, waited, seek) {
  const at = (begin(said) - new Date(call.answered_at || call.started_at)) / 1000;
  const marks = [
    said.who === "operator" && h("span", { class: "mark" }, `${ACTIONS[said.action] || (said.text ? "new instructions" : "switched")}, by ${said.by}`),
    waited !== undefined && h("span", { class: "mark wait" }, `answered in ${milliseconds(waited)}`),
    said.interrupted && h("span", { class: "mark cut" }, `interrupted after ${((said.heard_ms || 0) / 1000).toFixed(1)} s`),
    said.consultation && h("span", { class: "mark" }, "not heard by the caller"),
  ].filter(Boolean);
  const moment = seek ? h("button", { type: "button", class: "at", "aria-label": `Play from ${span(at)}`, on: { click: () => seek(said) } }, span(at))
    : h("span", { class: "at" }, span(at));
  return h("li", { class: `line ${said.who}`, "data-at": said.at }, h("span", { class: "who" }, NAMES[said.who] || said.who), moment,
    h("span", { class: "text" }, said.action === "switch_agent" && h("strong", {}, `Agent: ${said.agent}`, said.text && ". "), said.text, said.interrupted && h("span", { "aria-hidden": "true" }, said.text ? " —" : "—")),
    marks.length ? h("span", { class: "marks" }, marks) : null);
}
