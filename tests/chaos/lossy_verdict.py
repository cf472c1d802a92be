"""What must hold of calls through a lossy network: the sound at both ends, and the records. [pure]

Owns the measures and their limits. What the network itself has lost is no fault, nor is what happened while other
programs had the machine's cores (`machine_load`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.audio.sound import FRAME_SECONDS, RATE
from tests.chaos.lossy_caller import LossyCall, Moved, Said, Spoken
from tests.chaos.lossy_model import EDGE
from tests.chaos.lossy_sound import PIECE, Piece, clipped, extent, jumps, pieces, silences
from tests.chaos.machine_load import Sample, busy_machine

BURST = 0.1
"""Seconds of silence at once in a turn of the caller, besides what the network has lost."""
DEAF = 1.5
"""Seconds from a move of the media until the server hears the caller."""
HOLE = 0.03
"""Seconds in the agent's sound, which no network has harmed."""
MORE = 0.1
"""Seconds of sound besides what the agent was to say."""
SPREAD = 0.15
"""Seconds around a gap in which lost packets may be what it is made of: they travel, and wait."""


@dataclass(frozen=True, slots=True)
class Fault:
    since: float
    until: float
    text: str


@dataclass
class Tally:
    """What was looked at."""

    turns: int = 0
    answers: int = 0
    moves: int = 0
    holds: int = 0
    deaf: list[float] = field(default_factory=list)
    """Seconds, of all moves after which something of the caller was missing."""
    gaps: list[float] = field(default_factory=list)
    """Seconds, of silences in turns."""
    lost: int = 0
    """Packets of turns."""

    def __str__(self) -> str:
        worst = [round(each, 2) for each in sorted(self.deaf)[-5:]]
        gaps = [round(each * 1000) for each in sorted(self.gaps)[-5:]]
        return (
            f"{self.turns} turns, {self.answers} answers, {self.moves} moves, {self.holds} holds; "
            f"{len(self.deaf)} times deaf, longest {worst} s; "
            f"{self.lost} packets lost, {sum(self.gaps):.1f} s of silence, longest {gaps} ms"
        )


def of_call(call: LossyCall, tally: Tally) -> list[Fault]:
    """Everything but the records."""
    found = [Fault(call.began, call.ended, f"{call.caller}: {each}") for each in call.problems]
    tally.moves += len(call.moves)
    tally.holds += len(call.holds)
    for event in call.events:
        found += of_turn(event, tally) if isinstance(event, Said) else of_answer(event, tally)
    return found


def unexcused(faults: Iterable[Fault], samples: Sequence[Sample]) -> list[str]:
    return [each.text for each in faults if not busy_machine(samples, each.since, each.until)]


# ---------------------------------------------------------------- what the server heard


def of_turn(said: Said, tally: Tally) -> list[Fault]:
    tally.turns += 1
    tally.lost += len(said.lost)
    where = f"{said.line.key} at {said.began:.2f}"
    if not said.arrived:
        return [Fault(said.began, said.ended, f"{where} never came to the server")]
    found = []
    gaps = missing(said)
    deaf = dict(each for moved in said.moved for each in [_deafness(said, moved, gaps)] if each is not None)
    tally.deaf += deaf.values()
    tally.gaps += [seconds for at, seconds in gaps if at not in deaf]
    for at, seconds in deaf.items():
        if seconds > DEAF:
            found.append(_fault(said, at, seconds, f"{where}: the server was deaf for {seconds:.2f} s after a move"))
    if len(said.arrived) > 1:
        ends = [f"{each.first:.1f}-{each.last:.1f}" for each in said.arrived]
        found.append(Fault(said.began, said.ended, f"{where} was cut: {ends}, moved {_moved_at(said)}"))
    for at, seconds in gaps:
        lost = sum(abs(each - said.began - at - seconds / 2) < seconds / 2 + SPREAD for each in said.lost)
        if at not in deaf and seconds > BURST + lost * FRAME_SECONDS:
            text = f"{seconds * 1000:.0f} ms of silence at {at:.2f} s, where {lost} packets were lost"
            found.append(_fault(said, at, seconds, f"{where}: {text}, moved {_moved_at(said)}"))
    for arrival in said.arrived:
        found += [_fault(said, 0, said.line.seconds, f"{where}: {each}") for each in _distorted(arrival.found)]
        if full := clipped(arrival.heard):
            found.append(_fault(said, 0, said.line.seconds, f"{where}: {full} samples at full scale"))
    return found


def missing(said: Said) -> list[tuple[float, float]]:
    """What of a turn the server was not sent: from which second of it on, and how much."""
    arrivals = sorted(said.arrived, key=lambda each: each.first)
    edges = [(0.0, arrivals[0].first), *((each.last, 0.0) for each in arrivals)]
    ends = [*(each.first for each in arrivals[1:]), said.line.seconds]
    found = [edges[0], *((edge[0], end - edge[0]) for edge, end in zip(edges[1:], ends, strict=True))]
    found = [each for each in found if each[1] > EDGE]
    for arrival in arrivals:
        placed = [each for each in arrival.found if each.place is not None]
        for at, seconds in silences(arrival.heard, FRAME_SECONDS / 2):
            before = [each for each in placed if each.place is not None and each.place <= (at + 0.005) * RATE]
            shift = (before or placed)[-1 if before else 0].shift
            found.append((max(0.0, at - shift / RATE), seconds))
    return sorted(found)


def _deafness(said: Said, by: Moved, gaps: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """The gap that a move has made, by its place in the turn; seconds since the move. None: there is none."""
    moved = by.at - said.began
    if moved <= 0:
        late = [each for each in gaps if each[0] < 0.05 and each[1] > BURST]
        return (late[0][0], late[0][1] - moved) if late else None
    near = [each for each in gaps if each[0] - 0.1 <= moved + 0.1 and each[0] + each[1] > moved - 0.1]
    longest = max(near, key=lambda each: each[1], default=(0.0, 0.0))
    return longest if longest[1] > BURST else None


def _moved_at(said: Said) -> str:
    kinds = [(each, "after a hold" if each.after_hold else each.move.moment) for each in said.moved]
    return ", ".join(f"at {each.at - said.began:.2f} ({kind}) by {each.move.sequence}" for each, kind in kinds)


def _fault(said: Said, at: float, seconds: float, text: str) -> Fault:
    return Fault(said.began + at, said.began + at + seconds, text)


def _distorted(found: Sequence[Piece], least: float = BURST) -> list[str]:
    leaps = [each for each in jumps(found, least) if each.seconds < 0]
    doubled = [each for each in found if each.twice]
    return [
        *(f"{-each.seconds * 1000:.0f} ms are left out at {each.at:.1f} s" for each in leaps),
        *(f"{each.at / RATE:.1f} s is heard twice" for each in doubled[:1]),
    ]


# ---------------------------------------------------------------- what the caller heard


def of_answer(spoken: Spoken, tally: Tally) -> list[Fault]:
    tally.answers += 1
    return [
        Fault(
            spoken.since, spoken.since + len(spoken.heard) / RATE, f"{spoken.text!r} after {spoken.since:.2f}: {each}"
        )
        for each in heard_badly(spoken)
    ]


def heard_badly(spoken: Spoken) -> list[str]:
    """What is wrong with a sound of the agent, which comes as it was made, or not at all."""
    found = pieces(spoken.heard, spoken.reference)
    placed = [each for each in found if each.place is not None]
    if not placed:
        return [] if spoken.cut else ["was not heard"]
    told = _distorted(found, HOLE / 2)
    late = [each for each in jumps(found, HOLE / 2) if each.seconds > 0]
    told += [f"{each.seconds * 1000:.0f} ms are put in at {each.at:.1f} s" for each in late]
    told += [f"{seconds * 1000:.0f} ms of silence" for _, seconds in silences(spoken.heard, HOLE)]
    inner = [each for each in found if each.place is None and placed[0].at < each.at < placed[-1].at]
    told += [f"a piece at {each.at / RATE:.1f} s is not it" for each in inner]
    if full := clipped(spoken.heard):
        told.append(f"{full} samples at full scale")
    if (more := extent(spoken.heard) - len(spoken.reference) / RATE) > MORE:
        told.append(f"{more:.2f} s more than it")
    if not spoken.cut and (placed[0].at > 0 or placed[-1].at < found[-1].at):
        told.append(f"only {placed[0].at / RATE:.1f} to {(placed[-1].at + PIECE) / RATE:.1f} s were heard")
    return told


# ---------------------------------------------------------------- what is written down


def of_record(call: LossyCall, record: Mapping[str, Any]) -> list[str]:
    """The transcript holds all that was said, once each and in order."""
    wanted = [each for event in call.events for each in _wanted(event)]
    told = [(each["who"], each["text"], each["interrupted"]) for each in record["transcript"]]
    found = [f"{call.caller}: {record[name]!r} is {name}" for name in ("ended_at", "answered_at") if not record[name]]
    if record["ended_by"] != "caller":
        found.append(f"{call.caller}: ended by {record['ended_by']} ({record['detail']}, {record['outcome']})")
    place = 0
    for who, text, cut in wanted:
        if place < len(told) and told[place][0] == who and _same(told[place][1], text, cut):
            place += 1
        elif not (cut and who == "agent"):
            found.append(f"{call.caller}: {who} said {text!r}; written down at {place}: {told[place : place + 2]}")
            return found
    return found + [f"{call.caller}: nobody said {each}" for each in told[place:]]


def _wanted(event: Said | Spoken) -> list[tuple[str, str, bool]]:
    """Who said what, as far as the server and the caller heard it; True: of this only a part, or nothing."""
    if isinstance(event, Spoken):
        return [("agent", event.text, event.cut)]
    texts = [("caller", each.text, False) for each in sorted(event.arrived, key=lambda each: each.at)]
    answered = ("agent", event.line.answer, True)
    return [each for text in texts for each in (text, answered)][:-1]


def _same(told: str, text: str, cut: bool) -> bool:
    return text.startswith(told.rstrip(".… ")) if cut else told == text
