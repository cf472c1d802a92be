// Talk to an agent from the browser: whom, with which microphone; then what is said.
import { ask, path } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { fill, h, paced } from "../lib/dom.js";
import { read, versions } from "../lib/resources.js";
import { devices } from "../lib/softphone.js";
import { listen, TYPES } from "../lib/streams.js";
import { attempt, failed } from "../lib/toasts.js";
import { answered, busy, changed, talk } from "../parts/phone.js";
import { scenes } from "../parts/scenes.js";
import { transcript } from "../parts/transcript.js";

const PUBLISHED = { value: "", label: "Published version" };

export function open(main, me) {
  const given = new URLSearchParams(location.hash.split("?")[1] || ""), wanted = given.get("agent");
  const agent = field("agent", "Agent", { options: [...new Set([...(wanted ? [wanted] : []), ...me.choices.agents])] });
  const version = field("version", "Version", { options: [PUBLISHED] });
  const input = field("microphone", "Microphone", { options: [{ value: "", label: "The system's microphone" }] });
  const button = h("button", { type: "submit", class: "main" }, "Talk");
  const form = h("form", { class: "card fields" }, agent.element, version.element, input.element, h("div", { class: "buttons" }, button));
  const words = h("section", { class: "card words", hidden: true });
  fill(main, h("h1", {}, "Talk"), h("p", { class: "quiet" },
    "Place a real call through Asterisk to an agent from this browser. The call counts towards limits and costs."), form, words);
  let stops = [], followed = null;
  const quiet = () => stops.splice(0).forEach((stop) => stop());

  const follow = (call) => {
    quiet();
    words.hidden = !me.may("read");
    if (words.hidden) return;
    const said = transcript({ may: me.may("recordings") });
    fill(words, h("h2", {}, "Transcript"), said.element,
      h("p", {}, h("a", { href: `#/calls/${encodeURIComponent(call)}` }, "Call details")));
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
  /** What there is of the agent; who may not read it talks with what is published. */
  const offer = async (chosen) => {
    const name = agent.value();
    const [resource, past] = me.may("read") ? await Promise.all([read("agents", name), versions("agents", name)]).catch(() => [null, null]) : [null, null];
    if (name !== agent.value()) return;
    const known = (past?.versions || []).map((each) => ({ value: String(each.version), label: `Version ${each.version}${each.comment ? `: ${each.comment}` : ""}` }));
    const all = [...(resource && !resource.published ? [] : [PUBLISHED]), ...(resource?.draft ? [{ value: "draft", label: "The draft" }] : []), ...known];
    fill(version.input, all.map((each) => h("option", { value: each.value }, each.label)));
    version.input.value = all.some((each) => each.value === chosen) ? chosen : all[0].value;
  };
  agent.input.addEventListener("change", () => offer(""));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await attempt(button, "Talk", () => talk(agent.value(), version.value(), input.value()));
    show();
    list();
  });
  changed.addEventListener("call", show);
  navigator.mediaDevices?.addEventListener("devicechange", list);
  show();
  list();
  offer(given.get("version") || "");
  return () => {
    quiet();
    changed.removeEventListener("call", show);
    navigator.mediaDevices?.removeEventListener("devicechange", list);
  };
}
