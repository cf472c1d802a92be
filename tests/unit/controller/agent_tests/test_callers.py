"""What the caller of a test says next."""

from hypothesis import given, strategies as st

from controller.agent_tests import callers
from controller.agent_tests.callers import AskModel, HangUp, Say
from controller.agent_tests.conversation import Conversation, Line
from controller.config.models.agent_tests import AgentTest

CHECKS = [{"max_turns": 9}]


def scripted(*lines: str, **more: object) -> AgentTest:
    return AgentTest.model_validate({"says": lines, "checks": CHECKS, **more})


def spoken(test: AgentTest, answers: list[str]) -> tuple[list[str], Conversation]:
    """What the caller says until they hang up, to an agent that answers with these, then with "Well."."""
    conversation = Conversation((Line("agent", "Good day."),))
    said: list[str] = []
    for number in range(300):
        step = callers.next_step(test, conversation)
        if isinstance(step, HangUp):
            return said, conversation
        assert isinstance(step, Say)
        said.append(step.line.text)
        answer = answers[number] if number < len(answers) else "Well."
        conversation = conversation.with_entry(Line("caller", step.line.text)).with_entry(Line("agent", answer))
    raise AssertionError("the caller never hangs up")


LINES = st.lists(st.text(alphabet="abc ?", min_size=1).filter(str.strip), min_size=1, max_size=20)


@given(LINES, st.lists(st.text(), max_size=20), st.integers(1, 25))
def test_scripted_lines_are_said_in_order_and_within_the_bound(
    lines: list[str], answers: list[str], bound: int
) -> None:
    said, conversation = spoken(scripted(*lines, max_turns=bound), answers)
    assert said == lines[:bound]
    assert conversation.turns == len(said)


def test_a_simulated_caller_is_asked_with_goal_persona_and_what_was_said() -> None:
    test = AgentTest.model_validate({"caller": {"goal": "reach sales", "persona": "in a hurry"}, "checks": CHECKS})
    step = callers.next_step(test, Conversation((Line("agent", "Good day."), Line("caller", "Sales!"))))
    assert isinstance(step, AskModel)
    assert "Goal: reach sales" in step.system
    assert "Persona: in a hurry" in step.system
    assert step.text.endswith("agent: Good day.\ncaller: Sales!")


def test_a_simulated_caller_hangs_up_at_the_bound() -> None:
    test = AgentTest.model_validate({"caller": {"goal": "talk"}, "max_turns": 2, "checks": CHECKS})
    conversation = Conversation((Line("caller", "One."), Line("caller", "Two.")))
    assert callers.next_step(test, conversation) == HangUp()


@given(st.text())
def test_any_answer_of_the_model_is_read_or_refused(text: str) -> None:
    step = callers.answered(text)
    assert step is None or isinstance(step, Say | HangUp)


def test_answers_of_the_model() -> None:
    said = callers.answered('{"say": " When are \\n you open? ", "hang_up": false}')
    assert isinstance(said, Say)
    assert (said.line.text, said.last) == ("When are you open?", False)
    last = callers.answered('{"say": "Bye.", "hang_up": true}')
    assert isinstance(last, Say)
    assert last.last
    assert callers.answered('{"say": "", "hang_up": true}') == HangUp()
    assert callers.answered('{"say": "", "hang_up": false}') is None
    assert callers.answered('{"say": 5}') is None
    assert callers.answered("[]") is None
