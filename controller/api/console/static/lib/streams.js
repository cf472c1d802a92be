// Server-sent events while the page is looked at: closed when it is hidden, opened anew when it is seen again.
import { ask } from "./api.js";

export const TYPES = ["queued", "started", "ringing", "answered", "state", "said", "turn", "barge_in", "tool", "participant",
  "supervision", "instructed", "control", "transfer", "reconnected", "recorded", "ended", "settled"].map((each) => `call.${each}`);
const AGAIN_MS = 4000;

/** `fresh()` each time the stream begins: what happened before was not seen. `event(data, type)` for each of `types`.
 * Returns what ends it. */
export function listen(path, types, { fresh = () => {}, event, state = () => {} }) {
  let source = null, timer = null, over = false;

  const open = () => {
    if (over || source || document.hidden) return;
    clearTimeout(timer);
    source = new EventSource(path);
    source.onopen = () => { state(true); fresh(); };
    source.onerror = () => {
      state(false);
      if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
      close();
      timer = setTimeout(open, AGAIN_MS);
      ask("GET", "/v1/calls?limit=1").catch(() => {}); // tells whether we are still logged in
    };
    for (const type of types) source.addEventListener(type, (message) => event(JSON.parse(message.data), type));
    source.addEventListener("gap", fresh);
  };
  const close = () => { source?.close(); source = null; };
  const seen = () => (document.hidden ? close() : open());

  document.addEventListener("visibilitychange", seen);
  open();
  return () => {
    over = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
    close();
  };
}
