"""What is kept of a call, and when money ends it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bridge import contract
from controller.calls.admission.spending import Reached, Spending
from controller.calls.errors import Busy
from controller.calls.machine.outcome import PER_CALL, PER_DAY
from controller.calls.reporting.call_log import (
    CHARACTERS,
    TURNS,
    UTTERANCES,
    BargeIn,
    CallLog,
    Sound,
    Spread,
    Turn,
    Utterance,
)
from controller.calls.reporting.instructions import AgentInstructed
from controller.config import Limits
from controller.config.prices import Prices

CALL = "c"
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TODAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)


def test_words_turns_and_interruptions_are_kept_in_order() -> None:
    record = CallLog()
    record.take(contract.Said(call=CALL, who="caller", text="secret", item="i"), AT)
    record.take(contract.Said(call=CALL, who="agent", text="se", item="j", interrupted=True, heard_ms=40), AT)
    record.take(contract.BargedIn(call=CALL, item="j", heard_ms=40, latency_ms=7.5), AT)
    for turn, first in enumerate((900.0, 300.0, None, 400.0), 1):
        record.take(
            contract.TurnMeasured(call=CALL, turn=turn, endpointing_ms=300.0, first_delta_ms=1.0, first_frame_ms=first),
            AT,
        )
    record.take(contract.MediaConnected(call=CALL), AT)
    assert not record.recordings
    record.take(contract.Recorded(call=CALL, path="/srv/c.wav", seconds=1.5), AT)
    assert list(record.recordings) == [Sound("/srv/c.wav", 1.5)]
    assert list(record.transcript) == [
        Utterance(AT, "caller", "secret", False, None),
        Utterance(AT, "agent", "se", True, 40),
    ]
    assert list(record.barge_ins) == [BargeIn(AT, 40, 7.5)]
    assert record.turns[0] == Turn(AT, 1, 300.0, 1.0, 900.0)
    assert record.first_frame() == Spread(400.0, 900.0)
    assert record.turn_count == 4
    assert "secret" not in repr(record) + repr(record.transcript)


def test_the_transcript_is_in_the_order_in_which_it_was_begun() -> None:
    """A caller's "mhm" while the agent speaks is told first, and stands after what the agent had begun."""
    record = CallLog()
    record.take(contract.Said(call=CALL, who="caller", text="mhm", item="i", ago_ms=0, took_ms=300), AT)
    record.instructed(AgentInstructed(CALL, "ops", "instruct", "Be brief.", "night"), AT + 1 * SECOND)
    record.take(contract.Said(call=CALL, who="agent", text="long", item="j", took_ms=9000), AT + 5 * SECOND)
    assert [(each.text, each.started_at) for each in record.transcript] == [
        ("long", AT - 4 * SECOND),
        ("mhm", AT - 0.3 * SECOND),
        ("Be brief.", AT + 1 * SECOND),
    ]
    told = record.transcript[-1]
    assert (told.who, told.by, told.action, told.agent) == ("operator", "ops", "instruct", "night")
    assert "brief" not in repr(told)


def test_what_is_said_to_the_target_of_a_transfer_is_not_the_callers() -> None:
    record = CallLog()
    record.take(contract.Said(call=CALL, who="caller", text="Put them through.", item="i", consultation=True), AT)
    record.take(contract.Said(call=CALL, who="agent", text="Thanks.", item="j", heard_ms=9, consultation=True), AT)
    assert [(each.who, each.consultation) for each in record.transcript] == [("target", True), ("agent", True)]


def test_a_server_that_makes_up_words_does_not_fill_the_memory() -> None:
    record = CallLog()
    for number in range(100):
        record.take(contract.Said(call=CALL, who="agent", text=f"{number:2}" * 16_000, item="i"), AT)
    kept = sum(len(each.text) for each in record.transcript)
    assert CHARACTERS - 32_000 < kept <= CHARACTERS
    assert record.transcript[-1].text.startswith("99")


def test_a_call_without_end_is_bounded() -> None:
    record = CallLog()
    assert record.first_frame() is None
    for number in range(UTTERANCES + 10):
        record.take(contract.Said(call=CALL, who="agent", text=str(number), item="i"), AT)
        record.take(contract.TurnMeasured(call=CALL, turn=number, first_delta_ms=None, first_frame_ms=1.0), AT)
    assert (len(record.transcript), record.transcript[0].text) == (UTTERANCES, "10")
    assert (len(record.turns), record.turn_count) == (TURNS, UTTERANCES + 10)


def dollars(amount: float, model: str = "gpt-realtime-2.1-mini") -> contract.Used:
    """Text of the mini model costs 2.40 a million."""
    usage = {"output_text": round(amount / 2.40 * 1e6)}
    return contract.Used(call=CALL, provider="openai", model=model, kind="response", usage=usage)


def test_a_call_that_has_cost_enough() -> None:
    spending, record = Spending(Limits(spend_per_call=1.0), Prices({})), CallLog()
    assert spending.add(0.6, record, TODAY) is None
    assert spending.add(0.6, record, TODAY) == Reached(PER_CALL)
    assert record.cost == pytest.approx(1.2)
    assert spending.cost_of(dollars(0.6)) == pytest.approx(0.6)
    assert spending.add(0.6, CallLog(), TODAY) is None


def test_a_day_that_has_cost_enough() -> None:
    spending = Spending(Limits(spend_per_day=1.0, spend_per_call=5.0), Prices({}))
    assert spending.add(0.6, CallLog(), TODAY) is None
    spending.check(TODAY)
    assert spending.add(0.6, CallLog(), TODAY) == Reached(PER_DAY, everybody=True)
    with pytest.raises(Busy, match="spend_per_day"):
        spending.check(TODAY)
    spending.check(TOMORROW)


def test_each_call_is_told_of_a_limit_once() -> None:
    spending = Spending(Limits(spend_per_day=2.0, spend_per_call=1.0), Prices({}))
    dear, cheap, late = CallLog(), CallLog(), CallLog()
    assert spending.add(1.2, dear, TODAY) == Reached(PER_CALL)
    dear.limit = PER_CALL
    assert spending.add(0.1, dear, TODAY) is None
    assert spending.add(0.1, cheap, TODAY) is None
    assert spending.add(0.7, dear, TODAY) == Reached(PER_DAY, everybody=True)  # whoever it was that reached it
    cheap.limit = PER_DAY
    assert [spending.add(0.1, each, TODAY) for each in (dear, cheap, cheap)] == [None, None, None]
    assert spending.add(0.1, late, TODAY) == Reached(PER_DAY)  # began in between
    late.limit = PER_DAY
    assert spending.add(0.1, late, TODAY) is None
    assert spending.add(2.5, CallLog(), TOMORROW) == Reached(PER_DAY, everybody=True)


def test_a_model_without_a_price_is_told_once() -> None:
    spending = Spending(Limits(), Prices({}))
    assert spending.cost_of(dollars(9.0, "own")) == 0.0
    assert [spending.news_of_price(model) for model in ("own", "own", "gpt-realtime", "other")] == [
        True,
        False,
        False,
        True,
    ]


def test_what_is_written_down_late_stands_where_it_was_said() -> None:
    record = CallLog()
    said = [("u1", 0), ("a1", 0), ("u3", 0), ("u2", 2500)]
    for second, (text, ago_ms) in enumerate(said):
        event = contract.Said(call=CALL, who="caller", text=text, item=text, ago_ms=ago_ms)
        record.take(event, AT + timedelta(seconds=second))
    assert [each.text for each in record.transcript] == ["u1", "u2", "a1", "u3"]
