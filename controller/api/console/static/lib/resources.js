// Resources with versions: what is read and written, always upon the state that was seen.
import { ask, path, query } from "./api.js";

const at = (kind, name) => path`/v1/resources/${kind}/${name}`;

export const KINDS = {
  agents: { one: "Agent", section: "agents" },
  routes: { one: "Routes", section: "routes" },
  http_tools: { one: "HTTP tool", section: "http_tools" },
  mcp: { one: "Tool server", section: "mcp" },
  webhooks: { one: "Webhook", section: "webhooks" },
  "trunk-limits": { one: "Limits of trunk", section: "trunks" },
};
export const FILE_SOURCE = "The config file has the agents and the like, so they can only be looked at here. Edit the file and have it " +
  "read again (voiceai reload). To edit them here, set resources.source: store in it and restart: the first start imports them.";

export const list = (kind) => ask("GET", path`/v1/resources/${kind}`);
export const read = (kind, name) => ask("GET", at(kind, name));
export const versions = (kind, name) => ask("GET", `${at(kind, name)}/versions`);
export const differences = (kind, name, from, to) => ask("GET", `${at(kind, name)}/diff${query({ from, to })}`);
export const validate = (kind, name) => ask("POST", `${at(kind, name)}/validate`, {});

const upon = (etag) => (etag ? { "If-Match": etag } : { "If-None-Match": "*" });
export const saveDraft = (kind, name, etag, content) => ask("PUT", `${at(kind, name)}/draft`, { content }, upon(etag));
export const dropDraft = (kind, name, etag) => ask("DELETE", `${at(kind, name)}/draft`, undefined, upon(etag));
export const publish = (kind, name, etag, comment) => ask("POST", `${at(kind, name)}/publish`, { comment }, upon(etag));
export const rollBack = (kind, name, etag, version, comment) => ask("POST", `${at(kind, name)}/rollback`, { version, comment }, upon(etag));
export const setTrial = (kind, name, etag, version, share) => ask("PUT", `${at(kind, name)}/trial`, { version, share }, upon(etag));
export const endTrial = (kind, name, etag) => ask("DELETE", `${at(kind, name)}/trial`, undefined, upon(etag));

/** What is published of all resources of a kind: [{name, content}]. */
export async function contents(kind) {
  const found = (await list(kind)).resources.filter((each) => each.published);
  return Promise.all(found.map(async ({ name }) => ({ name, content: (await read(kind, name)).published?.content })));
}

/** Errors of a Problem as [{path, text}], the paths within the resource. */
export function faults(error, kind, name) {
  const above = kind === "routes" ? "routes" : `${KINDS[kind].section}.${name}`;
  return (error.errors || []).map((each) => {
    const whole = each.path || each.pointer || "";
    const within = whole === above ? "" : whole.startsWith(above) && /^[.[]/.test(whole.slice(above.length)) ? whole.slice(above.length).replace(/^\./, "") : whole;
    return { path: within, text: [each.detail, each.hint && `(${each.hint})`].filter(Boolean).join(" ") };
  });
}
