"""controller.events.stream: subscribers get everything in order, and whoever does not read holds up nobody."""

import asyncio

import pytest

from controller.events.factory import SentEvent
from controller.events.stream import EventFilter, EventStream, TooManySubscribers
from tests.unit.controller.events.outgoing import EPOCH, sent_events


async def test_a_reader_gets_what_happens_from_now_on() -> None:
    stream, events = EventStream(EPOCH), sent_events(4)
    stream.publish(events[0])
    with stream.subscribe(EventFilter(), None) as subscriber:
        assert (subscriber.missed, subscriber.gap) == ((), False)
        reading = asyncio.create_task(subscriber.read(30))
        await asyncio.sleep(0)
        for sent in events[1:]:
            stream.publish(sent)
        assert await reading == events[1:]
        assert await subscriber.read(0.001) == []
    assert stream.subscribers == 0


async def test_a_reader_of_one_call_gets_all_that_is_kept_of_it() -> None:
    stream, events = EventStream(EPOCH), sent_events(6, calls=2)
    for sent in events[:4]:
        stream.publish(sent)
    with stream.subscribe(EventFilter(call="call1"), None) as subscriber:
        assert list(subscriber.missed) == [events[1], events[3]]
        for sent in events[4:]:
            stream.publish(sent)
        assert await subscriber.read(30) == [events[5]]


async def test_a_reader_comes_back() -> None:
    stream, events = EventStream(EPOCH), sent_events(6, calls=2)
    for sent in events:
        stream.publish(sent)
    with stream.subscribe(EventFilter(), events[2].id) as subscriber:
        assert (list(subscriber.missed), subscriber.gap) == (events[3:], False)
    with stream.subscribe(EventFilter(call="call0"), "of-another-process-7") as subscriber:
        assert (list(subscriber.missed), subscriber.gap) == ([events[0], events[2], events[4]], True)


async def test_readers_of_one_call_look_at_no_other_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may open hundreds of them a second, and ten thousand events are kept."""
    stream, events = EventStream(EPOCH), sent_events(60, calls=30)
    for sent in events:
        stream.publish(sent)
    looked: list[str] = []

    call_of = vars(SentEvent)["call"].__get__

    def call(sent: SentEvent) -> str:
        looked.append(call_of(sent))
        return looked[-1]

    monkeypatch.setattr(SentEvent, "call", property(call))
    for last_id in (None, events[5].id, "none-1"):
        with stream.subscribe(EventFilter(call="call7"), last_id) as subscriber:
            assert events[37] in subscriber.missed
        assert stream.has_events_of("call7")
        assert not stream.has_end_of("call7")
        assert not stream.has_events_of("nobody")
    assert set(looked) <= {"call7"}


async def test_a_reader_that_falls_behind_is_told_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.events.stream.SUBSCRIBER_QUEUE", 5)
    stream, events = EventStream(EPOCH), sent_events(20)
    with stream.subscribe(EventFilter(), None) as slow, stream.subscribe(EventFilter(), None) as quick:
        got = []
        for sent in events:
            stream.publish(sent)
            got += await quick.read(30)
        assert got == events
        assert not quick.closed
        assert (slow.overflowed, slow.closed, stream.overflows) == (True, True, 1)
        assert await slow.read(30) == []


async def test_closing_gives_what_waits_and_ends() -> None:
    stream, events = EventStream(EPOCH), sent_events(2)
    with stream.subscribe(EventFilter(), None) as subscriber:
        stream.publish(events[0])
        stream.close()
        stream.publish(events[1])
        assert (await subscriber.read(30), subscriber.closed, subscriber.overflowed) == ([events[0]], True, False)
    with stream.subscribe(EventFilter(), None) as late:
        assert (await late.read(30), late.closed) == ([], True)


async def test_there_are_only_so_many_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.events.stream.MOST_SUBSCRIBERS", 1)
    stream = EventStream(EPOCH)
    with (
        stream.subscribe(EventFilter(), None),
        pytest.raises(TooManySubscribers),
        stream.subscribe(EventFilter(), None),
    ):
        pass
    with stream.subscribe(EventFilter(), None):
        assert stream.subscribers == 1
