// Requests to the API. The cookie goes along by itself; what goes wrong is thrown as a Problem (RFC 9457).

export class Problem extends Error {
  constructor(status, told, retryAfter) {
    super(told.title || `HTTP status ${status}`);
    this.status = status;
    this.type = (told.type || "").split("/").pop();
    this.detail = told.detail || "";
    this.errors = told.errors || [];
    this.retryAfter = retryAfter;
  }
}

export const signedOut = new EventTarget();

export async function ask(method, path, body, headers = {}) {
  const request = { method, headers: { ...headers }, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, request);
  } catch {
    throw new Problem(0, { title: "The controller does not answer", type: "unreachable" });
  }
  const text = await answer.text();
  const told = parsed(text, answer.headers.get("Content-Type") || "");
  if (answer.ok || answer.status === 503 && path === "/readyz") return told;
  if (answer.status === 401 && path !== "/console/session") signedOut.dispatchEvent(new Event("out"));
  throw new Problem(answer.status, told || {}, answer.headers.get("Retry-After"));
}

function parsed(text, kind) {
  if (!text) return null;
  if (!kind.includes("json")) return text;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A path of the API, with values from elsewhere in it. */
export function path(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map((value) => encodeURIComponent(value)));
}

/** `?a=1&b=2` of what is not empty. */
export function query(given) {
  const kept = Object.entries(given).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}
