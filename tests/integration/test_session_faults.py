"""Faults of a session: each ends with the right event to the controller, and leaves nothing behind."""

import asyncio
from collections import Counter

import pytest
from structlog.testing import capture_logs

from bridge.common.limited_warnings import FEW
from bridge.contract import AiWarning, Ended, Failed, Ready, Reconnected
from bridge.realtime.conversation import effects, inputs
from bridge.realtime.session import RealtimeSession
from simulator.realtime.faults import (
    Close,
    Delivery,
    Drop,
    Refuse,
    Script,
    Send,
    Skip,
    Stall,
    after,
    answer,
    before,
    error,
    refuse,
)
from simulator.realtime.model import ToneModel
from simulator.realtime.reply import Fail, Incomplete, Say
from simulator.realtime.server import RealtimeServer
from tests.integration.session_harness import Harness, call

AT_ONCE = Delivery(pace=0)


def tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks() if "realtime-" in task.get_name()}


AT_START: list[tuple[str, Script, str]] = [
    ("401", refuse(401), "account"),
    ("403", refuse(403), "account"),
    ("404", refuse(404), "config"),
    ("429", refuse(429), "transient"),
    ("503", refuse(503), "transient"),
    ("no created", before("session.created", Stall()), "transient"),
    ("no updated", before("session.updated", Stall()), "transient"),
    ("closed", before("session.updated", Close(1011, "oops")), "transient"),
    ("dropped", before("session.updated", Drop()), "transient"),
    ("1000", before("session.created", Close(1000)), "transient"),
    ("quota", before("session.created", error("insufficient_quota", "You exceeded your quota.")), "account"),
    ("refused", before("session.updated", error("unknown_parameter", "Unknown parameter: 'x'."), Skip()), "config"),
    ("beta", before("session.created", Close(4000, "beta_api_shape_disabled")), "config"),
]


@pytest.mark.parametrize(("fault", "kind"), [each[1:] for each in AT_START], ids=[each[0] for each in AT_START])
async def test_no_session_at_the_start(fault: Script, kind: str) -> None:
    async with RealtimeServer(faults=[fault]) as server:
        harness = Harness(server, timeout=0.5)
        harness.task = asyncio.create_task(harness.session.run())
        failed = await harness.wait(Failed)
        assert failed.kind == kind
        assert failed.message
        assert harness.of(Ready) == []
        harness.session.media_connected(harness.leg)  # the leg goes on, in silence, until somebody decides
        assert harness.tick(bytes(960)) is None
        assert not harness.task.done()
        await harness.end()
        assert len(harness.of(Failed)) == 1
    assert tasks() == set()


async def test_nobody_listens() -> None:
    async with RealtimeServer() as server:
        harness = Harness(server)
    harness.task = asyncio.create_task(harness.session.run())
    assert (await harness.wait(Failed)).kind == "transient"
    await harness.end()


async def test_an_unknown_model_is_a_matter_of_configuration() -> None:
    async with RealtimeServer() as server:
        harness = Harness(server)
        provider = harness.session._spec.provider.model_copy(update={"model": "gpt-0"})
        harness = Harness(server, provider=provider)
        harness.task = asyncio.create_task(harness.session.run())
        assert (await harness.wait(Failed)).kind == "config"
        await harness.end()


async def test_the_account_is_used_up_in_the_middle_of_a_sentence() -> None:
    fault = after("response.output_audio.delta", error("insufficient_quota", "quota"), nth=3)
    server = RealtimeServer(ToneModel([Say("long", 10.0)]), faults=[fault, AT_ONCE])
    async with server, call(server, greeting="x") as (harness, _):
        assert (await harness.wait(Failed)).kind == "account"
        assert server.attempts == 1  # trying again is of no use
        assert harness.listen(0.2) == 0
        assert harness.leg.closed is None
        await harness.end()
        assert harness.leg.closed is not None
    assert tasks() == set()


async def test_a_response_that_fails_for_lack_of_money_ends_the_session() -> None:
    fail = Fail("insufficient_quota", "You exceeded your quota.", "insufficient_quota")
    async with RealtimeServer(ToneModel([fail])) as server, call(server, greeting="x") as (harness, _):
        assert (await harness.wait(Failed)).kind == "account"


async def test_nonsense_on_the_wire_is_survived() -> None:
    nonsense = [Send("{"), Send("[]"), Send(b"\xff\xfe"), Send({"type": "response.brand_new", "x": 1})]
    fault = after("response.created", *nonsense)
    server = RealtimeServer(ToneModel([Say("hello", 0.4)]), faults=[fault, AT_ONCE])
    async with server, call(server, greeting="x") as (harness, _):
        await harness.until(lambda: harness.session._playout.remaining_ms >= 400)
        assert harness.of(Failed) == []


PHASES = ["session.created", "session.updated", "response.created", "response.output_audio.delta"]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_the_call_may_end_at_any_moment(phase: str, how: str) -> None:
    async with RealtimeServer(ToneModel([Say("long", 5.0)]), faults=[after(phase, Stall()), AT_ONCE]) as server:
        harness = Harness(server, greeting="x")
        timers = harness.session._timers
        harness.task = asyncio.create_task(harness.session.run())
        harness.session.media_connected(harness.leg)
        harness.session.greet()
        served = await server.session()
        await served.wait_sent(phase)
        if how == "close":
            ended = await harness.end()
            assert ended.reason == "the test is over"
        else:
            harness.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await harness.task
            assert harness.of(Ended) == []  # the owner of the task says it
        assert harness.leg.closed is not None
        assert tasks() == set()
        assert len(timers) == 0
        await served.wait_for(lambda session: session.closed)


async def test_closing_before_anything_was_connected() -> None:
    async with RealtimeServer() as server:
        harness = Harness(server)
        harness.session.close("gone already")
        await asyncio.wait_for(harness.session.run(), 5)
        assert [type(event) for event in harness.told] == [Ended]
        harness.session.media_connected(harness.leg)  # too late: refused, and nothing is said after the end
        assert harness.leg.closed == "gone already"
        assert [type(event) for event in harness.told] == [Ended]


async def test_a_fault_of_ours_while_renewing_is_not_taken_for_the_end_of_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: RealtimeSession) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(RealtimeSession, "quiet", property(broken))
    async with RealtimeServer() as server:
        harness = Harness(server, renew_s=0.01)
        await harness.start()
        assert harness.task is not None
        with pytest.raises(ExceptionGroup) as fault:
            await asyncio.wait_for(harness.task, 5)
        assert fault.group_contains(ZeroDivisionError)
        assert harness.leg.closed is not None
    assert tasks() == set()


async def test_a_fault_of_ours_ends_this_call_and_reaches_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RealtimeServer() as server:
        harness = Harness(server)
        await harness.start()

        def broken(what: inputs.Input, now: float) -> list[effects.Effect]:
            raise ZeroDivisionError

        monkeypatch.setattr(harness.session._conversation, "handle", broken)
        harness.session.caller_digit("1")  # called by the leg: it must not notice
        assert harness.task is not None
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(harness.task, 5)
        assert harness.leg.closed is not None
        assert tasks() == set()


async def test_a_rate_limit_is_waited_for_on_one_connection_and_a_cut_reply_goes_on() -> None:
    limit = Fail(message="Rate limit reached. Please try again in 400ms.", type="tokens")
    cut = answer(Say("Hello and", 0.4), Incomplete("content_filter"), nth=2)
    faults: list[Script] = [answer(limit), cut, answer(Say("welcome.", 0.4), nth=3), AT_ONCE]
    async with RealtimeServer(faults=faults) as server, call(server, greeting="Hello and welcome.") as (harness, _):
        warned = await harness.wait(AiWarning)
        assert (warned.kind, warned.code) == ("rate_limited", "rate_limit_exceeded")
        harness.listen(1.0)
        assert any(harness.frames), "the caller hears tones meanwhile"
        assert (await harness.wait(AiWarning, 2)).kind == "response_incomplete"
        await harness.until(lambda: harness.session._playout.remaining_ms >= 800)
        assert (server.attempts, harness.of(Failed)) == (1, [])


async def test_a_server_that_repeats_itself_writes_few_lines_and_totals() -> None:
    """Errors, events that are none, failed transcriptions, responses that never came, connections that break."""
    odd = [
        error("odd", "No item 'item_1'."),
        Send({"type": "response.output_audio.delta", "delta": "AAAA"}),
        Send({"type": "conversation.item.input_audio_transcription.failed", "item_id": "i", "error": {"code": "x"}}),
        Send({"type": "mcp_list_tools.failed", "item_id": "m"}),
        Send({"type": "response.done", "response": {"id": "r", "status": "failed"}}),
        Send("{"),
    ]
    faults: list[Script] = [after("response.done", *odd * 100, Drop()), AT_ONCE]
    server = RealtimeServer(ToneModel([Say("hello", 0.2)]), faults=faults)
    with capture_logs() as lines:
        async with server, call(server, greeting="hello") as (harness, _):
            for number in range(1, 12):
                await harness.wait(Reconnected, number)
                harness.listen(0.4)
                harness.session.caller_digit("1")
                harness.session.caller_digit("#")
    warned = [line for line in lines if line["log_level"] == "warning"]
    told = Counter(line["event"] for line in warned)
    assert (told["no line to the AI"], told["line to the AI is back"]) == (FEW + 1, 2)
    assert sum(told.values()) < 60
    totals = [line["total"] for line in warned if "total" in line]
    assert len(totals) == 2
    assert min(totals) >= 11


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"error": {"code": "rate_limit_exceeded", "message": "Please try again in 2h"}}', "transient"),
        ('{"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}', "account"),
    ],
)
async def test_a_refused_upgrade_says_in_its_body_that_there_is_no_use_in_trying_again(body: str, kind: str) -> None:
    async with RealtimeServer(faults=[Refuse(429, body)]) as server:
        harness = Harness(server)
        harness.task = asyncio.create_task(harness.session.run())
        assert (await harness.wait(Failed)).kind == kind
        assert server.attempts == 1
        await harness.end()


async def test_a_refused_upgrade_says_in_its_body_how_long_to_wait() -> None:
    body = '{"error": {"code": "rate_limit_exceeded", "message": "Please try again in 0m0.4s."}}'
    async with RealtimeServer(faults={0: [Refuse(429, body)]}) as server, call(server) as (harness, _):
        assert harness.of(Ready)[0].took_ms >= 400
        assert server.attempts == 2
