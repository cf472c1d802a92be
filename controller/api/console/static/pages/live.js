// All live calls as they are now, and those that ended lately.
import { ask } from "../lib/api.js";
import { every, fill, h, paced, say } from "../lib/dom.js";
import { lasted, milliseconds, money, outcome, party, state, time } from "../lib/format.js";
import { listen, TYPES } from "../lib/streams.js";
import { table } from "../lib/table.js";
import { failed } from "../lib/toasts.js";
import { company } from "../parts/company.js";
import { hangUp } from "../parts/verbs.js";
import { badge, levels } from "../parts/levels.js";
import { badgeOf } from "../parts/outcome.js";
import { scenes } from "../parts/scenes.js";
import { staleness } from "../parts/stale.js";

const LATELY = 10;
const MISSING = { asterisk: "no connection to Asterisk", workers: "no worker is free", accepting: "draining" };

export function open(main, me) {
  const meters = new Map();
  const meterOf = (call) => meters.get(call) || meters.set(call, levels()).get(call);
  const live = table({
    caption: "Live calls",
    empty: "No live calls.",
    key: (call) => call.id,
    columns: [
      { label: "State", cell: (call) => badge(call.state) },
      { label: "Number", cell: who, kind: "wide" },
      { label: "Agent", cell: (call) => call.agent },
      { label: "Also in the call", kind: "company", cell: others },
      { label: "Sound", cell: (call) => meterOf(call.id).element, kind: "sound" },
      { label: "Response time", cell: (call) => milliseconds(call.latency.first_frame_ms?.p50), kind: "number" },
      { label: "Cost", cell: (call) => money(call.cost), kind: "number" },
      { label: "Duration", cell: clock, kind: "number" },
      ...(me.may("control") ? [{ label: "", cell: (call) => end(call), kind: "acts" }] : []),
    ],
  });
  const ended = table({
    caption: "Recent calls",
    empty: "No call has ended since the controller started.",
    key: (call) => call.id,
    columns: [
      { label: "Ended", cell: (call) => time(call.ended_at) },
      { label: "Number", cell: who, kind: "wide" },
      { label: "Agent", cell: (call) => call.agent },
      { label: "Outcome", cell: badgeOf },
      { label: "Response time", cell: (call) => milliseconds(call.latency.first_frame_ms?.p50), kind: "number" },
      { label: "Cost", cell: (call) => money(call.cost), kind: "number" },
      { label: "Duration", cell: lasted, kind: "number" },
    ],
  });
  const tiles = h("dl", { class: "tiles" });
  const data = staleness(tiles, live.element, h("h2", {}, "Recent calls"), ended.element);
  fill(main, h("h1", {}, "Live calls"), data.element);

  const refresh = paced(async () => {
    try {
      const [up, over, ready] = await Promise.all([ask("GET", "/v1/calls?state=active&limit=500"),
        ask("GET", `/v1/calls?state=ended&limit=${LATELY}`), ask("GET", "/readyz")]);
      for (const call of meters.keys()) if (!up.calls.some((each) => each.id === call)) meters.delete(call);
      live.update(up.calls);
      ended.update(over.calls);
      drawTiles(tiles, up, ready);
      data.fresh();
    } catch (error) {
      if (!error.status) data.lost();
      if (error.status && error.status !== 401) failed(error);
    }
  }, 800);
  const stops = [
    listen("/v1/events", TYPES, { fresh: refresh, event: refresh, state: (up) => { if (!up) data.lost(); } }),
    scenes("", (scene) => {
      meters.get(scene.call)?.show(scene);
      const cost = live.row(scene.call)?.querySelector('[data-label="Cost"]');
      if (cost) say(cost, money(scene.cost));
    }),
    every(1000, () => main.querySelectorAll("[data-since]").forEach((each) => say(each, tick(each)))),
    every(5000, refresh),
    refresh.stop,
  ];
  refresh();
  return () => stops.forEach((stop) => stop());
}

function drawTiles(tiles, { calls, unreachable_nodes: away }, ready) {
  const answers = calls.map((call) => call.latency.first_frame_ms?.p50).filter((each) => each !== undefined);
  const missing = Object.entries(ready.parts).filter(([, there]) => !there).map(([part]) => MISSING[part] || part);
  const shown = [
    ["Live calls", String(calls.length)],
    ["Talking", String(calls.filter((call) => call.state === "talking").length)],
    ["Slowest response", answers.length ? `${Math.max(...answers)} ms` : "–"],
    ["Cost (live)", money(calls.reduce((sum, call) => sum + call.cost, 0))],
    ["System", ready.ready ? "Ready" : `Not ready: ${missing.join(", ")}`, ready.ready ? "good" : "bad"],
    ...(away.length ? [["Calls missing of", away.map((each) => each.node).join(", "), "bad"]] : []),
  ];
  fill(tiles, shown.map(([label, value, kind]) => h("div", { class: kind }, h("dt", {}, label), h("dd", {}, value))));
}

function who(call) {
  const arrow = call.direction === "inbound" ? "Inbound from" : "Outbound to";
  const link = h("a", { href: `#/calls/${encodeURIComponent(call.id)}`, "data-focus": `open ${call.id}` }, party(call));
  return [h("span", { class: "direction", title: arrow, "aria-hidden": "true" }, call.direction === "inbound" ? "↘" : "↗"),
    h("span", { class: "unseen" }, `${arrow} `), link];
}

function others(call) {
  const there = company(call).map((each) => h("div", {}, `${each.name} (${each.role}, ${outcome(each.state)})`));
  return there.length > 0 && h("div", {}, there);
}

function clock(call) {
  return h("span", { "data-since": call.answered_at || call.started_at }, lasted(call));
}

function tick(element) {
  return lasted({ started_at: element.dataset.since });
}

function end(call) {
  const name = `Hang up ${party(call)}`;
  return h("button", { type: "button", class: "danger small", "data-focus": `end ${call.id}`, "aria-label": name,
    on: { click: (event) => hangUp(call, event.currentTarget) } }, state(call.state) === "ending" ? "Ending" : "Hang up");
}
