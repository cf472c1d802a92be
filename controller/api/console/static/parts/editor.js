// The editor of one resource: a draft is made from what is published, checked, compared and published.
import { changes, same, written } from "../lib/changes.js";
import { confirm, field, form as ask } from "../lib/dialog.js";
import { fill, h } from "../lib/dom.js";
import { day } from "../lib/format.js";
import { dropDraft, faults, publish, read, rollBack, saveDraft, validate } from "../lib/resources.js";
import { attempt, failed, told } from "../lib/toasts.js";
import { diff } from "./diff.js";
import { history } from "./history.js";
import { text } from "./text.js";

const unsaved = new Map();
/** What somebody has left without saving: it is there again when they come back, until the page is loaded anew. */

export function editor(main, { me, kind, name, resource, fresh, locked, why, makeForm, makeBeside }) {
  const mine = `${me.name} ${kind} ${name}`;
  const state = { content: null, locked, changed: () => drawState() };
  let found = resource, base = null;
  const contentOf = (each) => each?.draft?.content ?? each?.published?.content ?? fresh;

  const status = h("p", { class: "quiet", role: "status" });
  const clash = h("section", { class: "card clash", role: "alert", hidden: true });
  const wrong = h("div", { role: "alert" });
  const words = text(state), form = makeForm?.(state);
  const views = form ? [["Form", form], ["Text", words]] : [["Text", words]];
  let view = views[0][1];
  const holder = h("div", {}), more = h("p", { class: "quiet" }), tabs = h("div", { class: "verbs tabs", role: "group", "aria-label": "Show as" });
  const past = history({ kind, name, locked, back });
  const beside = makeBeside?.({ state, locked, alter, store });
  const button = (label, work, kind = "") => h("button", { type: "button", class: kind, on: { click: (event) => work(event.currentTarget) } }, label);
  const save = button("Save draft", (it) => attempt(it, "Save draft", store).then(drawState), "main");
  const out = button("Publish…", (it) => publishIt(it)), drop = button("Discard draft", (it) => discard(it), "danger");

  const talks = kind === "agents" && me.may("call") && me.choices.softphone && h("a", {});
  const dirty = () => !same(state.content, base);
  const left = () => view.leave?.() ?? true;
  const drawState = () => {
    const version = found?.published, draft = found?.draft;
    const now = version ? `Version ${version.version} is published, by ${version.by}, ${day(version.at)}${version.comment ? `: ${version.comment}` : ""}.` : "Nothing is published yet.";
    const then = draft ? ` Draft by ${draft.by}, ${day(draft.at)}.` : "";
    fill(status, now, then, dirty() && !locked ? h("strong", {}, " Not saved yet.") : "");
    save.disabled = !dirty() && Boolean(found) && view !== words;
    out.disabled = !draft && !dirty();
    drop.disabled = !draft && !dirty();
    if (talks) {
      talks.href = `#/talk?agent=${encodeURIComponent(name)}${draft ? "&version=draft" : ""}`;
      fill(talks, draft ? "Talk to the draft" : "Talk to the published version");
    }
    form?.changed?.();
    beside?.changed?.();
  };
  const take = (next) => {
    found = next;
    base = contentOf(next);
    state.content = base;
    unsaved.delete(mine);
    view.show();
    drawState();
    past.update(next);
    beside?.update(next);
  };
  const complain = (errors, title) => {
    const rest = form ? form.wrong(view === form ? errors : []) : errors;
    const shown = view === form ? rest : errors;
    fill(wrong, errors.length ? h("div", { class: "card wrong" }, h("h2", {}, title),
      shown.length < errors.length ? h("p", {}, "See the fields that are marked.") : null,
      h("ul", {}, shown.map((each) => h("li", {}, each.path && h("code", {}, each.path), " ", each.text)))) : null);
  };
  const show = (next) => {
    if (!left()) return;
    view = next;
    fill(holder, view.element);
    view.show();
    for (const each of tabs.children) each.setAttribute("aria-pressed", String(each.dataset.view === views.find(([, one]) => one === view)[0]));
    const keys = form?.keys?.(), rest = keys ? Object.keys(state.content || {}).filter((key) => !keys.has(key)) : [];
    fill(more, view === form && rest.length ? `Also set, and kept: ${rest.join(", ")}. The text view shows all keys.` : "");
    drawState();
  };

  /** Runs `work`; what the configuration refuses is shown at the fields, and what others did meanwhile is compared. Gives undefined then. */
  async function guarded(work, title) {
    try {
      return await work();
    } catch (error) {
      if (error.status === 412) await compare();
      else if (error.type === "invalid-config") complain(faults(error, kind, name), title);
      else throw error;
      return undefined;
    }
  }

  /** Saves, and says whether it could be published. */
  async function store() {
    if (!left()) return false;
    if (found && !found.draft && !dirty()) return true; // as it is published
    if (dirty() || !found) {
      const kept = await guarded(() => saveDraft(kind, name, found?.etag, state.content), "Not saved");
      if (!kept) return false;
      clash.hidden = true;
      take(kept);
    }
    complain([], "");
    const fits = await guarded(() => validate(kind, name), "Saved. It can't be published like this");
    if (fits) told("The draft is saved, and could be published.");
    return Boolean(fits);
  }

  async function publishIt(it) {
    let fits = false;
    await attempt(it, "Save draft", async () => { fits = await store(); });
    drawState();
    if (!fits) return;
    const comment = field("comment", "Comment", { lines: 2, maxlength: 1000, help: "What is different, for whoever reads the versions." });
    ask({ title: `Publish ${name}?`, fields: [comment], yes: "Publish", note: "New calls use it. Live calls keep their version.",
      send: async (given) => {
        const kept = await guarded(() => publish(kind, name, found.etag, given.comment), "Not published");
        if (kept) { take(kept); told(`Version ${kept.published.version} is published.`); }
      } });
  }

  async function discard(it) {
    const sure = await confirm({ title: "Discard the draft?", text: "What was changed since the published version is lost.", yes: "Discard" });
    if (!sure) return;
    await attempt(it, "Discard draft", async () => {
      const kept = found?.draft ? await guarded(() => dropDraft(kind, name, found.etag), "Not discarded") : found;
      if (kept === undefined) return;
      complain([], "");
      take(kept);
      if (!kept) location.hash = "#/agents";
    });
    drawState();
  }

  async function back(version, it) {
    const sure = await confirm({ title: `Publish version ${version} again?`, yes: "Roll back", danger: false,
      text: "It becomes a new version, and the next call has it. A draft stays as it is." });
    if (sure) await alter(it, "Roll back", (etag) => rollBack(kind, name, etag, version, ""),
      (kept) => told(`Version ${kept.published.version} is published with the content of version ${version}.`));
  }

  /** Changes what is published, or which calls it gets, upon what was seen; what somebody has not saved stays. */
  async function alter(it, title, work, said) {
    await attempt(it, title, async () => {
      const kept = await guarded(() => work(found.etag), `${title}: refused`);
      if (!kept) return;
      const own = state.content, changed = dirty();
      take(kept);
      if (changed) { state.content = own; view.show(); drawState(); }
      said(kept);
    });
  }

  /** Somebody else was faster: what they changed since this page was read, and what to do about it. */
  async function compare() {
    const theirs = await read(kind, name).catch((error) => { if (error.status === 404) return null; throw error; });
    const by = theirs?.draft || theirs?.published;
    const lines = written(changes(base, contentOf(theirs)));
    if (theirs && !lines.length) { // published as it stands here, or other calls get it
      const own = state.content, changed = dirty();
      take(theirs);
      if (changed) { state.content = own; view.show(); drawState(); }
      throw Object.assign(new Error("Somebody else has published it, or changed which calls it gets. Look at it, and try again"), { type: "changed-meanwhile" });
    }
    const lose = button("Take theirs, lose mine", () => { clash.hidden = true; complain([], ""); take(theirs); });
    const keep = button("Save mine instead", (it) => { found = theirs; attempt(it, "Save draft", store).then(drawState); });
    fill(clash, h("h2", {}, "Somebody else has changed it"),
      h("p", {}, by ? `${by.by}, ${day(by.at)}. Nothing of yours is lost. Since you opened it they changed:` : "It was deleted meanwhile."),
      diff(lines), h("div", { class: "buttons" }, lose, keep));
    clash.hidden = false;
    clash.scrollIntoView({ block: "nearest" });
  }

  const tries = kind === "agents" && me.may("call") && h("a", { href: `#/try/${encodeURIComponent(name)}` }, "Try by typing");
  fill(tabs, views.length > 1 && views.map(([label, each]) => h("button", { type: "button", class: "small", "data-view": label,
    on: { click: () => show(each) } }, label)));
  main.append(status, locked ? h("p", { class: "notice" }, why) : "", clash, wrong,
    h("div", { class: "verbs" }, locked ? [] : [save, out, drop], tries, talks, tabs), more, holder, beside?.element ?? "", past.element);
  base = contentOf(found);
  state.content = unsaved.get(mine)?.content ?? base;
  if (unsaved.has(mine)) {
    base = unsaved.get(mine).base;
    if (found) found = { ...found, etag: unsaved.get(mine).etag };
    told("Your changes that were not saved are still here.");
  }
  show(view);
  drawState();
  past.update(found);
  beside?.update(found);
  const asks = (event) => { if (dirty() && !locked) event.preventDefault(); };
  window.addEventListener("beforeunload", asks);
  return () => {
    window.removeEventListener("beforeunload", asks);
    left();
    if (dirty() && !locked) unsaved.set(mine, { content: state.content, base, etag: found?.etag });
    else unsaved.delete(mine);
  };
}
