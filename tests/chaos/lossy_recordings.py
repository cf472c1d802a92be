"""Recordings of calls through a lossy network against what caller and agent said and heard.

Owns the comparison: each turn on the left and each answer on the right, in its place, whole, once, and not clipped.
"""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.audio.sound import FRAME_SECONDS, RATE, Samples
from tests.chaos.lossy_caller import LossyCall, Said, Spoken
from tests.chaos.lossy_sound import absent, clipped, jumps, narrow, pieces
from tests.chaos.lossy_verdict import BURST, DEAF, HOLE, Fault, heard_badly

FILE_RATE = 24_000
MARGIN = 1.0
ALIGNED = 0.12
"""Seconds: the caller's sound waits for up to 40 ms of jitter, and the agent's for a tick or two."""
LENGTH = 1.5


@dataclass(frozen=True, slots=True)
class File:
    """An open stereo file of 24 kHz."""

    file: wave.Wave_read

    @property
    def seconds(self) -> float:
        return self.file.getnframes() / self.file.getframerate()

    def part(self, since: float, seconds: float, side: int) -> Samples:
        """8 kHz. What lies before the beginning is silence."""
        first, count = round(since * FILE_RATE), round(seconds * FILE_RATE)
        self.file.setpos(min(max(first, 0), self.file.getnframes()))
        frames = np.frombuffer(self.file.readframes(max(0, count + min(first, 0))), "<i2").reshape(-1, 2)
        return narrow(np.concatenate([np.zeros(max(0, -first), np.int16), frames[:, side]]))


def of_recording(path: Path, call: LossyCall) -> list[Fault]:
    """What is wrong with it; times in the texts are seconds of the file."""
    with wave.open(str(path), "rb") as opened:
        file = File(opened)
        if (opened.getnchannels(), opened.getframerate(), opened.getsampwidth()) != (2, FILE_RATE, 2):
            return [_of_all(call, f"{path}: {opened.getparams()}")]
        zero = _zero(file, call)
        if zero is None:
            return [_of_all(call, f"{path}: the greeting is not in it")]
        found = _sides(file, call, zero, f"{call.caller} {path.name}")
        length = call.ended - call.answered
        if abs(file.seconds - length) > LENGTH:
            found.append(_of_all(call, f"{path}: {file.seconds:.1f} s long, and the call was {length:.1f} s"))
    return found


def _of_all(call: LossyCall, text: str) -> Fault:
    return Fault(call.answered, call.answered, text)


def _zero(file: File, call: LossyCall) -> float | None:
    """The wall clock's time of the file's beginning: by the greeting, as it was heard."""
    greeting = next((each for each in call.events if isinstance(each, Spoken)), None)
    if greeting is None:
        return None
    heard, kept = pieces(greeting.heard, greeting.reference), pieces(file.part(0, 15, 1), greeting.reference)
    if not heard or not kept or heard[0].place is None or kept[0].place is None:
        return None
    return greeting.since + (heard[0].place - kept[0].place) / RATE


def _sides(file: File, call: LossyCall, zero: float, where: str) -> list[Fault]:
    found = []
    for event in call.events:
        if isinstance(event, Said):
            until, told = event.ended, _left(file, event, zero)
            since = event.began
        else:
            since, until = event.since, event.since + len(event.heard) / RATE
            told = _right(file, event, zero)
        found += [Fault(since, until, f"{where}: {each}") for each in told]
    return found


def _left(file: File, said: Said, zero: float) -> list[str]:
    at = said.began - zero
    heard = file.part(at - MARGIN, said.line.seconds + 2 * MARGIN, 0)
    found = pieces(heard, said.line.sound)
    placed = [each for each in found if each.place is not None]
    where = f"{said.line.key} at {at:.2f} s"
    if not placed:
        return [f"{where} is not in it"]
    off = [each.shift / RATE - MARGIN for each in placed]
    told = [] if all(abs(each) < ALIGNED for each in off) else [f"{min(off):+.2f} to {max(off):+.2f} s from its place"]
    told += [f"{each.at / RATE:.1f} s is there twice" for each in found if each.twice][:1]
    told += [f"{full} samples at full scale" for full in [clipped(heard)] if full]
    lost = len(absent(heard, said.line.sound, found)) - len(said.lost)
    if lost * FRAME_SECONDS > (DEAF if said.moved else BURST):
        told.append(f"{lost * 20} ms of it are missing, besides the {len(said.lost)} packets that were lost")
    return [f"{where}: {each}" for each in told]


def _right(file: File, spoken: Spoken, zero: float) -> list[str]:
    at, seconds = spoken.since - zero, len(spoken.heard) / RATE
    kept = file.part(at, seconds, 1)
    where = f"{spoken.text!r} after {at:.2f} s"
    told = heard_badly(Spoken(spoken.text, spoken.reference, spoken.since, kept, spoken.cut))
    heard = [each for each in pieces(spoken.heard, spoken.reference) if each.place is not None]
    placed = [each for each in pieces(kept, spoken.reference) if each.place is not None]
    if heard and placed:
        off = [each.shift / RATE - heard[0].shift / RATE for each in placed]
        if max(map(abs, off)) > ALIGNED:
            told.append(f"{min(off):+.2f} to {max(off):+.2f} s from its place")
        told += [f"a leap of {each.seconds:.3f} s" for each in jumps(placed, HOLE)][:1]
    return [f"{where}: {each}" for each in told]
