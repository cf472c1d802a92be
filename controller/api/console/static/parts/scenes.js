// What is heard at this moment in live calls (`GET /v1/live`).
import { query } from "../lib/api.js";
import { listen } from "../lib/streams.js";

/** `seen(scene)` twice a second for each live call, or for `call` alone. Returns what ends it. */
export function scenes(call, seen) {
  return listen(`/v1/live${query({ call })}`, ["scenes"], { event: (told) => told.scenes.forEach(seen) });
}
