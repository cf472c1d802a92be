"""How the queue shows its calls: to the API as views, to observers as lifecycle events. [pure]"""

from controller.calls.outbound.entry import QueuedCall, Status
from controller.calls.reporting import view
from controller.calls.reporting.lifecycle import CallQueued, CallSettled
from controller.config import Config


def view_of(config: Config, entry: QueuedCall) -> view.CallView:
    """A call that is not live (or not yet, or not any more)."""
    order, trunk = entry.order, config.trunks.get(entry.order.trunk)
    last = entry.attempts[-1] if entry.status is Status.ENDED and entry.attempts else None
    return view.CallView(
        id=entry.id,
        direction="outbound",
        state=entry.status.value,
        agent=order.agent,
        trunk=order.trunk,
        caller=order.caller_id or (trunk.caller_id if trunk else None),
        callee=order.callee,
        started_at=entry.created_at,
        answered_at=None,
        ended_at=entry.ended_at,
        outcome=entry.result,
        ended_by=None,
        cause=last.cause if last else None,
        detail=entry.detail,
        transfer=None,
        queue=queue_view(entry),
        sip_status=last.sip_status if last else None,
        metadata=order.metadata,
    )


def queue_view(entry: QueuedCall) -> view.QueueView:
    return view.QueueView(
        number=entry.number,
        status=entry.status.value,
        priority=entry.order.priority,
        due_at=entry.due_at,
        expires_at=entry.expires_at,
        asked_by=entry.order.asked_by,
        attempts=tuple(
            view.AttemptView(
                each.at, each.result, each.detail, each.trunk or entry.order.trunk, each.cause, each.sip_status
            )
            for each in entry.attempts
        ),
    )


def news_of(config: Config, entry: QueuedCall) -> CallQueued | CallSettled | None:
    """None: it is being dialled, which call control tells of."""
    shown, webhook, attempts = view_of(config, entry), entry.order.webhook, len(entry.attempts)
    match entry.status:
        case Status.QUEUED:
            return CallQueued(shown, webhook, attempts + 1, entry.due_at, entry.expires_at)
        case Status.ENDED:
            return CallSettled(shown, webhook, attempts)
    return None
