"""When a stream that ended or broke is asked for again, and from where. [pure]

Owns the rules, for both clients. The place is the id that the server sent last (`Last-Event-ID`). Delays grow from half
a second to 30 seconds, and begin anew when something arrived.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

from voiceai_client.errors import ProblemError
from voiceai_client.events import Gap, StreamItem, event_of, gap_of
from voiceai_client.requests import Request, again, may_come_back
from voiceai_client.server_sent_events import SseParser

SILENCE_SECONDS = 45.0
"""The server sends a comment every 15 seconds: a stream that is silent for so long is dead."""
RECONNECT_SECONDS = 300.0
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.5, 30.0
LAST_EVENT_ID = "Last-Event-ID"


class ContinuedStream:
    """The state of one stream over its connections. `one_call`: it ends with its call. `reconnect_for_s`: for so long
    the stream is asked for again and again after something arrived last; `inf`: for ever."""

    def __init__(self, request: Request, last_event_id: str | None, reconnect_for_s: float, *, one_call: bool) -> None:
        self._request, self._bound, self._one_call = request, reconnect_for_s, one_call
        self._place = last_event_id
        self._parser = SseParser(last_event_id)
        self._opened = self._lost = False
        self._pieces = self._tries = self._empty = 0
        self._since: float | None = None

    @property
    def last_event_id(self) -> str | None:
        """The place behind the event that was returned last."""
        return self._place

    def next_request(self) -> Request:
        self._parser = SseParser(self._parser.last_event_id)
        self._pieces, self._empty = 0, self._empty + 1
        place = self._parser.last_event_id
        return self._request if place is None else replace(self._request, headers={LAST_EVENT_ID: place})

    def opened(self) -> Iterator[StreamItem]:
        """The server has answered. What happened meanwhile is lost if there was no place to continue from."""
        if self._lost and not self._one_call:
            self._lost = False
            yield Gap(None, None)
        self._opened = True

    def feed(self, piece: bytes) -> Iterator[StreamItem]:
        """Raises UnexpectedAnswerError."""
        self._pieces += 1
        if self._pieces > 1:  # the first one is sent in any case
            self._alive()
        for event in self._parser.feed(piece):
            self._alive()
            self._empty = 0
            match event.type:
                case "gap":
                    yield gap_of(event.data)
                case "overflow":  # the server ends the stream, and goes on from the place
                    continue
                case _:
                    item = event_of(event.data)
                    self._place = self._parser.last_event_id
                    yield item
        self._place = self._parser.last_event_id

    def _alive(self) -> None:
        self._tries, self._since = 0, None

    def is_over(self) -> bool:
        """The stream has ended in order. That of a call is asked for once more, which tells whether its end was sent
        (204): another node may have the call by now. It is over as well if nothing came twice."""
        return self._one_call and self._empty > 1

    def delay(self, now: float, problem: Exception | None = None) -> float | None:
        """Seconds until the stream is asked for again; None: not any more. `now`: of any steady clock, in seconds.
        `problem`: what the API answered, if it was that."""
        if problem is not None and not may_come_back(problem):
            return None
        self._tries += 1
        if not self._opened:  # as any request: a wrong address is told at once
            return again(self._request, self._tries)
        self._lost = self._lost or self._parser.last_event_id is None
        self._since = now if self._since is None else self._since
        if now - self._since >= self._bound:
            return None
        longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(self._tries - 1, 10))
        asked = problem.retry_after if isinstance(problem, ProblemError) else None
        return max(asked or 0.0, longest * random.uniform(0.5, 1.0))


def accepts(headers: Mapping[str, str]) -> bool:
    """Whether an answer is a stream of events."""
    return headers.get("content-type", "").partition(";")[0].strip() == "text/event-stream"
