"""What is kept of a call while this process lives: who said what, how fast the agent was, what it cost. [pure]

Owns the bounds: of a call that never ends only the latest is kept, counts go on. Texts are personal and in no repr.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from bridge import contract
from controller.calls.reporting.instructions import AgentInstructed

UTTERANCES = 2000
CHARACTERS = 1_000_000
"""Of them all: 20 hours of talk."""
TURNS = 1000
RECORDINGS = 100


@dataclass(frozen=True, slots=True)
class Utterance:
    """`heard_ms` and `interrupted`: of an agent that was cut off; `text` is cut there too. `consultation`: it was said
    between the agent and the target of an attended transfer, and the caller heard nothing of it.

    `operator`: what somebody told the agent (`lifecycle.AgentInstructed`). `by`: who; `agent`: to whom the call was
    given."""

    at: datetime
    """When it was over."""
    who: Literal["caller", "agent", "target", "operator"]
    text: str = field(repr=False)
    interrupted: bool
    heard_ms: int | None
    consultation: bool = False
    started_at: datetime | None = None
    by: str | None = None
    action: str | None = None
    agent: str | None = None

    @property
    def begin(self) -> datetime:
        return self.started_at or self.at


def who_said(said: contract.Said) -> Literal["caller", "agent", "target"]:
    """A worker only knows "the far end": in a consultation that is the target of the transfer."""
    return "target" if said.consultation and said.who == "caller" else said.who


@dataclass(frozen=True, slots=True)
class Turn:
    """Milliseconds: until we were told that the caller had stopped, and from then on (`contract.TurnMeasured`)."""

    at: datetime
    turn: int
    endpointing_ms: float | None
    first_delta_ms: float | None
    first_frame_ms: float | None


@dataclass(frozen=True, slots=True)
class BargeIn:
    """`latency_ms`: from the caller's first sound, as the server heard it, to silence."""

    at: datetime
    heard_ms: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Figures of one latency over all turns that are kept, in milliseconds."""

    p50: float
    max: float


@dataclass(frozen=True, slots=True)
class Sound:
    """The complete recording: a file on the machine of the worker that made it."""

    path: str
    seconds: float


class CallLog:
    def __init__(self) -> None:
        self.transcript: deque[Utterance] = deque()
        self._characters = 0
        self.turns: deque[Turn] = deque(maxlen=TURNS)
        self.barge_ins: deque[BargeIn] = deque(maxlen=TURNS)
        self.recordings: deque[Sound] = deque(maxlen=RECORDINGS)
        self.turn_count = 0
        self.cost = 0.0
        """US dollars so far."""
        self.limit: str | None = None
        """The spend limit that made the call end."""

    def __repr__(self) -> str:
        return f"<CallLog {len(self.transcript)} utterances, {self.turn_count} turns, {self.cost:.4f} USD>"

    def take(self, event: contract.CallEvent, at: datetime) -> None:
        """Takes utterances, turns, barge-ins and recordings. `at`: when the event came."""
        match event:
            case contract.Said():
                cut = event.interrupted, event.heard_ms
                over_at = at - timedelta(milliseconds=event.ago_ms)
                began_at = None if event.took_ms is None else over_at - timedelta(milliseconds=event.took_ms)
                self.insert(Utterance(over_at, who_said(event), event.text, *cut, event.consultation, began_at))
            case contract.TurnMeasured():
                self.turn_count += 1
                told = event.endpointing_ms
                self.turns.append(Turn(at, event.turn, told, event.first_delta_ms, event.first_frame_ms))
            case contract.BargedIn():
                self.barge_ins.append(BargeIn(at, event.heard_ms, event.latency_ms))
            case contract.Recorded():
                self.recordings.append(Sound(event.path, event.seconds))

    def instructed(self, told: AgentInstructed, at: datetime) -> None:
        by = at, told.by, told.action, told.agent
        self.insert(Utterance(at, "operator", told.text or "", False, None, False, *by))

    def insert(self, said: Utterance) -> None:
        """In the order in which it was begun: transcripts may come late."""
        later: list[Utterance] = []
        while self.transcript and self.transcript[-1].begin > said.begin:
            later.append(self.transcript.pop())
        self.transcript.extend((said, *reversed(later)))
        self._characters += len(said.text)
        while len(self.transcript) > UTTERANCES or self._characters > CHARACTERS:
            self._characters -= len(self.transcript.popleft().text)

    def first_frame(self) -> Spread | None:
        """How long callers waited for the first sound; None before the first turn."""
        measured = [turn.first_frame_ms for turn in self.turns if turn.first_frame_ms is not None]
        return Spread(median(measured), max(measured)) if measured else None
