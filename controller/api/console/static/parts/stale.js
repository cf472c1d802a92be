// Data that may be out of date: greyed, with a notice, from the loss of the connection until the next answer.
import { h } from "../lib/dom.js";

/** `element` has the notice and `content`. `lost()`: the connection is lost; `fresh()`: the content is of now. */
export function staleness(...content) {
  const notice = h("p", { class: "away", role: "status", hidden: true }, "Connection lost. Reconnecting. The data below may be out of date.");
  const element = h("div", { class: "data" }, notice, content);
  const show = (stale) => { notice.hidden = !stale; element.classList.toggle("stale", stale); };
  return { element, lost: () => show(true), fresh: () => show(false) };
}
