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
  ["transferred", "Transferred", share], ["first_frame_ms", "Response time", milliseconds], ["cost", "Cost per call", money]];
const SPANS = [{ value: "", label: "all time" }, { value: "1", label: "last 24 hours" }, { value: "7", label: "last 7 days" }, { value: "30", label: "last 30 days" }];

/** `alter(button, title, work, said)`: does a change upon the state that was seen; `work(etag)`. */
export function shares({ name, locked, alter }) {
  const said = h("p", { role: "status" }), buttons = h("div", { class: "verbs" }), since = field("since", "Period", { options: SPANS });
  const rows = comparison();
  let found = null;

  const give = (it) => {
    const tried = found.trial;
    const portion = field("share", "Share of new calls (%)", { type: "number", min: 1, max: 100, step: 1, required: true, value: tried?.share ?? 10 });
    const which = field("version", "Version", { options: known.filter((each) => each.version !== found.published.version).map((each) => ({
      value: String(each.version), label: `${each.version}${each.comment ? `: ${each.comment}` : ""}` })) });
    if (tried) which.input.value = String(tried.version);
    form({ title: tried ? "Change the share" : "Start a trial", yes: "Apply", fields: [which, portion],
      note: `Version ${found.published.version} gets the rest. Live calls keep their version.`,
      send: (given) => alter(it, "Share", (etag) => setTrial("agents", name, etag, Number(given.version), Number(given.share)),
        () => told(`Version ${given.version} gets ${given.share} % of new calls.`)) });
  };
  const end = async (it) => {
    const sure = await confirm({ title: "End the trial?", yes: "End trial", danger: false, text: `All new calls get version ${found.published.version}.` });
    if (sure) await alter(it, "End the trial", (etag) => endTrial("agents", name, etag), () => told(`All new calls get version ${found.published.version}.`));
  };
  const choose = async (it) => {
    const number = found.trial.version;
    const sure = await confirm({ title: `Publish version ${number}?`, yes: "Publish", danger: false,
      text: `The content of version ${number} is published as a new version, and the trial ends. The draft is kept.` });
    if (sure) await alter(it, "Publish", async (etag) => {
      const made = await rollBack("agents", name, etag, number, `version ${number}, after its trial`);
      return endTrial("agents", name, made.etag).catch((error) => { failed(error, "End the trial"); return made; });
    }, (made) => told(`Version ${made.published.version} is published with the content of version ${number}.`));
  };
  const button = (label, work, kind = "") => h("button", { type: "button", class: kind, on: { click: (event) => work(event.currentTarget) } }, label);

  let known = [];
  const draw = () => {
    const tried = found?.trial, version = found?.published?.version;
    element.hidden = !version;
    fill(said, tried
      ? `${tried.share} % of new calls get version ${tried.version} (trial). The others get version ${version} (published).`
      : `All new calls get version ${version} (published).`);
    if (locked || !version) return fill(buttons);
    fill(buttons, tried ? [button("Change the share…", give), button("End the trial…", end), button(`Publish version ${tried.version}…`, choose)]
      : known.length > 1 ? button("Start a trial…", give) : h("span", { class: "quiet" }, "With a second version you can start a trial."));
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
  const element = h("section", { "aria-labelledby": "shares" }, h("h2", { id: "shares" }, "Traffic by version"), said, buttons,
    h("h2", {}, "Version comparison"), h("div", { class: "filters" }, since.element), rows.element);
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
    caption: "Version comparison",
    empty: "No calls in this period.",
    key: (row) => String(row.version),
    signature: (row) => JSON.stringify([row, published, tried, theirs]),
    columns: [
      { label: "Version", kind: "wide", cell: (row) => [row.version === null ? "not known" : row.version === 0 ? "drafts" : String(row.version), " ",
        row.version !== null && row.version === published && h("span", { class: "badge good" }, "published"),
        row.version !== null && row.version === tried && h("span", { class: "badge wait" }, "trial")] },
      { label: "Calls", kind: "number", cell: (row) => String(row.calls) },
      ...MEASURES.map(([name, label, how]) => ({ label, kind: "measure", cell: (row) => h("div", {}, cell(row, name, how)) })),
      { label: "Ended", kind: "wide", cell: (row) => Object.entries(row.outcomes).map(([each, count]) => `${outcome(each)} ${count}`).join(", ") },
    ],
  });
  const element = h("div", {}, rows.element, h("p", { class: "quiet" },
    "Means of the ended calls, with their 95 % confidence intervals. Intervals need at least 30 calls. " +
    "“Differs” means that the two intervals do not overlap. Some differences are chance, and calls at different times of day can differ for that reason alone."));
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
