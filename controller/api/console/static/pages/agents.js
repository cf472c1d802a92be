// What has versions: agents, the routes to them, and what they use.
import { form, field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { day } from "../lib/format.js";
import { FILE_SOURCE, KINDS, list } from "../lib/resources.js";
import { table } from "../lib/table.js";
import { failed } from "../lib/toasts.js";

const TITLES = { agents: "Agents", routes: "Routes", http_tools: "HTTP tools", mcp: "Tool servers (MCP)", webhooks: "Webhooks",
  "trunk-limits": "Limits of trunks" };
const NAMED = { agents: "New agent", http_tools: "New HTTP tool" };

export const linkTo = (kind, name) => `#/edit/${kind}/${encodeURIComponent(name)}`;

export function open(main, me) {
  let over = false;
  const body = h("div", {});
  fill(main, h("h1", {}, "Agents"), body);
  Promise.all(Object.keys(KINDS).map(async (kind) => [kind, await list(kind)])).then((found) => {
    if (over) return;
    const store = found[0][1].source === "store";
    fill(body, store ? null : h("p", { class: "notice" }, FILE_SOURCE),
      found.filter(([kind, page]) => page.resources.length || kind in NAMED || kind === "routes")
        .flatMap(([kind, page]) => section(kind, page.resources, store && me.may("config"))));
  }).catch((error) => failed(error));
  return () => { over = true; };
}

function section(kind, resources, writes) {
  const rows = table({
    caption: TITLES[kind],
    empty: "None.",
    key: (each) => each.name,
    columns: [
      { label: "Name", kind: "wide", cell: (each) => h("a", { href: linkTo(kind, each.name) }, each.name) },
      { label: "State", cell: (each) => [each.published ? h("span", { class: "badge good" }, `version ${each.published.version}`) : null, " ",
        each.draft ? h("span", { class: "badge wait" }, "draft") : null] },
      { label: "Changed", cell: (each) => day((each.draft || each.published)?.at) },
      { label: "By", cell: (each) => (each.draft || each.published)?.by || "–" },
      { label: "Comment", kind: "wide", cell: (each) => each.published?.comment || "" },
    ],
  });
  rows.update(resources);
  const empty = kind === "routes" && !resources.length && writes && h("a", { href: linkTo("routes", "routes") }, "Create routes");
  const make = NAMED[kind] && writes && h("button", { type: "button", class: "small", on: { click: () => create(kind) } }, NAMED[kind]);
  return [h("div", { class: "title" }, h("h2", {}, TITLES[kind]), make, empty), rows.element];
}

function create(kind) {
  const name = field("name", "Name", { required: true, pattern: "[A-Za-z][A-Za-z0-9_\\-]{0,63}", maxlength: 64,
    help: "Letters, digits, - and _. It can't be changed later." });
  form({ title: NAMED[kind], fields: [name], yes: "Go on", send: async (given) => { location.hash = linkTo(kind, given.name); } });
}
