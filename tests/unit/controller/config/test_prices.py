"""What AI costs."""

from datetime import date

import pytest
from hypothesis import given, strategies as st

from bridge.contract import Used
from controller.calls.admission.spending import DailySpend
from controller.config.prices import PRICES, Prices, Tariff

COUNTS = st.dictionaries(
    st.sampled_from(
        ["input_text", "input_audio", "input_cached_text", "input_cached_audio", "output_text", "output_audio", "total"]
    ),
    st.integers(0, 10**7),
)


def used(model: str = "gpt-realtime-2.1-mini", **more: object) -> Used:
    return Used.model_validate(
        {"call": "c", "provider": "openai", "model": model, "kind": "response", "usage": {}} | more
    )


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        ({}, 0.0),
        ({"input_text": 1_000_000}, 0.60),
        ({"output_text": 1_000_000}, 2.40),
        ({"input_audio": 1_000_000}, 10.0),
        ({"output_audio": 1_000_000}, 20.0),
        ({"input_audio": 1_000_000, "input_cached_audio": 1_000_000}, 0.30),
        ({"input_audio": 1_000_000, "input_cached_audio": 500_000}, 5.15),
        ({"input_text": 100, "input_cached_text": 900}, 100 * 0.30 / 1e6),
        ({"total": 5_000_000}, 0.0),
    ],
)
def test_a_response(usage: dict[str, int], dollars: float) -> None:
    assert Prices({}).of(used(usage=usage)) == pytest.approx(dollars)


def test_a_transcription_costs_tokens_or_minutes() -> None:
    prices = Prices({"t": Tariff(audio_in=6.0, text_out=10.0, per_minute=0.006)})
    tokens = used("t", kind="transcription", usage={"transcription_input": 10**6, "transcription_output": 10**6})
    assert prices.of(tokens) == pytest.approx(16.0)
    assert prices.of(used("t", kind="transcription", seconds=120.0)) == pytest.approx(0.012)
    assert prices.of(used("t", kind="transcription", usage={"transcription_ms": 60_000})) == pytest.approx(0.006)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-realtime-2.1-mini-2026-05-01", "gpt-realtime-2.1-mini"),
        ("gpt-realtime-2.1", "gpt-realtime-2.1"),
        ("gpt-realtime-2025-08-28", "gpt-realtime"),
        ("gpt-realtime-3", None),
        ("", None),
    ],
)
def test_dated_models_cost_what_their_model_costs(model: str, name: str | None) -> None:
    prices = Prices({})
    assert prices.tariff(model) == (PRICES[name] if name else None)
    assert prices.known(model) is (name is not None)


def test_transcription_by_the_minute_has_openais_price() -> None:
    prices = Prices({})
    assert prices.of(used("gpt-transcribe", kind="transcription", seconds=60.0)) == pytest.approx(0.0045)
    assert prices.of(used("whisper-1", kind="transcription", seconds=60.0)) == pytest.approx(0.006)
    assert not prices.known("gpt-4o-transcribe")


def test_own_prices_come_first_and_an_unknown_model_costs_nothing() -> None:
    prices = Prices({"gpt-realtime-2.1": Tariff(text_in=1.0)})
    usage = {"input_text": 10**6}
    assert prices.of(used("gpt-realtime-2.1", usage=usage)) == pytest.approx(1.0)
    assert prices.of(used("own", usage=usage)) == 0.0


@given(COUNTS, COUNTS)
def test_a_cost_is_never_negative_and_never_falls(usage: dict[str, int], more: dict[str, int]) -> None:
    prices = Prices({})
    grown = {name: usage.get(name, 0) + more.get(name, 0) for name in {*usage, *more}}
    for kind in ("text", "audio"):  # the server counts cached tokens as input too
        for counts in (usage, grown):
            counts[f"input_{kind}"] = counts.get(f"input_{kind}", 0) + counts.get(f"input_cached_{kind}", 0)
    assert 0 <= prices.of(used(usage=usage)) <= prices.of(used(usage=grown)) + 1e-9


def test_a_day_begins_anew_at_midnight() -> None:
    first, second = date(2026, 11, 23), date(2026, 11, 24)
    day = DailySpend(1.0)
    day.add(0.6, first)
    assert not day.over(first)
    day.add(0.4, first)
    assert day.over(first)
    assert not day.over(second)
    assert day.spent(second) == 0.0
    assert not DailySpend(None).over(first)
