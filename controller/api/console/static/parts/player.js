// The sound of a call: both sides, where it was interrupted, how long the caller waited, and the words that follow it.
import { fill, h } from "../lib/dom.js";
import { begin, milliseconds, span } from "../lib/format.js";
import { paint, peaks } from "./waveform.js";

const COLUMNS = 900;
const ROUNDED_S = 0.02; // a player goes to a moment as near as its time base allows
const END = { transfer: "The recording ends with the transfer: the agent left the call.", take_over: "The recording ends where a supervisor took over the call.",
  stop: "The recording was stopped before the end of the call." };
const NEAR_S = 3; // a recording that began as near to the answer began with it

/** `said` is the transcript. Gives its element, `seek(utterance)` and `close()`. */
export function player(call, said) {
  const there = call.sounds?.filter((each) => each.url) || [];
  if (!there.length) {
    const why = !call.sounds ? "Your token lacks the scope “recordings”." : call.sounds.length ? "The recording file is not on the controller's machine." : call.ended_at ? "This call was not recorded." : "Recordings are available after the call.";
    return { element: h("p", { class: "quiet" }, why), seek() {}, close() {} };
  }
  const stage = h("div");
  let now = null;
  const show = (sound) => { now?.close(); now = one(call, sound, said); fill(stage, now.element); };
  const choice = there.length > 1 && h("div", { class: "verbs" }, there.map((sound) =>
    h("button", { type: "button", on: { click: () => show(sound) } }, `Recording ${sound.number} (${span(sound.seconds)})`)));
  show(there[0]);
  return { element: h("section", { class: "card player" }, h("h2", {}, "Recording"), choice, stage),
    seek: (utterance) => now.seek(utterance), close: () => now.close() };
}

function one(call, sound, said) {
  const zero = beginOf(call, sound), moments = call.transcript.map((said) => Math.max(0, begin(said) / 1000 - zero));
  const audio = h("audio", { controls: true, preload: "metadata", src: sound.url, "aria-label": "Recording of the call" });
  const canvas = h("canvas", { "aria-hidden": "true" });
  const head = h("span", { class: "head" });
  const at = (seconds) => `${100 * Math.max(0, Math.min(1, seconds / sound.seconds))}%`;
  const wave = h("div", { class: "wave" }, canvas, marks(call, zero, sound.seconds, at), head);
  const problem = h("p", { class: "quiet" });
  const stop = new AbortController();
  let drawn = null;

  const repaint = () => { if (drawn && canvas.isConnected) paint(canvas, drawn.channels); };
  const follow = () => {
    head.style.setProperty("inset-inline-start", at(audio.currentTime));
    said.follow(moments.findLastIndex((each) => each <= audio.currentTime + ROUNDED_S));
  };
  const jump = (seconds) => { audio.currentTime = Math.max(0, Math.min(sound.seconds, seconds)); follow(); };
  wave.addEventListener("click", (event) => {
    const box = wave.getBoundingClientRect();
    jump((event.clientX - box.left) / box.width * sound.seconds);
  });
  for (const event of ["timeupdate", "seeked"]) audio.addEventListener(event, follow);
  const dark = matchMedia("(prefers-color-scheme: dark)"), sizes = new ResizeObserver(repaint);
  dark.addEventListener("change", repaint);
  sizes.observe(wave);
  peaks(sound.url, COLUMNS, (grown) => { drawn = grown; repaint(); }, stop.signal).catch((error) => {
    if (error.name !== "AbortError") problem.textContent = error.message;
  });
  const legend = h("p", { class: "legend quiet" }, key("caller", "Caller, above"), key("agent", "Agent, below"),
    key("cut", "Interruption"), key("wait", "Waiting for the answer"));
  return {
    element: h("div", {}, wave, audio, END[sound.ended_with] && h("p", { class: "ends" }, END[sound.ended_with]), legend, problem),
    seek: (utterance) => { jump(moments[call.transcript.indexOf(utterance)] ?? 0); audio.play().catch(() => {}); },
    close: () => { stop.abort(); audio.pause(); dark.removeEventListener("change", repaint); sizes.disconnect(); },
  };
}

function key(kind, text) {
  return h("span", { class: "key" }, h("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), text);
}

/** When it began, in seconds since 1970: with the answer, or so long before it was complete. */
function beginOf(call, sound) {
  const begin = Date.parse(sound.at) / 1000 - sound.seconds, answer = Date.parse(call.answered_at || call.started_at) / 1000;
  return Math.abs(begin - answer) < NEAR_S ? answer : begin;
}

function marks(call, zero, seconds, at) {
  const when = (moment) => Date.parse(moment) / 1000 - zero;
  const inside = (moment) => moment >= 0 && moment <= seconds;
  const waits = call.turn_times.filter((each) => each.first_frame_ms !== null && inside(when(each.at))).map((each) => {
    const mark = h("span", { class: "wait", title: `Answered in ${milliseconds(each.first_frame_ms)}` });
    mark.style.setProperty("inset-inline-start", at(when(each.at) - each.first_frame_ms / 1000));
    mark.style.setProperty("inline-size", `${100 * each.first_frame_ms / 1000 / seconds}%`);
    return mark;
  });
  const cuts = call.barge_ins.filter((each) => inside(when(each.at))).map((each) => {
    const mark = h("span", { class: "cut", title: `Interrupted; silent after ${milliseconds(each.latency_ms)}` });
    mark.style.setProperty("inset-inline-start", at(when(each.at)));
    return mark;
  });
  return h("div", { class: "marks-over", "aria-hidden": "true" }, waits, cuts);
}
