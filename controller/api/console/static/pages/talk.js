// Talk to an agent from the browser: whom, with which microphone; then what is said.
import { ask, path } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { fill, h, paced } from "../lib/dom.js";
import { devices } from "../lib/softphone.js";
import { listen, TYPES } from "../lib/streams.js";
import { attempt, failed } from "../lib/toasts.js";
import { answered, busy, changed, talk } from "../parts/phone.js";
import { scenes } from "../parts/scenes.js";
import { transcript } from "../parts/transcript.js";

export function open(main, me) {
  const wanted = new URLSearchParams(location.hash.split("?")[1] || "").get("agent");
  const agent = field("agent", "Agent", { options: [...new Set([...(wanted ? [wanted] : []), ...me.choices.agents])] });
  const input = field("microphone", "Microphone", { options: [{ value: "", label: "The system's microphone" }] });
  const button = h("button", { type: "submit", class: "main" }, "Talk");
  const form = h("form", { class: "card fields" }, agent.element, input.element, h("div", { class: "buttons" }, button));
  const words = h("section", { class: "card words", hidden: true });
  fill(main, h("h1", {}, "Talk"), h("p", { class: "quiet" },
    "A real call through Asterisk to an agent, from this browser. It counts, and costs, as any other."), form, words);
  let stops = [], followed = null;
  const quiet = () => stops.splice(0).forEach((stop) => stop());

  const follow = (call) => {
    quiet();
    words.hidden = !me.may("read");
    if (words.hidden) return;
    const said = transcript({ may: me.may("recordings") });
    fill(words, h("h2", {}, "What is said"), said.element,
      h("p", {}, h("a", { href: `#/calls/${encodeURIComponent(call)}` }, "All about this call")));
    const refresh = paced(async () => {
      try {
        const found = await ask("GET", path`/v1/calls/${call}`);
        said.show({ ...found, transcript: found.transcript || [] });
        if (found.ended_at) quiet();
      } catch (error) {
        if (error.status && error.status !== 401) failed(error);
      }
    }, 250);
    stops.push(listen("/v1/events", TYPES, { fresh: refresh, event: (heard) => { if (heard.data.call === call) refresh(); } }),
      scenes(call, said.live), refresh.stop);
  };
  const show = () => {
    button.disabled = busy();
    const call = answered();
    if (call && call !== followed) follow(followed = call);
  };
  const list = async () => {
    const before = input.value();
    fill(input.input, (await devices()).microphones.map((each) => h("option", { value: each.value }, each.label)));
    input.input.value = before;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await attempt(button, "Talk", () => talk(agent.value(), input.value()));
    show();
    list();
  });
  changed.addEventListener("call", show);
  navigator.mediaDevices?.addEventListener("devicechange", list);
  show();
  list();
  return () => {
    quiet();
    changed.removeEventListener("call", show);
    navigator.mediaDevices?.removeEventListener("devicechange", list);
  };
}
