"""Text sessions in a worker, against a strict Realtime server: no media leg, the user types, the agent writes."""

import asyncio

from bridge.contract import Ended, Failed, FunctionTool, Ready, Said, ToolCalled, TurnCompleted, Used, UserMessage
from simulator.realtime.faults import Delivery, after, expired
from simulator.realtime.model import ToneModel
from simulator.realtime.reply import CallTool, Fail, Part, Say
from simulator.realtime.server import RealtimeServer
from tests.integration.session_harness import CALL, Harness, check

AT_ONCE = Delivery(pace=0)
GREETING = "Good morning, how can I help?"
LOOK_UP = FunctionTool(name="look_up", description="Looks it up.", parameters={"type": "object"})


class TextHarness(Harness):
    """One text session: the same, without a leg."""

    async def open(self) -> "TextHarness":
        self.task = asyncio.create_task(self.session.run())
        await self.wait(Ready)
        self.session.greet()
        return self

    def type(self, text: str) -> None:
        self.session.command(UserMessage(call=CALL, text=text))


def texts(harness: Harness) -> list[tuple[str, str]]:
    return [(said.who, said.text) for said in harness.of(Said)]


async def test_the_user_types_and_the_agent_writes() -> None:
    replies: list[Part | tuple[Part, ...]] = [
        Say(GREETING),
        (Say("I will look it up."), CallTool("look_up", {"x": 1})),
        Say("It is noon."),
    ]
    async with RealtimeServer(ToneModel(replies), faults=[AT_ONCE]) as server:
        harness = await TextHarness(server, modality="text", greeting=GREETING, tools=(LOOK_UP,)).open()
        await harness.wait(TurnCompleted)
        assert texts(harness) == [("agent", GREETING)]
        harness.type("What time is it?")
        called = await harness.wait(ToolCalled)
        assert len(harness.of(TurnCompleted)) == 1
        harness.session.answer_tool(called.tool_call, "12:00")
        await harness.wait(TurnCompleted, 2)
        assert texts(harness)[1:] == [
            ("caller", "What time is it?"),
            ("agent", "I will look it up."),
            ("agent", "It is noon."),
        ]
        assert all(not used.usage.get("output_audio") for used in harness.of(Used))
        await harness.end()
        session = (await server.session()).config
        assert session["output_modalities"] == ["text"]
        assert session["audio"]["input"]["turn_detection"] is None
    check(server)


async def test_after_a_lost_connection_the_history_is_told_again() -> None:
    lost = after("response.created", *expired(), nth=2)
    model = ToneModel([Say(GREETING), Say("One."), Say("Two.")])
    async with RealtimeServer(model, faults={0: [AT_ONCE, lost]}) as server:
        harness = await TextHarness(server, modality="text", greeting=GREETING).open()
        await harness.wait(TurnCompleted)
        harness.type("First.")
        await harness.wait(TurnCompleted, 2, timeout=10)
        again = await server.session(1)
        await again.wait_for(lambda session: len(session.history.items) > 1)
        told = [item.text for item in again.history.items if item.frame.get("role") in ("user", "assistant")]
        assert told[:2] == [GREETING, "First."]
        await harness.end()


async def test_a_model_without_text_mode_is_named_in_the_error() -> None:
    async with RealtimeServer(ToneModel(), faults=[AT_ONCE]) as server:
        harness = TextHarness(server, modality="audio")
        # The server is asked for sound, the conversation believes that it is a text session: as with a server that
        # ignores `output_modalities`.
        harness.session._conversation.parts.text_turns.on = True
        await harness.open()
        harness.type("Hello?")
        failed = await harness.wait(Failed)
        assert "text mode" in failed.message
        await harness.end()


async def test_a_response_that_fails_is_asked_for_again_and_the_turn_ends() -> None:
    async with RealtimeServer(ToneModel([Fail("server_error", "No."), Say("Here I am.")]), faults=[AT_ONCE]) as server:
        harness = await TextHarness(server, modality="text").open()
        await harness.wait(TurnCompleted)  # there is no greeting
        harness.type("Are you there?")
        await harness.wait(TurnCompleted, 2)
        assert texts(harness)[-1] == ("agent", "Here I am.")
        assert isinstance(await harness.end(), Ended)
