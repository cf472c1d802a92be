"""How the shell shows the queue of outbound calls."""

from rich.table import Column, Table
from rich.text import Text

from controller.api.models.calls import CallAnswer
from controller.api.models.queue import QueueAnswer, QueuePage, SuspendedTrunkAnswer
from controller.cli.tables import id_column, plain, waits


def _suspended(one: SuspendedTrunkAnswer) -> str:
    status = f" (SIP {one.sip_status})" if one.sip_status is not None else ""
    return f"{one.trunk}: {one.outcome}{status}, tried again at {one.next_probe_at:%T} UTC"


def queue_table(queue: QueueAnswer) -> Table:
    table = Table("queued", "dialing", "ended", "paused", box=None)
    paused = "everything" if queue.paused else ", ".join(queue.paused_trunks) or "no"
    if queue.suspended_trunks:
        paused += "; failing: " + ", ".join(map(_suspended, queue.suspended_trunks))
    table.add_row(*(str(queue.counts.get(status, 0)) for status in ("queued", "dialing", "ended")), plain(paused))
    return table


def queued_calls(page: QueuePage) -> Table:
    """When each call is due, and why it waits, or how it ended."""
    why = Column("why it waits, or outcome", overflow="fold")
    table = Table(
        id_column("call"), "to", "agent", "trunk", "status", "due (UTC)", "tries", why, box=None, pad_edge=False
    )
    for call in page.calls:
        if call.queue is not None:
            cells = map(plain, (call.id, call.callee, call.agent, call.trunk, call.queue.status))
            table.add_row(*cells, f"{call.queue.due_at:%F %T}", str(len(call.queue.attempts)), _why(call))
    if page.matching > len(page.calls):
        table.caption = f"{len(page.calls)} of {page.matching} calls; --limit shows more"
    return table


def _why(call: CallAnswer) -> Text:
    waiting = call.queue.waiting if call.queue is not None else None
    return plain(waits(waiting) if waiting is not None else call.outcome)
