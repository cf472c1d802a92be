"""What happened in each call, step by step, for whoever looks for what went wrong: a flight recorder. [pure]

Owns the steps and their bounds. They hold kinds, ids, states, times and counts; never a word that was said, a number,
or what a tool was given: of the things that happen only fields known to be harmless are taken, and free text passes
`scrubbed`. Lives in memory: of calls that ended the latest `KEPT` are kept.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields as fields_of, is_dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from bridge import contract
from controller.calls.machine import inputs as m
from controller.calls.machine.rows import inbound_audio
from controller.calls.reporting import lifecycle as milestones

STEPS = 500
"""Per call; beyond them the oldest are forgotten, and counted."""
KEPT = 200

Fact = str | int | float | bool
Side = Literal["asterisk", "call", "worker", "ai"]
"""Who said so: Asterisk's events, we (states, requests to Asterisk and worker), the worker, the AI's connection."""

PLAIN = frozenset(
    (
        *("channel", "bridge", "playback", "timer", "snoop", "leg", "kind", "by", "side", "mode", "action", "model"),
        *("provider", "state", "before", "outcome", "direction", "who", "tool", "transfer", "worker", "sip_reason"),
    )
)
"""Texts that we, Asterisk or the config make up: no caller, callee or model does."""
FREE = frozenset(("reason", "message", "why", "detail", "code"))
"""Texts for people, which may quote."""

UNTOLD = (
    *(kind.__name__ for kind in (m.CallerAudio, m.CountRtp, m.RtpCounted)),
    *(inbound_audio.TIMER, inbound_audio.COMPANY),
)
"""Inputs, commands and timers that are no step."""

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|«[^»]*»|“[^”]*”")
_DIGITS = re.compile(r"\+?\d(?:[\d ()./-]*\d){3,}")
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")

ASTERISK = {
    m.LegEntered: "StasisStart",
    m.LegHungUp: "ChannelHangupRequest",
    m.LegRinging: "ChannelStateChange",
    m.SoundOver: "PlaybackFinished",
    m.LegReturned: "StasisStart",
}


def scrubbed(text: str) -> str:
    """Without what is quoted, long digits (telephone numbers, PINs) and addresses; no longer than a line."""
    for pattern in (_QUOTED, _ADDRESS, _DIGITS):
        text = pattern.sub("…", text)
    return text[:200]


def facts_of(what: object) -> dict[str, Fact]:
    """The fields of an input, command, milestone or worker's event that are harmless."""
    if isinstance(what, BaseModel):
        names = list(type(what).model_fields)
    else:
        names = [each.name for each in fields_of(what)] if is_dataclass(what) else []
    found: dict[str, Fact] = {}
    for name in names:
        value = getattr(what, name)
        if isinstance(value, bool | int | float):
            found[name] = round(value, 3) if isinstance(value, float) else value
        elif isinstance(value, str) and (name in PLAIN or name in FREE):
            found[name] = str(value)[:100] if name in PLAIN else scrubbed(value)
    return found


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    side: Side
    what: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(slots=True)
class Trace:
    """Of one call."""

    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=STEPS))
    forgotten: int = 0
    asked_at: datetime | None = None
    """When the latest AI session was asked for: its worker counts from there."""

    def note(self, step: Step) -> None:
        self.forgotten += len(self.steps) == STEPS
        self.steps.append(step)

    def __iter__(self) -> Iterator[Step]:
        """By time: what went over the AI's connection is told at the end of its session."""
        return iter(sorted(self.steps, key=lambda step: step.at))


class Traces:
    """Of all calls. `observe` takes what `milestones` tells."""

    def __init__(self) -> None:
        self._live: dict[str, Trace] = {}
        self._ended: OrderedDict[str, Trace] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Traces {len(self._live)} live, {len(self._ended)} ended>"

    def of(self, call: str) -> Trace | None:
        return self._live.get(call) or self._ended.get(call)

    def observe(self, what: milestones.Milestone, at: datetime) -> None:
        match what:
            case milestones.CallBegan(call=view):
                trace = self._live[view.id] = self._ended.pop(view.id, Trace())  # another attempt goes on in it
                trace.note(Step(at, "call", "began", {"direction": what.direction, "attempt": what.attempt}))
            case milestones.CallAdopted(call=view):
                trace = self._live[view.id] = Trace()  # what came before it went with the controller that had it
                trace.note(Step(at, "call", "adopted", {"attempt": what.attempt}))
            case milestones.CallOver(call=view):
                if (over := self._live.pop(view.id, None)) is not None:
                    over.note(Step(at, "call", "over", {"outcome": what.outcome, "talked_s": round(what.talked_s, 3)}))
                    self._keep(view.id, over)
            case _:
                trace_of = self._live.get(getattr(what, "call", ""))
                if trace_of is not None:
                    for step in _steps(what, at, trace_of):
                        trace_of.note(step)

    def _keep(self, call: str, trace: Trace) -> None:
        self._ended[call] = trace
        while len(self._ended) > KEPT:
            self._ended.popitem(last=False)


def took(call: str, what: m.Input) -> milestones.Stepped:
    """An input of the call, as its actor takes it."""
    name = type(what).__name__
    if isinstance(what, m.LegGone):
        name = "StasisEnd" if what.in_dialplan else "ChannelDestroyed"
        return milestones.Stepped(call, "asterisk", name, facts_of(what))
    return milestones.Stepped(
        call, "asterisk" if type(what) in ASTERISK else "call", _event(what, name), facts_of(what)
    )


def _event(what: m.Input, name: str) -> str:
    return ASTERISK.get(type(what), name)


def did(call: str, command: m.Command, error: Exception | None = None) -> milestones.Stepped:
    """A command that was carried out, or could not be."""
    failed = {} if error is None else {"failed": type(error).__name__, "reason": scrubbed(str(error))}
    return milestones.Stepped(call, "call", type(command).__name__, facts_of(command) | failed)


def _steps(what: milestones.Milestone, at: datetime, trace: Trace) -> Iterator[Step]:
    match what:
        case milestones.Stepped() if what.what in UNTOLD or what.facts.get("timer") in UNTOLD:
            return
        case contract.CallerAudio():
            return  # with a telephone that sends nothing in pauses, this happens all the time
        case milestones.Stepped():
            if what.what == "PrepareAi" and "failed" not in what.facts:
                trace.asked_at = at
            yield Step(at, what.side, what.what, what.facts)
        case contract.Ended():
            start = trace.asked_at or at
            for line in what.line:
                facts: dict[str, Fact] = {"times": line.times} if line.times > 1 else {}
                way = "→" if line.sent else "←"
                yield Step(start + timedelta(milliseconds=line.at_ms), "ai", f"{way} {line.kind}", facts)
            yield Step(at, "worker", "ended", facts_of(what))
        case contract.Said():
            yield Step(at, "worker", "said", {**facts_of(what), "letters": len(what.text)})
        case contract.ToolCalled() | contract.DigitPressed():
            yield Step(at, "worker", what.type)  # the name of a tool is the model's: `ToolAsked` has one that we know
        case BaseModel():
            yield Step(at, "worker", str(getattr(what, "type", type(what).__name__)), facts_of(what))
        case _:
            yield Step(at, "call", type(what).__name__, facts_of(what))
