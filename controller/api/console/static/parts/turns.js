// Turn taking: chosen in words, with the numbers behind them.
import { get, same } from "../lib/changes.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";

const PATH = ["turn_detection"];
const DEFAULTS = { type: "server_vad", threshold: 0.7, prefix_padding_ms: 500, silence_duration_ms: 300 };
const WORDS = {
  quick: ["Fast: after 0.3 s of silence", { type: "server_vad", silence_duration_ms: 300 }],
  patient: ["Normal: after 0.6 s of silence", { type: "server_vad", silence_duration_ms: 600 }],
  slow: ["Slow: after 1 s of silence", { type: "server_vad", silence_duration_ms: 1000 }],
  meaning: ["Semantic: when the sentence sounds finished", { type: "semantic_vad", eagerness: "auto" }],
  waits: ["Semantic, slow: callers may take their time", { type: "semantic_vad", eagerness: "low" }],
  eager: ["Semantic, fast: as soon as possible", { type: "semantic_vad", eagerness: "high" }],
};

/** `form`: of `parts/fields`. */
export function turns(state, form) {
  const chosen = field("turns", "When does the agent answer?", { options: [
    ...Object.entries(WORDS).map(([value, [label]]) => ({ value, label })), { value: "", label: "Custom (see the values below)" }] });
  const said = h("p", { class: "quiet" });
  const silence = form.number([...PATH, "silence_duration_ms"], "Silence before the answer (ms)", { min: 0, max: 10000, placeholder: "300" });
  const threshold = form.number([...PATH, "threshold"], "Speech threshold (0 to 1)", { min: 0, max: 1, step: "any", placeholder: "0.7",
    help: "A higher value ignores more noise." });
  const padding = form.number([...PATH, "prefix_padding_ms"], "Audio kept from before the speech (ms)", { min: 0, max: 5000, placeholder: "500" });
  const eagerness = form.choice([...PATH, "eagerness"], "Eagerness", [{ value: "", label: "auto" }, "low", "medium", "high"]);
  const bySilence = h("div", { class: "grid" }, silence, threshold, padding), byMeaning = h("div", { class: "grid" }, eagerness);
  chosen.input.disabled = state.locked;
  chosen.input.addEventListener("input", () => {
    if (!chosen.value()) return;
    const before = { type: "server_vad", ...get(state.content, PATH) }, wanted = WORDS[chosen.value()][1];
    const kept = before.type === wanted.type ? before : Object.fromEntries(Object.entries(before).filter(([key]) => key.endsWith("_response")));
    state.content = { ...state.content, turn_detection: { ...kept, ...wanted } };
    form.show();
    state.changed();
  });
  const show = () => {
    const now = { type: "server_vad", ...get(state.content, PATH) };
    const meaning = now.type === "semantic_vad", whole = meaning ? { eagerness: "auto", ...now } : { ...DEFAULTS, ...now };
    bySilence.hidden = meaning;
    byMeaning.hidden = !meaning;
    const found = Object.entries(WORDS).find(([, [, wanted]]) => Object.entries(wanted).every(([key, value]) => same(whole[key], value))
      && (meaning || whole.threshold === DEFAULTS.threshold && whole.prefix_padding_ms === DEFAULTS.prefix_padding_ms));
    chosen.input.value = found ? found[0] : "";
    fill(said, meaning ? `The model decides by the words (semantic_vad), eagerness ${whole.eagerness}.`
      : `It answers once the caller has been silent for ${whole.silence_duration_ms / 1000} s. Speech threshold: ${whole.threshold}.`);
  };
  const element = h("div", { class: "fields" }, chosen.element, said,
    h("details", {}, h("summary", {}, "Values"), bySilence, byMeaning));
  return { element: form.part(PATH[0], element, show), show };
}
