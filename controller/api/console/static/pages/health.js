// Is everything there, and how hard does it work: Asterisk, the nodes and the bridge workers.
import { ask, path } from "../lib/api.js";
import { confirm } from "../lib/dialog.js";
import { every, fill, h, paced } from "../lib/dom.js";
import { milliseconds } from "../lib/format.js";
import { table } from "../lib/table.js";
import { attempt, failed } from "../lib/toasts.js";
import { alertList, alerts } from "../parts/alerts.js";
import { staleness } from "../parts/stale.js";

const KINDS = { up: "good", late: "bad", draining: "held", away: "bad" };
const NODE_KINDS = { accepting: "good", draining: "held", away: "bad", lost: "bad" };
const PARTS = { asterisk: "Asterisk", workers: "Worker available", accepting: "Accepting calls" };
const SECONDS = 2, ALERT_SECONDS = 10;

export function open(main, me) {
  const workers = table({
    caption: "Bridge workers",
    empty: "No worker is connected, so no call can be handled. Check that a worker runs on this or another machine.",
    key: (worker) => worker.name,
    columns: [
      { label: "Worker", cell: (worker) => worker.name, kind: "wide" },
      { label: "State", cell: (worker) => h("span", { class: `badge ${KINDS[worker.state] || "wait"}` }, worker.state) },
      { label: "Calls", cell: load },
      { label: "Tick delay", cell: (worker) => `${worker.late_ms.toFixed(1)} ms`, kind: "number" },
      { label: "Used by", cell: (worker) => worker.users.map((user) => `${user.node} ${user.calls}`).join(", ") },
      { label: "Audio address", cell: (worker) => h("code", {}, worker.media) },
      { label: "Process", cell: (worker) => String(worker.pid), kind: "number" },
      ...(me.may("admin") ? [{ label: "", kind: "acts", cell: (worker) => worker.state !== "away" && worker.home === null && h("button",
        { type: "button", class: "small", "data-focus": worker.name, "aria-label": `Drain ${worker.name}`,
          on: { click: (event) => drain(worker, event.currentTarget, refresh) } }, "Drain") }] : []),
    ],
  });
  const nodes = nodeTable(me, () => refresh());
  const troubles = h("div", { role: "status" });
  const tiles = h("dl", { class: "tiles" });
  let before = null;
  const attention = alertList();
  const data = staleness(attention.element, tiles, h("h2", {}, "Nodes"), nodes.element, troubles, h("h2", {}, "Bridge workers"),
    workers.element,
    h("p", { class: "quiet" }, "Tick delay: how late a worker's 20 ms audio tick runs (p99 of the last half second). Callers hear delays above 20 ms."));
  fill(main, h("h1", {}, "Health"), data.element);

  const refresh = paced(async () => {
    try {
      const [ready, found, known, metrics] = await Promise.all(
        ["/readyz", "/v1/workers", "/v1/nodes", "/metrics"].map((what) => ask("GET", what)));
      const now = ariOf(metrics);
      nodes.update(known.nodes);
      drawTroubles(troubles, known.nodes);
      workers.update(found.workers);
      draw(tiles, ready, found.workers, spent(before, now));
      before = now;
      data.fresh();
    } catch (error) {
      if (!error.status) data.lost();
      if (error.status && error.status !== 401) failed(error);
    }
  }, 500);
  const look = paced(async () => {
    try {
      attention.update(await alerts());
    } catch (error) {
      attention.element.hidden = error.status === 403; // a key that is limited to some agents
    }
  }, 500);
  const stops = [every(SECONDS * 1000, refresh), refresh.stop, every(ALERT_SECONDS * 1000, look), look.stop];
  refresh();
  look();
  return () => stops.forEach((stop) => stop());
}

// Each in its own line; nothing is said anew while it stays as it is.
function drawTroubles(element, nodes) {
  const told = nodes.filter((node) => node.trouble).map((node) => node.this ? `${node.name}: ${node.trouble}` : node.trouble);
  const lines = [...new Set(told)];
  if (lines.join("\n") === [...element.children].map((line) => line.textContent).join("\n")) return;
  fill(element, lines.map((line) => h("p", {}, line)));
}

function nodeTable(me, refresh) {
  const seconds = (value) => value === null ? "" : `${value.toFixed(1)} s`;
  return table({
    caption: "Nodes",
    empty: "No nodes.",
    key: (node) => node.name,
    columns: [
      { label: "Node", cell: (node) => node.this ? `${node.name} (this one)` : node.name, kind: "wide" },
      { label: "State", cell: (node) => h("span", { class: `badge ${NODE_KINDS[node.state] || "wait"}` }, node.state) },
      { label: "Calls", cell: (node) => node.calls === null ? "" : node.capacity ? load(node) : String(node.calls) },
      { label: "Version", cell: (node) => node.version },
      { label: "Lease", cell: (node) => seconds(node.lease_s), kind: "number" },
      { label: "Last heartbeat", cell: (node) => seconds(node.silent_s), kind: "number" },
      ...(me.may("admin") ? [{ label: "", kind: "acts", cell: (node) => drainButton(node, refresh) }] : []),
    ],
  });
}

function drainButton(node, refresh) {
  if (!["accepting", "draining"].includes(node.state)) return "";
  const does = node.state === "draining" ? "Undrain" : "Drain";
  return h("button", { type: "button", class: "small", "data-focus": `node-${node.name}`, "aria-label": `${does} node ${node.name}`,
    on: { click: (event) => drainNode(node, does, event.currentTarget, refresh) } }, does);
}

async function drainNode(node, does, button, refresh) {
  const sure = does === "Undrain" || await confirm({ title: `Drain the node ${node.name}?`, yes: "Drain", danger: false,
    text: "The node takes no new calls and places none until you undrain or restart it. Its live calls continue." });
  if (sure) await attempt(button, does, () => ask("POST", path`/v1/nodes/${node.name}/${does.toLowerCase()}`, {}));
  refresh();
}

function draw(tiles, ready, workers, asterisk) {
  const calls = workers.reduce((sum, each) => sum + each.calls, 0);
  const room = workers.reduce((sum, each) => sum + each.capacity, 0);
  const parts = Object.entries(ready.parts).map(([name, there]) =>
    [PARTS[name] || name, name === "asterisk" ? (there ? "Connected" : "Not connected") : there ? "Yes" : "No", there ? "good" : "bad"]);
  const shown = [...parts, ["Asterisk response time", milliseconds(asterisk.mean)], ["ARI requests", `${asterisk.rate.toFixed(1)} /s`],
    ["Calls in use", `${calls} of ${room}`]];
  fill(tiles, shown.map(([label, value, kind]) => h("div", { class: kind }, h("dt", {}, label), h("dd", {}, value))));
}

function load(worker) {
  const bar = h("span", { class: "fill" });
  bar.style.setProperty("inline-size", `${Math.min(100, 100 * worker.calls / worker.capacity)}%`);
  const text = `${worker.calls} of ${worker.capacity}`;
  return h("span", { class: "load" }, h("span", { class: "meter", role: "meter", "aria-label": "Calls", "aria-valuemin": 0,
    "aria-valuemax": worker.capacity, "aria-valuenow": worker.calls, "aria-valuetext": text }, bar), text);
}

async function drain(worker, button, refresh) {
  const sure = await confirm({ title: `Drain ${worker.name}?`, yes: "Drain", danger: false,
    text: "The worker takes no new calls and exits after its last call. Its supervisor then starts a new one." });
  if (sure) await attempt(button, "Drain", () => ask("POST", path`/v1/workers/${worker.name}/drain`, {}));
  refresh();
}

/** Sum and count of the requests to Asterisk so far, from the text form of the metrics. */
function ariOf(metrics) {
  const sums = { seconds: 0, count: 0, at: performance.now() / 1000 };
  for (const row of String(metrics).split("\n")) {
    const found = /^voiceai_ari_request_seconds_(sum|count)\{[^}]*\} ([-+.e0-9]+)/.exec(row);
    if (found) sums[found[1] === "sum" ? "seconds" : "count"] += Number(found[2]);
  }
  return sums;
}

/** What came between two looks; from the beginning if there was only one. */
function spent(before, now) {
  const count = now.count - (before?.count || 0), seconds = now.seconds - (before?.seconds || 0);
  return { mean: count > 0 ? 1000 * seconds / count : null, rate: before ? count / (now.at - before.at) : 0 };
}
