"""A server whose session differs from what was asked for: corrected, refused, or reported."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from bridge.contract import AiWarning, Failed, McpServer, Provider, Ready, Reconnected, Said, Transcription
from bridge.realtime.conversation.inputs import Ticked
from simulator.realtime.faults import Alter, Delivery, Drop, Fault, Script, Send, Stall, after, before, error, refuse
from simulator.realtime.model import ToneModel
from simulator.realtime.reply import Say
from simulator.realtime.server import RealtimeServer
from tests.integration.session_harness import Harness, call

AT_ONCE = Delivery(pace=0)
Change = Callable[[dict[str, Any]], object]


def altered(change: Change, nth: int = 0) -> Fault:
    return before("session.updated", Alter(lambda event: change(event["session"])), nth=nth)


def second(server: RealtimeServer) -> Provider:
    return Provider(name="second", url=server.url, api_key=SecretStr("sk-test"))


def differing(harness: Harness) -> list[AiWarning]:
    return [each for each in harness.of(AiWarning) if each.kind == "session_differs"]


def deaf(session: dict[str, Any]) -> None:
    session["audio"]["input"]["turn_detection"] = None


def slow_input(session: dict[str, Any]) -> None:
    session["audio"]["input"]["format"]["rate"] = 16000


def slow_output(session: dict[str, Any]) -> None:
    session["audio"]["output"]["format"]["rate"] = 8000


def bare(session: dict[str, Any]) -> None:
    session["tools"] = []


def silent(session: dict[str, Any]) -> None:
    session["output_modalities"] = ["text"]


ESSENTIAL = pytest.mark.parametrize(
    ("change", "told"),
    [
        (deaf, "turn_detection: asked server_vad, in force off"),
        (slow_input, "input_format: asked pcm 24 kHz, in force pcm 16 kHz"),
        (slow_output, "output_format: asked pcm 24 kHz, in force pcm 8 kHz"),
        (bare, "tools: asked hang_up, in force none"),
        (silent, "modalities: asked audio, in force text"),
    ],
    ids=["deaf", "input rate", "output rate", "tools", "text"],
)


@ESSENTIAL
async def test_what_a_call_cannot_do_with_is_asked_for_again_and_then_refused(change: Change, told: str) -> None:
    async with RealtimeServer(faults=[altered(change)]) as server:
        harness = Harness(server)
        harness.task = asyncio.create_task(harness.session.run())
        failed = await harness.wait(Failed)
        assert failed.kind == "config"
        assert told in failed.message
        assert harness.of(Ready) == []
        assert server.attempts == 1
        assert len(server.sessions[0].client_events("session.update")) == 2
        await harness.end()


@ESSENTIAL
async def test_another_provider_is_taken(change: Change, told: str) -> None:
    replies = ToneModel([Say("Good morning.", 0.4)])
    async with (
        RealtimeServer(faults=[altered(change)]) as server,
        RealtimeServer(replies, faults=[AT_ONCE]) as other,
        call(server, fallbacks=(second(other),), served_by=other, greeting="x") as (harness, _),
    ):
        await harness.until(lambda: harness.arrived_ms() >= 400)
        assert (server.attempts, other.attempts) == (1, 1)
        assert harness.of(Failed) == []
        assert [each.detail for each in differing(harness)] == [told]  # it is known why


@ESSENTIAL
async def test_a_server_that_does_as_asked_the_second_time_is_good_enough(change: Change, told: str) -> None:
    async with RealtimeServer(faults=[altered(change, nth=1)]) as server, call(server) as (harness, served):
        assert len(served.client_events("session.update")) == 2
        assert (server.attempts, differing(harness), harness.of(Failed)) == (1, [], [])


async def test_the_rest_is_told_once_a_call_with_both_values() -> None:
    def other(session: dict[str, Any]) -> None:
        session["model"] = "gpt-realtime-1.5"
        session["audio"]["output"]["voice"] = "cedar"
        session["audio"]["input"]["transcription"] = None
        session["audio"]["input"]["turn_detection"]["silence_duration_ms"] = 800

    async with (
        RealtimeServer(ToneModel([Say("hello", 0.2)]), faults=[altered(other), AT_ONCE]) as server,
        call(server, transcription=Transcription()) as (harness, served),
    ):
        first = sorted((each.code, each.detail) for each in differing(harness))
        assert first == [
            ("model", "model: asked gpt-realtime-2.1-mini, in force gpt-realtime-1.5"),
            ("transcription", "transcription: asked gpt-transcribe, in force off"),
            ("turn_detection.silence_duration_ms", "turn_detection.silence_duration_ms: asked 300, in force 800"),
            ("voice", "voice: asked marin, in force cedar"),
        ]
        await served.act(Drop())
        await harness.wait(Reconnected)
        await harness.talk(0.4)
        await harness.until(lambda: harness.arrived_ms() >= 200)
        assert len(differing(harness)) == 4
        await harness.end()
        assert sorted((each.code, each.times) for each in differing(harness)[4:]) == [(code, 1) for code, _ in first]


@pytest.mark.parametrize("answer", ["nothing", "an error"])
async def test_a_server_that_does_not_answer_twice_is_taken_at_its_first_word(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.realtime.transport.client.AGAIN_S", 0.2)

    def cedar(session: dict[str, Any]) -> None:
        session["audio"]["output"]["voice"] = "cedar"

    trouble = Stall(0.5) if answer == "nothing" else error("cannot_update_voice", "Cannot update the voice.")
    faults: list[Script] = [altered(cedar), before("session.updated", trouble, nth=2)]
    async with RealtimeServer(faults=faults) as server, call(server) as (harness, served):
        assert [each.code for each in differing(harness)] == ["voice"]
        await served.wait_sent("session.updated", 2)
        assert server.attempts == 1
        served._wire.emit("session.updated", session=served.config | {"model": "gpt-realtime-1.5"})
        await harness.until(lambda: len(differing(harness)) == 2)  # what follows is held against it as before


@ESSENTIAL
async def test_a_session_that_changes_in_the_middle_of_a_call_is_put_right_or_left(change: Change, told: str) -> None:
    """By the answer to a change of ours, or unasked."""
    replies = ToneModel([Say("Good morning.", 0.2)])
    async with (
        RealtimeServer(
            replies, faults=[altered(change, nth=2), altered(change, nth=4), altered(change, nth=5), AT_ONCE]
        ) as server,
        RealtimeServer(replies, faults=[AT_ONCE]) as other,
        call(server, fallbacks=(second(other),), greeting="x", protect_greeting=True) as (harness, served),
    ):
        await harness.until(lambda: harness.arrived_ms() >= 200)
        harness.listen(1.0)
        await harness.wait(Said)  # the greeting is over: turn detection is switched on by the second update
        await served.wait_sent("session.updated", 3)
        assert harness.of(Reconnected) == []
        repeated = served.client_events("session.update")[2]["session"]
        assert "voice" not in repeated["audio"]["output"]
        assert repeated["tools"]
        harness.session._conversation.parts.turn_detection.muted = True
        harness.session._conversation.parts.turn_detection.changed()
        harness.session._feed(Ticked())
        back = await harness.wait(Reconnected)
        assert back.provider == "second"
        assert told in back.reason


async def test_a_server_that_does_not_answer_by_itself_is_asked() -> None:
    """It was asked to, and says that it does not: nobody waits five seconds for it."""

    def passive(session: dict[str, Any]) -> None:
        session["audio"]["input"]["turn_detection"]["create_response"] = False

    server = RealtimeServer(ToneModel([Say("noon", 0.2)]), faults=[altered(passive), AT_ONCE])
    async with server, call(server) as (harness, served):
        served.config["audio"]["input"]["turn_detection"]["create_response"] = False
        served._hearing.configured()
        began = harness._clock()
        await harness.talk(0.4)
        await served.wait_received("response.create")
        await harness.until(lambda: harness.arrived_ms() >= 200)
        assert harness._clock() - began < 5


async def test_a_refused_renewal_leaves_the_call_on_its_line() -> None:
    """The connection that was to replace a good one is not as asked for: the good one stays."""
    faults: dict[int, list[Script]] = {number: [altered(deaf)] for number in (1, 2)}
    faults[3] = [refuse(503)]
    async with RealtimeServer(faults=faults) as server, call(server, renew_s=0.05) as (harness, _):
        back = await harness.wait(Reconnected)
        assert back.planned
        assert server.attempts == 5
        assert harness.of(Failed) == []


async def test_what_comes_while_the_session_is_set_up_is_not_lost() -> None:
    """A provider that can't list the tools of an MCP server may say so before, between and after its answers."""

    def item(number: int) -> tuple[Send, Send]:
        added = {"id": f"m{number}", "type": "mcp_list_tools", "server_label": "crm"}
        return (
            Send({"type": "conversation.item.added", "item": added}),
            Send({"type": "mcp_list_tools.failed", "item_id": f"m{number}"}),
        )

    def cedar(session: dict[str, Any]) -> None:
        session["audio"]["output"]["voice"] = "cedar"

    mcp = (McpServer(server_label="crm", server_url="https://example.com/mcp", allowed_tools=("find",)),)
    moments = [
        before("session.updated", *item(1)),
        after("session.updated", *item(2)),
        after("session.updated", *item(3), nth=2),
    ]
    async with RealtimeServer(faults=[altered(cedar), *moments]) as server, call(server, mcp=mcp) as (harness, _):
        await harness.wait(AiWarning, 4)
        failed = [(each.kind, each.code) for each in harness.of(AiWarning) if each.kind != "session_differs"]
        assert failed == [("mcp_list_tools_failed", "crm")] * 3
