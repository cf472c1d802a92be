"""Recordings in a real worker, from the media leg's first frame to the file; and the deletion of old ones."""

import os
import time
import uuid
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bridge import contract
from bridge.worker.process import Worker
from tests.integration.test_worker_link import (
    OPTIONS,
    SPEC,
    TONE,
    at,
    controller as controller,
    media_of,
    running,
    worker as worker,
)
from tests.peers.controller import ControllerPeer

CALLER = b"\x33\x44" * 480
SPOKEN = 40
"""Frames."""


async def carried(controller: ControllerPeer, folder: Path) -> str:
    """A recorded call in which both sides speak for a while. Its id."""
    call = str(uuid.uuid4())
    wanted = SPEC.model_copy(update={"recording": contract.Recording(path=str(folder))})
    await controller.say(contract.Prepare(call=call, spec=wanted))
    await controller.event(contract.Ready, call)
    await controller.say(contract.ExpectMedia(call=call, media=media_of(call), seconds=10))
    async with at(controller, call) as asterisk:
        await controller.event(contract.MediaConnected, call)
        await controller.say(contract.Greet(call=call))
        await asterisk.speak(CALLER * SPOKEN)
        await asterisk.hear(2)
        await controller.say(contract.Close(call=call, reason="over"))
        await asterisk.ended()
    await controller.event(contract.Ended, call)
    return call


async def test_a_call_is_recorded_and_told_before_its_end(
    worker: Worker, controller: ControllerPeer, tmp_path: Path
) -> None:
    call = await carried(controller, tmp_path / "calls")
    recorded, ended = controller.events[-2:]
    assert isinstance(recorded, contract.Recorded)
    assert isinstance(ended, contract.Ended)
    assert recorded.path == str(tmp_path / "calls" / f"{call}.wav")
    with wave.open(recorded.path) as file:
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert len(stereo) / 24_000 == pytest.approx(recorded.seconds, abs=0.001)
    caller, agent = (int(np.frombuffer(tone, "<i2")[0]) for tone in (CALLER, TONE))
    assert set(np.unique(stereo[:, 0])) <= {0, caller}
    assert set(np.unique(stereo[:, 1])) <= {0, agent}
    assert int((stereo[:, 0] == caller).sum()) >= (SPOKEN - 5) * 480
    assert int((stereo[:, 1] == agent).sum()) >= (SPOKEN - 10) * 480


async def test_a_call_whose_recording_cannot_be_written_goes_on(
    worker: Worker, controller: ControllerPeer, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    call = await carried(controller, tmp_path / "file")
    assert not controller.of(contract.Recorded, call)
    assert [event.reason for event in controller.of(contract.Ended, call)] == ["over"]


async def test_the_welcome_brings_how_long_recordings_are_kept(tmp_path: Path) -> None:
    old, young = (tmp_path / f"00000000-0000-4000-8000-00000000000{n}.wav" for n in range(2))
    now = time.time()
    for path, days in ((old, 8), (young, 6)):
        path.touch()
        os.utime(path, (now, now - days * 86_400))
    welcome = contract.Welcome(retention=(contract.Retention(path=str(tmp_path), keep_days=7),))
    async with ControllerPeer(welcome=welcome) as controller, running(replace(OPTIONS, controller=controller.url)):
        await controller.until(lambda: bool(controller.beats))
        # The worker has ended, and its disk thread with it.
    assert os.listdir(tmp_path) == [young.name]
