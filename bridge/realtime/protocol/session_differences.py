"""Compares the session that is in force with the one that was asked for, and rates the differences. [pure]

Only values that were asked for are compared, and only those that the server reports:

    difference                                             essential   asked for again
    ----------------------------------------------------   ---------   ---------------
    format or rate of the sound, in either direction       yes         yes
    sound instead of text, or text instead (`modalities`)  yes         yes
    no turn detection: the caller would never be heard     yes         yes
    a function is missing, or none may be called           yes         yes
    no instructions                                        yes         yes
    no MCP server, another voice, other instructions,      no          yes
    no transcription, who answers and interrupts
    another model, and whatever else                       no          no

An essential difference that stays is a refusal; the others are warnings. If a server reports the whole session without
a value that was asked for, that is a warning, too. To avoid false alarms, a dated name of a model counts as that model,
numbers need not be exact, `auto` eagerness is `medium`, a rate that is not reported is as asked for, and extra tools
and values do not count. Instructions are compared, but never shown.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.contract.spec import Provider
from bridge.realtime.protocol.json_fields import object_of
from bridge.realtime.protocol.session_values import ON, Value, Values, values_of

ESSENTIAL = frozenset({"input_format", "output_format", "modalities"})
AGAIN = frozenset(
    {
        "mcp",
        "voice",
        "instructions",
        "transcription",
        "turn_detection.create_response",
        "turn_detection.interrupt_response",
    }
)
WHOLE = frozenset({"input_format", "output_format", "voice", "instructions"})
"""An answer with all of these keys describes the whole session."""
NOT_TOLD = "not told"
MOST_UNANSWERED = 64
LONGEST = 60

_DATED = re.compile(r"(-latest|-\d{4}-\d{2}-\d{2}|-\d{8}|-\d{4})$")


@dataclass(frozen=True, slots=True)
class Difference:
    """`name`: of the value. `essential`: the call can't do without what was asked for."""

    name: str
    asked: str
    effective: str
    essential: bool = False
    again: bool = False
    """It may help to ask once more."""

    def __str__(self) -> str:
        return f"{self.name}: asked {self.asked}, in force {self.effective}"


class Requested:
    """What the server of one connection was asked for, update by update; each `session.updated` is held against it.

    Updates are answered in order. While one is unanswered nothing is compared: the answer may be to an earlier one.
    """

    def __init__(self, provider: Provider) -> None:
        self._asked: dict[str, Value] = {} if provider.dialect == "azure" else {"model": provider.model}
        self._unanswered: dict[str, Values] = {}
        """By event id."""

    def sent(self, event: Mapping[str, Any]) -> str:
        """A client event as it was written. Returns its event id, if it is an update."""
        if event["type"] != "session.update":
            return ""
        event_id = str(event.get("event_id"))
        self._unanswered[event_id] = values_of(object_of(event, "session"))
        if len(self._unanswered) > MOST_UNANSWERED:  # this server does not answer each of them
            del self._unanswered[next(iter(self._unanswered))]
        return event_id

    def refused(self, event_id: str) -> None:
        """The server did not do what this event asks for."""
        self._unanswered.pop(event_id, None)

    def answered(self, told: Values) -> tuple[Difference, ...]:
        """`session.updated`: what of it is not as asked."""
        if self._unanswered:
            changes = self._unanswered.pop(next(iter(self._unanswered)))
            if changes.get("turn_detection"):
                self._asked = {name: each for name, each in self._asked.items() if "turn_detection" not in name}
            self._asked.update(changes)
        return () if self._unanswered else tuple(differences(self._asked, told))


def differences(asked: Values, told: Values) -> Iterator[Difference]:
    """What is not as asked, essential or not."""
    whole = told.keys() >= WHOLE
    for name, wanted in asked.items():
        if name in told:
            if not _same(name, wanted, told[name]):
                yield _difference(name, wanted, told[name])
        elif whole and wanted and name in ("turn_detection", "tools", "mcp", "transcription"):
            yield Difference(name, _short(wanted), NOT_TOLD)


def _difference(name: str, wanted: Value, effective: Value) -> Difference:
    if name == "instructions":
        return Difference(name, "ours", "others" if effective else "none", essential=not effective, again=True)
    if isinstance(wanted, frozenset) and isinstance(effective, frozenset) and name != "modalities":
        missing = _short(wanted - effective)
        found = f"without {missing}" if effective else "none"
        return Difference(name, _short(wanted), found, essential=name == "tools", again=True)
    essential = name in ESSENTIAL or (name, effective) in (("turn_detection", None), ("tool_choice", "none"))
    return Difference(name, _short(wanted), _short(effective), essential, essential or name in AGAIN)


def _same(name: str, wanted: Value, effective: Value) -> bool:
    match wanted, effective:
        case frozenset(), frozenset() if name == "modalities":
            return ("audio" in effective) == ("audio" in wanted)
        case frozenset(), frozenset():
            return wanted <= effective
        case bool(), _:
            return wanted is effective
        case int() | float(), int() | float():
            return math.isclose(wanted, effective, rel_tol=1e-3, abs_tol=1e-6)
        case str(), str():
            return wanted.lower() == effective.lower() or _means(name, wanted, effective)
        case _:
            return wanted == effective


def _means(name: str, wanted: str, effective: str) -> bool:
    """Another spelling of the same, or less exact."""
    if name.endswith("_format"):
        return wanted.partition(" ")[0] == effective
    if name in ("model", "transcription"):
        (one, dated), (other, too) = _family(wanted), _family(effective)
        return effective == ON or (one == other and not (dated and too))
    return effective == ON


def _family(model: str) -> tuple[str, bool]:
    """Without the folder before it and the date behind it; and whether there is one."""
    name = model.rpartition("/")[2].lower()
    family = _DATED.sub("", name)
    return family, family != name


def _short(value: Value) -> str:
    """For people, and bounded."""
    if isinstance(value, frozenset):
        text = " ".join(sorted(value)) or "none"
    elif isinstance(value, float):
        text = f"{value:,g}"  # a long row of digits would be taken for a telephone number
    elif isinstance(value, bool):
        text = "on" if value else "off"
    else:
        text = "off" if value is None else value or "none"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def summary(found: Iterable[Difference]) -> str:
    """For people."""
    return "; ".join(map(str, found))
