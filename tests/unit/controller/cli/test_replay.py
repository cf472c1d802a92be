"""A call of the past, side by side with the agent of today."""

from datetime import UTC, datetime

from hypothesis import given, strategies as st

from controller.api.models.agent_tests import AgentTestRun, ConversationLine
from controller.api.models.calls import UtteranceAnswer
from controller.cli import replay


def said(who: str, text: str, *, consultation: bool = False) -> UtteranceAnswer:
    more = {"interrupted": False, "heard_ms": None, "consultation": consultation}
    return UtteranceAnswer(at=datetime.now(UTC), who=who, text=text, **more)


def run(*lines: tuple[str, str], to: str | None = None, by: str = "caller") -> AgentTestRun:
    told = tuple(ConversationLine.model_validate({"who": who, "text": text, "arguments": None}) for who, text in lines)
    empty = {"error": None, "seconds": 1.0, "cost": 0.0, "latencies_ms": (), "verdicts": (), "ended_how": ""}
    return AgentTestRun(
        test="replay", number=1, passed=True, ended_by=by, transferred_to=to, conversation=told, **empty
    )


THEN = replay.exchanges_of_call(
    [
        said("agent", "Hello."),
        said("caller", "Are you"),
        said("caller", "open?"),
        said("agent", "Yes."),
        said("agent", "Until five."),
        said("target", "Who is it?", consultation=True),
        said("caller", "A person, please."),
        said("agent", "One moment."),
    ]
)


def test_what_was_said_then() -> None:
    assert replay.lines_of(THEN) == ["Are you open?", "A person, please."]
    assert [each.agent for each in THEN] == ["Hello.", "Yes. Until five.", "One moment."]


def test_rows_side_by_side() -> None:
    now = run(
        *(("agent", "Good day."), ("caller", "Are you open?"), ("agent", "No."), ("caller", "A person, please.")),
        *(("agent", "Connecting."), ("tool", "transfer")),
        to="colleague",
        by="agent",
    )
    assert replay.rows(THEN, replay.exchanges_of_run(now.conversation), now) == [
        ("", "Hello.", "Good day."),
        ("Are you open?", "Yes. Until five.", "No."),
        ("A person, please.", "One moment.", "Connecting. (transfer) (transfer to colleague)"),
    ]


def test_an_agent_that_hangs_up_earlier() -> None:
    now = run(("agent", "Good day."), ("caller", "Are you open?"), ("agent", "Bye."), by="agent")
    told = replay.rows(THEN, replay.exchanges_of_run(now.conversation), now)
    assert [row[2] for row in told] == ["Good day.", "Bye. (hangs up)", replay.NOT_REACHED]


@given(st.lists(st.tuples(st.sampled_from(["caller", "agent"]), st.text("ab", min_size=1, max_size=3)), max_size=20))
def test_nothing_of_what_the_caller_said_is_lost(lines: list[tuple[str, str]]) -> None:
    exchanges = replay.exchanges_of_call([said(who, text) for who, text in lines])
    assert " ".join(replay.lines_of(exchanges)).split() == [text for who, text in lines if who == "caller"]
    assert " ".join(each.agent for each in exchanges).split() == [text for who, text in lines if who == "agent"]
