"""The connection to the AI is lost in the middle of a call: the call goes on, and the model is told what was said.

The line to the simulator is broken at each phase of a call and in each way. Figures (break to replay) are logged:
`pytest --log-cli-level=INFO`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from controller.api.server import ApiServer
from simulator.audio.sound import FRAME_SAMPLES, RATE, is_tone, purity, tone
from simulator.phone.phone import Phone
from simulator.realtime import (
    CallTool,
    Close,
    Drop,
    Fail,
    Freeze,
    RealtimeServer,
    Refuse,
    Say,
    Session,
    ToneModel,
    after,
    before,
)
from simulator.realtime.faults import Script
from simulator.realtime.reply import Part, Reply
from tests.e2e.installation import Installation, installation, shared
from tests.e2e.test_inbound import LATE
from tests.peers.asterisk import Asterisk

log = logging.getLogger(__name__)

BACK_SECONDS = 1.5  # from the break to the memory's first word on the new connection
HELLO = "Hello, this is the reception of the house by the lake, what can I do for you?"
GREETING = Say(HELLO, 1.0, 440)
LONG_GREETING = Say(HELLO, 3.0, 440)
STORY_TEXT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
STORY = Say(STORY_TEXT, 4.0, 1000)
REPLY = Say("Indeed.", 1.2, 880)
DELTA = "response.output_audio.delta"


@dataclass(frozen=True)
class Break:
    """`replies` of the model until the next question is asked, `faults` by attempt.

    `remembered`: what the new connection is told, in order, as (role or type, text).
    """

    replies: tuple[Part | Reply, ...]
    faults: dict[int, tuple[Script, ...]]
    remembered: tuple[tuple[str, str], ...] = ()
    speaks: bool = False


MEMORY_OF_GREETING = (("assistant", HELLO),)
BREAKS = {
    "before it is configured, 1001": Break((GREETING,), {0: (before("session.updated", Close(1001)),)}),
    "in the greeting, reset": Break((LONG_GREETING, LONG_GREETING), {0: (after(DELTA, Drop(), nth=3),)}),
    "while the caller speaks, 1011": Break(
        (GREETING,), {0: (after("input_audio_buffer.speech_started", Close(1011)),)}, MEMORY_OF_GREETING, speaks=True
    ),
    "while the caller speaks, 1013 and 500": Break(
        (GREETING,),
        {0: (after("input_audio_buffer.speech_started", Close(1013)),), 1: (Refuse(500),)},
        MEMORY_OF_GREETING,
        speaks=True,
    ),
    **{
        f"in a reply, {code}": Break(
            (GREETING, STORY),
            {0: (after(DELTA, Close(code), nth=5 + 6),)},
            (*MEMORY_OF_GREETING, ("user", "utterance 1")),
            speaks=True,
        )
        for code in (1005, 1012)
    },
}


def items(session: Session) -> list[tuple[str, str]]:
    """What a session was told by its client, as (role or type, text or output)."""
    told: list[tuple[str, str]] = []
    for event in session.client_events("conversation.item.create"):
        item: dict[str, Any] = event["item"]
        text = " ".join(str(part.get("text", "")) for part in item.get("content", []))
        told.append((item.get("role") or item["type"], text or str(item.get("output", item.get("name", "")))))
    return told


def assert_frames_kept_flowing(phone: Phone) -> None:
    """Twenty milliseconds after each other by the stream's own count, none left out, none much too late."""
    pairs = list(zip(phone.rtp.heard, phone.rtp.heard[1:], strict=False))
    assert {(later.stamp - sooner.stamp) % (1 << 32) for sooner, later in pairs} == {FRAME_SAMPLES}
    assert max(later.at - sooner.at for sooner, later in pairs) < LATE


def log_gap(what: str, old: Session, new: Session, within: float = BACK_SECONDS) -> None:
    """From the last event on the old connection to the memory on the new one, in seconds."""
    broke = max(seen.at for seen in (*old.sent, *old.received))
    kinds = ("conversation.item.create",) if items(new) else ("session.update",)
    back = next(seen.at for seen in new.received if seen.type in kinds)
    log.info("break to replay: %s: %.0f ms", what, (back - broke) * 1000)
    assert back - broke < within


async def is_answered(phone: Phone) -> None:
    """The caller says something, and the whole reply is heard."""
    phone.rtp.say(tone(0.6, 620))
    await phone.rtp.spoken()
    await replied(phone)


async def replied(phone: Phone) -> None:
    """The last sound is the whole reply, whatever was heard right before it."""
    await phone.rtp.hears(lambda samples: is_tone(samples, REPLY.hz))
    await phone.rtp.quiet(0.3)
    reply = phone.rtp.stretches()[-1].samples[-round((REPLY.seconds - 0.06) * RATE) :]
    assert len(reply) == round((REPLY.seconds - 0.06) * RATE)
    assert purity(reply, REPLY.hz) > 0.9


async def hears_greeting(phone: Phone) -> None:
    await phone.answered()
    await phone.rtp.sound()
    await phone.rtp.quiet(0.4)


async def goes_on(running: Installation, phone: Phone) -> None:
    """Nobody has noticed much: the call is there, nothing was refused, the caller ends it."""
    call = await running.only_call()
    assert call["state"] == "talking"
    assert not [refusal for session in running.realtime.sessions for refusal in session.refused]
    assert_frames_kept_flowing(phone)
    await phone.hang_up()
    assert (await running.ended(call["id"]))["ended_by"] == "caller"


@pytest.mark.parametrize("what", BREAKS)
async def test_the_line_breaks(asterisk: Asterisk, tmp_path: Path, what: str) -> None:
    case = BREAKS[what]
    model = ToneModel(case.replies, forever=REPLY)
    agent = {"greeting": HELLO}
    async with shared(asterisk, tmp_path, model, faults=case.faults, agent=agent) as running, running.caller() as phone:
        await hears_greeting(phone)
        if case.speaks:
            phone.rtp.say(tone(1.2, 620))
            await replied(phone)
        new = await running.realtime.session(1)
        log_gap(what, running.realtime.sessions[0], new)
        told = items(new)
        assert tuple(told[: len(case.remembered)]) == case.remembered
        await is_answered(phone)
        if STORY in case.replies:
            # What is still being played at the break is told once it was heard: so far and no further.
            (story,) = [text for role, text in items(new) if role == "assistant" and text != HELLO]
            assert STORY_TEXT.startswith(story)
            assert 0 < len(story) < len(STORY_TEXT)
        if LONG_GREETING in case.replies:
            said = [each for each in phone.rtp.stretches(0.1) if is_tone(each.samples, GREETING.hz)]
            assert said[-1].seconds >= LONG_GREETING.seconds - 0.06
        await goes_on(running, phone)
        assert len(running.realtime.sessions) == 2


async def test_the_line_breaks_while_nobody_speaks(asterisk: Asterisk, tmp_path: Path) -> None:
    """And the first attempt to have it back is refused with 503. Nobody asked, so nothing is said."""
    model = ToneModel([GREETING], forever=REPLY)
    async with shared(asterisk, tmp_path, model, faults={1: [Refuse(503)]}) as running, running.caller() as phone:
        await hears_greeting(phone)
        await is_answered(phone)
        old = await running.realtime.session()
        await old.act(Close(1011))
        new = await running.realtime.session(1)
        await new.wait_received("conversation.item.create", nth=4)
        told = items(new)
        assert [role for role, _ in told] == ["assistant", "user", "assistant", "system"]
        assert [text for _, text in told[:3]] == [HELLO, "utterance 1", REPLY.text]
        log_gap("while nobody speaks, 1011 and 503", old, new)
        await phone.rtp.frames(25)
        assert not new.responses
        await is_answered(phone)
        assert running.realtime.attempts == 3
        await goes_on(running, phone)


@pytest_asyncio.fixture(loop_scope="session")
async def tool_server() -> AsyncIterator[tuple[dict[str, Any], asyncio.Event, asyncio.Event]]:
    """The config of a slow tool; set when it was asked; to be set when it may answer."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        asked.set()
        await release.wait()
        return web.json_response({"state": "sent on Monday"})

    app = web.Application()
    app.router.add_get("/order", answer)
    async with ApiServer(app, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.port}/order"
        tool = {"description": "Looks the order up.", "url": url, "allowed_hosts": ["127.0.0.1"]}
        yield {"http_tools": {"order_status": tool}}, asked, release
        release.set()


async def asked_a_tool(running: Installation, phone: Phone, asked: asyncio.Event) -> Session:
    await hears_greeting(phone)
    phone.rtp.say(tone(0.6, 620))
    async with asyncio.timeout(5):
        await asked.wait()
    return await running.realtime.session()


async def test_the_line_breaks_while_a_tool_runs(
    asterisk: Asterisk, tmp_path: Path, tool_server: tuple[dict[str, Any], asyncio.Event, asyncio.Event]
) -> None:
    """Its answer reaches the new connection together with the question."""
    more, asked, release = tool_server
    model = ToneModel([GREETING, CallTool("order_status", call_id="call_1")], forever=REPLY)
    agent = {"tools": ["order_status"]}
    async with installation(asterisk, tmp_path, model, agent=agent, more=more) as running, running.caller() as phone:
        old = await asked_a_tool(running, phone, asked)
        await old.act(Drop())
        new = await running.realtime.session(1)
        await new.wait_received("conversation.item.create", nth=3)
        log_gap("while a tool runs, reset", old, new)
        release.set()
        await replied(phone)
        kinds = [role for role, _ in items(new)]
        assert kinds.count("function_call") == kinds.count("function_call_output") == 1
        (output,) = [text for role, text in items(new) if role == "function_call_output"]
        assert "Monday" in output
        await is_answered(phone)
        await goes_on(running, phone)


async def test_the_line_breaks_while_two_tools_run(
    asterisk: Asterisk, tmp_path: Path, tool_server: tuple[dict[str, Any], asyncio.Event, asyncio.Event]
) -> None:
    """Each is run once and answered once, and there is one reply to both."""
    more, asked, release = tool_server
    tools = tuple(CallTool("order_status", call_id=f"call_{number}") for number in (1, 2))
    model = ToneModel([GREETING, tools], forever=REPLY)
    agent = {"tools": ["order_status"]}
    async with installation(asterisk, tmp_path, model, agent=agent, more=more) as running, running.caller() as phone:
        old = await asked_a_tool(running, phone, asked)
        await old.wait_sent("response.done", nth=2)
        await old.act(Close(1005))
        new = await running.realtime.session(1)
        await new.wait_received("conversation.item.create", nth=3)
        log_gap("while two tools run, 1005", old, new)
        release.set()
        await replied(phone)
        kinds = [role for role, _ in items(new)]
        assert kinds.count("function_call") == kinds.count("function_call_output") == 2
        assert len(new.client_events("response.create")) == 1
        assert {event["item"]["call_id"] for event in outputs(new)} == {"call_1", "call_2"}
        await is_answered(phone)
        await goes_on(running, phone)


def outputs(session: Session) -> list[dict[str, Any]]:
    """The answers of tools that a session was told."""
    created = session.client_events("conversation.item.create")
    return [event for event in created if event["item"]["type"] == "function_call_output"]


async def test_a_server_stands_still(asterisk: Asterisk, tmp_path: Path) -> None:
    """It answers no ping, and says nothing: within two pings the next one has the call, and knows what was."""
    model = ToneModel([GREETING], forever=REPLY)
    provider = {"ping_s": 1}
    async with installation(asterisk, tmp_path, model, provider=provider) as running, running.caller() as phone:
        await hears_greeting(phone)
        old = await running.realtime.session()
        await old.act(Freeze())
        new = await running.realtime.session(1)
        await new.wait_received("conversation.item.create", nth=2)
        log_gap("a server stands still, pings each second", old, new, within=4.5)
        assert items(new)[0] == ("assistant", HELLO)
        await is_answered(phone)
        await old.thaw()
        await goes_on(running, phone)


async def test_a_line_is_renewed_before_its_time_is_up(asterisk: Asterisk, tmp_path: Path) -> None:
    """Nobody notices: no gap, no note to the model, and no word of the caller is lost."""
    model = ToneModel([GREETING], forever=REPLY)
    provider = {"max_session_s": 10}
    async with installation(asterisk, tmp_path, model, provider=provider) as running, running.caller() as phone:
        await hears_greeting(phone)
        await is_answered(phone)
        new = await running.realtime.session(1, timeout=10)
        await new.wait_received("input_audio_buffer.append")
        assert [role for role, _ in items(new)] == ["assistant", "user", "assistant"]
        await is_answered(phone)
        assert not new.client_events("response.create")  # it is the caller who was answered, by the server itself
        await goes_on(running, phone)


@pytest.mark.parametrize("why", ["wrong key", "no quota"])
async def test_another_provider_takes_over(asterisk: Asterisk, tmp_path: Path, why: str) -> None:
    """What will not get better by waiting is not waited for: the next provider is told what was said."""
    out_of_money = Fail("insufficient_quota", "You exceeded your current quota.", "insufficient_quota")
    first = ToneModel([GREETING], forever=out_of_money if why == "no quota" else REPLY)
    async with RealtimeServer(ToneModel(forever=REPLY), api_key="sk-spare") as spare:
        more = {"providers": {"spare": {"url": spare.url, "api_key": "sk-spare"}}}
        agent = {"providers": ["openai", "spare"]}
        async with (
            installation(asterisk, tmp_path, first, faults={1: [Refuse(401)]}, agent=agent, more=more) as running,
            running.caller() as phone,
        ):
            await hears_greeting(phone)
            old = await running.realtime.session()
            if why == "wrong key":
                await old.act(Close(1011))
                new = await spare.session()
                await new.wait_received("conversation.item.create", nth=2)
            else:
                phone.rtp.say(tone(0.6, 620))
                await replied(phone)
                new = await spare.session()
                assert ("user", "utterance 1") in items(new)
            log_gap(f"to another provider, {why}", old, new)
            assert items(new)[0] == ("assistant", HELLO)
            await is_answered(phone)
            assert running.realtime.attempts == (2 if why == "wrong key" else 1)
            await goes_on(running, phone)
            assert not new.refused


async def test_without_another_provider_somebody_else_takes_the_call(asterisk: Asterisk, tmp_path: Path) -> None:
    agent = {"on_ai_failure": [{"transfer": "6001@test-targets"}]}
    faults = {1: [Refuse(401)]}
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING]), faults=faults, agent=agent) as running,
        running.caller() as phone,
    ):
        await hears_greeting(phone)
        await (await running.realtime.session()).act(Drop())
        await phone.rtp.hears(lambda samples: is_tone(samples, 620))
        await phone.hang_up()
        call = await running.ended(await running.call_id())
        assert (call["transfer"]["by"], call["transfer"]["state"]) == ("rescue", "answered")
