// The console: who is logged in, where we are, and which page shows it.
import { ask, signedOut } from "./lib/api.js";
import { fill, h } from "./lib/dom.js";
import { clear, failed } from "./lib/toasts.js";
import { alertBadge } from "./parts/alerts.js";
import { availableSwitch, leave as unavailable } from "./parts/available.js";
import { hangUp } from "./parts/phone.js";
import { placeCall } from "./parts/place.js";
import * as agents from "./pages/agents.js";
import * as audit from "./pages/audit.js";
import * as attempt from "./pages/attempt.js";
import * as call from "./pages/call.js";
import * as config from "./pages/config.js";
import * as health from "./pages/health.js";
import * as history from "./pages/history.js";
import * as keys from "./pages/keys.js";
import * as live from "./pages/live.js";
import * as login from "./pages/login.js";
import * as past from "./pages/past.js";
import * as queue from "./pages/queue.js";
import * as resource from "./pages/resource.js";
import * as statistics from "./pages/statistics.js";
import * as talk from "./pages/talk.js";
import * as webhooks from "./pages/webhooks.js";

const PAGES = [
  { name: "live", title: "Live", path: /^$/, page: live, needs: "read", menu: "#/" },
  { name: "call", title: "Call", path: /^calls\/([^/]+)$/, page: call, needs: "read", part: "live" },
  { name: "talk", title: "Talk", path: /^talk$/, page: talk, needs: "call", menu: "#/talk", if: () => me.choices.softphone },
  { name: "queue", title: "Queue", path: /^queue$/, page: queue, needs: "read", menu: "#/queue" },
  { name: "history", title: "History", path: /^history$/, page: history, needs: "read", menu: "#/history" },
  { name: "past", title: "Past call", path: /^history\/([^/]+)$/, page: past, needs: "read", part: "history" },
  { name: "statistics", title: "Statistics", path: /^statistics$/, page: statistics, needs: "read", menu: "#/statistics" },
  { name: "agents", title: "Agents", path: /^agents$/, page: agents, needs: "read", menu: "#/agents" },
  { name: "resource", title: "Edit", path: /^edit\/([a-z_-]+)\/([^/]+)$/, page: resource, needs: "read", part: "agents" },
  { name: "try", title: "Try", path: /^try(?:\/([^/]+))?$/, page: attempt, needs: "call", menu: "#/try" },
  { name: "health", title: "Health", path: /^health$/, page: health, needs: "read", menu: "#/health" },
  { name: "webhooks", title: "Webhooks", path: /^webhooks$/, page: webhooks, needs: "read", menu: "#/webhooks" },
  { name: "audit", title: "Audit", path: /^audit$/, page: audit, needs: "admin", menu: "#/audit" },
  { name: "config", title: "Config", path: /^config$/, page: config, needs: "config", menu: "#/config" },
  { name: "keys", title: "Keys", path: /^keys$/, page: keys, needs: "admin", menu: "#/keys" },
];

const main = document.getElementById("main");
const bar = document.getElementById("bar");
let me = null, close = null, badge = null;

export const may = (scope) => me.scopes.includes(scope);
const open = (page) => may(page.needs) && (!page.if || page.if());

async function start() {
  try {
    me = await ask("GET", "/console/session");
    me.may = may;
  } catch (error) {
    if (error.status !== 401) failed(error);
    return showLogin();
  }
  drawBar();
  go();
}

function showLogin() {
  me = null;
  badge?.stop();
  unavailable();
  hangUp();
  bar.hidden = true;
  leave();
  close = login.open(main, start);
}

function leave() {
  close?.();
  close = null;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

function here() {
  const path = location.hash.replace(/^#\/?/, "").split("?")[0];
  try {
    return decodeURIComponent(path);
  } catch { // a cut or mistyped link, such as one that ends in "%"
    return path;
  }
}

function go() {
  if (!me) return;
  const asked = PAGES.find((each) => each.path.test(here()));
  const found = asked?.name === "live" && !open(asked) ? PAGES.find((each) => each.menu && open(each)) || asked : asked;
  leave();
  fill(main);
  for (const link of bar.querySelectorAll("nav a")) link.removeAttribute("aria-current");
  if (!found || !open(found)) return refuse(found);
  document.title = `${found.title} · voiceai`;
  for (const link of bar.querySelectorAll("nav a")) {
    if (link.dataset.name === (found.part || found.name)) link.setAttribute("aria-current", "page");
  }
  close = found.page.open(main, me, ...(found.path.exec(here()) || []).slice(1));
}

function refuse(page) {
  const title = page ? "No permission" : "Page not found";
  document.title = `${title} · voiceai`;
  fill(main, h("h1", {}, title), h("p", {}, !page ? "The console has no page at this address."
    : may(page.needs) ? `“${page.title}” is switched off in config.yaml.` : `The page “${page.title}” needs the scope “${page.needs}”. The token “${me.name}” does not have it.`),
    h("p", {}, h("a", { href: "#/" }, "Live calls")));
}

function drawBar() {
  badge?.stop();
  badge = may("read") ? alertBadge() : null;
  const links = PAGES.filter((each) => each.menu && open(each)).map((each) =>
    h("li", {}, h("a", { href: each.menu, "data-name": each.name }, each.title), each.name === "health" && badge?.element));
  const place = may("call") && h("button", { type: "button", class: "main", id: "place", on: { click: () => placeCall(me) } },
    "Place a call");
  const out = h("button", { type: "button", on: { click: logOut } }, "Log out");
  fill(bar, h("a", { class: "mark", href: "#/" }, "voiceai"), h("nav", { "aria-label": "Pages" }, h("ul", {}, links)),
    h("div", { class: "who" }, place, availableSwitch(me), h("span", { class: "name", title: `Token “${me.name}”: ${me.scopes.join(", ")}` }, me.name),
      out));
  bar.hidden = false;
}

async function logOut() {
  try {
    const elsewhere = me.log_out_url;
    await ask("DELETE", "/console/session");
    clear(true);
    if (elsewhere) location.assign(elsewhere); else showLogin();
  } catch (error) {
    failed(error, "Log out");
  }
}

window.addEventListener("hashchange", () => { clear(); go(); main.focus({ preventScroll: true }); window.scrollTo(0, 0); });
document.getElementById("skip").addEventListener("click", () => main.focus());
signedOut.addEventListener("out", () => { if (me) showLogin(); });
start();
