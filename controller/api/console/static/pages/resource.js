// One resource: its form or its text, draft, differences, versions.
import { ask } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { contents, FILE_SOURCE, KINDS, list, read } from "../lib/resources.js";
import { EMPTY } from "../lib/schema.js";
import { failed } from "../lib/toasts.js";
import { agentForm } from "../parts/agentform.js";
import { editor } from "../parts/editor.js";
import { routesForm } from "../parts/routesform.js";
import { shares } from "../parts/shares.js";
import { toolForm } from "../parts/toolform.js";
import { toolInAgent, tryBeside } from "../parts/trytool.js";

const NEW = { agents: { instructions: "" }, routes: [], http_tools: { description: "", url: "", parameters: EMPTY } };

export function open(main, me, kind, name) {
  let over = false, close = null;
  fill(main, h("p", { class: "back" }, h("a", { href: "#/agents" }, "← Agents")), h("h1", {}, titleOf(kind, name)));
  start(main, me, kind, name, () => over).then((found) => { if (over) found?.(); else close = found; }).catch((error) => failed(error));
  return () => { over = true; close?.(); };
}

const titleOf = (kind, name) => (kind === "routes" ? "Routes" : `${KINDS[kind]?.one || kind} ${name}`);

async function start(main, me, kind, name, over) {
  const page = await list(kind);
  const resource = await read(kind, name).catch((error) => {
    if (error.type === "unknown-resource") return null;
    throw error;
  });
  const store = page.source === "store", locked = !store || !me.may("config");
  if (!resource && locked) throw Object.assign(new Error(`There is no ${titleOf(kind, name)}`), { type: "unknown-resource" });
  const makeForm = await formOf(kind, me);
  if (over()) return null;
  const why = !store ? FILE_SOURCE : "Read-only: changes need the scope “config”.";
  return editor(main, { me, kind, name, resource, fresh: NEW[kind] || {}, locked, why, makeForm, makeBeside: besideOf(kind, name, me) });
}

/** Makes what stands below the form of a kind; undefined: nothing does. */
function besideOf(kind, name, me) {
  if (kind === "agents") return (given) => shares({ name, ...given });
  if (kind === "http_tools" && me.may("config")) return (given) => tryBeside({ name, mayEdit: !given.locked, ...given });
  return undefined;
}

/** Makes the form of a kind, or null: there is only the text. */
async function formOf(kind, me) {
  if (kind === "routes") {
    const { agents, trunks } = me.choices;
    return (state) => routesForm(state, { agents, trunks, config: me.may("config") });
  }
  if (kind === "http_tools") {
    const secrets = me.may("config") ? (await ask("GET", "/v1/config")).config.resources?.secrets ?? [] : [];
    return (state) => toolForm(state, secrets);
  }
  if (kind !== "agents") return null;
  const [tools, servers, routes] = await Promise.all([contents("http_tools"), contents("mcp"), contents("routes")]);
  const named = (found, about) => found.map(({ name, content }) => ({ name, about: about(content) }));
  return (state) => agentForm(state, {
    tools: tools.map(({ name, content }) => ({ name, about: content?.description || "", more: () => toolInAgent(name, content, me) })),
    servers: named(servers, (content) => content?.url || ""),
    routes: routes.flatMap(({ content }) => (Array.isArray(content) ? content : [])),
    targets: me.choices.targets,
  });
}
