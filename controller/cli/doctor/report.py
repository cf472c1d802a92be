"""Makes the report of one call: a zip with a summary (Markdown) and all steps (JSON). [pure]

Owns the text of the summary. The API's `TraceAnswer` holds nothing personal.
"""

import io
import zipfile

from controller.api.models.base import moment
from controller.api.models.call_trace import StepAnswer, TraceAnswer


def packed(trace: TraceAnswer) -> bytes:
    """A zip of summary.md and trace.json."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("summary.md", summary(trace))
        files.writestr("trace.json", trace.model_dump_json(indent=2))
    return into.getvalue()


def summary(trace: TraceAnswer) -> str:
    """Markdown."""
    return "\n".join([*_head(trace), "", *_why(trace), "", *_turns(trace), "", *_timeline(trace)]) + "\n"


def _head(trace: TraceAnswer) -> list[str]:
    cells = {
        "direction": trace.direction,
        "agent": trace.agent,
        "trunk": trace.trunk or "-",
        "state": trace.state,
        "started": moment(trace.started_at),
        "answered": moment(trace.answered_at) if trace.answered_at else "never",
        "ended": moment(trace.ended_at) if trace.ended_at else "not yet",
        "outcome": trace.outcome or "-",
        "ended by": trace.ended_by or "-",
        "cause (Q.850)": "-" if trace.cause is None else str(trace.cause),
        "SIP status": "-" if trace.sip_status is None else str(trace.sip_status),
        "detail": trace.detail or "-",
        "cost": f"{trace.cost:.4f} USD",
    }
    rows = [f"| {name} | {_cell(value)} |" for name, value in cells.items()]
    return [f"# Call {trace.id}", "", "| | |", "|---|---|", *rows]


def _why(trace: TraceAnswer) -> list[str]:
    lines = ["## Problems", ""]
    lines += [f"- {each.message}" + (f" {each.fix}" if each.fix else "") for each in trace.reasons]
    return lines if trace.reasons else [*lines, "None that voiceai can see."]


def _turns(trace: TraceAnswer) -> list[str]:
    counted = trace.counters.model_dump(exclude={"usage"}) if trace.counters else {}
    lines = ["## Turns and counters", "", "| turn | ended | first sound | first frame | (ms)", "|---|---|---|---|---"]
    for turn in trace.turn_times:
        measured = (turn.endpointing_ms, turn.first_delta_ms, turn.first_frame_ms)
        lines.append(
            f"| {turn.turn} | " + " | ".join("-" if each is None else f"{each:.0f}" for each in measured) + " |"
        )
    lines += ["", f"{len(trace.barge_ins)} interruptions, {len(trace.spoken)} utterances."]
    return [*lines, "", ", ".join(f"{name} {value}" for name, value in counted.items()) or "No counters yet."]


def _timeline(trace: TraceAnswer) -> list[str]:
    dropped = [f"({trace.steps_dropped} older steps are not kept.)", ""] if trace.steps_dropped else []
    if not trace.steps:
        return ["## Steps", "", "None are kept: the call ended long ago, or before the controller was started."]
    return ["## Steps", "", *dropped, "```", *(_line(trace, step) for step in trace.steps), "```"]


def _line(trace: TraceAnswer, step: StepAnswer) -> str:
    after = (step.at - trace.started_at).total_seconds()
    facts = " ".join(f"{name}={value}" for name, value in step.facts.items())
    return f"{after:9.3f}  {step.side:8}  {step.what:22}  {facts}".rstrip().replace("`", "'")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
