"""Which events went over the connection to the AI, and when: for fault finding. [pure]

Keeps kinds and times of the latest `MOST` events, and no content: no audio, no words, no arguments. Equal events in a
row are one entry with a count.
"""

import re
from collections import deque
from dataclasses import dataclass

from bridge.contract.events import ConnectionStep
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import ClientEvent

MOST = 300

_CODE = re.compile(r"[a-z0-9_]{1,60}")


@dataclass(slots=True)
class _Kept:
    at: float
    kind: str
    sent: bool
    times: int = 1


class EventTrace:
    """The trace of one call. `at`: seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._began = 0.0
        self._kept: deque[_Kept] = deque(maxlen=MOST)

    def begin(self, at: float) -> None:
        """The moment from which times are counted."""
        self._began = at

    def heard(self, event: server_events.Event, at: float) -> None:
        kind = type(event).__name__
        if isinstance(event, server_events.ServerError) and event.code and _CODE.fullmatch(event.code):
            kind = f"{kind} {event.code}"
        self._note(kind, False, at)

    def sent(self, event: ClientEvent, at: float) -> None:
        self._note(event.type, True, at)

    def note(self, kind: str, at: float) -> None:
        """Something that happened to the connection itself."""
        self._note(kind, False, at)

    def _note(self, kind: str, sent: bool, at: float) -> None:
        last = self._kept[-1] if self._kept else None
        if last is not None and last.kind == kind and last.sent == sent:
            last.times += 1
        else:
            self._kept.append(_Kept(at, kind, sent))

    @property
    def steps(self) -> tuple[ConnectionStep, ...]:
        return tuple(
            ConnectionStep(at_ms=round(1000 * (it.at - self._began)), kind=it.kind, sent=it.sent, times=it.times)
            for it in self._kept
        )
