"""What a session that takes a call over is told: as heard, in order, within bounds."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge import contract
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import CHARACTERS, OPEN, TURNS, UNHEARD, ConversationMemory
from controller.events.records.history import StoredCall
from controller.events.records.restore import restore
from tests.unit.controller.calls.machine.test_table import CALL, SPEC

AT = datetime(2026, 11, 30, tzinfo=UTC)
WRITTEN = SPEC.model_copy(update={"transcription": contract.Transcription()})
TURN = contract.TurnMeasured(call=CALL, turn=1, first_delta_ms=1, first_frame_ms=2)


def said(who: str, text: str) -> contract.Said:
    return contract.Said.model_validate({"call": CALL, "who": who, "text": text, "item": "i"})


def pressed(digit: str) -> contract.DigitPressed:
    return contract.DigitPressed(call=CALL, digit=digit)


def called(tool_call: str) -> contract.ToolCalled:
    return contract.ToolCalled(call=CALL, tool_call=tool_call, name="look_up", arguments={"a": 1})


def after(*events: contract.CallEvent, spec: contract.SessionSpec = WRITTEN) -> ConversationMemory:
    made = ConversationMemory()
    for event in events:
        made.take(event, spec)
    return made


def told(made: ConversationMemory) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in made.turns()]


def test_a_conversation_as_it_was_heard() -> None:
    made = after(said("agent", "Good morning."), said("caller", "what time is it"), TURN, called("t1"))
    made.take(said("agent", "One moment."), WRITTEN)
    made.answered("t1", "noon")
    made.answered("t1", "again")
    made.take(said("agent", ""), WRITTEN)
    assert told(made) == [
        ("assistant", "Good morning."),
        ("user", "what time is it"),
        ("tool", "noon"),
        ("assistant", "One moment."),
    ]
    assert (made.turns()[2].name, made.turns()[2].arguments) == ("look_up", '{"a": 1}')


def test_what_was_said_to_somebody_else_is_nothing_that_the_caller_knows() -> None:
    aside = said("caller", "Tell them that I am away.").model_copy(update={"consultation": True})
    assert told(after(said("agent", "Hello."), aside)) == [("assistant", "Hello.")]


def test_a_turn_whose_transcript_has_not_come_is_known_and_its_words_take_its_place() -> None:
    """The worker may be lost before the words come: the next one knows at least that the caller spoke."""
    made, measured = after(), TURN.model_copy(update={"item": "u1", "first_frame_ms": 500.0})
    made.take(said("agent", "Hello."), WRITTEN, AT)
    made.take(measured, WRITTEN, AT + timedelta(seconds=1.5))
    made.take(said("agent", "It is noon."), WRITTEN, AT + timedelta(seconds=3))
    assert told(made) == [("assistant", "Hello."), ("user", UNHEARD), ("assistant", "It is noon.")]
    late = said("caller", "what time is it").model_copy(update={"item": "u1", "ago_ms": 4000})
    made.take(late, WRITTEN, AT + timedelta(seconds=5))
    whole = [("assistant", "Hello."), ("user", "what time is it"), ("assistant", "It is noon.")]
    assert told(made) == whole
    made.take(measured, WRITTEN, AT + timedelta(seconds=6))
    made.take(measured, WRITTEN.model_copy(update={"consultation": True}), AT + timedelta(seconds=6))
    assert told(made) == whole


def test_without_transcripts_it_is_known_that_the_caller_spoke() -> None:
    made = ConversationMemory()
    made.take(said("agent", "Hello."), SPEC, AT)
    made.take(TURN, SPEC, AT + timedelta(seconds=1))
    assert told(made) == [("assistant", "Hello."), ("user", UNHEARD)]


def test_keys_are_one_text_and_those_of_the_controller_are_not_told() -> None:
    spec = WRITTEN.model_copy(update={"digit_actions": ("0",)})
    made = after(pressed("1"), pressed("0"), pressed("2"), said("agent", "Thank you."), pressed("#"), spec=spec)
    assert told(made) == [("user", "[DTMF] 12"), ("assistant", "Thank you."), ("user", "[DTMF] #")]


def test_a_tool_that_has_not_answered_is_told_as_such() -> None:
    assert told(after(called("t1"))) == [("system", OPEN.format("look_up", '{"a": 1}'))]


def test_only_the_latest_is_kept() -> None:
    made = after(*(said("caller", str(number)) for number in range(TURNS + 5)))
    assert len(made.turns()) == TURNS
    assert made.turns()[0].text == "5"
    made = after(called("t1"), *(said("caller", "x" * (CHARACTERS // 4)) for _ in range(6)))
    made.answered("t1", "too late")
    assert len(made.turns()) == 4
    assert "x" not in repr(made.turns()[0]) + repr(made)


def test_a_late_transcript_stands_where_it_was_said_and_a_missing_one_is_marked() -> None:
    made = ConversationMemory()
    late = said("caller", "what time is it").model_copy(update={"ago_ms": 2500})
    missing = said("caller", contract.NOT_TRANSCRIBED).model_copy(update={"item": "another"})
    for second, event in enumerate([said("agent", "Hello."), missing, said("agent", "It is noon."), late]):
        made.take(event, WRITTEN, AT + timedelta(seconds=second))
    assert [text for _, text in told(made)] == ["Hello.", "what time is it", UNHEARD, "It is noon."]


@dataclass(frozen=True)
class Row:
    """Of the store."""

    at: datetime
    who: str
    text: str
    call: str = "c1"
    interrupted: bool = False
    heard_ms: int | None = None
    consultation: bool = False
    started_at: datetime | None = None
    by: str | None = None
    action: str | None = None
    agent: str | None = None


def test_what_is_written_down_late_after_a_restart_stands_in_its_place() -> None:
    now = datetime.now(UTC)
    words = [Row(now - timedelta(seconds=ago), who, who) for ago, who in [(30, "agent"), (20, "caller"), (3, "agent")]]
    parts = {"call_words": words, "call_turns": [], "call_usage": []}
    record, recollection = CallLog(), ConversationMemory()
    restore(StoredCall(call=None, attempts=(), parts=parts), record, recollection)  # type: ignore[arg-type]
    late = contract.Said(call="c1", who="caller", text="late", item="u2", ago_ms=10_000)
    record.take(late, now)
    recollection.take(late, SPEC, now)
    assert [each.text for each in record.transcript] == ["agent", "caller", "late", "agent"]
    assert [each.text for each in recollection.turns()] == ["agent", "caller", "late", "agent"]
