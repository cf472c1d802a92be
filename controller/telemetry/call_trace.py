"""The trace of each call: what happened in it, step by step, to find out what went wrong. [pure]

Owns the steps and their bounds. Only harmless fields of what happens are taken (`harmless_fields`). Traces are in
memory; of calls that ended the latest `KEPT` are kept.
"""

import sys
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.rows import inbound_audio
from controller.calls.reporting import lifecycle
from controller.calls.reporting.view import CallView
from controller.telemetry.harmless_fields import Fact, facts_of, scrubbed

STEPS = 500
"""Per call; beyond them the oldest are dropped, and counted."""
KEPT = 200


Side = Literal["asterisk", "call", "worker", "ai", "queue"]
"""Who said so: Asterisk's events, we (states, requests to Asterisk and worker), the worker, the AI's connection, the
queue of calls that we place."""

ASTERISK = {
    inputs.LegEntered: "StasisStart",
    inputs.LegGone: "ChannelDestroyed",
    inputs.LegHungUp: "ChannelHangupRequest",
    inputs.LegRinging: "ChannelStateChange",
    inputs.SoundOver: "PlaybackFinished",
    inputs.LegReturned: "StasisStart",
}
"""Inputs that are events of Asterisk, under Asterisk's names."""

_UNTOLD = (inputs.CallerAudio, commands.CountRtp, inputs.RtpCounted)
_UNTOLD_TIMERS = (inbound_audio.TIMER, inbound_audio.OTHERS)
"""Inputs, commands and timers that are no step."""


_NO_FACTS: Mapping[str, Fact] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Step:
    """`side`: who says so. `what`: the name of an event, input or command. `facts`: its harmless fields."""

    at: datetime
    side: Side
    what: str
    facts: Mapping[str, Fact] = field(default_factory=lambda: _NO_FACTS)


@dataclass(slots=True)
class Trace:
    """Of one call."""

    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=STEPS))
    dropped: int = 0
    asked_at: datetime | None = None
    """When the latest AI session was asked for: the times that its worker reports count from there."""

    def note(self, step: Step) -> None:
        self.dropped += len(self.steps) == STEPS
        self.steps.append(step)

    def __iter__(self) -> Iterator[Step]:
        """Sorted by time: what went over the AI's connection is reported at the end of its session only."""
        return iter(sorted(self.steps, key=lambda step: step.at))


class Traces:
    """Of all calls. `observe` takes what `lifecycle` tells."""

    def __init__(self) -> None:
        self._live: dict[str, Trace] = {}
        self._ended: OrderedDict[str, Trace] = OrderedDict()
        self._refused: OrderedDict[str, CallView] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Traces {len(self._live)} live, {len(self._ended)} ended>"

    def refused(self, call: str) -> CallView | None:
        """A caller for whom no call began, without numbers; the latest `KEPT` are kept."""
        return self._refused.get(call)

    def of(self, call: str) -> Trace | None:
        return self._live.get(call) or self._ended.get(call)

    def observe(self, what: lifecycle.LifecycleEvent, at: datetime) -> None:
        match what:
            case lifecycle.CallBegan(call=view):
                trace = self._live[view.id] = self._ended.pop(view.id, Trace())  # another attempt goes on in it
                trace.note(Step(at, "call", "began", {"direction": what.direction, "attempt": what.attempt}))
            case lifecycle.CallAdopted(call=view):
                trace = self._live[view.id] = Trace()  # what came before it went with the controller that had it
                trace.note(Step(at, "call", "adopted", {"attempt": what.attempt}))
            case lifecycle.CallOver(call=view):
                if (over := self._live.pop(view.id, None)) is not None:
                    over.note(Step(at, "call", "over", {"outcome": what.outcome, "talked_s": round(what.talked_s, 3)}))
                    self._keep(view.id, over)
            case lifecycle.CallerRefused(call=view) if view is not None:
                self._refused[view.id] = replace(view, caller=None, callee=None)
                while len(self._refused) > KEPT:
                    self._refused.popitem(last=False)
            case _:
                trace_of = self._live.get(getattr(what, "call", ""))
                if trace_of is not None:
                    for step in _steps(what, at, trace_of):
                        trace_of.note(step)

    def _keep(self, call: str, trace: Trace) -> None:
        self._ended[call] = trace
        while len(self._ended) > KEPT:
            self._ended.popitem(last=False)


def _steps(what: lifecycle.LifecycleEvent, at: datetime, trace: Trace) -> Iterator[Step]:
    match what:
        case contract.CallerAudio():
            return  # with a telephone that sends nothing in pauses, this happens all the time
        case lifecycle.InputTaken(what=taken):
            if not _untold(taken):
                side: Side = "asterisk" if isinstance(taken, tuple(ASTERISK)) else "call"
                yield Step(at, side, _name(taken), facts_of(taken))
        case lifecycle.CommandDone(command=done, error=error):
            if isinstance(done, commands.PrepareAi) and error is None:
                trace.asked_at = at
            if not _untold(done):
                failed = {} if error is None else {"failed": type(error).__name__, "reason": scrubbed(str(error))}
                yield Step(at, "call", type(done).__name__, facts_of(done) | failed)
        case lifecycle.UsageReported(used=used):
            yield Step(at, "worker", used.type, facts_of(used))
        case contract.Ended():
            start = trace.asked_at or at
            for line in what.connection_trace:
                facts: Mapping[str, Fact] = {"times": line.times} if line.times > 1 else _NO_FACTS
                way = "→" if line.sent else "←"
                # One text for each kind: there are hundreds of these steps in a call, and 200 calls are kept.
                yield Step(start + timedelta(milliseconds=line.at_ms), "ai", sys.intern(f"{way} {line.kind}"), facts)
            yield Step(at, "worker", "ended", facts_of(what))
        case contract.Said():
            yield Step(at, "worker", "said", {**facts_of(what), "letters": len(what.text)})
        case contract.ToolCalled() | contract.DigitPressed():
            yield Step(at, "worker", what.type)  # the name of a tool is the model's: `ToolAsked` has one that we know
        case BaseModel():
            yield Step(at, "worker", str(getattr(what, "type", type(what).__name__)), facts_of(what))
        case _:
            yield Step(at, "call", type(what).__name__, facts_of(what))


def _untold(what: inputs.Input | commands.Command) -> bool:
    return isinstance(what, _UNTOLD) or getattr(what, "timer", None) in _UNTOLD_TIMERS


def _name(what: inputs.Input) -> str:
    if isinstance(what, inputs.LegGone) and what.in_dialplan:
        return "StasisEnd"
    return ASTERISK.get(type(what), type(what).__name__)
