"""The log line of each event of a call: static text and fields, the same in worker and controller. [pure]

Texts are static; a caller's or agent's words, and digits (they may be a PIN), are only in fields
that end in `_pii`, which the log leaves out unless it is told otherwise.
"""

from bridge import contract

Line = tuple[str, dict[str, object]]


def line_of(event: contract.CallEvent) -> Line:
    """The static text and the fields of an event's line."""
    match event:
        case contract.Ready():
            return "session ready", {"model": event.model, "session": event.session, "took_ms": event.took_ms}
        case contract.Failed():
            return "no AI session", {"kind": event.kind, "error": event.message}
        case contract.MediaConnected():
            return "media leg connected", {}
        case contract.MediaFormat():
            return "audio", {"rate": event.rate, "chunk": event.frame_bytes}
        case contract.CallerAudio():
            return "sound of the caller", {"flowing": event.flowing}
        case contract.MediaGone():
            return "media leg gone", {"reason": event.reason}
        case contract.Said(who="caller"):
            return "caller said", {"text_pii": event.text}
        case contract.Said():
            heard = {"heard_ms": event.heard_ms, "interrupted": event.interrupted}
            return "agent said", {"text_pii": event.text, **heard}
        case _:
            return _rarer(event)


def _rarer(event: contract.CallEvent) -> Line:
    match event:
        case contract.TurnMeasured():
            return "turn", {
                "turn": event.turn,
                "endpointing_ms": _rounded(event.endpointing_ms),
                "first_delta_ms": _rounded(event.first_delta_ms),
                "first_frame_ms": _rounded(event.first_frame_ms),
            }
        case contract.BargedIn():
            return "caller interrupted", {"heard_ms": event.heard_ms, "latency_ms": _rounded(event.latency_ms)}
        case contract.TurnCompleted():
            return "waits for the user", {}
        case contract.DigitPressed():
            return "digit", {"digit_pii": event.digit}
        case contract.ToolCalled():
            return "tool called", {"tool": event.name, "arguments_pii": str(event.arguments)}
        case contract.Reconnected():
            how = {"attempts": event.attempts, "gap_ms": event.gap_ms, "planned": event.planned}
            return "line to the AI is back", {"provider": event.provider, "reason": event.reason, **how}
        case contract.AiWarning():
            told = {"kind": event.kind, "code": event.code, "detail": event.detail, "times": event.times}
            return "the AI's side had a problem", told
        case contract.Used():
            return "used", {"provider": event.provider, "model": event.model, "kind": event.kind, **event.usage}
        case contract.Recorded():
            return "recorded", {"path": event.path, "seconds": event.seconds}
        case contract.WrapUpDone():
            return "said its last", {"why": event.why}
        case contract.Ended():
            return "session ended", {"reason": event.reason, **event.counters.model_dump()}
        case _:
            raise AssertionError(f"a call event without a line: {event.type}")


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)
