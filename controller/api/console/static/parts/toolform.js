// The form of a tool over HTTP: what the model reads, what is asked, and what the caller hears meanwhile.
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { argumentsForm } from "./arguments.js";
import { fields, group } from "./fields.js";
import { headersForm } from "./headers.js";

const METHODS = [{ value: "", label: "GET (as by default)" }, "GET", "POST", "PUT", "PATCH", "DELETE"];
const PLACES = /\{([^{}]*)\}/g;
const LINES = {
  read: (value) => (Array.isArray(value) ? value.join("\n") : ""),
  write: (input) => { const lines = input.value.split("\n").map((each) => each.trim()).filter(Boolean); return lines.length ? lines : undefined; },
};

/** `secrets`: names of environment variables that headers and URL may name. */
export function toolForm(state, secrets) {
  const form = fields(state), known = argumentsForm(state), headers = headersForm(state, secrets);
  let shown = false;
  const used = h("p", { class: "quiet", role: "status" });
  const places = () => {
    const url = String(state.content?.url ?? "").replaceAll(/\$\{[^}]*\}/g, ""), there = Object.keys(state.content?.parameters?.properties ?? {});
    const names = [...new Set([...url.matchAll(PLACES)].map((each) => each[1]))], strange = names.filter((name) => !there.includes(name));
    fill(used, strange.length ? h("span", { class: "badge bad" }, `${strange.join(", ")}: no such argument`)
      : names.length ? `In the address: ${names.join(", ")}.` : "No argument is part of the address.");
  };
  const hosts = form.own(["allowed_hosts"], field("allowed_hosts", "Hosts that may have private addresses", { lines: 2,
    help: "One a line. Empty: the tool reaches public addresses only." }), LINES);
  const element = h("div", { class: "groups" },
    group("What the model reads", form.text(["description"], "Description", { lines: 3, required: true, spellcheck: true,
      help: "What it does, and when to use it." }), h("h3", {}, "Arguments"), known.element),
    group("Request", h("div", { class: "grid" }, form.choice(["method"], "Method", METHODS),
      form.number(["timeout_s"], "Longest time (s)", { min: 0.1, max: 60, step: "any", placeholder: "10" })),
    form.text(["url"], "URL", { required: true, spellcheck: "false", inputmode: "url", shown: places,
      help: "{argument} in path or query becomes the argument. POST, PUT and PATCH send all arguments as a JSON object." }), used,
    headers.element, hosts),
    group("What the caller hears", form.text(["filler"], "Said while the request runs", { help: "Such as: One moment, I am looking that up. Empty: nothing." })));
  return {
    element,
    show: () => { shown = true; form.show(); known.show(); headers.show(); places(); },
    changed: places,
    leave: () => !shown || known.leave() && headers.leave(),
    wrong: (found) => {
      const of = (name) => found.filter((each) => each.path === name || each.path.startsWith(`${name}.`)).map((each) => ({ ...each, path: each.path.slice(name.length + 1) }));
      known.wrong(of("parameters"));
      headers.wrong(of("headers"));
      return form.wrong(found.filter((each) => !/^(parameters|headers)(\.|$)/.test(each.path)));
    },
    keys: () => new Set(["parameters", "headers", ...form.paths().map((path) => path.split(/[.[]/)[0])]),
  };
}
