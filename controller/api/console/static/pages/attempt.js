// Try an agent by typing: which one, published or its draft, and who answers its tools; then the conversation.
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { read } from "../lib/resources.js";
import { attempt } from "../lib/toasts.js";
import { chat } from "../parts/chat.js";

const TOOLS = [{ value: "call", label: "sent to their servers" }, { value: "by_hand", label: "answered by me (dry run)" },
  { value: "none", label: "not called" }];

export function open(main, me, name) {
  const agent = field("agent", "Agent", { options: me.choices.agents.includes(name) || !name ? me.choices.agents : [name, ...me.choices.agents] });
  const version = field("version", "Version", { options: [{ value: "", label: "published" }] });
  const tools = field("tools", "HTTP tools", { options: TOOLS });
  const go = h("button", { type: "submit", class: "main" }, "Start");
  const form = h("form", { class: "card fields" }, h("div", { class: "grid" }, agent.element, version.element, tools.element), h("div", { class: "buttons" }, go));
  const place = h("div", {});
  let close = null, over = false;
  if (name) agent.input.value = name;
  fill(main, h("h1", {}, "Try by typing"), h("p", { class: "quiet" },
    "Chat with the agent in text. Nothing is dialed: a transfer or hang-up is shown and ends the conversation. The AI provider's costs apply."), form, place);

  const look = async () => {
    const wanted = agent.value();
    const found = me.may("read") ? await read("agents", wanted).catch(() => null) : null;
    if (over || wanted !== agent.value()) return;
    const options = [found?.draft && { value: "draft", label: "draft" }, { value: "", label: "published" }].filter(Boolean);
    fill(version.input, options.map(({ value, label }) => h("option", { value }, label)));
  };
  agent.input.addEventListener("change", look);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    close?.();
    attempt(go, "Start", async () => {
      const begun = await chat(agent.value(), me, { tools: tools.value(), draft: version.value() === "draft" });
      if (over) return begun.close();
      close = begun.close;
      fill(place, begun.element);
      begun.focus();
    });
  });
  look();
  return () => { over = true; close?.(); };
}
