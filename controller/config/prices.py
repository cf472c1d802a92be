"""Converts the AI's usage, tokens and minutes, to US dollars. [pure]

Owns the price table, in US dollars per million tokens as OpenAI publishes it. The config's `prices` override it. A
model without a price costs 0, and `known` is false for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.contract import Used
from controller.config.models.agents import Price

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tariff:
    """US dollars per million tokens; `per_minute` of audio, for transcriptions billed by time."""

    text_in: float = 0.0
    text_out: float = 0.0
    audio_in: float = 0.0
    audio_out: float = 0.0
    cached_in: float | None = None
    """Of cached input, text or audio; None: like other input."""
    per_minute: float = 0.0


_FLAGSHIP = Tariff(text_in=4.0, text_out=24.0, audio_in=32.0, audio_out=64.0, cached_in=0.40)
_MINI = Tariff(text_in=0.60, text_out=2.40, audio_in=10.0, audio_out=20.0, cached_in=0.30)

PRICES: Mapping[str, Tariff] = {
    "gpt-realtime-2.1": _FLAGSHIP,
    "gpt-realtime-2.1-mini": _MINI,
    "gpt-realtime-2": _FLAGSHIP,
    "gpt-realtime-1.5": Tariff(text_in=4.0, text_out=16.0, audio_in=32.0, audio_out=64.0, cached_in=0.40),
    "gpt-realtime": Tariff(text_in=4.0, text_out=16.0, audio_in=32.0, audio_out=64.0, cached_in=0.40),
    "gpt-realtime-mini": _MINI,
    "gpt-transcribe": Tariff(per_minute=0.0045),
    "whisper-1": Tariff(per_minute=0.006),
}
"""OpenAI's list (developers.openai.com/api/docs/models), November 2026. Dated names cost what their model costs.
Left out: the `gpt-4o-…transcribe` models, for whose audio OpenAI's pages name different prices."""


class Prices:
    """`overrides`: prices of the config, by model name."""

    def __init__(self, overrides: Mapping[str, Tariff]) -> None:
        self._table = {**PRICES, **overrides}

    @classmethod
    def of_config(cls, prices: Mapping[str, Price]) -> "Prices":
        return cls({model: Tariff(**dict(price)) for model, price in prices.items()})

    def tariff(self, model: str) -> Tariff | None:
        """The tariff of `model`, or of `model` without its date, as in `gpt-realtime-2.1-mini-2026-05-01`."""
        names = [name for name in self._table if model == name or model.startswith(f"{name}-20")]
        return self._table[max(names, key=len)] if names else None

    def known(self, model: str) -> bool:
        return self.tariff(model) is not None

    def of(self, used: Used) -> float:
        """US dollars. 0 for a model without a price."""
        tariff = self.tariff(used.model)
        if tariff is None:
            return 0.0
        if used.kind == "transcription":
            return _transcription(used, tariff)
        return _response(used.usage, tariff)


def _response(usage: Mapping[str, int], tariff: Tariff) -> float:
    """`input_*` includes `input_cached_*`."""
    total = usage.get("output_text", 0) * tariff.text_out + usage.get("output_audio", 0) * tariff.audio_out
    for kind, price in (("text", tariff.text_in), ("audio", tariff.audio_in)):
        given = usage.get(f"input_{kind}", 0)
        cached = min(usage.get(f"input_cached_{kind}", 0), given)
        cached_price = price if tariff.cached_in is None else min(tariff.cached_in, price)
        total += (given - cached) * price + cached * cached_price
    return total / MILLION


def _transcription(used: Used, tariff: Tariff) -> float:
    usage = used.usage
    tokens_in, tokens_out = (usage.get(f"transcription_{kind}", 0) for kind in ("input", "output"))
    seconds = used.seconds if used.seconds is not None else usage.get("transcription_ms", 0) / 1000
    return (tokens_in * tariff.audio_in + tokens_out * tariff.text_out) / MILLION + seconds / 60 * tariff.per_minute
