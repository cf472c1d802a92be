// The audit log: who did what, newest first.
import { ask, query } from "../lib/api.js";
import { field } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { day } from "../lib/format.js";
import { moments } from "../lib/period.js";
import { table } from "../lib/table.js";
import { attempt } from "../lib/toasts.js";

const PAGE = 50;
let kept = {}; // what was sought: it is there again when the page is opened again

export function open(main) {
  const fields = [
    field("by", "Key, token or person", { type: "search", maxlength: 64 }),
    field("wrong", "Show", { options: [{ value: "", label: "All requests" }, { value: "1", label: "Wrong tokens" }] }),
    field("operation", "Operation", { type: "search", maxlength: 64, placeholder: "such as hang_up" }),
    field("call", "Call id", { type: "search", maxlength: 64 }),
    field("first", "From", { type: "date" }),
    field("last", "Until", { type: "date" }),
  ];
  const [by, wrong] = fields;
  for (const each of fields) each.input.value = kept[each.name] || "";
  const button = h("button", { type: "submit", class: "main" }, "Search");
  const more = h("button", { type: "button", hidden: true }, "More");
  const count = h("p", { class: "quiet", role: "status" });
  const form = h("form", { class: "search", role: "search" }, fields.map((each) => each.element), button);
  const entries = table({ caption: "Audit log", empty: "No entries found.", key: (entry) => String(entry.number), columns });
  fill(main, h("h1", {}, "Audit log"), h("p", { class: "quiet" }, "Changes, access to transcripts and recordings, and wrong tokens. Numbers are masked."),
    form, count, entries.element, more);

  let found = [], next = null;
  const sought = () => {
    kept = Object.fromEntries(fields.map((each) => [each.name, each.value()]));
    const asked = query({ by: kept.by, operation: kept.operation, call: kept.call, ...moments(kept.first, kept.last), limit: PAGE, before: next });
    return kept.wrong ? `${asked}&by=` : asked;
  };
  const look = (on) => attempt(button, "Search", async () => {
    if (!on) next = null;
    more.disabled = true; // it belongs to what was sought before
    const page = await ask("GET", `/v1/audit${sought()}`).finally(() => { more.disabled = false; });
    found = on ? [...found, ...page.entries] : page.entries;
    next = page.next;
    entries.update(found);
    more.hidden = next === null;
    count.textContent = `${found.length}${next === null ? "" : " or more"} ${found.length === 1 ? "entry" : "entries"}`;
  });
  const switched = () => { by.input.disabled = Boolean(wrong.value()); if (by.input.disabled) by.input.value = ""; };
  wrong.input.addEventListener("change", switched);
  form.addEventListener("submit", (event) => { event.preventDefault(); look(false); });
  more.addEventListener("click", () => look(true));
  switched();
  look(false);
  return () => {};
}

const columns = [
  { label: "Time", cell: (entry) => day(entry.at) },
  { label: "By", kind: "wide", cell: (entry) => entry.by || h("span", { class: "badge bad" }, "wrong token") },
  { label: "Operation", cell: (entry) => h("code", {}, entry.operation) },
  { label: "Call", cell: (entry) => (entry.call ? h("a", { href: `#/history/${encodeURIComponent(entry.call)}`, title: entry.call }, h("code", {}, entry.call.slice(0, 8))) : "–") },
  { label: "With", kind: "details", cell: (entry) => Object.entries(entry.asked).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ") || "–" },
  { label: "Status", cell: (entry) => h("span", { class: `badge ${entry.status < 400 ? "good" : "bad"}` }, String(entry.status)) },
  { label: "From", cell: (entry) => entry.source || "–" },
];
