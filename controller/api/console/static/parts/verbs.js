// What may be done to a live call, as buttons and small forms.
import { ask, path } from "../lib/api.js";
import { confirm, field, form } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { party } from "../lib/format.js";
import { attempt, told } from "../lib/toasts.js";
import { busy, change as changeHere, supervise as joinHere } from "./phone.js";

const post = (call, verb, body = {}) => ask("POST", `${path`/v1/calls/${call.id}/`}${verb}`, body);
const drop = (call, verb) => ask("DELETE", `${path`/v1/calls/${call.id}/`}${verb}`);

const WITH_AGENT = new Set(["talking", "holding", "connecting", "closing"]);
const MOVABLE = ["talking", "holding"];

/** What a supervisor may do in which state of the call. */
const MODES = [
  { value: "listen", label: "Listen to both sides", change: "Switch to listening",
    states: [...MOVABLE, "transferring", "consulting", "transferred"] },
  { value: "whisper", label: "Whisper: the colleague hears the supervisor, the caller does not", change: "Switch to whispering",
    states: ["transferred"] },
  { value: "take_over", label: "Take over: the supervisor talks with the caller, the agent leaves", change: "Take over the call",
    states: [...MOVABLE, "transferred"] },
];

export async function hangUp(call, button) {
  const waits = call.state === "queued";
  const sure = await confirm({
    title: waits ? "Cancel this call?" : "Hang up?",
    text: waits ? `The call to ${party(call)} will not be placed.` : `The call with ${party(call)} ends at once.`,
    yes: waits ? "Cancel the call" : "Hang up",
  });
  if (sure) await attempt(button, waits ? "Cancel" : "Hang up", () => post(call, "hangup"));
}

/** A toolbar of what fits the state of the call; `show(call)` draws it. */
export function verbs(me, changed) {
  const element = h("div", { class: "verbs", role: "toolbar", "aria-label": "Call actions" });
  let drawn = "";
  const show = (call) => {
    const now = actsOf(call, me);
    const signature = now.map((each) => each.label).join("|");
    if (signature === drawn) return;
    drawn = signature;
    const focused = document.activeElement?.closest(".verbs") ? document.activeElement.textContent : null;
    fill(element, now.map((each) => h("button", {
      type: "button", class: each.kind, on: { click: (event) => run(each, event.currentTarget) } }, each.label)));
    [...element.children].find((each) => each.textContent === focused)?.focus();
    element.hidden = !now.length;
  };
  const run = async (act, button) => {
    if (act.ask) await act.ask(button);
    else await attempt(button, act.label, act.work);
    changed();
  };
  return { element, show };
}

function actsOf(call, me) {
  if (call.ended_at) return [];
  const supervised = me.may("supervise") ? supervision(call, me) : [];
  if (!me.may("control")) return supervised;
  const acts = [];
  if (call.state === "holding") acts.push({ label: "Resume", kind: "main", work: () => post(call, "resume") });
  else if (call.state === "talking") acts.push({ label: "Hold", work: () => post(call, "hold") });
  if (WITH_AGENT.has(call.state)) {
    for (const side of ["caller", "agent"]) {
      const off = call.muted.includes(side);
      acts.push({ label: `${off ? "Unmute" : "Mute"} ${side}`, work: () => post(call, off ? "unmute" : "mute", { side }) });
    }
    acts.push({ label: "Send DTMF", ask: () => keys(call) });
    if (MOVABLE.includes(call.state)) acts.push({ label: "Switch agent", ask: () => switchAgent(call, me) });
    if (MOVABLE.includes(call.state) && me.may("call")) {
      acts.push({ label: "Transfer", ask: () => transfer(call, me) }, { label: "Add participant", ask: () => addParticipant(call, me) });
    }
    acts.push(recording(call));
  }
  if (["transferring", "consulting"].includes(call.state)) { // a REFER can't be called off
    if (call.state === "consulting") {
      acts.push({ label: "Accept transfer", kind: "main", work: () => post(call, "transfer/decision", { accept: true }) });
      acts.push({ label: "Reject transfer", work: () => post(call, "transfer/decision", { accept: false }) });
    }
    acts.push({ label: "Cancel transfer", work: () => drop(call, "transfer") });
  }
  acts.push(...supervised);
  acts.push({ label: call.state === "queued" ? "Cancel" : "Hang up", kind: "danger", ask: (button) => hangUp(call, button) });
  return acts;
}

function supervision(call, me) {
  const watched = call.supervision;
  const modes = MODES.filter((each) => each.states.includes(call.state));
  if (["ringing", "on"].includes(watched?.state)) {
    const alone = watched.mode === "take_over" && !accompanied(call);
    const others = watched.state === "on" && !alone ? modes.filter((each) => each.value !== watched.mode) : [];
    return [...others.map(({ value, change }) => ({ label: change, work: () => changeMode(call, value) })),
      { label: "Disconnect supervisor", work: () => drop(call, "supervise") }];
  }
  if (!modes.length) return [];
  const acts = [];
  if (me.choices.softphone && !busy()) acts.push({ label: "Listen in browser", ask: () => superviseHere(call, modes) });
  if (me.choices.supervisors.length && me.may("call")) acts.push({ label: "Listen or take over", ask: () => supervise(call, me, modes) }); // dialled
  return acts;
}

async function changeMode(call, mode) {
  if (!await changeHere(call.id, mode)) await post(call, "supervise", { mode });
}

/** Is somebody with the caller besides agent and supervisor? */
function accompanied(call) {
  return call.transfer?.outcome === "answered" || call.participants.some((each) => each.state === "joined");
}

function recording(call) {
  const next = { on: "stop", paused: "resume" }[call.recording] || "start";
  const label = { stop: "Stop recording", resume: "Resume recording", start: "Start recording" }[next];
  return { label, work: () => post(call, "recording", { action: next }) };
}

function transfer(call, me) {
  const to = field("to", "To", { required: true, known: me.choices.targets,
    help: "A number or extension, sip:user@host, extension@context, or a name from the config." });
  const kind = field("kind", "How", { options: [
    { value: "", label: "As configured" }, { value: "blind", label: "Blind: joined as soon as somebody answers" },
    { value: "attended", label: "Attended: the agent talks with them first" }, { value: "refer", label: "REFER: the trunk transfers the call" }] });
  const announce = field("announce", "Announcement by the agent (attended)", { lines: 2, maxlength: 2000 });
  form({ title: "Transfer the caller", yes: "Transfer", fields: [to, kind, announce], send: async (given) => {
    await post(call, "transfer", filled(given));
    told("Transfer started.");
  } });
}

function switchAgent(call, me) {
  const others = me.choices.agents.filter((each) => each !== call.agent);
  const agent = field("agent", "Agent", { options: [...others, { value: "", label: `${call.agent}, with other instructions` }] });
  const instructions = field("instructions", "Instructions", { lines: 4, maxlength: 8192, help: "They replace those of the agent for the rest of this call. Empty: the agent's own." });
  form({ title: "Switch agent", yes: "Switch", fields: [agent, instructions], send: async (given) => {
    if (!given.agent && !given.instructions) throw new Error("Choose another agent, or write instructions");
    await post(call, "agent", filled(given));
    told(given.agent ? `The call goes on with ${given.agent}.` : "The agent has new instructions.");
  } });
}

function addParticipant(call, me) {
  const to = field("to", "To", { required: true, known: me.choices.targets,
    help: "A number or extension, sip:user@host, extension@context, or a name from the config. They join when they answer; the agent stays." });
  form({ title: "Add participant", yes: "Call", fields: [to], send: async (given) => {
    await post(call, "participants", given);
    told(`${given.to} is being called.`);
  } });
}

function supervise(call, me, modes) {
  const to = field("to", "Supervisor", { options: me.choices.supervisors });
  const mode = field("mode", "How", { options: modes });
  form({ title: "Listen or take over", yes: "Call supervisor", fields: [to, mode], note: "The supervisor's telephone rings. After the answer the supervisor is in the call.",
    send: async (given) => { await post(call, "supervise", filled(given)); told(`${given.to} is being called.`); } });
}

function superviseHere(call, modes) {
  const mode = field("mode", "How", { options: modes });
  form({ title: "Listen in browser", yes: "Join", fields: [mode], note: "Sound and microphone of this browser are used.",
    send: async (given) => { await joinHere(call.id, given.mode, `Supervising ${party(call)}`); } });
}

function keys(call) {
  const digits = field("digits", "Digits", { required: true, pattern: "[0-9A-Da-dw*#]{1,32}", inputmode: "tel",
    help: "0 to 9, A to D, * and #; w is a pause of half a second." });
  form({ title: "Send DTMF", yes: "Send", fields: [digits],
    send: async (given) => { await post(call, "dtmf", { digits: given.digits.toUpperCase().replaceAll("W", "w") }); } });
}

/** What is to be said, in one line under the transcript. */
export function speaking(callOf, changed) {
  const text = field("text", "Make the agent say", { maxlength: 8192, required: true });
  const how = field("how", "How", { options: [{ value: "exact", label: "Word for word" }, { value: "free", label: "As an instruction to the model" }] });
  const button = h("button", { type: "submit", class: "main" }, "Say");
  const element = h("form", { class: "saying" }, text.element, how.element, button);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = { text: text.value(), exact: how.value() === "exact" };
    if (!await attempt(button, "Say", () => post(callOf(), "say", body))) return;
    text.input.value = "";
    text.input.focus();
    changed();
  });
  return element;
}

function filled(given) {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
}
