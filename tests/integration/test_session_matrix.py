"""Every way in which the connection to the AI breaks, at every phase of a call, in real time.

The ways of one phase are broken at the same time, each in a call of its own; a failure names its way. Whatever
happens: the call goes on, with its memory, at 50 frames a second, and no tool is lost or run twice (`Talk.check`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from bridge import contract
from bridge.audiosocket.server import AudioSocketServer
from bridge.audiosocket.ticker import Ticker
from bridge.realtime.transport.retry import RetryTiming
from simulator.realtime.faults import Action, Close, Drop, Freeze, Script, Stall, before, error, expired, refuse
from simulator.realtime.reply import CallTool, Reply
from simulator.realtime.session import Session as Served
from tests.integration.matrix_harness import GOODBYE, GREETING, HANG_UP, LAST, LOOK_UP, REPLY, STORY, Talk
from tests.peers.audiosocket import AsteriskPeer

DELTA = "response.output_audio.delta"
DELAYS = (0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True)
class Way:
    """`actions` break the connection; `again`: what the next attempt meets; `fatal`: not to be tried again."""

    actions: tuple[Action, ...]
    again: tuple[Script, ...] = ()
    fatal: bool = False
    ping_s: float = 10.0


WAYS = {
    **{str(code): Way((Close(code),)) for code in (1000, 1001, 1005, 1011, 1012, 1013)},
    "reset": Way((Drop(),)),
    "no pong": Way((Freeze(),), ping_s=0.4),
    "500 at reconnect": Way((Drop(),), again=(refuse(500),)),
    "503 at reconnect": Way((Close(1011),), again=(refuse(503),)),
    "60 minutes": Way(expired()),
    "key": Way((error("invalid_api_key", "Incorrect API key provided."),), fatal=True),
    "quota": Way((error("insufficient_quota", "You exceeded your quota.", "insufficient_quota"),), fatal=True),
    "model": Way((error("model_not_found", "The model does not exist."),), fatal=True),
    "config": Way((Close(4000, "invalid_request_error.beta_api_shape_disabled"),), fatal=True),
}


async def _nothing(_: Talk) -> None:
    return


async def goes_on(talk: Talk) -> None:
    """Quiet, then a question and its answer."""
    await talk.until(lambda: talk.session.quiet or bool(talk.of(contract.Failed)))
    await talk.asks()


@dataclass(frozen=True)
class Phase:
    """How to get there, what the controller does after the break, and how the caller sees that the call goes on."""

    reach: Callable[[Talk], Awaitable[None]]
    first: Reply = (REPLY,)
    then: Callable[[Talk], Awaitable[None]] = _nothing
    proof: Callable[[Talk], Awaitable[None]] = goes_on
    renew_s: float | None = None
    faults: dict[int, tuple[Script, ...]] = field(default_factory=dict)


async def first(talk: Talk) -> Served:
    return await talk.server.session()


async def greeting_asked(talk: Talk) -> None:
    await (await first(talk)).wait_sent("response.created")


async def greeting_heard(talk: Talk) -> None:
    await (await first(talk)).wait_sent("response.done")
    await talk.hears(GREETING, 100)


async def greeted(talk: Talk) -> None:
    await talk.hears(GREETING, 580)
    await talk.wait(contract.Said)


async def caller_speaks(talk: Talk) -> None:
    await greeted(talk)
    talk.say(0.8)
    await (await first(talk)).wait_sent("input_audio_buffer.speech_started")


async def answer_pending(talk: Talk) -> None:
    await greeted(talk)
    talk.say(0.3)
    await (await first(talk)).wait_sent("response.created", nth=2)


async def agent_speaks(talk: Talk) -> None:
    await greeted(talk)
    talk.say(0.3)
    await talk.hears(STORY, 100)


async def tools_run(talk: Talk) -> None:
    await greeted(talk)
    talk.say(0.3)
    await talk.wait(contract.ToolCalled, len(talk.first))


async def tools_answered(talk: Talk) -> None:
    """One in the gap, the other when the connection is back. The third answer is one too many."""
    one, *others = (each.tool_call for each in talk.of(contract.ToolCalled))
    talk.session.answer_tool(one, '"found"')
    await talk.wait(contract.Reconnected)
    for each in (*others, one):
        talk.session.answer_tool(each, '"found too"')
    await talk.hears(REPLY, 380)


async def on_hold(talk: Talk) -> None:
    await agent_speaks(talk)
    talk.session.command(contract.Hold(call="", on=True))
    await talk.wait(contract.Said, 3)  # the greeting, the question, as much of the story as was heard


async def held_no_more(talk: Talk) -> None:
    await talk.wait(contract.Reconnected)
    talk.session.command(contract.Hold(call="", on=False, note="The caller is back."))
    await talk.hears(REPLY, 380)


async def last_words_asked(talk: Talk) -> None:
    await greeted(talk)
    talk.session.command(contract.WrapUp(call="", text=GOODBYE, why="test"))
    await (await first(talk)).wait_sent(DELTA, nth=8)  # six of the greeting


async def finished(talk: Talk) -> None:
    await talk.wait(contract.WrapUpDone)
    assert talk.heard(LAST) >= round(LAST.seconds * 1000) - 20


async def goodbye_heard(talk: Talk) -> None:
    await greeted(talk)
    talk.say(0.3)
    await (await first(talk)).wait_sent("response.done", nth=2)
    await talk.hears(LAST, 100)


async def hung_up(talk: Talk) -> None:
    """The tool is run when all has been heard, though the connection that asked for it is gone."""
    called = await talk.wait(contract.ToolCalled)
    assert called.name == HANG_UP.name
    assert talk.heard(LAST) >= round(LAST.seconds * 1000) - 20


async def renewal_begun(talk: Talk) -> None:
    await greeted(talk)
    await (await talk.server.session(1)).wait_received("session.update")


PHASES = {
    "preparing": Phase(greeted),
    "greeting asked for": Phase(greeting_asked),
    "greeting being heard": Phase(greeting_heard),
    "caller speaking": Phase(caller_speaks),
    "answer pending": Phase(answer_pending),
    "agent speaking": Phase(agent_speaks, (STORY,)),
    "one tool running": Phase(tools_run, (CallTool(LOOK_UP.name),), tools_answered),
    "two tools running": Phase(tools_run, (CallTool(LOOK_UP.name), CallTool(LOOK_UP.name)), tools_answered),
    "on hold": Phase(on_hold, (STORY,), then=held_no_more),
    "last words": Phase(last_words_asked, proof=finished),
    "goodbye, then hang-up": Phase(goodbye_heard, (LAST, CallTool(HANG_UP.name)), proof=hung_up),
    "renewal": Phase(renewal_begun, renew_s=1.5, faults={1: (before("session.updated", Stall(1.0)),)}),
}


class Nobody:
    """A leg of which nothing is heard."""

    def media_connected(self, leg: object) -> None: ...
    def media_format(self, rate: int, frame_bytes: int) -> None: ...
    def caller_audio(self, pcm: bytes) -> None: ...
    def caller_digit(self, digit: str) -> None: ...
    def media_gone(self, reason: str) -> None: ...
    def next_frame(self) -> bytes | None: ...


@dataclass
class Legs:
    """Where the calls of a test arrive, and a leg to which nothing happens."""

    server: AudioSocketServer
    address: tuple[str, int]
    reference: AsteriskPeer


@pytest.fixture
async def legs() -> AsyncIterator[Legs]:
    server = AudioSocketServer(Ticker())
    address = await server.start("127.0.0.1", [0])
    quiet = str(uuid4())
    server.expect(quiet, quiet, Nobody(), 10)
    async with AsteriskPeer(*address, quiet) as reference:
        yield Legs(server, address, reference)
    await server.close()


def talk_of(legs: Legs, name: str, way: Way) -> Talk:
    phase = PHASES[name]
    faults = dict(phase.faults)
    if name == "preparing":
        faults[0] = (before("session.updated", *way.actions),)
    number = max(faults, default=0) + 1
    faults[number] = (*faults.get(number, ()), *way.again)
    pace = RetryTiming(open_s=1.5, reopen_s=1.5, delays=DELAYS, renew_s=phase.renew_s)
    return Talk(legs.server, legs.address, phase.first, faults=faults, pace=pace, ping_s=way.ping_s, fallback=way.fatal)


async def broken(talk: Talk, name: str, way: Way) -> None:
    """One call."""
    phase = PHASES[name]
    async with talk:
        await phase.reach(talk)
        if name != "preparing":
            for action in way.actions:
                await talk.server.sessions[0].act(action)
        await phase.then(talk)
        await phase.proof(talk)


def check(talk: Talk, name: str, way: Way, reference: AsteriskPeer) -> None:
    """After the call."""
    talk.check(reference)
    back = [each for each in talk.of(contract.Reconnected) if not each.planned]
    over = name in ("goodbye, then hang-up", "renewal")  # perhaps before a server that stands still is noticed
    assert len(back) == (name != "preparing") or (over and not back)
    if way.fatal:
        assert talk.server.attempts == 1 + (name == "renewal")  # it was not asked again
        assert talk.spare.attempts >= 1
        assert {each.provider for each in back} <= {"second"}
    elif not over:
        assert talk.server.attempts >= 2 + len(way.again)


@pytest.mark.parametrize("name", PHASES)
async def test_whatever_breaks_the_call_goes_on(name: str, legs: Legs) -> None:
    talks = {what: talk_of(legs, name, way) for what, way in WAYS.items()}
    calls = (broken(talk, name, WAYS[what]) for what, talk in talks.items())
    results = await asyncio.gather(*calls, return_exceptions=True)
    faults: list[Exception] = []
    for (what, talk), result in zip(talks.items(), results, strict=True):
        try:
            if result is not None:
                raise result
            check(talk, name, WAYS[what], legs.reference)
        except Exception as fault:
            fault.add_note(f"broken by: {what}")
            faults.append(fault)
    if faults:
        raise ExceptionGroup(f"{len(faults)} of {len(talks)} calls", faults)
