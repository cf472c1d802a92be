"""How the shell shows the API's answers: tables, one call in full, and a line for each event."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from controller.api.client import StreamEvent
from controller.api.models.audit import AuditPage
from controller.api.models.calls import (
    AttemptAnswer,
    CallAnswer,
    CallDetailAnswer,
    CallPage,
    UtteranceAnswer,
    WaitingAnswer,
)
from controller.api.models.events import LetterPage

_COLOURS = {
    "talking": "green",
    "queued": "blue",
    "dialing": "cyan",
    "ringing": "cyan",
    "holding": "yellow",
    "transferring": "magenta",
    "failover": "yellow",
    "fallback": "red",
    "ended": "dim",
}


def plain(value: object) -> Text:
    """Text that is not read as rich's markup."""
    return Text("" if value is None else str(value))


def _joined(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple) else value


def id_column(name: str) -> Column:
    """A column of ids, which are never cut: they are to be copied."""
    return Column(name, no_wrap=True, min_width=36)


def _state(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, ""))


def seconds(call: CallAnswer, now: datetime) -> str:
    """Minutes and seconds since the answer, or since the start if there was no answer."""
    passed = int(((call.ended_at or now) - (call.answered_at or call.started_at)).total_seconds())
    return f"{max(0, passed) // 60}:{max(0, passed) % 60:02}"


def calls_table(calls: Iterable[CallAnswer], now: datetime | None = None, title: str | None = None) -> Table:
    """Columns that no call has anything for are left out, and the node where it is the same; long texts are folded, not
    cut."""
    shown = tuple(calls)
    several = len({each.node for each in shown if each.node is not None}) > 1
    nodes = [plain(each.node if several else None) for each in shown]
    rows = [(*_call_cells(each, now or datetime.now(UTC)), node) for each, node in zip(shown, nodes, strict=True)]
    kept = [at for at in range(len(_CALL_COLUMNS)) if at < _ALWAYS or any(row[at] for row in rows)]
    heads = (id_column("call"), *(Column(name, overflow="fold") for name in _CALL_COLUMNS[1:]))
    table = Table(*(heads[at] for at in kept), title=title, box=None, collapse_padding=True, pad_edge=False)
    for row in rows:
        table.add_row(*(row[at] for at in kept))
    return table


def calls_page(page: CallPage, title: str | None = None) -> RenderableType:
    """With what is missing in it."""
    missing = (
        Text(f"The calls of the node {each.node} are missing: {each.reason}", style="yellow")
        for each in page.unreachable_nodes
    )
    return Group(calls_table(page.calls, title=title), *missing)


_CALL_COLUMNS = ("call", "", "state", "from", "to", "agent", "time", "turns", "outcome", "node")
_ALWAYS = 5
"""So many of the columns are shown in any case."""


def _call_cells(call: CallAnswer, now: datetime) -> tuple[Text, ...]:
    arrow = "→" if call.direction == "outbound" else "←"
    passed = seconds(call, now) if call.state != "queued" else ""
    parties = map(plain, (call.caller, call.callee, call.agent))
    return (
        plain(call.id),
        Text(arrow),
        _state(call.state),
        *parties,
        Text(passed),
        plain(call.turns or None),
        plain(call.outcome),
    )


def call_detail(call: CallDetailAnswer) -> RenderableType:
    facts = Table("", "", box=None, show_header=False)
    hidden = {"transcript", "turn_times", "barge_ins", "recordings", "participants", "queue", "transfer", "latency"}
    for name in CallDetailAnswer.model_fields:
        value = getattr(call, name)
        if name not in hidden and value not in (None, (), {}):
            facts.add_row(Text(name, style="dim"), plain(_joined(value)))
    if (spread := call.latency.first_frame_ms) is not None:
        facts.add_row(Text("latency", style="dim"), f"{spread.p50} ms, at most {spread.max} ms")
    if call.transfer is not None:
        facts.add_row(Text("transfer", style="dim"), plain(f"{call.transfer.to}: {call.transfer.state}"))
    for one in call.participants:
        facts.add_row(Text("participant", style="dim"), plain(f"{one.leg}: {one.to}, {one.state}"))
    if call.queue is not None:
        facts.add_row(Text("queue", style="dim"), plain(f"{call.queue.status}, due {call.queue.due_at:%F %T} UTC"))
        if call.queue.waiting is not None:
            facts.add_row(Text("waits for", style="dim"), plain(waits(call.queue.waiting)))
        for attempt in call.queue.attempts:
            facts.add_row(Text("attempt", style="dim"), plain(_attempt(attempt)))
    for sound in call.recordings:
        facts.add_row(Text("recording", style="dim"), plain(f"{sound.path} ({sound.seconds:.0f} s)"))
    words = (Text(f"{each.started_at or each.at:%T} {spoken(each)}") for each in call.transcript or ())
    return Group(facts, *words)


def spoken(each: UtteranceAnswer) -> str:
    """Who said what; of an operator, what the agent was told."""
    text = f"{each.text}{' …' if each.interrupted else ''}"
    if each.who != "operator":
        return f"{each.who:>6}: {text}"
    told = {"say": "say", "instruct": "instruction"}.get(each.action or "", f"the call goes on with {each.agent}")
    return f"{each.by} to the agent, {told}" + (f": {text}" if text else "")


def waits(why: WaitingAnswer) -> str:
    """E.g. `calling_hours: It is outside the calling hours of the trunk main. (until 2026-11-23 08:00:00 UTC)`"""
    until = f" (until {why.until:%F %T} UTC)" if why.until is not None else ""
    return f"{why.reason}: {why.detail}{until}"


def _attempt(one: AttemptAnswer) -> str:
    codes = [f"SIP {one.sip_status}"] if one.sip_status is not None else []
    codes += [f"Q.850 cause {one.cause}"] if one.cause is not None else []
    return f"{one.at:%F %T}: {one.result}" + (f" ({', '.join(codes)})" if codes else "")


def audit_table(page: AuditPage) -> Table:
    table = Table("at (UTC)", "who", "did", id_column("call"), "with", "status", "from", box=None)
    for each in page.entries:
        request = ", ".join(f"{name}={value}" for name, value in each.asked.items())
        cells = (plain(each.by or "(wrong token)"), plain(each.operation), plain(each.call), plain(request))
        table.add_row(f"{each.at:%F %T}", *cells, str(each.status), plain(each.source))
    return table


def letters_table(page: LetterPage) -> Table:
    table = Table("number", "receiver", id_column("call"), "type", "attempts", "reason", box=None)
    for each in page.dead_letters:
        cells = map(plain, (each.receiver, each.call, each.type, each.attempts, each.reason))
        table.add_row(str(each.number), *cells)
    return table


def event_line(event: StreamEvent) -> Text:
    """E.g. `09:30:12 said    caller: Hello?`"""
    data: dict[str, Any] = event.data.get("data", event.data)
    clock = str(event.data.get("timestamp", ""))[11:19]
    kind = event.type.removeprefix("call.")
    match kind:
        case "said":
            text = f"{data['who']}: {data['text'] or '(hidden)'}{' …' if data['interrupted'] else ''}"
        case "state":
            text = f"{data['before']} → {data['state']}"
        case "ended" | "settled":
            text = " ".join(str(data[name]) for name in ("outcome", "detail") if data.get(name))
            if (status := data.get("sip_status")) is not None:
                text += f" (SIP {status})"
        case _:
            known = ("call", "attempt", "number")
            text = " ".join(
                f"{name}={value}" for name, value in data.items() if name not in known and value is not None
            )
    line = Text(f"{clock} ", style="dim")
    line.append(f"{kind:<12}", style="bold green" if kind in ("answered", "said") else "bold")
    return line.append(text, style="")
