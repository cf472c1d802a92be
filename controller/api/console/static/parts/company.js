// Who is in a live call besides caller and agent: who was dialled into it, to whom it was transferred, who supervises it.
import { ask, path } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { outcome } from "../lib/format.js";
import { attempt } from "../lib/toasts.js";

const GONE = ["left", "failed"];

/** [{role, name, state, leg?}] of those who are there, or are being dialled. */
export function company(call) {
  const { transfer, supervision } = call, moving = transfer && (transfer.state === "ringing" || transfer.state === "consulting");
  return [
    ...(moving || call.state === "transferred" && transfer?.state === "answered" ? [{ role: "transfer", name: transfer.to, state: transfer.state }] : []),
    ...call.participants.filter((each) => !GONE.includes(each.state)).map((each) => ({ role: "participant", name: each.to, state: each.state, leg: each.leg })),
    ...(supervision && !GONE.includes(supervision.state) ? [{ role: "supervisor", name: supervision.to, state: supervision.state === "on" ? supervision.mode : supervision.state }] : []),
  ];
}

/** A card with them, and a button that removes a participant. null: there is nobody else. */
export function companyCard(call, me, changed) {
  const there = company(call);
  if (call.ended_at || !there.length) return null;
  const remove = (each) => me.may("control") && each.leg && h("button", { type: "button", class: "danger small", "aria-label": `Remove ${each.name}`,
    on: { click: async (event) => {
      await attempt(event.currentTarget, "Remove", () => ask("DELETE", path`/v1/calls/${call.id}/participants/${each.leg}`));
      changed();
    } } }, "Remove");
  return h("section", { class: "card" }, h("h2", {}, "Also in the call"), h("ul", { class: "parties" }, there.map((each) =>
    h("li", {}, h("strong", {}, each.role), h("span", { class: "badge moved" }, outcome(each.state)), h("span", {}, each.name), remove(each)))));
}
