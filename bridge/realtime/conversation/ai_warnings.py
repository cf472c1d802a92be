"""Warnings about the AI's side of a call (`contract.AiWarning`), bounded. [pure]

Of each kind and code the first `EACH` are reported at once (one, for the kinds in `ONCE`); the others are counted, and
reported as a total when the call ends. Of each kind at most `CODES` different codes are reported.
"""

import re
from collections import Counter
from collections.abc import Iterable

from bridge.contract import AiWarning, AiWarningKind
from bridge.realtime.conversation.effects import EffectList, Emit

EACH = 5
ONCE: frozenset[AiWarningKind] = frozenset(
    {"transcription_failed", "malformed_event", "server_error", "session_differs", "response_silent"}
)
CODES = 20
"""Different codes of one kind; the others share the code `other`."""
LONGEST_DETAIL = 300

_CODE = re.compile(r"[\w.:/-]{1,64}", re.ASCII)


class AiWarnings:
    """The warnings of one call."""

    def __init__(self, call: str, out: EffectList) -> None:
        self._call = call
        self._out = out
        self._seen: Counter[tuple[AiWarningKind, str]] = Counter()
        self._untold: Counter[tuple[AiWarningKind, str]] = Counter()

    def warn(self, kind: AiWarningKind, codes: Iterable[str] = (), detail: str = "", *, again: bool = False) -> None:
        """Report or count a warning. `codes`: candidates, of which the first valid one is taken. `detail`: for the log;
        nothing that a caller said. `again`: it belongs to a warning that was reported before, so it is only counted."""
        code = next((each for each in codes if _CODE.fullmatch(each)), "")
        if (kind, code) not in self._seen and sum(seen == kind for seen, _ in self._seen) >= CODES:
            code = "other"
        again = again and (kind, code) in self._seen
        self._seen[kind, code] += 1
        if again or self._seen[kind, code] > (1 if kind in ONCE else EACH):
            self._untold[kind, code] += 1
        else:
            self._tell(kind, code, detail[:LONGEST_DETAIL])

    def close(self) -> None:
        """The call ends: report the totals of those that were only counted."""
        for (kind, code), times in self._untold.items():
            self._tell(kind, code, f"{self._seen[kind, code]} times in this call", times)
        self._untold.clear()

    def _tell(self, kind: AiWarningKind, code: str, detail: str, times: int = 1) -> None:
        self._out.add(Emit(AiWarning(call=self._call, kind=kind, code=code, detail=detail, times=times)))
