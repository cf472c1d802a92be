// The form of an agent: what it says, how it takes turns, what it may do, and its limits.
import { h, fill } from "../lib/dom.js";
import { fields, group } from "./fields.js";
import { listed, marked, variables } from "./prompt.js";
import { choice } from "./toolchoice.js";
import { turns } from "./turns.js";

const VOICES = ["marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse"];
const BUILT_IN = [
  { name: "transfer", about: "connects the caller to somebody else" }, { name: "hang_up", about: "ends the call" },
  { name: "send_dtmf", about: "presses keys, as in a voice menu" }, { name: "hold", about: "lets the caller wait with music" },
  { name: "wait_for_user", about: "says nothing and listens on" }, { name: "voicemail", about: "leaves the message for an answering machine" },
];
const ALWAYS = ["caller", "caller_name", "called", "trunk"];
const KINDS = [{ value: "", label: "as by default (blind)" }, { value: "blind", label: "blind: rung at once" },
  { value: "attended", label: "attended: the agent speaks to them first" }, { value: "refer", label: "refer: the carrier does it" }];

/** `found`: what else there is: {tools, servers, routes, targets}. */
export function agentForm(state, found) {
  const form = fields(state);
  const known = new Map(ALWAYS.map((name) => [name, "always there"]));
  for (const route of found.routes) {
    for (const name of Object.keys(route.variables || {})) if (!known.has(name)) known.set(name, "from the dialplan");
    for (const name of Object.keys(route.set || {})) if (!known.has(name)) known.set(name, "set by a route");
  }
  const element = h("div", { class: "groups" }, group("What it says", ...words(form, state, known)),
    group("Turn taking", turns(state, form).element,
      h("div", { class: "grid" }, form.number(["min_speech_ms"], "Shorter speech does not interrupt (ms)", { min: 0, max: 2000, placeholder: "0" }),
        form.number(["speed"], "How fast it speaks", { min: 0.25, max: 1.5, step: "any", placeholder: "1" })),
      form.check(["protect_greeting"], "The greeting can't be interrupted")),
    group("Tools", choice(state, form, "tools", "Built in, and over HTTP", [...BUILT_IN, ...found.tools], ["transfer", "hang_up"]),
      choice(state, form, "mcp", "Tool servers (MCP)", found.servers)),
    group("Transfers", targets(found.targets), form.choice(["transfer_kind"], "How callers are transferred", KINDS)),
    group("Limits", h("div", { class: "grid" },
      form.number(["max_calls"], "Calls at once", { min: 1, placeholder: "no limit" }),
      form.number(["calls_per_minute"], "New calls in a minute", { min: 1, placeholder: "no limit" }),
      form.number(["max_call_s"], "Longest call (s)", { min: 10, max: 86400, step: "any", placeholder: "7200" }),
      form.number(["max_output_tokens"], "Longest answer (tokens)", { min: 1, max: 4096, placeholder: "no limit" })),
    form.text(["wrap_up"], "What it says when the time is over", { lines: 2 })));
  return { element, show: form.show, wrong: form.wrong, keys: () => new Set(form.paths().map((path) => path.split(".")[0])) };
}

function words(form, state, known) {
  const used = h("div", { class: "used", "aria-live": "polite" });
  let prompt = null, greeting = null;
  const shown = () => {
    prompt?.draw();
    greeting?.draw();
    const text = [state.content.instructions, state.content.greeting, state.content.wrap_up].filter((each) => typeof each === "string");
    const names = variables(text.join("\n"));
    if (used.dataset.names === names.join()) return;
    used.dataset.names = names.join();
    fill(used, h("h3", {}, "Variables"), listed(names, known));
  };
  const withMarks = (made) => {
    const input = made.querySelector("textarea"), before = input.previousSibling;
    const marks = marked(input);
    before.after(marks.element);
    return marks;
  };
  const one = form.text(["instructions"], "Prompt", { lines: 16, required: true, spellcheck: true, shown });
  const two = form.text(["greeting"], "Greeting", { lines: 2, shown, help: "What it says first. Empty: it waits for the caller to speak." });
  prompt = withMarks(one);
  greeting = withMarks(two);
  return [one, used, two, form.text(["voice"], "Voice", { known: VOICES, placeholder: "marin" })];
}

function targets(names) {
  const where = h("code", {}, "transfer.targets");
  if (!names.length) return h("p", {}, "No destinations: the tool transfer is not offered. ", where, " in the config file has them.");
  return h("p", {}, `The tool transfer reaches ${names.join(", ")} (`, where, " in the config file).");
}
