// Who is heard, and how loudly: a bar for each side, with words for those who see no bars.
import { h, say } from "../lib/dom.js";
import { state, stateKind } from "../lib/format.js";

const QUIETEST = -60; // dBFS: the left end of a bar

export function badge(name) {
  return h("span", { class: `badge ${stateKind(name)}` }, state(name));
}

/** `show(scene)`: levels in dBFS, null for silence, and who speaks. */
export function levels() {
  const sides = { caller: bar("Caller"), agent: bar("Agent") };
  const element = h("div", { class: "levels" }, sides.caller.element, sides.agent.element);
  const show = (scene) => {
    for (const [name, side] of Object.entries(sides)) side.show(scene[`${name}_dbfs`], scene.speaking.includes(name));
  };
  return { element, show };
}

/** One side: its name, how loud it is, and a word. */
export function bar(name) {
  const fillBar = h("span", { class: "fill" });
  const meter = h("span", { class: "meter", role: "meter", "aria-label": `${name}'s level`, "aria-valuemin": QUIETEST,
    "aria-valuemax": 0, "aria-valuenow": QUIETEST, "aria-valuetext": "silent" }, fillBar);
  const word = h("span", { class: "word" }, "");
  const element = h("span", { class: "side" }, h("span", { class: "label" }, name), meter, word);
  const show = (dbfs, speaks) => {
    const level = Math.max(QUIETEST, Math.min(0, dbfs ?? QUIETEST));
    fillBar.style.setProperty("inline-size", `${100 * (1 - level / QUIETEST)}%`);
    meter.setAttribute("aria-valuenow", String(Math.round(level)));
    meter.setAttribute("aria-valuetext", level > QUIETEST ? `${Math.round(level)} decibels` : "silent");
    element.classList.toggle("speaks", speaks);
    say(word, speaks ? "speaks" : "");
  };
  return { element, show };
}
