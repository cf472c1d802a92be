// Dead letters: webhook messages that were given up, to be sent again or discarded.
import { ask, path, query } from "../lib/api.js";
import { confirm, field } from "../lib/dialog.js";
import { every, fill, h, paced } from "../lib/dom.js";
import { counted, day } from "../lib/format.js";
import { table } from "../lib/table.js";
import { attempt, failed, told } from "../lib/toasts.js";
import { staleness } from "../parts/stale.js";

const PAGE = 50, SECONDS = 10;
const LETTERS = "/v1/webhooks/dead-letters";
let kept = {};

export function open(main, me) {
  const admin = me.may("admin");
  const fields = [field("receiver", "Receiver", { type: "search", maxlength: 320 }), field("call", "Call id", { type: "search", maxlength: 64 })];
  for (const each of fields) each.input.value = kept[each.name] || "";
  const button = h("button", { type: "submit", class: "main" }, "Search");
  const more = h("button", { type: "button", hidden: true }, "More");
  const count = h("p", { class: "quiet", role: "status" });
  const letters = table({
    caption: "Dead letters", empty: "No dead letters.", key: (letter) => String(letter.number),
    columns: [
      { label: "No.", kind: "number", cell: (letter) => String(letter.number) },
      { label: "Receiver", kind: "wide", cell: (letter) => letter.receiver },
      { label: "Event", cell: (letter) => h("code", {}, letter.type) },
      { label: "Call", cell: (letter) => h("a", { href: `#/history/${encodeURIComponent(letter.call)}`, title: letter.call }, h("code", {}, letter.call.slice(0, 8))) },
      { label: "Created", cell: (letter) => day(letter.accepted_at) },
      { label: "Given up", cell: (letter) => day(letter.dead_at) },
      { label: "Attempts", kind: "number", cell: (letter) => String(letter.attempts) },
      { label: "Reason", kind: "details", cell: (letter) => letter.reason },
      ...(admin ? [{ label: "", kind: "acts", cell: (letter) => h("div", { class: "buttons" },
        act("Retry", letter, (press) => retry(letter, press, refresh)), act("Discard", letter, (press) => discard(letter, press, refresh), "danger")) }] : []),
    ],
  });
  const all = h("div", { class: "verbs" });
  const form = h("form", { class: "search", role: "search" }, fields.map((each) => each.element), button);
  const data = staleness(count, letters.element, more);
  fill(main, h("h1", {}, "Webhooks"), h("p", { class: "quiet" }, "Messages that their receiver did not accept in any attempt (dead letters). Correct the receiver, then retry."),
    form, all, data.element);

  let shown = PAGE;
  const selection = () => Object.fromEntries(Object.entries(kept).filter(([, value]) => value));
  const refresh = paced(async () => {
    kept = Object.fromEntries(fields.map((each) => [each.name, each.value()]));
    try {
      const found = await ask("GET", `${LETTERS}${query({ ...kept, limit: shown })}`);
      letters.update(found.dead_letters);
      more.hidden = found.next === null || shown >= 1000;
      const number = found.dead_letters.length;
      count.textContent = `${number}${found.next === null ? "" : " or more"} dead letter${number === 1 ? "" : "s"}`;
      all.hidden = !admin || !number;
      data.fresh();
    } catch (error) {
      if (!error.status) data.lost();
      if (error.status && error.status !== 401) failed(error);
    }
  }, 500);
  if (admin) fill(all,
    h("button", { type: "button", on: { click: (event) => retryAll(selection(), event.currentTarget, refresh) } }, "Retry all"),
    h("button", { type: "button", class: "danger", on: { click: (event) => discardAll(selection(), event.currentTarget, refresh) } }, "Discard all"));
  form.addEventListener("submit", (event) => { event.preventDefault(); shown = PAGE; refresh(); });
  more.addEventListener("click", () => { shown += PAGE; refresh(); });
  const stops = [every(SECONDS * 1000, refresh), refresh.stop];
  refresh();
  return () => stops.forEach((stop) => stop());
}

function act(label, letter, work, kind = "") {
  return h("button", { type: "button", class: `${kind} small`, "data-focus": `${label} ${letter.number}`, "aria-label": `${label} message ${letter.number}`,
    on: { click: (event) => work(event.currentTarget) } }, label);
}

async function retry(letter, button, refresh) {
  if (await attempt(button, "Retry", () => ask("POST", path`/v1/webhooks/dead-letters/${letter.number}/replay`, {}))) told("The message is sent again.");
  refresh();
}

async function discard(letter, button, refresh) {
  const sure = await confirm({ title: `Discard message ${letter.number}?`, yes: "Discard", text: `${letter.receiver} will not get it. You cannot undo this.` });
  if (sure && await attempt(button, "Discard", () => ask("DELETE", path`/v1/webhooks/dead-letters/${letter.number}`))) told("The message is discarded.");
  refresh();
}

const whose = ({ receiver, call }) => `All dead letters${receiver ? ` for ${receiver}` : ""}${call ? ` of the call ${call}` : ""}`;

async function retryAll(selection, button, refresh) {
  const sure = await confirm({ title: "Retry all?", yes: "Retry all", danger: false, text: `${whose(selection)} are sent again.` });
  if (sure) await attempt(button, "Retry all", async () => {
    const { replayed } = await ask("POST", `${LETTERS}/replay`, selection);
    told(`${counted(replayed, "message")} will be sent again.`);
  });
  refresh();
}

async function discardAll(selection, button, refresh) {
  const sure = await confirm({ title: "Discard all?", yes: "Discard all", text: `${whose(selection)} are deleted. You cannot undo this.` });
  if (sure) await attempt(button, "Discard all", async () => {
    const asked = Object.keys(selection).length ? selection : { all: true };
    const { discarded } = await ask("POST", `${LETTERS}/discard`, asked);
    told(`${counted(discarded, "message")} discarded.`);
  });
  refresh();
}
