"""What each type of problem means, and what to do about it. [pure]

Owns these texts: the page at the `type` of a problem, and docs/problems.md, are made from them. Words in backticks are
code.
"""

MEANINGS: dict[str, str] = {
    "malformed-request": "The body is not JSON, or body or query have wrong or unknown fields. `errors` points at "
    "each of them: `pointer` into the body, `parameter` of the query. Correct them and send the request again.",
    "unauthorized": "The token is missing, wrong, revoked or expired. Send `Authorization: Bearer <token>`.",
    "forbidden": "The token is valid, but lacks a scope, or its limits forbid this; `detail` names the scope. For a "
    "new key, `errors` lists the scopes and limits that you may not give it. Use another token.",
    "not-allowed": "The number, address or context may not be dialed. Add it to `allow` of the trunk, or to "
    "`transfer.targets`, if it should be.",
    "not-found": "There is no such path, or no such recording. `/openapi.json` has all paths.",
    "unknown-call": "No live or recent call has this id. Calls that ended earlier are in `/v1/history`.",
    "unknown-worker": "No worker has this name. `GET /v1/workers` lists the names.",
    "unknown-node": "No node has this name. `GET /v1/nodes` lists the names.",
    "unknown-softphone": "No softphone session has this id, it has ended, or another user opened it. Open a new one.",
    "unknown-participant": "The call has no such participant. `participants` of the call lists them with their `leg`.",
    "unknown-key": "No API key has this id. `GET /v1/keys` lists them.",
    "unknown-session": "No console session has this id, or it has ended. `GET /v1/sessions` lists them.",
    "method-not-allowed": "The path exists, but not with this method. The header `Allow` lists the methods.",
    "too-slow": "The body did not arrive within 10 seconds. Send it again.",
    "unknown-text-session": "No such text session is open or was open recently, or this token may not see it.",
    "no-ai-session": "The AI provider opened no session. `detail` says why, for example because the model has no "
    "text mode, or because the provider refused the key.",
    "node-unreachable": "Nothing was done. The node that handles the call is down, refuses requests of this node, or "
    "has no known address; `detail` says which. Try again after `Retry-After` seconds.",
    "node-timeout": "The node that handles the call did not answer within 5 seconds (2 for a GET). The operation may "
    "have been done: look, or send the request again with the same `Idempotency-Key`.",
    "wrong-state": "The call cannot do this in its present state, which `detail` names. Read the call, or wait for "
    "the event `call.state`.",
    "count-changed": "The number of matching calls is not `expected`. No call was cancelled. Count again.",
    "refused": "The call controller refused the request. `detail` says why.",
    "name-taken": "Another API key, or a token of the configuration, has this name. Choose another name.",
    "changed-meanwhile": "`If-Match` names an older version. Read the resource again, apply your change to it, and "
    "send it with the new `ETag`.",
    "too-large": "The body is larger than 64 KiB (drafts, routes to test, text sessions, test runs: 1 MiB; an "
    "import: 5 MiB).",
    "not-json": "The body must be JSON, with `Content-Type: application/json` and UTF-8.",
    "compressed": "The body is compressed. Send it without `Content-Encoding`.",
    "unknown-dead-letter": "No dead letter has this number. It may have been replayed or discarded meanwhile.",
    "wrong-webhook": "The configuration does not permit this webhook for a call. `call_webhooks` permits hosts.",
    "too-many-streams": "Too many streams or downloads are open. Close some, or try again after `Retry-After` seconds.",
    "unknown-name": "There is no trunk, agent, tool or receiver of this name in the configuration.",
    "wrong-moment": "The call would expire before it could be placed, or wait for longer than a year. Check "
    "`not_before`, `expires` and the calling hours of the trunk.",
    "too-many-requests": "This token sends too many requests (`api.requests_per_second`), too many searches in the "
    "history run at once, or tools are tried too often. Try again after `Retry-After` seconds.",
    "too-many-guesses": "Too many wrong tokens came from this address. Try again after `Retry-After` seconds.",
    "key-in-use": "The first request with this `Idempotency-Key` is in progress. Send it again after `Retry-After` "
    "seconds, with the same key.",
    "outcome-unknown": "The first request with this `Idempotency-Key` was interrupted, and its result is not known. "
    "Look whether it was done before you send it with another key.",
    "key-reused": "This `Idempotency-Key` was used for another request. Use a new key for each new request.",
    "file-source": "Resources are in the configuration file and cannot be changed over the API. `detail` says how to "
    "change that.",
    "precondition-required": "The header `If-Match` is missing (`If-None-Match: *` for something new). It keeps you "
    "from overwriting the change of somebody else.",
    "unknown-resource": "There is no such resource, version or draft.",
    "invalid-config": "The configuration would have errors. `errors` lists each with `path`, `line`, `detail` and "
    "`hint`.",
    "at-limit": "A limit of calls is reached: the queue is full (`outbound.max_waiting`), or all places are taken. "
    "Try again after `Retry-After` seconds.",
    "internal": "This is a defect in voiceai. The log has details under the `request_id`.",
    "not-ready": "The controller is starting or shutting down, or a part that is needed is away. Try again after "
    "`Retry-After` seconds.",
    "store-away": "The database is down. Nothing can be stored, so no call is accepted. Try again after "
    "`Retry-After` seconds.",
    "http-error": "The HTTP server itself refused the request. The status says why.",
}
