"""What a call looks like in the controller's log: one line for each event of a worker that is told, and for the end.

Words and digits are personal: they go in fields that end in `_pii`, which the log drops unless it is told to keep them.
Scripts read these texts (`demo/printer.py` is one): they stay. A worker's own log has other words for the same events
(`contract/log_lines.py`), so that who reads both on one stream knows the two apart.
"""

import structlog

from bridge import contract
from controller.calls.machine.call import Call
from controller.calls.reporting.call_log import who_said

log = structlog.get_logger()


def tell(event: contract.CallEvent) -> None:
    """One line, or none: of some events it is told what they change."""
    match event:
        case contract.Ready():
            log.info("session ready", call=event.call, model=event.model, ms=event.took_ms)
        case contract.Failed():
            log.error("no AI session", call=event.call, kind=event.kind, reason=event.message)
        case contract.ToolCalled():
            log.info("tool called", call=event.call, tool=event.name)
        case contract.MediaFormat():
            log.info("audio", call=event.call, rate=event.rate, chunk=event.frame_bytes)
        case contract.Said():
            cut = {"interrupted": True, "heard_ms": event.heard_ms} if event.interrupted else {}
            log.info("said", call=event.call, who=who_said(event), text_pii=event.text, **cut)
        case contract.TurnMeasured():
            log.info(
                "turn",
                call=event.call,
                turn=event.turn,
                endpointing_ms=event.endpointing_ms,
                first_delta_ms=event.first_delta_ms,
                first_frame_ms=event.first_frame_ms,
            )
        case contract.BargedIn():
            log.info("barged in", call=event.call, heard_ms=event.heard_ms, latency_ms=event.latency_ms)
        case contract.AiWarning():
            told = {"kind": event.kind, "code": event.code, "detail": event.detail, "times": event.times}
            log.warning("the AI's side had a problem", call=event.call, **told)
        case contract.DigitPressed():
            log.info("digit", call=event.call, digit_pii=event.digit)


def without_price(model: str) -> None:
    log.warning("a model without a price: what it costs is not counted; give it one in `prices`", model=model)


def limit_reached(call: str, limit: str, cost: float) -> None:
    log.warning("a spend limit is reached", call=call, limit=limit, cost=round(cost, 4))


def ended(call: Call, talked_s: float, cost: float) -> None:
    counted = call.counters.model_dump() if call.counters else {}
    log.info(
        "call ended",
        call=call.plan.call,
        outcome=call.outcome,
        by=call.ended_by,
        detail=call.detail,
        cause=call.cause,
        sip_status=call.sip_status,
        talked_s=round(talked_s, 1),
        cost=round(cost, 4),
        **counted,
    )
