// Which versions of an agent get its new calls, and how they do: shares, and a comparison that says how sure it is.
import { ask, path, query } from "../lib/api.js";
import { confirm, field, form } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { milliseconds, money, outcome, span } from "../lib/format.js";
import { endTrial, rollBack, setTrial, versions } from "../lib/resources.js";
import { table } from "../lib/table.js";
import { failed, told } from "../lib/toasts.js";

const share = (value) => `${Math.round(value * 100)} %`, few = (value) => value.toFixed(value < 10 ? 1 : 0);
const MEASURES = [["answered", "Answered", share], ["talked_s", "Talked", span], ["turns", "Turns", few], ["interruptions", "Interruptions", few],
  ["transferred", "Transferred", share], ["first_frame_ms", "Answers in", milliseconds], ["cost", "Cost of a call", money]];
const SPANS = [{ value: "", label: "ever" }, { value: "1", label: "the last day" }, { value: "7", label: "the last 7 days" }, { value: "30", label: "the last 30 days" }];

/** `alter(button, title, work, said)`: does a change upon the state that was seen; `work(etag)`. */
export function shares({ name, locked, alter }) {
  const said = h("p", { role: "status" }), buttons = h("div", { class: "verbs" }), since = field("since", "Calls of", { options: SPANS });
  const rows = comparison();
  let found = null;

  const give = (it) => {
    const tried = found.trial;
    const portion = field("share", "Of 100 new calls", { type: "number", min: 1, max: 100, step: 1, required: true, value: tried?.share ?? 10 });
    const which = field("version", "Version", { options: known.filter((each) => each.version !== found.published.version).map((each) => ({
      value: String(each.version), label: `${each.version}${each.comment ? `: ${each.comment}` : ""}` })) });
    if (tried) which.input.value = String(tried.version);
    form({ title: tried ? "Change the share" : "Give a version a share", yes: "Take over", fields: [which, portion],
      note: `Version ${found.published.version} keeps the others. Live calls keep what they began with.`,
      send: (given) => alter(it, "Share", (etag) => setTrial("agents", name, etag, Number(given.version), Number(given.share)),
        () => told(`Version ${given.version} gets ${given.share} of 100 new calls.`)) });
  };
  const end = async (it) => {
    const sure = await confirm({ title: "End the trial?", yes: "End it", danger: false, text: `All new calls get version ${found.published.version}.` });
    if (sure) await alter(it, "End the trial", (etag) => endTrial("agents", name, etag), () => told(`All new calls get version ${found.published.version}.`));
  };
  const choose = async (it) => {
    const number = found.trial.version;
    const sure = await confirm({ title: `Give version ${number} all calls?`, yes: "Publish it", danger: false,
      text: `What version ${number} says is published as a new version, and the trial ends. A draft stays as it is.` });
    if (sure) await alter(it, "Publish", async (etag) => {
      const made = await rollBack("agents", name, etag, number, `version ${number}, after its trial`);
      return endTrial("agents", name, made.etag).catch((error) => { failed(error, "End the trial"); return made; });
    }, (made) => told(`Version ${made.published.version} is published: it says what version ${number} said.`));
  };
  const button = (label, work, kind = "") => h("button", { type: "button", class: kind, on: { click: (event) => work(event.currentTarget) } }, label);

  let known = [];
  const draw = () => {
    const tried = found?.trial, version = found?.published?.version;
    element.hidden = !version;
    fill(said, tried
      ? `${tried.share} of 100 new calls get version ${tried.version}, the others version ${version}, which is published.`
      : `All new calls get version ${version}, which is published.`);
    if (locked || !version) return fill(buttons);
    fill(buttons, tried ? [button("Change the share…", give), button("End the trial…", end), button(`Give version ${tried.version} all calls…`, choose)]
      : known.length > 1 ? button("Give a version a share…", give) : h("span", { class: "quiet" }, "Once there is another version, it may get a share of the calls."));
  };
  const compare = async () => {
    const days = Number(since.value()), from = days ? new Date(Date.now() - days * 86400000).toISOString() : null;
    try {
      const all = (await ask("GET", `${path`/v1/resources/agents/${name}/comparison`}${query({ since: from })}`)).versions;
      rows.update(all, found?.published?.version, found?.trial?.version);
    } catch (error) {
      if (error.status !== 401 && error.status !== 403) failed(error, "Compare");
    }
  };
  since.input.addEventListener("change", compare);
  const element = h("section", { "aria-labelledby": "shares" }, h("h2", { id: "shares" }, "Which version gets the calls"), said, buttons,
    h("h2", {}, "How the versions do"), h("div", { class: "filters" }, since.element), rows.element);
  return {
    element,
    update: async (next) => {
      found = next;
      draw();
      if (!found) return;
      try {
        known = (await versions("agents", name)).versions;
        draw();
      } catch (error) {
        if (error.type !== "unknown-resource" && error.status !== 401) failed(error, "Versions");
      }
      await compare();
    },
  };
}

function comparison() {
  let published = null, tried = null, theirs = null;
  const measure = (row, name) => row.measures.find((each) => each.name === name);
  const cell = (row, name, how) => {
    const it = measure(row, name);
    if (it.mean === null) return "–";
    const shown = [h("div", { class: "mean" }, how(it.mean))];
    if (it.low === null) return [...shown, h("small", {}, `${it.calls} ${it.calls === 1 ? "call" : "calls"}: too few to say`)];
    shown.push(h("small", {}, `${how(it.low)} to ${how(it.high)}`));
    const other = theirs && row.version !== published && measure(theirs, name);
    if (other && other.low !== null) shown.push(verdict(it, other));
    return shown;
  };
  const rows = table({
    caption: "How the versions do",
    empty: "No calls yet in this time.",
    key: (row) => String(row.version),
    signature: (row) => JSON.stringify([row, published, tried, theirs]),
    columns: [
      { label: "Version", kind: "wide", cell: (row) => [row.version === null ? "not known" : row.version === 0 ? "drafts" : String(row.version), " ",
        row.version !== null && row.version === published && h("span", { class: "badge good" }, "published"),
        row.version !== null && row.version === tried && h("span", { class: "badge wait" }, "tried")] },
      { label: "Calls", kind: "number", cell: (row) => String(row.calls) },
      ...MEASURES.map(([name, label, how]) => ({ label, kind: "measure", cell: (row) => h("div", {}, cell(row, name, how)) })),
      { label: "Ended", kind: "wide", cell: (row) => Object.entries(row.outcomes).map(([each, count]) => `${outcome(each)} ${count}`).join(", ") },
    ],
  });
  const element = h("div", {}, rows.element, h("p", { class: "quiet" },
    "Means over the ended calls; below each, where the mean of very many such calls lies with 95 % certainty. With fewer than 30 calls nothing is said about that. " +
    "“Differs” is said only where both ranges do not touch. One such comparison in many is chance all the same, and versions that had their calls at other times may differ by that alone."));
  return {
    element,
    update: (all, ...who) => {
      [published, tried] = who;
      theirs = all.find((row) => row.version !== null && row.version === published) || null;
      rows.update(all);
    },
  };
}

/** Against the published version: whether the ranges touch. No judgement of what is better. */
function verdict(it, other) {
  if (it.low > other.high) return h("div", {}, h("span", { class: "badge moved" }, "differs: more"));
  if (it.high < other.low) return h("div", {}, h("span", { class: "badge moved" }, "differs: less"));
  return h("small", {}, "no clear difference");
}
