// A conversation by typing with an agent: a text session of the API, followed by long polls until it ends.
import { ask, path } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { h, say } from "../lib/dom.js";
import { money } from "../lib/format.js";
import { attempt, failed } from "../lib/toasts.js";
import { saveTest } from "./savetest.js";

const WAIT_S = 20, RETRY_MS = 1000;
const BY = { tool: "answered", test: "answered beforehand", hand: "answered by you", built_in: "built in", check: "refused by the check", nobody: "not called" };

/** Opens the session. Resolves once the AI is there. */
export async function chat(agent, me, options) {
  const opened = await ask("POST", path`/v1/agents/${agent}/text-sessions`, options);
  const at = path`/v1/text-sessions/${opened.id}`;
  const log = h("div", { class: "transcript", role: "log", tabindex: "0", "aria-label": "Conversation" });
  const lines = h("ol", { class: "lines typed" });
  log.append(lines);
  const cost = h("p", { class: "quiet", role: "status" });
  const words = field("words", "You say", { maxlength: 2000 });
  const send = h("button", { type: "submit", class: "main" }, "Send"), end = h("button", { type: "button" }, "End");
  const events = [], kept = h("div", {});
  const keep = h("button", { type: "button", disabled: true, on: { click: () => saveTest(agent, me, events, kept) } }, "Save as test");
  const form = h("form", { class: "saying typing" }, words.element, send, end, keep);
  let over = false, turn = false;

  const line = (who, kind, text, ...marks) => {
    lines.append(h("li", { class: `line ${kind}` }, h("span", { class: "who" }, who), h("span", { class: "text" }, text),
      marks.length ? h("div", { class: "marks" }, marks) : null));
    log.scrollTop = log.scrollHeight;
  };
  const show = {
    user: (event) => line("You", "caller", event.text),
    agent: (event) => line("Agent", "agent", event.text),
    tool_call: (event) => line(event.tool, "target", JSON.stringify(event.arguments ?? {}), ...(event.awaits_result ? [answer(event)] : [])),
    tool_result: (event) => line(event.tool || "Tool", "target", event.text ?? "", h("span", { class: event.ok === false ? "mark cut" : "mark" }, BY[event.by] || event.by || "")),
    turn: (event) => line("", "turned", "", h("span", { class: "mark" }, [event.latency_ms !== null ? `answered in ${event.latency_ms} ms` : "", event.cost !== null ? money(event.cost) : ""].filter(Boolean).join(" · "))),
    ended: (event) => line("Ended", "over", [event.text, event.to ? `to ${event.to}` : ""].filter(Boolean).join(" ")),
  };

  function answer(event) {
    const output = field("output", `Answer of ${event.tool}`, { lines: 2 }), wrong = field("failed", "It failed", { type: "checkbox" });
    wrong.element.classList.add("tick");
    const go = h("button", { type: "submit", class: "small" }, "Answer");
    const made = h("form", { class: "fields byhand" }, output.element, wrong.element, h("div", {}, go));
    made.addEventListener("submit", async (submitted) => {
      submitted.preventDefault();
      const body = { tool_call: event.tool_call, output: output.input.value, ok: !wrong.value() };
      if (await attempt(go, "Answer", () => ask("POST", `${at}/tool-results`, body))) made.remove();
    });
    return made;
  }

  const state = (session) => {
    const before = turn;
    turn = session.users_turn && session.state === "open";
    over = over || session.state === "ended";
    send.disabled = !turn;
    words.input.readOnly = over;
    end.disabled = over;
    keep.disabled = !session.turns;
    say(cost, `${session.model} · ${money(session.cost)} · ${session.turns} ${session.turns === 1 ? "message" : "messages"}${over ? " · ended" : turn ? " · your turn" : " · the agent's turn"}`);
    if (turn && !before && !log.contains(document.activeElement)) words.input.focus();
  };

  async function follow() {
    let last = 0;
    while (!over) {
      try {
        const page = await ask("GET", `${at}/events?after=${last}&wait_s=${WAIT_S}`);
        for (const event of page.events) {
          show[event.type]?.(event);
          events.push(event);
          last = event.number;
        }
        if (page.session.state !== "ended" || last >= page.session.events) state(page.session);
      } catch (error) {
        if (over) return;
        if (error.status && error.status !== 503) { over = true; send.disabled = true; return failed(error, "Conversation"); }
        await new Promise((done) => { setTimeout(done, RETRY_MS); });
      }
    }
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = words.value();
    if (!turn || !text) return;
    if (await attempt(send, "Send", async () => state(await ask("POST", `${at}/messages`, { text })))) words.input.value = "";
    send.disabled = !turn;
  });
  end.addEventListener("click", () => attempt(end, "End", () => ask("DELETE", at, {})));
  state(opened);
  follow();
  return {
    element: h("section", { class: "card", "aria-label": `Conversation with ${agent}` }, log, cost, form, kept),
    focus: () => words.input.focus(),
    close: () => { if (!over) { over = true; ask("DELETE", at, {}).catch(() => {}); } },
  };
}
