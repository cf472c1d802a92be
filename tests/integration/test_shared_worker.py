"""One worker that two controllers share, on real sockets: its places, whose calls are whose, one of them that dies."""

import asyncio
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest

from bridge import contract
from bridge.worker import controllers
from bridge.worker.options import LinkOptions
from bridge.worker.process import Worker
from tests.integration.test_worker_link import OPTIONS, PATIENCE, SPEC, TONE, arrived, at, media_of, prepared, running
from tests.peers.audiosocket import AsteriskPeer
from tests.peers.controller import TOKEN, ControllerPeer

CAPACITY = 2
OTHER = LinkOptions(url="", name="home.w1", advertise="auto", allow=("127.0.0.0/8",))


def shared(home: str, other: str, allow: tuple[str, ...] = OTHER.allow) -> AbstractAsyncContextManager[Worker]:
    options = replace(OPTIONS, controller=home, others=(replace(OTHER, url=other, allow=allow),), capacity=CAPACITY)
    return running(options, TOKEN, TOKEN)


@pytest.fixture
async def home() -> AsyncIterator[ControllerPeer]:
    async with ControllerPeer(welcome=contract.Welcome(node="home")) as home:
        yield home


@pytest.fixture
async def other() -> AsyncIterator[ControllerPeer]:
    async with ControllerPeer(welcome=contract.Welcome(node="other")) as other:
        yield other


@pytest.fixture
async def worker(home: ControllerPeer, other: ControllerPeer) -> AsyncIterator[Worker]:
    async with shared(home.url, other.url) as worker:
        await arrived(home)
        await arrived(other)
        yield worker


def tells(controller: ControllerPeer, users: tuple[contract.WorkerUser, ...]) -> bool:
    return bool(controller.beats) and controller.beats[-1].load.users == users


def answered(controller: ControllerPeer, call: str) -> bool:
    return bool(controller.of(contract.Ready, call) or controller.of(contract.Ended, call))


def draining(controller: ControllerPeer) -> bool:
    return bool(controller.beats) and controller.beats[-1].load.draining


async def close(controller: ControllerPeer, call: str) -> None:
    await controller.say(contract.Close(call=call, reason="over"))
    await controller.event(contract.Ended, call)


async def talking(controller: ControllerPeer, stack: AsyncExitStack) -> tuple[str, AsteriskPeer]:
    """A call that hears the tone."""
    call = await prepared(controller)
    asterisk = await stack.enter_async_context(at(controller, call))
    await controller.event(contract.MediaConnected, call)
    await controller.say(contract.Greet(call=call))
    return call, asterisk


async def test_each_is_told_of_itself_and_how_many_calls_the_others_have(
    home: ControllerPeer, other: ControllerPeer, worker: Worker
) -> None:
    assert [each.hellos[0].worker for each in (home, other)] == ["w1", "home.w1"]
    assert home.hellos[0].boot == other.hellos[0].boot
    call = await prepared(home)
    users = (contract.WorkerUser(node="home", calls=1, home=True), contract.WorkerUser(node="other", calls=0))
    for each, is_home, elsewhere in ((home, True, 0), (other, False, 1)):
        await each.until(partial(tells, each, users))
        load = each.beats[-1].load
        assert (load.home, load.elsewhere, load.sessions) == (is_home, elsewhere, 1)
    assert call not in repr(other.beats)
    assert other.events == []


async def test_two_controllers_at_once_never_get_more_than_its_places(
    home: ControllerPeer, other: ControllerPeer, worker: Worker
) -> None:
    """Each may think that it is free. What is refused can be given to another worker."""
    offers = [(each, str(uuid.uuid4())) for each in (home, other) * 5]
    await asyncio.gather(*(each.say(contract.Prepare(call=call, spec=SPEC)) for each, call in offers))
    for each, call in offers:
        await each.until(partial(answered, each, call))
    taken = [(each, call) for each, call in offers if each.of(contract.Ready, call)]
    assert len(taken) == CAPACITY
    refused = [each.of(contract.Failed, call) for each, call in offers if (each, call) not in taken]
    assert all(len(said) == 1 and said[0].refused for said in refused)
    for each, call in taken:
        await close(each, call)
    for each in (other, other):
        await prepared(each)


async def test_what_one_says_reaches_no_call_of_the_other(
    home: ControllerPeer, other: ControllerPeer, worker: Worker
) -> None:
    async with AsyncExitStack() as stack:
        call, asterisk = await talking(home, stack)
        await other.say(contract.WatchLive(seconds=60))
        await other.say(contract.ExpectMedia(call=call, media=str(uuid.uuid4()), seconds=10))
        await other.say(contract.Close(call=call, reason="not mine"))
        await other.say(contract.Drain(seconds=0))
        # The same id, of a call of its own: it may end that, and what it waits for is not what the other one waits for.
        await other.say(contract.Prepare(call=call, spec=SPEC))
        await other.event(contract.Ready, call)
        await other.say(contract.ExpectMedia(call=call, media=media_of("another"), seconds=10))
        await close(other, call)
        assert [event.type for event in other.events] == ["ready", "ended"]
        assert not any(scene.calls for scene in other.scenes)
        await asterisk.hear(5)
        assert home.of(contract.Ended, call) == []
        await close(home, call)


async def test_media_comes_from_where_each_controller_says(home: ControllerPeer, other: ControllerPeer) -> None:
    async with shared(home.url, other.url, allow=("192.0.2.7",)):
        await arrived(home)
        await arrived(other)
        theirs, ours = await prepared(other), await prepared(home)
        async with at(other, theirs) as stranger, at(home, ours) as asterisk:
            await stranger.ended()
            await home.event(contract.MediaConnected, ours)
            await asterisk.hear(2)
        assert other.of(contract.MediaConnected, theirs) == []


async def test_all_are_told_that_it_ends(home: ControllerPeer, other: ControllerPeer) -> None:
    async with shared(home.url, other.url) as worker:
        await arrived(home)
        await arrived(other)
        call = await prepared(other)
        worker.retire(30)
        for each in (home, other):
            await each.until(partial(draining, each))
        await asyncio.sleep(1.1)  # NOTICE_SECONDS: until then offers that are on their way are taken
        late = str(uuid.uuid4())
        await home.say(contract.Prepare(call=late, spec=SPEC))
        await home.event(contract.Ended, late)
        assert [said.refused for said in home.of(contract.Failed, late)] == [True]
        await close(other, call)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_a_controller_that_dies_frees_its_places_and_nobody_elses_sound_stops(
    home: ControllerPeer, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Asterisk is still there, and the media leg with it."""
    monkeypatch.setattr(controllers, "ABANDON_SECONDS", 0.5)
    monkeypatch.setattr(controllers, "FURTHER_PING_SECONDS", 0.3)
    monkeypatch.setattr(controllers, "FURTHER_PONG_SECONDS", 0.5)
    theirs = str(uuid.uuid4())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.peers.controller_process", theirs, media_of(theirs)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            url = (await process.stdout.readline()).decode().strip()
        async with shared(home.url, url) as worker, AsyncExitStack() as stack:
            await arrived(home)
            _, asterisk = await talking(home, stack)
            leg = await stack.enter_async_context(AsteriskPeer(*worker.address, media_of(theirs)))
            async with asyncio.timeout(PATIENCE):
                assert await process.stdout.readline() == b"media\n"
            await home.until(lambda: home.beats[-1].load.elsewhere == 1)
            before, began = len(asterisk.frames), asyncio.get_running_loop().time()
            process.send_signal(number)
            await leg.ended()
            await home.until(lambda: home.beats[-1].load.elsewhere == 0)
            await asterisk.hear(max(0, 50 - (len(asterisk.frames) - before)))
            seconds = asyncio.get_running_loop().time() - began
            assert len(asterisk.frames) - before == pytest.approx(50 * seconds, abs=5)
            assert asterisk.frames[-1].pcm == TONE
            assert await prepared(home)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_conversations_of_its_home_go_on_without_it(
    home: ControllerPeer, other: ControllerPeer, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next controller of that node takes them over, as those of any worker."""
    async with AsyncExitStack() as stack:
        call, asterisk = await talking(home, stack)
        await home.__aexit__(None, None, None)
        await other.until(lambda: other.beats[-1].load.elsewhere == 1)
        await asterisk.hear(25)
        mine = await prepared(other)
        await close(other, mine)
        async with ControllerPeer(port=home.port) as successor:
            await arrived(successor)
            assert successor.hellos[0].calls == (call,)


async def test_a_further_controller_that_is_back_in_time_finds_its_calls(
    home: ControllerPeer, other: ControllerPeer, worker: Worker
) -> None:
    async with AsyncExitStack() as stack:
        call, asterisk = await talking(other, stack)
        await other.__aexit__(None, None, None)
        async with ControllerPeer(port=other.port) as successor:
            await arrived(successor)
            assert successor.hellos[0].calls == (call,)
            await asterisk.hear(2)
            await close(successor, call)
