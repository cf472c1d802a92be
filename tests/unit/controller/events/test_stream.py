"""controller.events.stream: readers get everything in order, and whoever does not read holds up nobody."""

import asyncio

import pytest

from controller.events import stream
from controller.events.factory import OutgoingEvent
from controller.events.stream import EventFilter, EventStream, TooManySubscribers
from tests.unit.controller.events.notices import EPOCH, notices


async def test_a_reader_gets_what_happens_from_now_on() -> None:
    hub, events = EventStream(EPOCH), notices(4)
    hub.publish(events[0])
    with hub.reader(EventFilter(), None) as reader:
        assert (reader.missed, reader.gap) == ((), False)
        reading = asyncio.create_task(reader.read(30))
        await asyncio.sleep(0)
        for notice in events[1:]:
            hub.publish(notice)
        assert await reading == events[1:]
        assert await reader.read(0.001) == []
    assert hub.readers == 0


async def test_a_reader_of_one_call_gets_all_that_is_kept_of_it() -> None:
    hub, events = EventStream(EPOCH), notices(6, calls=2)
    for notice in events[:4]:
        hub.publish(notice)
    with hub.reader(EventFilter(call="call1"), None) as reader:
        assert list(reader.missed) == [events[1], events[3]]
        for notice in events[4:]:
            hub.publish(notice)
        assert await reader.read(30) == [events[5]]


async def test_a_reader_comes_back() -> None:
    hub, events = EventStream(EPOCH), notices(6, calls=2)
    for notice in events:
        hub.publish(notice)
    with hub.reader(EventFilter(), events[2].event.id) as reader:
        assert (list(reader.missed), reader.gap) == (events[3:], False)
    with hub.reader(EventFilter(call="call0"), "of-another-process-7") as reader:
        assert (list(reader.missed), reader.gap) == ([events[0], events[2], events[4]], True)


async def test_readers_of_one_call_look_at_no_other_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may open hundreds of them a second, and ten thousand events are kept."""
    hub, events = EventStream(EPOCH), notices(60, calls=30)
    for notice in events:
        hub.publish(notice)
    looked: list[str] = []

    def call(notice: OutgoingEvent) -> str:
        looked.append(notice.event.data.call)
        return looked[-1]

    monkeypatch.setattr(OutgoingEvent, "call", property(call))
    for last_id in (None, events[5].event.id, "none-1"):
        with hub.reader(EventFilter(call="call7"), last_id) as reader:
            assert events[37] in reader.missed
        assert hub.knows("call7")
        assert not hub.over("call7")
        assert not hub.knows("nobody")
    assert set(looked) <= {"call7"}


async def test_a_reader_that_falls_behind_is_told_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "READER_QUEUE", 5)
    hub, events = EventStream(EPOCH), notices(20)
    with hub.reader(EventFilter(), None) as slow, hub.reader(EventFilter(), None) as quick:
        got = []
        for notice in events:
            hub.publish(notice)
            got += await quick.read(30)
        assert got == events
        assert not quick.closed
        assert (slow.overflowed, slow.closed, hub.overflows) == (True, True, 1)
        assert await slow.read(30) == []


async def test_closing_gives_what_waits_and_ends() -> None:
    hub, events = EventStream(EPOCH), notices(2)
    with hub.reader(EventFilter(), None) as reader:
        hub.publish(events[0])
        hub.close()
        hub.publish(events[1])
        assert (await reader.read(30), reader.closed, reader.overflowed) == ([events[0]], True, False)
    with hub.reader(EventFilter(), None) as late:
        assert (await late.read(30), late.closed) == ([], True)


async def test_there_are_only_so_many_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_READERS", 1)
    hub = EventStream(EPOCH)
    with hub.reader(EventFilter(), None), pytest.raises(TooManySubscribers), hub.reader(EventFilter(), None):
        pass
    with hub.reader(EventFilter(), None):
        assert hub.readers == 1
