// Being available: calls that are transferred to `softphone:*`, or to this user, ring in this browser.
import { ask } from "../lib/api.js";
import { fill, h, say } from "../lib/dom.js";
import { microphone, Softphone } from "../lib/softphone.js";
import { attempt, failed } from "../lib/toasts.js";
import { busy, called, changed } from "./phone.js";

const RESOURCE = "/v1/softphone/available";
const AGAIN_MS = 5000, CHECK_MS = 10000, LOOK_MS = 700, RING_MS = 2000;

let on = false, waiting = null, timer = null, reads = false;
const button = h("button", { type: "button", id: "available", "aria-pressed": "false", title: "Transferred calls ring in this browser while you are available",
  on: { click: () => attempt(button, "Available", () => (on ? leave() : come())) } }, "Available");

/** The switch, for who may. */
export function availableSwitch(me) {
  reads = me.may("read");
  return me.choices.softphone && me.may("supervise") ? button : null;
}

/** Asks for the microphone now, so that nobody has to once it rings. */
async function come() {
  const stream = await microphone("");
  stream.getTracks().forEach((each) => each.stop());
  on = true;
  draw();
  await wait();
}

export function leave() {
  on = false;
  draw();
  clearTimeout(timer);
  if (waiting && !waiting.call) drop(waiting);
}

function draw() {
  button.setAttribute("aria-pressed", String(on));
  const there = on && waiting?.ready;
  button.classList.toggle("there", Boolean(there));
  say(button, on && !busy() && !there ? "Becoming available…" : "Available");
}

/** One session is for one call; the next one begins when it is over. */
async function wait() {
  clearTimeout(timer);
  if (!on || waiting || busy()) return draw();
  const mine = waiting = { phone: null, account: null, call: null, ready: false };
  try {
    mine.account = await ask("POST", RESOURCE, {});
    if (waiting !== mine) return close(mine);
    mine.phone = new Softphone(mine.account, null, {
      state: (name) => { mine.ready = mine.ready || name === "ringing"; mine.call?.state(name); draw(); },
      called: () => ring(mine),
      over: (why) => over(mine, why),
    });
    mine.checks = setInterval(() => check(mine), CHECK_MS);
    await mine.phone.start();
  } catch (error) {
    if (waiting === mine) waiting = null;
    if (mine.phone) mine.phone.hangUp();
    else if (mine.account) close(mine);
    if (error.status === 401 || error.status === 403) on = false;
    draw();
    if (on && (!error.status || error.status >= 500)) return again(); // the controller or Asterisk is away
    on = false;
    draw();
    throw error;
  }
}

/** A websocket that is cut says nothing: whether the session is there is asked. */
async function check(mine) {
  if (mine.call || waiting !== mine) return;
  try {
    await ask("GET", at(mine));
  } catch (error) {
    if (mine.call || waiting !== mine || (error.status && error.status !== 404)) return;
    drop(mine);
    again();
  }
}

const at = (mine) => `${RESOURCE}/${encodeURIComponent(mine.account.id)}`;

function again() {
  clearTimeout(timer);
  if (on) timer = setTimeout(() => wait().catch((error) => failed(error, "Available")), AGAIN_MS);
}

function close(mine) {
  ask("DELETE", at(mine)).catch(() => {}); // gone already, most often
}

function drop(mine) {
  if (waiting === mine) waiting = null;
  mine.phone?.hangUp();
  if (!mine.phone && mine.account) close(mine);
  draw();
}

function over(mine, why) {
  const dropped = waiting !== mine;
  if (!dropped) waiting = null;
  for (const each of [mine.checks, mine.looks, mine.rings]) clearInterval(each);
  if (mine.call) mine.call.over(why);
  else close(mine);
  draw();
  if (mine.call) wait().catch((error) => failed(error, "Available"));
  else if (!dropped) again();
}

/** A call is there. */
function ring(mine) {
  if (busy()) return drop(mine);
  const words = h("ul", { class: "consultation", "aria-label": "Message of the agent", "aria-live": "polite" }), who = h("p", {}, "Loading the caller…");
  const show = (offer) => {
    if (!offer.call) return;
    fill(who, offer.person || "Number withheld", `, from the agent ${offer.agent}. `,
      reads && h("a", { href: `#/calls/${encodeURIComponent(offer.call)}` }, "Call details"));
    if (words.children.length !== offer.consultation.length) fill(words, offer.consultation.map((each) => h("li", {},
      h("span", { class: "who" }, each.who === "agent" ? "Agent" : "You"), " ", each.text)));
    mine.call.decide(offer.state === "consulting");
    if (offer.state === "answered" || offer.state === "failed") clearInterval(mine.looks);
  };
  const look = () => ask("GET", at(mine)).then((offer) => { if (waiting === mine) show(offer); }).catch(() => {}); // it is over
  mine.call = called({ resource: RESOURCE, account: mine.account, phone: mine.phone, label: "Transfer", about: [who, words],
    decided: async (accept) => { show(await ask("POST", `${at(mine)}/decision`, { accept })); } });
  mine.looks = setInterval(look, LOOK_MS);
  mine.rings = setInterval(() => { if (mine.phone.session?.isEstablished() || mine.phone.stream) clearInterval(mine.rings); else beep(mine.phone.context); }, RING_MS);
  beep(mine.phone.context);
  look();
}

/** Two short tones. */
function beep(context) {
  context.resume();
  const tone = context.createOscillator(), volume = context.createGain();
  tone.frequency.value = 425;
  volume.gain.value = 0.1;
  volume.gain.setValueAtTime(0, context.currentTime + 0.4);
  volume.gain.setValueAtTime(0.1, context.currentTime + 0.6);
  tone.connect(volume).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 1);
}

/** Who is in another call is not available meanwhile. */
changed.addEventListener("call", () => {
  if (busy() && waiting && !waiting.call) drop(waiting);
  else if (!busy()) wait().catch((error) => failed(error, "Available"));
});
