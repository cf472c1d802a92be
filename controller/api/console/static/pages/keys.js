// API keys and who is logged in: make, change, revoke; end a session.
import { ask, path } from "../lib/api.js";
import { choices, confirm, field, form, notice } from "../lib/dialog.js";
import { every, fill, h, paced } from "../lib/dom.js";
import { day } from "../lib/format.js";
import { table } from "../lib/table.js";
import { attempt, failed, told } from "../lib/toasts.js";

const SECONDS = 5;
const SCOPES = [
  { value: "metrics", help: "only /metrics" }, { value: "read", help: "see calls, without transcripts" },
  { value: "recordings", help: "transcripts and recordings" }, { value: "call", help: "place calls and transfer" },
  { value: "control", help: "control live calls and the queue" }, { value: "supervise", help: "listen, whisper, take over" },
  { value: "config", help: "the configuration" }, { value: "admin", help: "everything" },
];
const DAYS = { "30": "in 30 days", "90": "in 90 days", "365": "in a year" };

export function open(main, me) {
  const keys = table({
    caption: "API keys", empty: "None.", key: (key) => key.id || `config ${key.name}`,
    columns: [
      { label: "Name", cell: (key) => h("span", { title: key.comment || null }, h("strong", {}, key.name)), kind: "wide" },
      { label: "Key", cell: (key) => (key.id ? h("code", {}, `${key.prefix}_…`) : "in the config") },
      { label: "Scopes", cell: (key) => key.scopes.join(", ") },
      { label: "Limits", cell: limits },
      { label: "Expires", cell: expires },
      { label: "Last use", cell: (key) => (key.used_at ? `${day(key.used_at)}, ${key.used_from || "?"}` : "never") },
      { label: "", kind: "acts", cell: (key) => key.id && h("div", { class: "buttons" },
        act("Change", key, () => change(key, me, refresh)), act("Revoke", key, (button) => revoke(key, button, refresh), "danger")) },
    ],
  });
  const sessions = table({
    caption: "Console sessions", empty: "No sessions.", key: (session) => session.id,
    columns: [
      { label: "User", cell: (session) => session.name, kind: "wide" },
      { label: "Since", cell: (session) => day(session.began_at) },
      { label: "Last use", cell: (session) => day(session.used_at) },
      { label: "From", cell: (session) => session.source || "–" },
      { label: "", kind: "acts", cell: (session) => (session.current ? h("span", { class: "quiet" }, "this one")
        : h("button", { type: "button", class: "danger small", "data-focus": session.id, "aria-label": `End the session of ${session.name}`,
          on: { click: (event) => end(session, event.currentTarget, refresh) } }, "End")) },
    ],
  });
  const make = h("button", { type: "button", class: "main", on: { click: () => create(me, refresh) } }, "Create key");
  const logins = h("section", {}, h("h2", {}, "Console sessions"), sessions.element);
  fill(main, h("h1", {}, "API keys"), h("div", { class: "verbs" }, make), keys.element, logins);

  const refresh = paced(async () => {
    try {
      keys.update((await ask("GET", "/v1/keys")).keys);
      sessions.update((await ask("GET", "/v1/sessions")).sessions);
    } catch (error) {
      if (error.status === 403) logins.hidden = true;
      else if (error.status && error.status !== 401) failed(error);
    }
  }, 500);
  const stops = [every(SECONDS * 1000, refresh), refresh.stop];
  refresh();
  return () => stops.forEach((stop) => stop());
}

function act(label, key, work, kind = "") {
  return h("button", { type: "button", class: `${kind} small`, "data-focus": `${label} ${key.id}`, "aria-label": `${label} ${key.name}`,
    on: { click: (event) => work(event.currentTarget) } }, label);
}

function limits(key) {
  const found = [key.agents && `agents ${key.agents.join(", ")}`, key.trunks && `trunks ${key.trunks.join(", ")}`,
    key.sources && `from ${key.sources.join(", ")}`].filter(Boolean);
  return found.join("; ") || "none";
}

function expires(key) {
  if (!key.expires_at) return "never";
  return new Date(key.expires_at) > new Date() ? day(key.expires_at) : h("span", { class: "badge bad" }, "expired");
}

/** Fields that making and changing have in common. `kept`: of the key that is changed. */
function fields(me, kept = {}) {
  const until = Object.entries(DAYS).map(([value, label]) => ({ value, label }));
  const now = kept.expires_at ? [{ value: "as it is", label: `as it is: ${day(kept.expires_at)}` }] : [];
  return [
    choices("scopes", "Scopes", { options: SCOPES, chosen: kept.scopes || ["read"] }),
    choices("agents", "Agents", { options: me.choices.agents, chosen: kept.agents || [], help: "Limits the key to calls of these agents. None chosen: all agents." }),
    choices("trunks", "Trunks", { options: me.choices.trunks, chosen: kept.trunks || [], help: "Limits the key to calls over these trunks. None chosen: all trunks." }),
    field("sources", "Addresses", { value: (kept.sources || []).join(", "), placeholder: "10.1.0.0/16, 192.0.2.7",
      help: "Allowed source addresses and networks. Empty: any." }),
    field("expires", "Expires", { options: [...now, { value: "", label: "never" }, ...until] }),
    field("comment", "Comment", { value: kept.comment || "", maxlength: 500 }),
  ];
}

function sent(given) {
  const list = (found) => (found.length ? found : null);
  const wanted = { scopes: given.scopes, agents: list(given.agents), trunks: list(given.trunks), comment: given.comment,
    sources: list(given.sources.split(/[\s,]+/).filter(Boolean)) };
  if (given.expires !== "as it is") wanted.expires_at = given.expires ? new Date(Date.now() + given.expires * 86400000).toISOString() : null;
  return wanted;
}

function create(me, refresh) {
  const name = field("name", "Name", { required: true, maxlength: 64, pattern: "[A-Za-z0-9][A-Za-z0-9_.\\-]*",
    help: "Letters, digits, dots, hyphens and underscores." });
  form({ title: "Create an API key", yes: "Create", fields: [name, ...fields(me)], send: async (given) => {
    const made = await ask("POST", "/v1/keys", { name: given.name, ...sent(given) });
    refresh();
    setTimeout(() => secret(made), 0); // once the form is closed
  } });
}

function secret(made) {
  const text = h("code", { class: "secret", id: "secret", tabindex: "0" }, made.key), copied = h("p", { role: "status", class: "quiet" });
  const copy = h("button", { type: "button", autofocus: true, on: { click: async () => {
    try {
      await navigator.clipboard.writeText(made.key);
      copied.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(text);
      copied.textContent = "Selected. Copy it with the keyboard.";
    }
  } } }, "Copy");
  notice({ title: `API key ${made.name}`, done: "Done",
    content: [h("p", {}, "Copy the key now. It is not shown again."), h("p", {}, text), copy, copied] });
}

function change(key, me, refresh) {
  form({ title: `Change ${key.name}`, yes: "Save", fields: fields(me, key), send: async (given) => {
    await ask("PATCH", path`/v1/keys/${key.id}`, sent(given), { "If-Match": `"${key.version}"` });
    told(`${key.name} is changed.`);
    refresh();
  } });
}

async function revoke(key, button, refresh) {
  const sure = await confirm({ title: `Revoke ${key.name}?`, yes: "Revoke",
    text: "The key stops working at once. Its streams and sessions end. You cannot undo this." });
  if (sure && await attempt(button, "Revoke", () => ask("DELETE", path`/v1/keys/${key.id}`))) told(`${key.name} is revoked.`);
  refresh();
}

async function end(session, button, refresh) {
  const sure = await confirm({ title: `Log ${session.name} out?`, yes: "Log out", text: "Calls and streams that are open in that browser end." });
  if (sure) await attempt(button, "Log out", () => ask("DELETE", path`/v1/sessions/${session.id}`));
  refresh();
}
