// Placing a call.
import { ask } from "../lib/api.js";
import { field, form } from "../lib/dialog.js";

export function placeCall(me) {
  const { agents, trunks } = me.choices;
  const fields = [
    field("to", "Number", { type: "tel", required: true, help: "The trunk's allow-list must have it." }),
    field("agent", "Agent", { options: agents }),
    field("trunk", "Trunk", { options: trunks }),
    field("caller_id", "Caller id", { help: "The trunk's own if left empty." }),
  ];
  form({ title: "Place a call", yes: "Call", fields, send: async (given) => {
    const wish = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
    const call = await ask("POST", "/v1/calls", wish);
    location.hash = `#/calls/${encodeURIComponent(call.id)}`;
  } });
}
