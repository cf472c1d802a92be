"""The events of all nodes in one order, for the readers of this node.

Owns the one place up to which this node has read for all its readers. Events come to readers by way of the stream that
the nodes share (`cluster.event_log`), own ones too, so that all nodes tell the same order and the same places. It is
read only while there are readers. While it is away, they are told this node's own events directly, without a place, and
a gap once it is back. `publish` never waits.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Protocol, TypeVar

import structlog

from bridge.common.backoff import Backoff
from controller.cluster.event_log import Entry, EventLog, Offset, Place
from controller.cluster.port import BackendError
from controller.events.event_publisher import AGAIN_S, ASK_S, MOST_WAITING, RESET_S, EventPublisher, reason_of
from controller.events.factory import SentEvent
from controller.events.shared_events import CALL, event_of
from controller.events.stream import GAP, MOST_SUBSCRIBERS, PIECE, EventFilter, Subscriber, Told, TooManySubscribers

log = structlog.get_logger()
T = TypeVar("T")

READ_AT_ONCE, PAGE = 500, 200
"""Entries that are asked for at once, of what comes and of what came before."""
ASK_AT_ONCE = 16
"""Questions of readers that are under way at once."""
PAUSE_S = 0.02
"""Seconds between two reads: a burst is read in few of them."""
WAIT_S = 2.0
"""Seconds that a read waits for events; then it is looked whether the stream is the same."""
OPEN_S = 1.0
"""Seconds that a new reader waits for the shared stream."""
ERASE_S = 10.0


class StreamMetrics(Protocol):
    def dropped(self) -> None:
        """One event."""

    def there(self, there: bool) -> None:
        """Whether the shared stream answers."""

    def overflowed(self) -> None:
        """One reader."""


class ClusterSubscriber(Subscriber):
    """A reader of the events of all nodes. `after`: what came after it is to be told before what comes from now on."""

    def __init__(self, hub: "ClusterStream", wanted: EventFilter) -> None:
        super().__init__(wanted, (), gap=False)
        self._hub = hub
        self.after: Offset | None = None
        self.first: Sequence[Entry] = ()
        """The first ones after `after`, where they are known already."""
        self.since = Offset(0, 0)
        """Everything up to there was told, or is not wanted."""
        self._stream = ""
        self.own = 0
        """Of this node's events, told directly or not, everything up to this one was told."""

    @property
    def place(self) -> str | None:
        return str(Place(self._stream, self.since)) if self._stream and not self._waiting else None

    @property
    def oldest(self) -> str | None:
        return next((str(each.place) for each in self.first if each.fields is not None), None)

    def offer_entry(self, entry: Entry, sent: Told, *, own: bool) -> None:
        if entry.place.stream == self._stream and entry.place.offset <= self.since:
            return
        if self._is_news(entry, own=own):
            self.offer(sent)

    def offer_own(self, sent: SentEvent) -> None:
        """Directly: `sent` has no place."""
        if sent.order > self.own:
            self.own = sent.order
            self.offer(sent)

    async def past(self) -> AsyncIterator[Sequence[Told]]:
        """At the end this reader is among those who are told what comes."""
        if self.after is None:
            return
        begun = not self.gap  # a gap that the opening has told is not told again
        try:
            async for entries in self._hub.pages(self):
                for start in range(0, len(entries), PIECE):
                    piece = self._told(entries[start : start + PIECE])
                    while piece and piece[0] is GAP and not begun:
                        piece.pop(0)
                    if piece:
                        begun = True
                        yield piece
        except BackendError:
            self._hub.join(self)
            yield (GAP,)

    def _told(self, entries: Sequence[Entry]) -> list[Told]:
        own = self._hub.is_own
        return [event_of(each) or GAP for each in entries if self._is_news(each, own=own(each))]

    def _is_news(self, entry: Entry, *, own: bool) -> bool:
        self._stream, self.since = entry.place.stream, entry.place.offset
        if own and entry.order <= self.own:
            return False
        self.own = entry.order if own else self.own
        return True


class ClusterStream:
    """`epoch`: as in the ids of events (`EventFactory`). `run()` is a task of the controller's."""

    def __init__(self, event_log: EventLog, epoch: str, metrics: StreamMetrics) -> None:
        self._log, self._epoch, self._metrics = event_log, epoch, metrics
        self._publisher = EventPublisher(event_log, epoch, metrics, lambda reason: self._set("publishing", reason))
        self._present: set[ClusterSubscriber] = set()
        self._live: set[ClusterSubscriber] = set()
        """Of these, those who are told what comes; the others are told first what came before."""
        self._watched, self._settled, self._closed = asyncio.Event(), asyncio.Event(), False
        self._position: Offset | None = None
        """Up to there it is read; None: it is not being read."""
        self._stream, self._told_began = "", Offset(0, 0)
        """Of which the readers were told that it began."""
        self._own_read = 0
        self._unread: deque[SentEvent] = deque(maxlen=MOST_WAITING)
        """This node's events that readers have not been told: they come by way of the shared stream."""
        self._failing: dict[str, str] = {}
        """Why publishing and reading fail."""
        self._asking = asyncio.Semaphore(ASK_AT_ONCE)

    @property
    def subscribers(self) -> int:
        return len(self._present)

    def is_own(self, entry: Entry) -> bool:
        return entry.from_ == self._epoch

    def publish(self, sent: SentEvent) -> None:
        self._publisher.offer(sent)
        if self._present and self._failing:
            self._tell_directly(sent)
        elif self._present:
            self._unread.append(sent)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publisher.run(), name="event publisher")
                tasks.create_task(self._read(), name="event reader")
        finally:
            with suppress(BackendError):
                await self._within(RESET_S, self._log.close())

    async def flush(self, seconds: float) -> None:
        """What waits is published, for at most `seconds`."""
        await self._publisher.flush(seconds)

    def close(self) -> None:
        """Each reader can still read what waits for it."""
        self._closed = True
        for each in self._present:
            each.close()

    async def erase(self, calls: Sequence[str]) -> None:
        """Raises BackendError."""
        await self._within(ERASE_S, self._log.erase(CALL, calls))

    # ------------------------------------------------------------ readers

    @asynccontextmanager
    async def subscribe(self, wanted: EventFilter, last_id: str | None) -> AsyncIterator[ClusterSubscriber]:
        """As `EventStream.subscribe`, of all nodes."""
        if len(self._present) >= MOST_SUBSCRIBERS:
            raise TooManySubscribers
        subscriber = ClusterSubscriber(self, wanted)
        self._present.add(subscriber)
        self._watched.set()
        try:
            await self._begin(subscriber, last_id)
            if self._closed:
                subscriber.close()
            yield subscriber
        finally:
            self._present.discard(subscriber)
            self._live.discard(subscriber)

    async def _begin(self, subscriber: ClusterSubscriber, last_id: str | None) -> None:
        if last_id is not None:
            place = Place.parse(last_id)
            try:
                opened = await self._ask(self._log.open)
                if place is not None and opened.keeps(place):
                    subscriber.after = place.offset
                    return
                subscriber.gap, subscriber.after = True, Offset(0, 0)
                subscriber.first = await self._page(Offset(0, 0), None)
                return
            except BackendError:
                subscriber.gap, subscriber.after = True, None
        await self._reading()
        self.join(subscriber)

    async def pages(self, subscriber: ClusterSubscriber) -> AsyncIterator[Sequence[Entry]]:
        """Everything after `subscriber.after` up to what it is told as it comes. Raises BackendError."""
        after = subscriber.after or Offset(0, 0)
        entries = subscriber.first or await self._page(after, None)
        subscriber.first = ()
        while entries:
            after = entries[-1].place.offset
            yield entries
            if len(entries) < PAGE:
                break
            entries = await self._page(after, None)
        await self._reading()
        self.join(subscriber)
        until = self._position
        if until is None:
            raise BackendError("it is not read")
        while after < until and (entries := await self._page(after, until)):
            after = entries[-1].place.offset
            yield entries

    def join(self, subscriber: ClusterSubscriber) -> None:
        """From now on it is told what comes."""
        if subscriber.after is None:
            subscriber.own = max(subscriber.own, self._own_read)
        if subscriber in self._present:
            self._live.add(subscriber)

    async def _reading(self) -> None:
        """Returns when the shared stream is read or can't be, after `OPEN_S` at the latest."""
        try:
            async with asyncio.timeout(OPEN_S):
                await self._settled.wait()
        except TimeoutError:
            log.debug("a reader of events does not wait for the cluster's event stream any longer")

    # ------------------------------------------------------------ the shared stream

    async def _read(self) -> None:
        backoff = Backoff(AGAIN_S, jitter=0.2)
        while True:
            if not self._present:
                self._position = None
                self._unread.clear()
                self._settled.clear()
                self._failing.pop("reading", None)
                self._watched.clear()
                await self._watched.wait()
            try:
                await self._find_place()
                self._set("reading", None)
                self._settled.set()
                backoff.reset()
                while self._present and await self._read_some():  # noqa: ASYNC110 - the pause gathers entries
                    await asyncio.sleep(PAUSE_S)
            except BackendError as error:
                self._set("reading", reason_of(error))
                self._settled.set()
                await self._reset()
                await asyncio.sleep(backoff.next_delay())

    async def _find_place(self) -> None:
        """Where to read on. A new stream is read from where it began."""
        opened = await self._within(ASK_S, self._log.open())
        if self._position is None:
            self._position = opened.last
            if not self._failing:  # some were here before
                self._tell(GAP)
        elif opened.stream != self._stream:
            if self._position >= opened.began:  # the server's clock was set back
                self._position = opened.began
                self._tell(GAP)
            elif self._failing.keys() == {"reading"}:  # that is told as soon as it does not fail
                self._told_began = opened.began
        self._stream = opened.stream

    async def _read_some(self) -> bool:
        """False: nothing has come."""
        after = self._position or Offset(0, 0)
        entries = await self._within(ASK_S + WAIT_S, self._log.read(after, WAIT_S, READ_AT_ONCE))
        for each in entries:
            self._take(each)
        return bool(entries)

    def _take(self, entry: Entry) -> None:
        self._position = entry.place.offset
        own = self.is_own(entry)
        if own:
            self._own_read = entry.order
            while self._unread and self._unread[0].order <= entry.order:
                self._unread.popleft()
        if entry.place.offset == self._told_began:
            return
        sent = event_of(entry) or GAP
        for each in self._live:
            self._offer(each, lambda to: to.offer_entry(entry, sent, own=own))

    async def _page(self, after: Offset, until: Offset | None) -> Sequence[Entry]:
        return await self._ask(lambda: self._log.range(after, until, PAGE))

    async def _ask(self, asked: Callable[[], Awaitable[T]]) -> T:
        """What one reader asks. Raises BackendError, at once where it is known to be away."""
        async with self._asking:
            if "reading" in self._failing:
                raise BackendError("it is not read")
            return await self._within(ASK_S, asked())

    async def _within(self, seconds: float, asked: Awaitable[T]) -> T:
        """Raises BackendError."""
        try:
            async with asyncio.timeout(seconds):
                return await asked
        except TimeoutError as error:
            raise BackendError("it gave no answer in time") from error

    async def _reset(self) -> None:
        with suppress(BackendError):
            await self._within(RESET_S, self._log.reset(appending=False))

    # ------------------------------------------------------------ what readers are told

    def _set(self, what: str, reason: str | None) -> None:
        """Publishing or reading has failed, or has not."""
        before = bool(self._failing)
        if reason is None:
            self._failing.pop(what, None)
        else:
            self._failing[what] = reason
        if self._failing and not before:
            log.warning("the cluster's event stream is away: readers are told this node's events", reason=reason)
            for sent in self._unread:
                self._tell_directly(sent)
            self._unread.clear()
        elif before and not self._failing:
            log.info("the cluster's event stream answers again")
            self._tell(GAP)
        self._metrics.there(not self._failing)

    def _tell_directly(self, sent: SentEvent) -> None:
        without_place = replace(sent, id="")
        for each in self._live:
            self._offer(each, lambda to: to.offer_own(without_place))

    def _tell(self, gap: Told) -> None:
        for each in self._live:
            self._offer(each, lambda to: to.offer(gap))

    def _offer(self, subscriber: ClusterSubscriber, offer: Callable[[ClusterSubscriber], None]) -> None:
        was = subscriber.overflowed
        offer(subscriber)
        if subscriber.overflowed and not was:
            self._metrics.overflowed()
