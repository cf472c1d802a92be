"""Past calls as lines of a file: CSV, JSON lines, and Asterisk's CDR. [pure]

Owns the columns. A spreadsheet takes a cell that begins with `=` for a formula: in both forms of CSV such text gets an
apostrophe before it (OWASP, "CSV Injection").
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

Format = Literal["csv", "json", "cdr"]

COLUMNS = (
    *("call", "attempt", "direction", "agent", "trunk", "caller", "callee", "started_at", "answered_at", "ended_at"),
    *("outcome", "ended_by", "cause", "sip_status", "detail", "total_s", "talked_s", "turns"),
    *("first_frame_p50_ms", "first_frame_max_ms", "cost", "metadata"),
)

_FAILED = ("failed", "invalid_number", "redirected", "incompatible", "trunk_fault", "interrupted")
_DISPOSITIONS = {"busy": "BUSY", "congestion": "CONGESTION", **dict.fromkeys(_FAILED, "FAILED")}
_FORMULA = re.compile('(^|[;,|\t\r\n])(?=[\\s"]*[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r\n])')
"""The last four signs are full-width forms of the first four: some spreadsheets take them for these. Where the decimal
sign is a comma, a semicolon begins a cell, even in quotes."""


def head(form: Format) -> str:
    """The first line; Asterisk's Master.csv has none."""
    return _line(COLUMNS) if form == "csv" else ""


def line(call: Any, form: Format) -> str:
    """One call, as a row of `calls`."""
    if form == "cdr":
        return ",".join(_asterisk(_harmless(value)) for value in cdr(call)) + "\n"
    values = {name: _plain(getattr(call, name)) for name in COLUMNS}
    if form == "json":
        return json.dumps(values, ensure_ascii=False) + "\n"
    values["metadata"] = json.dumps(call.metadata, ensure_ascii=False) if call.metadata else ""
    return _line(_harmless(value) for value in values.values())


def cdr(call: Any) -> Sequence[str | int | None]:
    """In the order of Asterisk's cdr-csv/Master.csv (cdr/cdr_csv.c): accountcode, src, dst, dcontext, clid, channel,
    dstchannel, lastapp, lastdata, start, answer, end, duration, billsec, disposition, amaflags, uniqueid, userfield.
    Times are UTC, as with its `usegmtime=yes`. Records hold no channels: trunk, agent, call stand in their place."""
    started, answered, ended = call.started_at, call.answered_at, call.ended_at or call.started_at
    return (
        "",
        call.caller or "",
        call.callee or "",
        "voiceai",
        f'"" <{call.caller or ""}>',
        call.trunk or "",
        f"Stasis/voiceai-{call.agent}",
        "Stasis",
        "voiceai",
        _clock(started),
        _clock(answered),
        _clock(ended),
        int((ended - started).total_seconds()),
        int((ended - answered).total_seconds()) if answered else 0,
        disposition(call.outcome, answered),
        "DOCUMENTATION",
        f"{call.call}.{call.attempt}",
        call.outcome or "",
    )


def disposition(outcome: str | None, answered: datetime | None) -> str:
    """Asterisk's word for it: ANSWERED for every call that was answered, whatever its outcome."""
    return "ANSWERED" if answered else _DISPOSITIONS.get(outcome or "", "NO ANSWER")


def _clock(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else None


def _asterisk(value: str | int | None) -> str:
    """As cdr_csv writes it: text in quotes, also empty text; numbers, and a time that there is none of, without."""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _harmless(value: Any) -> Any:
    """Without a formula. A telephone number keeps its plus."""
    if isinstance(value, str) and not value.removeprefix("+").isdecimal():
        return _FORMULA.sub(r"\1'", value)
    return value


def _line(values: Iterable[Any]) -> str:
    """RFC 4180."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow(values)
    return out.getvalue()
