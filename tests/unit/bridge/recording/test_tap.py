"""bridge.recording.tap: what of a call is recorded, and when; the session sees its media leg as it is."""

import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from bridge import contract
from bridge.recording.disk import DiskThread
from bridge.recording.mixer import RATE
from bridge.recording.recorder import Recordings
from bridge.recording.tap import RecordingTap
from tests.unit.bridge.recording.test_recorder import CALL, FRAME, Clock, idle, thread

__all__ = ["thread"]

LEG: Any = object()
Action = Literal["start", "pause", "resume", "stop", "tell"]


class Session:
    """A sink that writes down what it is asked, and always speaks."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def media_connected(self, leg: object) -> None:
        self.seen.append(leg)

    def media_format(self, rate: int, frame_bytes: int) -> None:
        self.seen.append((rate, frame_bytes))

    def caller_audio(self, pcm: bytes) -> None:
        self.seen.append(pcm)

    def caller_digit(self, digit: str) -> None:
        self.seen.append(digit)

    def media_gone(self, reason: str) -> None:
        self.seen.append(reason)

    def next_frame(self) -> bytes | None:
        return FRAME


@dataclass
class Rig:
    folder: Path
    thread: DiskThread
    told: list[contract.Recorded] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    """Answers to orders."""
    clock: Clock = field(default_factory=Clock)
    session: Session = field(default_factory=Session)

    consented: bool = True

    def sink(self, *, recorded: bool) -> RecordingTap:
        wanted = self.wanted if recorded else None
        recordings = Recordings(self.thread, clock=self.clock)
        self.made = RecordingTap(self.session, CALL, recordings, wanted, self._tell, lambda: self.consented)
        return self.made

    def _tell(self, event: contract.Recorded | contract.RecordingState) -> None:
        if isinstance(event, contract.Recorded):
            self.told.append(event)
        else:
            self.states.append(event.state)

    @property
    def wanted(self) -> contract.Recording:
        return contract.Recording(path=str(self.folder))

    def talk(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.clock.now += 0.02
            self.made.caller_audio(FRAME)
            self.made.next_frame()

    def command(self, action: Action) -> None:
        recording = self.wanted if action == "start" else None
        self.made.command(contract.Record(call=CALL, action=action, recording=recording))


@pytest.fixture
def rig(tmp_path: Path, thread: DiskThread) -> Rig:
    return Rig(tmp_path, thread)


def left(path: str) -> Any:
    """Where the caller is heard, sample by sample."""
    with wave.open(path) as file:
        return np.frombuffer(file.readframes(RATE * 60), "<i2").reshape(-1, 2)[:, 0] != 0


async def test_the_session_sees_its_media_leg_as_it_is(rig: Rig) -> None:
    sink = rig.sink(recorded=True)
    sink.media_connected(LEG)
    sink.media_format(24000, 960)
    rig.clock.now += 0.02
    sink.caller_audio(b"\1\1")
    sink.caller_digit("5")
    assert sink.next_frame() == FRAME
    sink.media_gone("over")
    assert rig.session.seen == [LEG, (24000, 960), b"\1\1", "5", "over"]
    rig.clock.now += 5
    await sink.close()
    (recorded,) = rig.told
    assert recorded.seconds == pytest.approx(0.02), "the file ends with the media leg"


async def test_a_pause_is_silence_and_takes_its_time(rig: Rig) -> None:
    rig.sink(recorded=True).media_connected(LEG)
    rig.talk(2)
    rig.command("pause")
    rig.talk(3)
    rig.command("resume")
    rig.talk(1)
    await rig.made.close()
    (recorded,) = rig.told
    assert recorded.seconds == pytest.approx(6, abs=0.05)
    heard = left(recorded.path)
    assert heard[: 2 * RATE].mean() > 0.97
    assert not heard[round(2.05 * RATE) : round(4.95 * RATE)].any()
    assert heard[round(5.05 * RATE) : round(5.95 * RATE)].all()


@pytest.mark.parametrize("ordered", [False, True])
async def test_nothing_is_recorded_before_the_consent_was_heard(rig: Rig, ordered: bool) -> None:
    rig.consented = False
    rig.sink(recorded=not ordered).media_connected(LEG)
    rig.talk(1)
    if ordered:
        rig.command("start")
    rig.talk(1)
    rig.consented = True
    rig.talk(2)
    await rig.made.close()
    (recorded,) = rig.told
    assert recorded.seconds == pytest.approx(2, abs=0.05)


async def test_who_hangs_up_before_the_consent_was_heard_is_in_no_file(rig: Rig) -> None:
    rig.consented = False
    rig.sink(recorded=True).media_connected(LEG)
    rig.talk(2)
    rig.made.media_gone("over")
    await rig.made.close()
    assert rig.told == []
    assert list(rig.folder.iterdir()) == []


async def test_stop_completes_the_file_and_start_begins_another(rig: Rig) -> None:
    rig.sink(recorded=False).media_connected(LEG)
    rig.talk(1)
    rig.command("start")
    rig.talk(2)
    rig.command("stop")
    rig.talk(1)
    rig.command("start")
    rig.talk(1)
    await rig.made.close()
    assert sorted((Path(each.path).name, round(each.seconds)) for each in rig.told) == [
        (f"{CALL}-2.wav", 1),
        (f"{CALL}.wav", 2),
    ]


async def test_each_order_is_answered_with_what_the_recording_is(rig: Rig) -> None:
    """So that the next controller knows of an order that the last one had no time to store."""
    rig.sink(recorded=False).media_connected(LEG)
    orders: tuple[Action, ...] = ("tell", "start", "tell", "pause", "start", "tell", "resume", "stop", "tell")
    for order in orders:
        rig.command(order)
    assert rig.states == ["off", "on", "on", "paused", "paused", "paused", "on", "off", "off"]
    await rig.made.close()


async def test_what_was_stopped_is_told_while_the_call_goes_on(rig: Rig) -> None:
    rig.sink(recorded=True).media_connected(LEG)
    rig.talk(1)
    rig.command("stop")
    for task in list(rig.made._completing):
        await task
    assert [round(each.seconds) for each in rig.told] == [1]
    await rig.made.close()
    assert len(rig.told) == 1


ORDERS: dict[str, Callable[[Rig], None]] = {
    "pause without a recording": lambda rig: rig.command("pause"),
    "resume without a recording": lambda rig: rig.command("resume"),
    "stop without a recording": lambda rig: rig.command("stop"),
    "start without a folder": lambda rig: rig.made.command(contract.Record(call=CALL, action="start")),
}


@pytest.mark.parametrize("order", ORDERS)
async def test_what_makes_no_sense_changes_nothing(rig: Rig, order: str) -> None:
    rig.sink(recorded=False).media_connected(LEG)
    ORDERS[order](rig)
    rig.talk(1)
    await rig.made.close()
    await idle(rig.thread)
    assert (rig.told, list(rig.folder.iterdir())) == ([], [])


async def test_a_second_start_does_not_begin_again(rig: Rig) -> None:
    rig.sink(recorded=True).media_connected(LEG)
    rig.talk(1)
    rig.command("start")
    rig.talk(1)
    await rig.made.close()
    assert [round(each.seconds) for each in rig.told] == [2]
