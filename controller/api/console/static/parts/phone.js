// The telephone of the browser on every page: what it is in, levels, mute, keys, devices, hang-up. One call at a time.
import { ask, path } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { every, fill, h, say } from "../lib/dom.js";
import { devices, microphone, PhoneProblem, Softphone } from "../lib/softphone.js";
import { attempt, failed, told } from "../lib/toasts.js";
import { bar } from "./levels.js";

const place = document.getElementById("phone");
const STATES = { opening: "Opening the microphone…", connecting: "Connecting…", ringing: "Ringing…", called: "A call is transferred to you", talking: "In the call" };
const SILENT_TICKS = 30; // 3 s
const LEVELS_MS = 100;
const LOUD = -45; // dBFS from which somebody speaks

let current = null;

export const busy = () => current !== null;
/** The call to an agent that has been answered; null: none is up. */
export const answered = () => (current?.talking && current.account.call) || null;
export const changed = new EventTarget(); // "call": one begins, is answered, or is over

/** Talks to an agent. `version`: a number or "draft"; empty: as it is published. Throws PhoneProblem and Problem. */
export async function talk(agent, version, device) {
  const which = version === "" ? {} : { version: version === "draft" ? version : Number(version) };
  const label = `Agent ${agent}${version === "" ? "" : version === "draft" ? ", the draft" : `, version ${version}`}`;
  await begin("/v1/softphone/talks", { agent, ...which }, label, device);
}

/** Joins a call as its supervisor. */
export async function supervise(call, mode, label) {
  await begin("/v1/softphone/supervisors", { call }, label, "", (id) =>
    ask("POST", path`/v1/softphone/supervisors/${id}/supervise`, { call, mode }));
  if (current) current.supervised = call;
}

/** Another mode. False: it is not this browser that supervises the call. */
export async function change(call, mode) {
  if (current?.supervised !== call) return false;
  await ask("POST", path`/v1/softphone/supervisors/${current.account.id}/supervise`, { call, mode });
  return true;
}

/** A call rings this browser, which has waited for it (`phone`). `about`: what is known of it; `decided(yes)` is asked
 * for a decision once it is needed. Returns {state, over, decide} for what becomes of it. */
export function called({ resource, account, phone, label, about, decided }) {
  const mine = current = { resource, label, phone, account };
  const button = (text, kind, work) => h("button", { type: "button", class: kind, hidden: true, on: { click: (event) => attempt(event.currentTarget, text, work) } }, text);
  const answer = button("Answer", "main", async () => {
    const stream = await microphone("");
    if (current !== mine) return silence(stream);
    answer.hidden = true;
    phone.answer(stream);
  });
  const yes = button("Take the call", "main", () => decided(true)), no = button("Refuse the call", "", () => decided(false));
  draw(mine, "called", "", [...about, answer, yes, no]);
  answer.hidden = false;
  answer.focus({ preventScroll: true });
  const decide = (due) => {
    yes.hidden = no.hidden = !due;
    if (mine.talking) say(mine.status, due ? "With the agent, who tells you about the person" : STATES.talking);
  };
  return { state: (name) => { if (name !== "ringing") state(mine, name); }, over: (why) => over(mine, why), decide };
}

export function hangUp() {
  if (current?.phone) current.phone.hangUp();
  else if (current) drop(current);
}

async function begin(resource, body, label, device, registered) {
  if (current) throw new PhoneProblem("You are already in a call", "Hang up first.");
  const mine = current = { resource, label, phone: null, account: null };
  let stream = null;
  const given = () => current !== mine; // up, before there was a call
  try {
    draw(mine, "opening", device);
    stream = await microphone(device);
    if (given()) return silence(stream);
    mine.account = await ask("POST", resource, body);
    if (given()) return silence(stream, mine);
    mine.phone = new Softphone(mine.account, stream, { state: (name) => state(mine, name, registered), over: (why) => over(mine, why) });
    await mine.phone.start();
  } catch (error) {
    silence(stream, mine.account && mine);
    if (!given()) drop(mine);
    throw error;
  }
}

/** Nobody hears the microphone any more; the session, if there is one, is closed. */
function silence(stream, mine = null) {
  stream?.getTracks().forEach((each) => each.stop());
  if (mine) ask("DELETE", `${mine.resource}/${encodeURIComponent(mine.account.id)}`).catch(() => {}); // gone already, most often
}

function state(mine, name, registered) {
  if (current !== mine) return;
  say(mine.status, STATES[name]);
  mine.talking = name === "talking";
  mine.controls.hidden = !mine.talking;
  if (name === "ringing" && registered && !mine.rung) {
    mine.rung = true;
    attempt(null, mine.label, () => registered(mine.account.id)).then((well) => { if (!well) mine.phone.hangUp(); });
  }
  changed.dispatchEvent(new Event("call"));
}

function over(mine, why) {
  drop(mine);
  if (why) failed(why, "");
  else told("The call is over.");
  silence(null, mine);
}

function drop(mine) {
  mine.stop?.();
  current = null;
  const inside = place.contains(document.activeElement);
  fill(place);
  place.hidden = true;
  if (inside) document.getElementById("main").focus({ preventScroll: true });
  changed.dispatchEvent(new Event("call"));
}

function draw(mine, name, device, more = []) {
  const bars = { me: bar("You"), them: bar("Them") }, hint = h("p", { class: "hint", role: "status" });
  const mute = h("button", { type: "button", "aria-pressed": "false", on: { click: () => toggle(mine, mute) } }, "Mute");
  const end = h("button", { type: "button", class: "danger", on: { click: hangUp } }, "Hang up");
  mine.status = h("p", { class: "status", role: "status" }, STATES[name]);
  mine.controls = h("div", { class: "controls", hidden: true }, h("div", { class: "levels" }, bars.me.element, bars.them.element), mute,
    folded("Keypad", keypad(mine)), folded("Devices", choices(mine, device)));
  fill(place, h("h2", {}, mine.label), mine.status, hint, more, mine.controls, end);
  place.hidden = false;
  let silent = 0;
  mine.stop = every(LEVELS_MS, () => {
    if (!mine.phone?.stream || mine.phone.done) return;
    const { me, them } = mine.phone.levels();
    bars.me.show(me, me !== null && me > LOUD);
    bars.them.show(them, them !== null && them > LOUD);
    silent = me === null && !mine.phone.muted ? silent + 1 : 0;
    say(hint, silent > SILENT_TICKS ? "Nothing comes from the microphone. Is it switched off, or is another one meant (Devices)?" : "");
  });
}

function folded(name, ...content) {
  return h("details", {}, h("summary", {}, name), content);
}

function toggle(mine, button) {
  mine.phone.mute(!mine.phone.muted);
  button.setAttribute("aria-pressed", String(mine.phone.muted));
}

function keypad(mine) {
  const keys = [..."123456789*0#"].map((key) =>
    h("button", { type: "button", "aria-label": key === "*" ? "star" : key === "#" ? "hash" : key, on: { click: () => mine.phone.key(key) } }, key));
  return h("div", { class: "keypad", role: "group", "aria-label": "Keypad" }, keys);
}

function choices(mine, device) {
  const element = h("div", { class: "fields" });
  const list = async () => {
    const found = await devices();
    const inputs = field("microphone", "Microphone", { options: found.microphones });
    inputs.input.value = device || "";
    inputs.input.addEventListener("change", () => attempt(inputs.input, "Microphone", () => mine.phone.hearFrom(inputs.value())));
    const outputs = found.speakers.length > 1 ? field("speaker", "Loudspeaker", { options: found.speakers }) : null;
    outputs?.input.addEventListener("change", () => attempt(outputs.input, "Loudspeaker", () => mine.phone.speakBy(outputs.value())));
    fill(element, inputs.element, outputs?.element);
  };
  changed.addEventListener("call", () => { if (current === mine && !element.childElementCount) list(); });
  return element;
}
