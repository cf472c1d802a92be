// What went wrong, in words that say what to do about it; and what went well, for those who can't see it.
import { h } from "./dom.js";

const ADVICE = {
  "unreachable": "Is it running? The page goes on by itself once it is back.",
  "forbidden": "Ask for a token with that scope, or log in with another one.",
  "not-allowed": "The trunk's allow-list, calling hours or country rules in the config decide that.",
  "wrong-state": "Look at the call's state and try again when it fits.",
  "unknown-call": "It has ended long ago, or was never here.",
  "unknown-name": "Choose one of those that the config has.",
  "too-many-requests": "Wait a moment and try again.",
  "too-many-guesses": "Wait a moment before the next attempt.",
  "at-limit": "As many calls wait as may. Try again when some of them are through.",
  "not-ready": "Look at Health: Asterisk or the workers are away.",
  "store-away": "The database does not answer. Live calls go on; try again in a moment.",
  "internal": "The controller's log has more under the request's id.",
};
const SECONDS = 8;

export function told(text) {
  show(h("p", {}, text), "well");
}

export function failed(error, what = "") {
  const lines = [h("strong", {}, what ? `${what}: ${error.message}` : error.message)];
  const wrong = (error.errors || []).map((each) => `${each.path || each.pointer || each.parameter || ""} ${each.detail}`.trim());
  for (const text of [error.detail, ...wrong, ADVICE[error.type]]) if (text) lines.push(h("p", {}, text));
  if (!error.type) console.error(error);
  show(lines, "wrong");
}

function show(content, kind) {
  const close = h("button", { type: "button", class: "quiet", "aria-label": "Close this message" }, "×");
  const toast = h("div", { class: `toast ${kind}` }, h("div", {}, content), close);
  close.addEventListener("click", () => toast.remove());
  document.getElementById("toasts").append(toast);
  if (kind === "well") setTimeout(() => toast.remove(), SECONDS * 1000);
}

/** What went well is read; what went wrong stays, unless it is of somebody else's session. */
export function clear(all = false) {
  for (const each of document.querySelectorAll(all ? ".toast" : ".toast.well")) each.remove();
}

/** Does `work` while `button` is off; a failure becomes a toast. Returns whether it went well. */
export async function attempt(button, what, work) {
  if (button) button.disabled = true;
  try {
    await work();
    return true;
  } catch (error) {
    failed(error, what);
    return false;
  } finally {
    if (button) button.disabled = false;
  }
}
