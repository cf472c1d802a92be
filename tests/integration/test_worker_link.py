"""bridge.worker.process with real sockets on both sides: a controller, and Asterisk. The sessions are scripted."""

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

import pytest

from bridge import contract
from bridge.engine import Emit
from bridge.media.sink import MediaLeg
from bridge.worker import control_link
from bridge.worker.process import Options, Worker
from tests.peers.audiosocket import AsteriskPeer
from tests.peers.controller import TOKEN, ControllerPeer

SPEC = contract.SessionSpec(agent="a", provider=contract.Provider(api_key="sk-test"), instructions="Be kind.")
TONE = b"\x11\x22" * 480
PATIENCE = 10.0


class ToneSession:
    """A session without an AI: ready at once, plays a tone after `Greet`."""

    def __init__(self, spec: contract.SessionSpec, call: str, emit: Emit) -> None:
        self.call, self.emit = call, emit
        self.greeted = False
        self.leg: MediaLeg | None = None
        self.reason = ""
        self.closing = asyncio.Event()
        self.gone = asyncio.Event()

    async def run(self) -> None:
        self.emit(contract.Ready(call=self.call, model="m", session="s", took_ms=1))
        await self.closing.wait()
        if self.leg is not None:
            self.leg.close(self.reason)
            await self.gone.wait()
        self.emit(contract.Ended(call=self.call, reason=self.reason))

    def remember(self, turns: Sequence[contract.HistoryItem]) -> None: ...
    def greet(self) -> None:
        if self.leg is None:
            raise RuntimeError("greeted without a leg")
        self.greeted = True

    def answer_tool(self, tool_call: str, output: str, *, ok: bool = True, respond: bool = True) -> None: ...

    consented = True

    def speaking(self) -> tuple[Literal["caller", "agent"], ...]:
        return ("agent",)

    def saying(self) -> str:
        return "Good day"

    def command(self, command: contract.AgentCommand) -> None: ...

    def close(self, reason: str) -> None:
        self.reason = reason
        self.closing.set()

    def media_connected(self, leg: MediaLeg) -> None:
        self.leg = leg
        self.emit(contract.MediaConnected(call=self.call))

    def media_format(self, rate: int, frame_bytes: int) -> None:
        self.emit(contract.MediaFormat(call=self.call, rate=rate, frame_bytes=frame_bytes))

    def caller_audio(self, pcm: bytes) -> None: ...

    def caller_digit(self, digit: str) -> None:
        self.emit(contract.DigitPressed(call=self.call, digit=digit))

    def media_gone(self, reason: str) -> None:
        self.gone.set()
        self.emit(contract.MediaGone(call=self.call, reason=reason))

    def next_frame(self) -> bytes | None:
        return TONE if self.greeted else None


OPTIONS = Options(
    controller="",
    listen="127.0.0.1",
    ports=(0,),
    advertise="auto",
    allow=("127.0.0.0/8",),
    capacity=10,
    name="w1",
    drain=0,
    quit_after=None,
)


@asynccontextmanager
async def running(options: Options, *tokens: str) -> AsyncIterator[Worker]:
    """`tokens`: one for each controller, TOKEN if left out."""
    worker = Worker(options, *(tokens or (TOKEN,)), session_factory=ToneSession)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        async with asyncio.timeout(PATIENCE):
            await task


@pytest.fixture
async def controller() -> AsyncIterator[ControllerPeer]:
    async with ControllerPeer() as controller:
        yield controller


@pytest.fixture
async def worker(controller: ControllerPeer) -> AsyncIterator[Worker]:
    async with running(replace(OPTIONS, controller=controller.url)) as worker:
        await arrived(controller)
        yield worker


async def arrived(controller: ControllerPeer) -> None:
    async with asyncio.timeout(PATIENCE):
        await controller.connected.wait()


def at(controller: ControllerPeer, call: str) -> AsteriskPeer:
    """Asterisk, connecting to where the worker said."""
    hello = controller.hellos[-1]
    return AsteriskPeer(hello.host, hello.port, media_of(call))


def media_of(call: str) -> str:
    """The media id of a call in these tests."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, call))


async def prepared(controller: ControllerPeer) -> str:
    call = str(uuid.uuid4())
    await controller.say(contract.Prepare(call=call, spec=SPEC))
    await controller.event(contract.Ready, call)
    await controller.say(contract.ExpectMedia(call=call, media=media_of(call), seconds=10))
    return call


async def test_the_id_of_a_call_opens_nothing(controller: ControllerPeer, worker: Worker) -> None:
    """Whoever may read the API knows it."""
    call = await prepared(controller)
    hello = controller.hellos[-1]
    async with AsteriskPeer(hello.host, hello.port, call) as thief, at(controller, call) as asterisk:
        await controller.event(contract.MediaConnected, call)
        await thief.ended()
        await asterisk.hear(5)
    assert not any(frame.pcm.strip(b"\0") for frame in thief.frames)


async def test_a_check_shows_that_asterisk_reaches_the_worker(controller: ControllerPeer, worker: Worker) -> None:
    hello, check, media = controller.hellos[-1], str(uuid.uuid4()), str(uuid.uuid4())
    await controller.say(contract.CheckMedia(check=check, media=media, seconds=5))
    async with AsteriskPeer(hello.host, hello.port, media) as asterisk:
        await controller.event(contract.MediaChecked, check)
        await asterisk.ended()


async def test_a_worker_introduces_itself_and_beats(controller: ControllerPeer, worker: Worker) -> None:
    hello = controller.hellos[0]
    assert (hello.worker, hello.pid, hello.host, hello.capacity) == ("w1", os.getpid(), "127.0.0.1", 10)
    assert (hello.host, hello.port) == worker.address
    assert hello.calls == ()
    await controller.until(lambda: len(controller.beats) >= 3)
    assert controller.beats[-1].load.sessions == 0


async def test_one_without_calls_tells_that_it_is_late(controller: ControllerPeer, worker: Worker) -> None:
    beats = len(controller.beats)
    time.sleep(0.3)  # noqa: ASYNC251 - stands still, with its loop
    await controller.until(lambda: any(beat.load.lateness_p99_ms > 100 for beat in controller.beats[beats:]))


async def test_a_call_from_prepare_to_ended(controller: ControllerPeer, worker: Worker) -> None:
    call = await prepared(controller)
    async with at(controller, call) as asterisk:
        await controller.event(contract.MediaConnected, call)
        await asterisk.speak(bytes(960))
        await controller.event(contract.MediaFormat, call)
        assert not any(asterisk.sound)
        await controller.say(contract.Greet(call=call))
        async with asyncio.timeout(PATIENCE):
            while TONE not in asterisk.sound:
                await asterisk.hear(1)
        await controller.until(lambda: controller.beats and controller.beats[-1].load.legs == 1)
        assert controller.beats[-1].load.sessions == 1
        await controller.say(contract.Close(call=call, reason="over"))
        await asterisk.ended()
    await controller.event(contract.Ended, call)
    assert [event.type for event in controller.events] == [
        "ready",
        "media_connected",
        "media_format",
        "media_gone",
        "ended",
    ]


async def test_while_somebody_watches_it_tells_who_is_heard_and_how_loud(
    controller: ControllerPeer, worker: Worker
) -> None:
    call = await prepared(controller)
    async with at(controller, call) as asterisk:
        await controller.event(contract.MediaConnected, call)
        await controller.say(contract.Greet(call=call))
        await controller.until(lambda: len(controller.beats) >= 3)
        assert not controller.scenes, "nobody watched"
        await controller.say(contract.WatchLive(seconds=60))
        await controller.until(lambda: any(each.calls and each.calls[0].agent_dbfs for each in controller.scenes))
        (scene,) = controller.scenes[-1].calls
        assert (scene.call, scene.speaking, scene.saying) == (call, ("agent",), "Good day")
        assert scene.agent_dbfs == pytest.approx(-11.6, abs=0.1)  # 0x2211 of 0x8000
        assert scene.caller_dbfs is None
        for _ in range(10):
            await asterisk.speak(b"\x00\x10" * 480)
        await controller.until(lambda: controller.scenes[-1].calls[0].caller_dbfs)
        assert controller.scenes[-1].calls[0].caller_dbfs == pytest.approx(-18.1, abs=0.1)
        await controller.say(contract.WatchLive(seconds=0))
        beats = len(controller.beats)
        await controller.until(lambda: len(controller.beats) >= beats + 2)
        told = len(controller.scenes)
        await controller.until(lambda: len(controller.beats) >= beats + 4)
        assert len(controller.scenes) == told


async def test_a_session_that_fails_ends_alone_and_its_leg_with_it(controller: ControllerPeer, worker: Worker) -> None:
    well, ill = await prepared(controller), await prepared(controller)
    async with at(controller, well) as one:
        await controller.event(contract.MediaConnected, well)
        await controller.say(contract.Greet(call=ill))  # no leg: this session raises
        ended = await controller.event(contract.Ended, ill)
        assert ended.reason == "fault in the worker"
        await one.hear(3)
        async with at(controller, ill) as late:
            await late.ended()
    await controller.event(contract.MediaGone, well)


async def test_a_dropped_link_comes_back_and_nothing_is_lost(controller: ControllerPeer, worker: Worker) -> None:
    call = await prepared(controller)
    async with at(controller, call) as asterisk:
        await controller.event(contract.MediaConnected, call)
        controller.drop()
        for digit in "123":
            await asterisk.send(b"\x03\x00\x01" + digit.encode())
        before = len(asterisk.frames)
        await arrived(controller)
        await controller.until(lambda: len(controller.of(contract.DigitPressed, call)) == 3)
        await asterisk.hear(1)
        assert len(asterisk.frames) > before
        assert controller.hellos[1].calls == (call,)
        assert controller.hellos[1].pid == controller.hellos[0].pid
        await controller.say(contract.Close(call=call, reason="over"))
        await controller.event(contract.Ended, call)
    assert [event.digit for event in controller.of(contract.DigitPressed, call)] == ["1", "2", "3"]
    assert len(controller.of(contract.Ended, call)) == 1


async def test_what_is_told_again_has_the_number_that_it_had(
    controller: ControllerPeer, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link breaks when the controller has the event and the worker does not know that."""
    monkeypatch.setattr(worker._link, "_confirm", lambda *_: None)
    for digit in "12":
        worker._link.emit(contract.DigitPressed(call="c", digit=digit))
    await controller.until(lambda: len(controller.events) == 2)
    controller.drop()
    await controller.until(lambda: len(controller.events) == 4)
    assert controller.events[:2] == controller.events[2:]
    assert controller.numbers == [1, 2, 1, 2]


async def test_a_controller_that_is_started_again_finds_the_call(controller: ControllerPeer, worker: Worker) -> None:
    call = await prepared(controller)
    async with at(controller, call) as asterisk:
        await controller.event(contract.MediaConnected, call)
        await controller.__aexit__(None, None, None)
        await asterisk.hear(10)
        async with ControllerPeer(port=controller.port) as successor:
            await arrived(successor)
            assert successor.hellos[0].calls == (call,)
            await successor.say(contract.Close(call=call, reason="over"))
            await successor.event(contract.Ended, call)
            await asterisk.ended()


async def test_without_a_controller_a_call_that_lost_its_leg_ends(controller: ControllerPeer, worker: Worker) -> None:
    call = await prepared(controller)
    async with at(controller, call):
        await controller.event(contract.MediaConnected, call)
        await controller.__aexit__(None, None, None)
    async with ControllerPeer(port=controller.port) as successor:
        await successor.event(contract.Ended, call)
        assert [event.type for event in successor.events] == ["media_gone", "ended"]


async def test_the_outbox_is_bounded_and_keeps_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_link, "MOST_PENDING", 10)
    async with ControllerPeer() as controller, running(replace(OPTIONS, controller=controller.url)) as worker:
        for n in range(25):
            worker._link.emit(contract.DigitPressed(call="c", digit=str(n)))
        assert not await worker._link.flush(0)
        await controller.until(lambda: len(controller.events) == 10)
        assert await worker._link.flush(PATIENCE)
    assert [event.digit for event in controller.of(contract.DigitPressed, "c")] == [str(n) for n in range(15, 25)]


@pytest.mark.parametrize("what", ["wrong token", "no welcome", "wrong version", "a command for welcome"])
async def test_a_controller_that_does_not_understand_us_is_tried_again(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_link, "WELCOME_TIMEOUT", 0.1)
    monkeypatch.setattr(control_link, "REFUSED_DELAY", 0.05)
    welcomes = {
        "no welcome": None,
        "wrong version": contract.Welcome(version=99),
        "a command for welcome": contract.Greet(call="c"),
    }
    async with ControllerPeer(welcome=welcomes.get(what, contract.Welcome())) as controller:
        token = "wrong" if what == "wrong token" else TOKEN
        async with running(replace(OPTIONS, controller=controller.url), token):
            await controller.until(lambda: controller.refused >= 2 or len(controller.hellos) >= 2)


async def test_a_worker_that_nobody_needs_ends() -> None:
    async with ControllerPeer() as controller:
        worker = Worker(replace(OPTIONS, controller=controller.url, quit_after=0.2), TOKEN, session_factory=ToneSession)
        task = asyncio.create_task(worker.run())
        await arrived(controller)
        await asyncio.sleep(0.5)
        assert not task.done()
    async with asyncio.timeout(PATIENCE):
        await task


async def test_stopping_ends_the_calls_and_tells_the_controller(controller: ControllerPeer) -> None:
    async with running(replace(OPTIONS, controller=controller.url, drain=60)) as worker:
        await arrived(controller)
        call = await prepared(controller)
        async with at(controller, call) as asterisk:
            await controller.event(contract.MediaConnected, call)
            worker.stop()
            await asterisk.hear(3)  # still there: the present calls have 60 s
            worker.stop()
            await asterisk.ended()
            ended = await controller.event(contract.Ended, call)
    assert ended.reason == "the worker stops"


async def draining(controller: ControllerPeer) -> None:
    await controller.until(lambda: controller.beats[-1:] and controller.beats[-1].load.draining)


async def test_a_worker_that_is_retired_says_so_and_ends_with_its_last_call(controller: ControllerPeer) -> None:
    async with running(replace(OPTIONS, controller=controller.url, drain=0)) as worker:
        await arrived(controller)
        call = await prepared(controller)
        worker.retire(60)
        await draining(controller)
        late = await prepared(controller)  # it was on its way
        for each in (call, late):
            await controller.say(contract.Close(call=each, reason="over"))
            assert (await controller.event(contract.Ended, each)).reason == "over"


async def test_the_first_signal_to_a_worker_that_is_retired_is_not_the_second(controller: ControllerPeer) -> None:
    async with running(replace(OPTIONS, controller=controller.url, drain=60)) as worker:
        await arrived(controller)
        call = await prepared(controller)
        async with at(controller, call) as asterisk:
            await controller.event(contract.MediaConnected, call)
            worker.retire(120)
            await draining(controller)
            worker.stop()
            await asterisk.hear(3)  # still there: the present calls have 60 s
            worker.stop()
            await asterisk.ended()


async def test_the_first_signal_shortens_the_patience_of_a_retirement(controller: ControllerPeer) -> None:
    async with running(replace(OPTIONS, controller=controller.url, drain=0)) as worker:
        await arrived(controller)
        call = await prepared(controller)
        async with at(controller, call) as asterisk:
            await controller.event(contract.MediaConnected, call)
            worker.retire(600)
            await draining(controller)
            worker.stop()
            await asterisk.ended()
            assert (await controller.event(contract.Ended, call)).reason == "the worker stops"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_the_process_from_its_start_to_sigterm(controller: ControllerPeer) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.worker", "--controller", controller.url),
        *("--ports", "0", "--name", "w7", "--drain", "0"),
        env={**os.environ, contract.TOKEN_ENV: TOKEN},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            await controller.connected.wait()
        await controller.until(lambda: controller.beats)
        assert controller.hellos[0].pid == process.pid
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            _, written = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert b'"worker ends"' in written
    assert TOKEN.encode() not in written
