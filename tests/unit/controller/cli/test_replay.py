"""A call of the past, side by side with the agent of today."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, strategies as st

from bridge.contract import NOT_TRANSCRIBED
from controller.api.models.agent_tests import AgentTestRun, ConversationLine
from controller.api.models.history import PastCallDetail
from controller.cli import replay

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)


def moment(second: float) -> datetime:
    return BEGAN + timedelta(seconds=second)


def past(*said: tuple[str, str], **more: Any) -> PastCallDetail:
    """A call in which one thing is said each second."""
    plain = {"interrupted": False, "consultation": False}
    unknown = dict.fromkeys(("heard_ms", "started_at", "by", "action", "agent"))
    lines = [{"at": moment(at), "who": who, "text": text, **plain, **unknown} for at, (who, text) in enumerate(said)]
    empty = dict.fromkeys(("cause", "sip_status", "detail", "total_s", "talked_s", "first_frame_ms", "agent_version"))
    known = {
        **{"number": 1, "id": "a", "attempt": 1, "url": "", "direction": "inbound", "agent": "reception"},
        **{"trunk": None, "caller": None, "callee": None, "started_at": BEGAN, "answered_at": BEGAN},
        **{"ended_at": moment(99), "outcome": "answered", "ended_by": "caller", "turns": 0, "cost": 0.0},
        **{"attempts": (1,), "transcript": lines, "turn_times": (), "tools": (), "legs": ()},
        **{"usage": (), "recordings": (), "events": ()},
    }
    return PastCallDetail.model_validate({**empty, **known, **more})


def run(*lines: tuple[str, str], to: str | None = None, by: str = "caller") -> AgentTestRun:
    told = tuple(ConversationLine.model_validate({"who": who, "text": text, "arguments": None}) for who, text in lines)
    empty = {"error": None, "seconds": 1.0, "cost": 0.0, "latencies_ms": (), "verdicts": (), "ended_how": ""}
    return AgentTestRun(
        test="replay", number=1, passed=True, ended_by=by, transferred_to=to, conversation=told, **empty
    )


SAID = (
    *(("agent", "Hello."), ("caller", "Are you"), ("caller", "open?"), ("agent", "Yes."), ("agent", "Until five.")),
    *(("caller", "A person, please."), ("agent", "One moment.")),
)
LEG = {
    **{"leg": "x", "kind": "transfer", "party": "+491", "by": "agent", "at": moment(20), "state": "answered"},
    **{"mode": None},
}
TOOL = {"at": moment(5.5), "tool": "transfer", "seconds": None, "ok": None}
THEN = past(*SAID, legs=[{**LEG, "began_at": moment(7), "outcome": "answered"}], tools=[TOOL])


def test_what_was_said_then() -> None:
    then = replay.exchanges_of_call(THEN)
    assert replay.lines_of(then) == ["Are you open?", "A person, please."]
    assert [each.answer for each in then] == ["Hello.", "Yes. Until five.", "One moment. (transfer)"]


def test_rows_side_by_side() -> None:
    now = run(
        *(("agent", "Good day."), ("caller", "Are you open?"), ("agent", "No."), ("caller", "A person, please.")),
        *(("agent", "Connecting."), ("tool", "transfer")),
        to="colleague",
        by="agent",
    )
    assert replay.rows(THEN, now) == [
        ("", "Hello.", "Good day."),
        ("Are you open?", "Yes. Until five.", "No."),
        ("A person, please.", "One moment. (transfer to +491)", "Connecting. (transfer to colleague)"),
    ]


def test_an_agent_that_hangs_up_earlier() -> None:
    now = run(("agent", "Good day."), ("caller", "Are you open?"), ("agent", "Bye."), by="agent")
    assert [row[2] for row in replay.rows(THEN, now)] == ["Good day.", "Bye. (hangs up)", replay.NOT_REACHED]


def test_an_agent_that_answers_nothing_moves_no_row() -> None:
    now = run(("agent", "Good day."), ("caller", "Are you open?"), ("caller", "A person, please."), ("agent", "No."))
    assert [row[2] for row in replay.rows(THEN, now)] == ["Good day.", "", "No."]


def test_a_transfer_that_failed_was_not_the_end() -> None:
    legs = [{**LEG, "began_at": moment(4), "state": "failed", "outcome": "busy"}]
    assert replay.rows(past(*SAID, legs=legs, ended_by="agent"), run())[-1][1] == "One moment. (hangs up)"
    legs = [{**LEG, "began_at": moment(7), "state": "failed", "outcome": "cancelled"}]
    assert replay.rows(past(*SAID, legs=legs), run())[-1][1] == "One moment. (transfer to +491: cancelled)"


def test_what_nobody_understood_is_not_said_again() -> None:
    then = past(("agent", "Hello."), ("caller", NOT_TRANSCRIBED), ("agent", "Pardon?"), ("caller", "Hours?"))
    assert replay.lines_of(replay.exchanges_of_call(then)) == ["Hours?"]
    assert replay.not_transcribed(then) == 1
    assert replay.rows(then, run(("agent", "Hi."), ("caller", "Hours?")))[0] == ("", "Hello. Pardon?", "Hi.")


def test_words_that_the_caller_did_not_hear_are_left_out() -> None:
    then = past(*SAID)
    assert then.transcript is not None
    consultation = then.transcript[1].model_copy(update={"who": "target", "consultation": True, "text": "Who?"})
    more = then.model_copy(update={"transcript": (*then.transcript, consultation)})
    assert replay.exchanges_of_call(more) == replay.exchanges_of_call(then)


@given(st.lists(st.tuples(st.sampled_from(["caller", "agent"]), st.text("ab", min_size=1, max_size=3)), max_size=20))
def test_nothing_of_what_the_caller_said_is_lost(lines: list[tuple[str, str]]) -> None:
    exchanges = replay.exchanges_of_call(past(*lines))
    assert " ".join(replay.lines_of(exchanges)).split() == [text for who, text in lines if who == "caller"]
    agent = [text for each in exchanges for text in each.agent]
    assert agent == [text for who, text in lines if who == "agent"]
    assert len(replay.rows(past(*lines), run())) == len(exchanges)
