"""What the queue knows of a call that we place, as steps and as reasons; why a caller was refused. [pure]

Such a call may never have been dialled, so there may be no other trace of it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from controller.calls.reporting.view import AttemptView, CallView, QueueView
from controller.telemetry.call_trace import Step
from controller.telemetry.diagnosis import FAR_END, Reason
from controller.telemetry.harmless_fields import Fact, scrubbed

NOT_PLACED: dict[str, tuple[str, str]] = {
    "expired": (
        "The call expired before it could be placed",
        "`expires` of the call, or `outbound.expire_after_s`, was too short for the trunk's `calling_hours`, limits "
        "and retries; or nobody was dialed: `voiceai queue` shows trunks that are paused or failing.",
    ),
    "rejected": (
        "The call may not be placed any more: the allow-list, the trunk or the agent has changed since it was queued",
        "Compare the number with the trunk's `allow` and `deny`, and look at the names of trunk and agent; then place "
        "it again.",
    ),
    "interrupted": (
        "The controller stopped while it dialed this call, and whether anybody answered is not known",
        "Voiceai does not dial it again. Place it again if you want to.",
    ),
    "node_lost": ("The call ended with the node that had it", "The log of that node, and of its machine, says why."),
    "cancelled": ("The call was cancelled before it was placed", ""),
}
"""Of a queued call, by its result: what happened, and what to do."""
REFUSED: dict[str, tuple[str, str]] = {
    "no_route": (
        "The caller was refused",
        'Add a route to `routes` for the called number, or one with `to: "*"`. The log line `caller refused` names the '
        "nearest one; `voiceai doctor` says whether one is closed.",
    ),
    "no_room": (
        "The caller was refused",
        "`voiceai workers` shows who takes calls. Raise the limit that the reason names, or give the route an "
        "`overflow`.",
    ),
}
"""Of a caller for whom no call began, by the outcome."""


def steps(call: CallView) -> Iterator[Step]:
    """Of a call that came from the queue. Empty for any other one."""
    if (queue := call.queue) is None:
        return
    facts: dict[str, Fact] = {"priority": queue.priority}
    if not queue.attempts and call.ended_at is None:
        facts |= {"due": queue.due_at.isoformat(), "expires": queue.expires_at.isoformat()}
    yield Step(call.started_at, "queue", "queued", facts)
    for attempt in queue.attempts:
        yield Step(attempt.at, "queue", "attempt", _facts(attempt))
    if call.ended_at is not None and call.outcome is not None:
        yield Step(call.ended_at, "queue", "ended", {"outcome": call.outcome})


def _facts(attempt: AttemptView) -> dict[str, Fact]:
    known = {"trunk": attempt.trunk, "cause": attempt.cause, "sip_status": attempt.sip_status}
    found: dict[str, Fact] = {"outcome": attempt.result, **{name: it for name, it in known.items() if it is not None}}
    return found | ({"detail": scrubbed(attempt.detail)} if attempt.detail else {})


def reasons(call: CallView) -> Iterator[Reason]:
    """Why there was no call, or why it waits. Empty for a call that began, and for one that is being dialed."""
    outcome, queue = call.outcome or "", call.queue
    if queue is not None and queue.status == "queued":
        yield _waits(queue)
    elif queue is not None and outcome in NOT_PLACED:
        yield Reason(_told(NOT_PLACED[outcome][0] + _tried(queue), call.detail), NOT_PLACED[outcome][1])
    elif call.direction == "inbound" and not call.agent and outcome in REFUSED:
        yield Reason(_told(REFUSED[outcome][0], call.detail), REFUSED[outcome][1])


def _told(text: str, detail: str | None) -> str:
    """Without the full stop of `detail`, which may have one."""
    return f"{text}: {scrubbed(detail).rstrip('.')}." if detail else f"{text}."


def _waits(queue: QueueView) -> Reason:
    place = f", at place {queue.place}" if queue.place else ""
    when = f"It is due at {_moment(queue.due_at)} and expires at {_moment(queue.expires_at)}"
    fix = (
        "Before it is due: `not_before`, the trunk's `calling_hours` or `retries`. After that: limits, workers, or a "
        "trunk that is paused or failing (`voiceai queue`, `voiceai workers`)."
    )
    return Reason(f"The call waits in the queue{place}{_tried(queue)}. {when}.", fix)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _tried(queue: QueueView) -> str:
    if not queue.attempts:
        return "; it was never dialed"
    last = queue.attempts[-1]
    why = FAR_END.get(last.result, last.result).rstrip(".")
    return f" after {len(queue.attempts)} attempts, the last one: {why[:1].lower()}{why[1:]}"
