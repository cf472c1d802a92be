// One call: who speaks, what was said, how fast the answers came, what it costs, and what may be done about it.
import { ask, path } from "../lib/api.js";
import { every, fill, h, paced, refill, say } from "../lib/dom.js";
import { lasted, milliseconds, money, party } from "../lib/format.js";
import { listen, TYPES } from "../lib/streams.js";
import { failed } from "../lib/toasts.js";
import { companyCard } from "../parts/company.js";
import { answerTimes, facts } from "../parts/facts.js";
import { badge, levels } from "../parts/levels.js";
import { scenes } from "../parts/scenes.js";
import { staleness } from "../parts/stale.js";
import { transcript } from "../parts/transcript.js";
import { speaking, verbs } from "../parts/verbs.js";

export function open(main, me, id) {
  let call = null;
  const heading = h("h1", {}, "Call");
  const state = h("span", { class: "state", role: "status" });
  const clock = h("dd"), cost = h("dd"), answers = h("dd"), turns = h("dd");
  const tiles = [["Duration", clock], ["Cost", cost], ["Response time", answers], ["Turns", turns]];
  const sums = h("dl", { class: "tiles" }, tiles.map(([label, value]) => h("div", {}, h("dt", {}, label), value)));
  const said = transcript({ may: me.may("recordings") }), meters = levels();
  const aside = h("aside", { class: "facts", "aria-label": "Call details" });
  const bars = h("section", { class: "card" }, h("h2", {}, "Sound"), meters.element);
  const tools = verbs(me, () => refresh());
  const saying = me.may("control") ? speaking(() => call, () => refresh()) : null;
  if (saying) saying.hidden = true;
  const words = h("section", { class: "card words" }, h("h2", {}, "Transcript"), said.element, saying);
  const past = h("p", { hidden: true }, h("a", { href: `#/history/${encodeURIComponent(id)}` }, "Recording and records of this call"));
  const data = staleness(h("div", { class: "title" }, heading, state), tools.element, past, sums, h("div", { class: "columns" }, words, aside));
  fill(main, h("p", { class: "back" }, h("a", { href: "#/" }, "← Live calls")), data.element);

  const draw = (found) => {
    const before = call?.state;
    call = { ...found, transcript: found.transcript || [] };
    const over = Boolean(call.ended_at);
    say(heading, `${call.direction === "inbound" ? "From" : "To"} ${party(call)}`);
    if (before !== call.state) fill(state, badge(call.state));
    say(clock, lasted(call));
    say(cost, money(call.cost));
    say(answers, milliseconds(call.latency.first_frame_ms?.p50));
    say(turns, String(call.turns));
    tools.show(call);
    said.show(call);
    if (saying) saying.hidden = call.state !== "talking";
    const unheard = over || call.state === "transferred"; // no worker is there to measure
    refill(aside, unheard ? null : bars, companyCard(call, me, () => refresh()), answerTimes(call), facts(call));
    if (over) { past.hidden = false; finish(); }
  };
  const refresh = paced(async () => {
    try {
      draw(await ask("GET", path`/v1/calls/${id}`));
      data.fresh();
    } catch (error) {
      if (!error.status) data.lost();
      else if (error.type === "unknown-call") gone(main);
      else if (error.status !== 401) failed(error);
    }
  }, 250);
  const stops = [
    listen("/v1/events", TYPES, { fresh: refresh, event: (told) => { if (told.data.call === id) refresh(); }, state: (up) => { if (!up) data.lost(); } }),
    scenes(id, (scene) => { meters.show(scene); said.live(scene); say(cost, money(scene.cost)); }),
    every(1000, () => { if (call && !call.ended_at) say(clock, lasted(call)); }),
    every(5000, refresh),
  ];
  const finish = () => stops.splice(0).forEach((stop) => stop());
  refresh();
  return () => { finish(); refresh.stop(); };
}

function gone(main) {
  fill(main, h("h1", {}, "Call not found"), h("p", {}, "The call ended a while ago, or the id is wrong."),
    h("p", {}, h("a", { href: "#/history" }, "Search the history"), " or go ", h("a", { href: "#/" }, "back to the live calls"), "."));
}
