// Alerts: what needs attention now (`GET /v1/alerts`), as a list, and as a count in the bar.
import { ask } from "../lib/api.js";
import { every, fill, h, paced } from "../lib/dom.js";
import { counted } from "../lib/format.js";

const SECONDS = 20;
const KINDS = { critical: "bad", warning: "wait", info: "over" };
const PAGES = {
  "dead-letters": ["#/webhooks", "Webhooks"], "dialing-paused": ["#/queue", "Queue"], "trunk-suspended": ["#/queue", "Queue"],
  "calls-failing": ["#/history", "History"], "spend-near-limit": ["#/statistics", "Statistics"], "spend-limit-reached": ["#/statistics", "Statistics"],
};

const news = new EventTarget(); // whoever asks, the count in the bar is renewed

export async function alerts() {
  const found = (await ask("GET", "/v1/alerts")).alerts;
  news.dispatchEvent(new CustomEvent("alerts", { detail: found }));
  return found;
}

export function alertList() {
  const list = h("ul", { class: "alerts" }), none = h("p", { class: "quiet" });
  let drawn = null;
  const update = (found) => {
    if (drawn === JSON.stringify(found)) return; // whoever reads or follows a link in it is not disturbed
    drawn = JSON.stringify(found);
    none.textContent = found.length ? "" : "No alerts.";
    fill(list, found.map((each) => h("li", { class: KINDS[each.severity] }, h("span", { class: `badge ${KINDS[each.severity]}` }, each.severity),
      h("div", {}, h("strong", {}, marked(each.message)), h("p", { class: "quiet" }, marked(each.action), PAGES[each.type] && [" ", page(...PAGES[each.type])])))));
    list.hidden = !found.length;
  };
  return { element: h("section", { "aria-label": "Alerts" }, h("h2", {}, "Alerts"), list, none), update };
}

/** What stands between backticks is code. */
const marked = (text) => text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));

const page = (href, name) => h("a", { href }, `Go to ${name}`);

/** The count of alerts that are more than information, beside the link to the page that lists them. */
export function alertBadge() {
  const element = h("span", { class: "alert-badge", role: "status" });
  const show = ({ detail: found }) => {
    const count = found.filter((each) => each.severity !== "info").length;
    const name = counted(count, "alert");
    if (element.textContent === (count ? String(count) : "")) return;
    fill(element, count && h("a", { class: found[0].severity, href: "#/health", "aria-label": name, title: name }, String(count)));
  };
  const look = paced(async () => {
    try {
      await alerts();
    } catch (error) {
      if (error.status === 403) stop(); // a key that is limited to some agents
    }
  }, 1000);
  const timer = every(SECONDS * 1000, look);
  const stop = () => { timer(); look.stop(); news.removeEventListener("alerts", show); };
  news.addEventListener("alerts", show);
  look();
  return { element, stop };
}
