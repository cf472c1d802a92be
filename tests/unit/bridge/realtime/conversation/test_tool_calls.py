"""Tools: run once, answered always, goodbyes said in full before they take effect."""

import pytest

from bridge.contract import ToolCalled
from bridge.realtime.conversation.inputs import ToolAnswered
from bridge.realtime.conversation.tool_calls import MOST_REFUSED, MOST_UNSETTLED, TOO_MANY
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage


def called(stage: Stage) -> list[str]:
    return [event.tool_call for event in stage.told_of(ToolCalled)]


def test_a_tool_is_run_answered_after_the_response_and_reacted_to_once() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up", '{"what": "hours"}')
    assert [(event.name, event.arguments) for event in stage.told_of(ToolCalled)] == [("look_up", {"what": "hours"})]
    stage.feed(ToolAnswered("c1", "nine to five"))
    assert stage.outputs == []  # the server does not know the call before its response is over
    stage.feed(server_events.ResponseDone("r1", "completed"))
    assert stage.outputs == [("c1", "nine to five")]
    assert len(stage.creates) == 1
    assert stage.sent[-1]["type"] == "response.create"


def test_parallel_calls_are_answered_one_by_one_and_reacted_to_together() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.tool("r1", "c2", "look_up")
    stage.feed(server_events.ResponseDone("r1", "completed"), ToolAnswered("c2", "two"))
    assert stage.outputs == [("c2", "two")]
    assert stage.creates == []
    stage.feed(ToolAnswered("c1", "one"))
    assert len(stage.creates) == 1


def test_a_call_is_run_once() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.tool("r1", "c1", "look_up")
    stage.feed(ToolAnswered("c1", "a"), server_events.ResponseDone("r1", "completed"), ToolAnswered("c1", "b"))
    assert called(stage) == ["c1"]
    assert stage.outputs == [("c1", "a")]


def test_more_calls_at_once_than_any_model_makes_are_answered_and_not_run() -> None:
    stage = Stage()
    for number in range(3 * MOST_UNSETTLED):
        stage.tool(f"r{number % 7}", f"c{number}", "look_up")
    run = [f"c{number}" for number in range(MOST_UNSETTLED)]
    assert called(stage) == run
    assert [note.text for note in stage.notes] == ["tools not run: too many calls of tools are open"]
    stage.feed(*(ToolAnswered(call, "a") for call in run))
    stage.feed(*(server_events.ResponseDone(f"r{number}", "completed") for number in range(7)))
    outputs = dict(stage.outputs)
    assert len(outputs) == len(stage.outputs) == 3 * MOST_UNSETTLED
    assert {call for call, output in outputs.items() if output == TOO_MANY} == outputs.keys() - set(run)
    stage.tool("r8", "later", "look_up")
    assert called(stage)[-1] == "later"


def test_calls_without_end_cost_no_memory_without_end() -> None:
    stage = Stage()
    for number in range(MOST_UNSETTLED + MOST_REFUSED + 100):
        stage.tool("r", f"c{number}", "look_up")
    stage.feed(*(ToolAnswered(f"c{number}", "a") for number in range(MOST_UNSETTLED)))
    stage.feed(server_events.ResponseDone("r", "completed"))
    assert len(stage.outputs) == MOST_UNSETTLED + MOST_REFUSED


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
def test_a_call_that_was_cut_off_is_not_run(status: str) -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up", '{"wha', status)
    stage.feed(server_events.ResponseDone("r1", "cancelled"))
    assert (called(stage), stage.outputs) == ([], [])


@pytest.mark.parametrize(("name", "arguments"), [("nonsense", "{}"), ("look_up", "{"), ("look_up", "[1]")])
def test_nonsense_is_answered_with_what_is_wrong(name: str, arguments: str) -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", name, arguments)
    stage.feed(server_events.ResponseDone("r1", "completed"))
    assert called(stage) == []
    assert [call for call, _ in stage.outputs] == ["c1"]
    assert len(stage.creates) == 1


def test_an_answer_that_wants_no_reaction_gets_none() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(server_events.ResponseDone("r1", "completed"), ToolAnswered("c1", "", respond=False))
    assert stage.outputs == [("c1", "")]
    assert stage.creates == []


def test_a_tool_that_nobody_answers_is_answered() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.wait(19.9)
    assert stage.outputs == []
    stage.wait(0.2)
    stage.feed(ToolAnswered("c1", "too late"))
    assert stage.outputs == [("c1", "The tool did not answer in time.")]


def test_a_call_that_arrives_after_its_response_is_still_answered() -> None:
    stage = Stage()
    stage.reply("r1", "i1", 20)
    stage.tool("r1", "c1", "look_up")
    stage.feed(ToolAnswered("c1", "a"))
    assert stage.outputs == [("c1", "a")]


def test_the_output_of_a_given_up_response_is_sent() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(ToolAnswered("c1", "a"))
    stage.wait(60)
    assert stage.outputs == [("c1", "a")]


# ---------------------------------------------------------------- after speech


def goodbye(stage: Stage, milliseconds: int) -> None:
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", milliseconds, "Goodbye.", done=True)
    stage.tool("r1", "c1", "hang_up")
    stage.feed(server_events.ResponseDone("r1", "completed"))


def test_a_goodbye_is_played_in_full_with_a_tail() -> None:
    stage = Stage()
    goodbye(stage, 2000)
    stage.play(2000)
    assert called(stage) == []
    stage.play(200)
    assert called(stage) == []
    stage.play(100)
    assert called(stage) == ["c1"]


def test_without_a_word_the_tool_goes_on_after_the_tail() -> None:
    stage = Stage()
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "hang_up")
    stage.wait(1)
    assert called(stage) == []  # it may still speak
    stage.feed(server_events.ResponseDone("r1", "completed"))
    stage.wait(0.3)
    assert called(stage) == ["c1"]


def test_a_goodbye_that_is_not_played_is_waited_for_two_seconds_and_no_longer() -> None:
    """The media leg has stopped ticking: the tool must not be lost."""
    stage = Stage()
    goodbye(stage, 1000)
    stage.wait(2.9)
    assert called(stage) == []
    stage.wait(0.2)
    assert called(stage) == ["c1"]


def test_a_caller_who_speaks_first_is_not_hung_up_on() -> None:
    stage = Stage()
    goodbye(stage, 2000)
    stage.play(500)
    stage.feed(server_events.SpeechStarted("u", 0))
    assert [call for call, _ in stage.outputs] == ["c1"]
    assert "caller began to speak" in stage.outputs[0][1]
    stage.play(5000)
    assert called(stage) == []
    assert stage.creates == []  # the server answers what the caller says


def test_a_caller_who_speaks_in_the_tail_is_not_hung_up_on() -> None:
    stage = Stage()
    goodbye(stage, 100)
    stage.play(200)
    stage.feed(server_events.SpeechStarted("u", 0))
    stage.play(5000)
    assert called(stage) == []
    assert len(stage.outputs) == 1


def test_a_goodbye_of_a_response_that_was_interrupted_before_it_is_not_run() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.speak("r1", "i1", 1000)
    stage.feed(server_events.SpeechStarted("u", 0))
    stage.tool("r1", "c1", "hang_up")
    stage.feed(server_events.ResponseDone("r1", "cancelled"))
    stage.play(5000)
    assert called(stage) == []
    assert [call for call, _ in stage.outputs] == ["c1"]


def test_other_tools_go_on_when_the_caller_speaks() -> None:
    stage = Stage()
    stage.feed(server_events.ResponseCreated("r1"))
    stage.tool("r1", "c1", "look_up")
    stage.feed(server_events.ResponseDone("r1", "completed"), server_events.SpeechStarted("u", 0))
    stage.feed(ToolAnswered("c1", "nine to five"))
    assert stage.outputs == [("c1", "nine to five")]
    assert stage.creates == []
