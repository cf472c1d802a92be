// A conversation by typing, kept as a test of the agent: in its draft, or shown to be copied into the config file.
import { field, form } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { list, read, saveDraft } from "../lib/resources.js";
import { told } from "../lib/toasts.js";

const OUTSIDE = new Set(["tool", "hand"]);
const UNCHECKED = new Set(["hang_up", "transfer", "wait_for_user"]);

/** What the caller said, how tools answered, and as checks what was certain. */
export function testOf(events) {
  const says = events.filter((each) => each.type === "user").map((each) => each.text);
  const results = Object.fromEntries(events.filter((each) => each.type === "tool_result" && OUTSIDE.has(each.by)).map((each) => [each.tool, each.text]));
  const checks = events.flatMap((each) => {
    if (each.type === "tool_call" && !UNCHECKED.has(each.tool)) return [{ tool_called: { name: each.tool, arguments: each.arguments || {} } }];
    if (each.type !== "ended") return [];
    return each.to ? [{ transferred_to: each.to }] : each.by === "agent" ? [{ ended_by: "agent" }] : [];
  });
  return { says, ...(Object.keys(results).length ? { results } : {}), checks: checks.length ? checks : [{ max_turns: Math.max(1, says.length) }] };
}

/** `place`: where it is shown if it can't be kept. */
export function saveTest(agent, me, events, place) {
  const name = field("name", "Name of the test", { required: true, maxlength: 64, help: "Such as opening-hours." });
  const test = testOf(events);
  form({ title: "Save as a test", fields: [name], yes: "Save", note: "What you said, how tools answered, and which tools were called.", send: async (given) => {
    const store = me.may("config") && me.may("read") && (await list("agents")).source === "store";
    if (!store) {
      fill(place, h("h3", {}, "Put this into the agent's tests in the config file"), h("pre", { class: "diff", tabindex: "0" }, JSON.stringify({ [given.name]: test }, null, 2)));
      return;
    }
    const found = await read("agents", agent);
    const content = found.draft?.content ?? found.published.content;
    if (content.tests?.[given.name]) throw new Error("There is a test of this name");
    await saveDraft("agents", agent, found.etag, { ...content, tests: { ...content.tests, [given.name]: test } });
    told(`The test ${given.name} is in the draft of ${agent}.`);
  } });
}
