"""Recordings made on a real call: who is on which side, when, and what a crash leaves."""

import os
import signal
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from prometheus_client.parser import text_string_to_metric_families

from simulator.audio.sound import FRAME_SECONDS, tone
from simulator.phone.phone import Phone
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import GREETING, greeted
from tests.peers.asterisk import Asterisk

STORY = Say("A long story.", 20.0, 880)
CALLER_HZ = 620
ALIGNED = 0.04
LOST = 1.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Side:
    """One channel of a recording."""

    samples: npt.NDArray[np.float64]
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def stretches(self, hz: float, pause: float = 0.1) -> list[tuple[float, float]]:
        """Where this tone sounds: from, to, in seconds, exact to 5 ms."""
        size = self.rate // 200
        blocks = self.samples[: len(self.samples) // size * size].reshape(-1, size)
        loud = np.flatnonzero(np.sqrt((blocks**2).mean(axis=1)) > 0.02) / 200
        starts = [at for n, at in enumerate(loud) if n == 0 or at - loud[n - 1] > pause]
        ends = [at + 0.005 for n, at in enumerate(loud) if n + 1 == len(loud) or loud[n + 1] - at > pause]
        found = list(zip(starts, ends, strict=True))
        return [each for each in found if abs(self.pitch(*each) - hz) < 5]

    def pitch(self, start: float, end: float) -> float:
        piece = self.samples[round(start * self.rate) : round(end * self.rate)]
        spectrum = np.abs(np.fft.rfft(piece, 8 * self.rate))
        return float(spectrum.argmax()) / 8

    def share(self, hz: float) -> float:
        """Of all energy, that which lies at this frequency."""
        spectrum = np.abs(np.fft.rfft(self.samples)) ** 2
        at = np.fft.rfftfreq(len(self.samples), 1 / self.rate)
        return float(spectrum[abs(at - hz) < 20].sum() / max(spectrum.sum(), 1e-12))


def sides(path: Path) -> tuple[Side, Side]:
    sound, rate = soundfile.read(path, always_2d=True)
    assert (rate, sound.shape[1]) == (24000, 2)
    return Side(sound[:, 0], rate), Side(sound[:, 1], rate)


async def recorded(running: Installation, phone: Phone) -> Path:
    """Hang up; the file, as the ended call names it."""
    await phone.hang_up()
    call = await running.ended(await running.call_id())
    await running.service.logged("recorded", call=call["id"])
    return Path(call["recordings"][-1]["path"])


def recording(folder: Path, **more: Any) -> dict[str, Any]:
    return {"recording": {"path": str(folder / "calls"), **more}}


@pytest.mark.parametrize("format", ["wav", "ogg"])
async def test_caller_left_agent_right_as_heard(asterisk: Asterisk, tmp_path: Path, format: str) -> None:
    """The agent is interrupted: the recording goes on for as long as the caller heard it, and not as it was sent."""
    model = ToneModel([GREETING, STORY, Say("Yes?", 0.5, 440)])
    agent = recording(tmp_path, format=format, keep_days=7)
    async with installation(asterisk, tmp_path, model, agent=agent) as running, running.caller() as phone:
        await greeted(phone)
        phone.rtp.say(tone(0.6, CALLER_HZ))
        await phone.rtp.sound(after=await phone.rtp.spoken())
        await phone.rtp.frames(75)
        phone.rtp.say(tone(0.8, CALLER_HZ))
        await phone.rtp.spoken()
        await phone.rtp.quiet(1.0)
        path = await recorded(running, phone)
        metrics = await scraped(running)

    assert path == tmp_path / "calls" / f"{path.stem}.{format}"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(path.parent).st_mode & 0o777 == 0o700
    left, right = sides(path)
    assert left.share(CALLER_HZ) > 0.95
    assert left.share(440) + left.share(880) < 0.001
    assert right.share(440) + right.share(880) > 0.95
    assert right.share(CALLER_HZ) < 0.001

    asked, interrupted = left.stretches(CALLER_HZ)
    greeting, story = right.stretches(440)[0], *right.stretches(880)
    heard_greeting, heard_story = phone.rtp.stretches(0.1)[:2]
    spoken = [frame.at for frame in phone.rtp.sent if frame.loud]
    again = next(after for before, after in pairwise(spoken) if after - before > 0.5)
    # A packet holds the 20 ms before it was sent, and the 20 ms after it was heard.
    mouth = spoken[0] - FRAME_SECONDS
    assert greeting[0] - asked[0] == pytest.approx(heard_greeting.start - mouth, abs=ALIGNED)
    assert story[0] - asked[0] == pytest.approx(heard_story.start - mouth, abs=ALIGNED)
    assert interrupted[0] - asked[0] == pytest.approx(again - spoken[0], abs=ALIGNED)
    assert greeting[1] - greeting[0] == pytest.approx(heard_greeting.seconds, abs=ALIGNED)
    assert story[1] - story[0] == pytest.approx(heard_story.seconds, abs=ALIGNED)
    assert story[1] - story[0] < 5, "cut where the caller interrupted"

    assert metrics["voiceai_recordings"] == 1
    assert metrics["voiceai_recorded_seconds"] == pytest.approx(left.seconds, abs=0.01)
    assert metrics["voiceai_barge_in_cut_seconds"] == 1
    assert metrics["voiceai_call_greet_seconds"] == 1
    assert metrics["voiceai_turn_first_frame_seconds"] >= 1
    assert metrics["voiceai_calls"] == 1


@pytest.mark.parametrize("format", ["wav", "ogg"])
async def test_a_killed_worker_leaves_a_file_up_to_its_last_second(
    asterisk: Asterisk, tmp_path: Path, format: str
) -> None:
    model = ToneModel([Say("A long greeting.", 30.0, 440)])
    agent = recording(tmp_path, format=format) | {"protect_greeting": True}
    async with installation(asterisk, tmp_path, model, agent=agent) as running, running.caller() as phone:
        await phone.answered()
        began = await phone.rtp.sound()
        phone.rtp.say(tone(20.0, CALLER_HZ))
        await phone.rtp.frames(170)
        worker = await running.service.logged("worker registered")
        os.kill(worker["pid"], signal.SIGKILL)
        killed = time.time()
        await running.service.logged("worker lost")
        await phone.hang_up()  # before the next worker takes the call over, and records the rest of it
        await running.ended(await running.call_id())
        await running.service.logged("worker registered", nth=2)

    (path,) = (tmp_path / "calls").iterdir()
    left, right = sides(path)
    (heard,) = right.stretches(440)
    assert killed - began - LOST < heard[1] - heard[0] < killed - began + ALIGNED
    assert killed - began > 3
    spoken = left.stretches(CALLER_HZ)
    assert spoken[-1][1] == pytest.approx(right.seconds, abs=0.1), "both sides up to the same moment"


async def scraped(running: Installation) -> dict[str, float]:
    """Counts by name, over all labels; of histograms, how much was observed."""
    answer = await running.service.api.get("/metrics")
    assert answer.is_success
    return {
        family.name: sum(each.value for each in family.samples if each.name.endswith(("_total", "_count")))
        for family in text_string_to_metric_families(answer.text)
    }
