// The configuration that is in force. Secrets are stars before they leave the server.
import { ask } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { failed } from "../lib/toasts.js";

const STARS = /^\*{10}$/;

export function open(main) {
  const wanted = field("wanted", "Find", { type: "search" });
  const sections = h("div", { class: "sections" });
  const none = h("p", { class: "empty", hidden: true }, "No key or value matches.");
  fill(main, h("h1", {}, "Configuration"),
    h("p", { class: "quiet" }, "Effective configuration, including defaults. Secrets are hidden. To change a value, edit config.yaml and reload it. Agents, tools and routes can be edited on the Agents page."),
    h("div", { class: "filters" }, wanted.element), none, sections);
  let config = {};
  const draw = () => {
    const words = wanted.value().toLowerCase();
    const parts = Object.entries(config).map(([name, value]) => [name, sifted(value, name, words)]).filter(([, value]) => value !== undefined);
    none.hidden = parts.length > 0;
    fill(sections, parts.map(([name, value]) => h("details", { class: "card", open: true }, h("summary", {}, name), shown(value))));
  };
  wanted.input.addEventListener("input", draw);
  ask("GET", "/v1/config").then((answer) => { config = answer.config; draw(); }).catch((error) => failed(error));
  return () => {};
}

/** What of `value` has the words in its names or values; undefined: nothing. */
function sifted(value, name, words) {
  if (!words || name.toLowerCase().includes(words)) return value;
  if (value === null || typeof value !== "object") return String(value).toLowerCase().includes(words) ? value : undefined;
  const kept = Object.entries(value).map(([key, each]) => [key, sifted(each, Array.isArray(value) ? "" : key, words)])
    .filter(([, each]) => each !== undefined);
  if (!kept.length) return undefined;
  return Array.isArray(value) ? kept.map(([, each]) => each) : Object.fromEntries(kept);
}

function shown(value) {
  if (value === null) return h("span", { class: "quiet" }, "not set");
  if (typeof value !== "object") return plain(value);
  const entries = Object.entries(value);
  if (!entries.length) return h("span", { class: "quiet" }, "none");
  if (Array.isArray(value) && value.every((each) => each === null || typeof each !== "object"))
    return h("span", {}, value.map((each, at) => [at ? ", " : "", plain(each)]).flat());
  return h("dl", { class: "tree" }, entries.map(([key, each]) =>
    h("div", { class: each !== null && typeof each === "object" && Object.keys(each).length ? "deep" : "" },
      h("dt", {}, Array.isArray(value) ? String(Number(key) + 1) : key), h("dd", {}, shown(each)))));
}

function plain(value) {
  const text = String(value);
  if (STARS.test(text)) return h("span", { class: "quiet" }, "hidden");
  return text.includes("\n") ? h("pre", {}, text) : h("code", {}, text === "" ? "“”" : text);
}
