"""What the AI reports as used: tokens, and milliseconds of transcribed audio. [pure]

Owns the sums of a call. Reports each response and each transcription as `Used`, with the provider and model that did
the work: they change with a fallback. Prices are known to the controller only.
"""

from collections.abc import Mapping

from bridge.contract import Provider, SessionSpec, Used
from bridge.realtime.conversation.effects import EffectList, Emit


class UsageMeter:
    """The usage of one call. The keys of `sums` are those of `protocol.usage`."""

    def __init__(self, call: str, spec: SessionSpec, out: EffectList) -> None:
        self._call = call
        self._out = out
        self.apply(spec)
        self.provider: Provider = spec.provider
        self.sums: dict[str, int] = {}

    def apply(self, spec: SessionSpec) -> None:
        """The transcription model of the agent that goes on."""
        self._transcriber = spec.transcription.model if spec.transcription else ""

    def response(self, usage: Mapping[str, int]) -> None:
        """A response is over."""
        self._add(usage)
        if usage:
            used = Used(
                call=self._call,
                provider=self.provider.name,
                model=self.provider.model,
                kind="response",
                usage=dict(usage),
            )
            self._out.add(Emit(used))

    def transcription(self, usage: Mapping[str, int]) -> None:
        """A transcription has come; it is billed by tokens or by time."""
        self._add(usage)
        if not usage:
            return
        milliseconds = usage.get("transcription_ms")
        used = Used(
            call=self._call,
            provider=self.provider.name,
            model=self._transcriber,
            kind="transcription",
            usage={name: count for name, count in usage.items() if name != "transcription_ms"},
            seconds=None if milliseconds is None else milliseconds / 1000,
        )
        self._out.add(Emit(used))

    def _add(self, usage: Mapping[str, int]) -> None:
        for name, count in usage.items():
            self.sums[name] = self.sums.get(name, 0) + count
