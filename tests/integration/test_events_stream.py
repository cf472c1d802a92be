"""Server-sent events on a real socket: in order, resumable, heartbeats, slow clients, and the dead letters' API."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from controller.api.resources import events as streams
from controller.api.resources.events import EventResources
from controller.calls.reporting import lifecycle
from controller.events import stream as hubs
from controller.events.pipeline import Events
from controller.events.webhooks import retry_policy
from tests.integration import webhook_harness
from tests.integration.api_harness import LIMITED, Harness, call_view, harness
from tests.integration.webhook_harness import begin, end, eventually, hook, say, told_to
from tests.unit.controller.views import STARTED

READER = "listener-0123456789"
WITHOUT_WORDS = "reader-0123456789"


@dataclass
class Told:
    """One event as it came over the wire."""

    id: str | None
    event: str
    data: dict[str, Any]


class Stream:
    """What a browser's EventSource does, as far as tests need it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.comments = 0

    async def next(self) -> Told | None:
        """None: the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(20):
            while line := (await self.response.content.readline()).decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if line == "\n" and "event" in fields:
                    return Told(fields.get("id"), fields["event"], json.loads(fields["data"]))
                if line.startswith(":"):
                    self.comments += 1
                elif line != "\n" and name != "retry":
                    fields[name] = value
        return None

    async def take(self, count: int) -> list[Told]:
        """Fewer where the stream ends."""
        return [told for _ in range(count) if (told := await self.next())]

    async def rest(self) -> list[Told]:
        found = []
        while told := await self.next():
            found.append(told)
        return found


@dataclass
class Served:
    harness: Harness
    events: Events

    @asynccontextmanager
    async def stream(self, path: str = "/v1/events", last_id: str | None = None, **more: Any) -> AsyncIterator[Stream]:
        headers = {"Last-Event-ID": last_id} if last_id is not None else {}
        async with self.harness.request("GET", path, READER, headers=headers, **more) as response:
            assert response.status == 200, await response.text()
            assert response.headers["Content-Type"].startswith("text/event-stream")
            assert response.headers["Cache-Control"] == "no-store"
            yield Stream(response)

    async def json(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        async with self.harness.request(method, path, **more) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else {}


@asynccontextmanager
async def served(folder: Path, **hooks: Any) -> AsyncIterator[Served]:
    async with (
        webhook_harness.events(told_to(hooks), folder) as events,
        harness(more=lambda calls, orders: EventResources(events, calls, orders).operations()) as there,
    ):
        try:
            yield Served(there, events)
        finally:
            events.stream.close()


def types(told: list[Told]) -> list[str]:
    return [each.event for each in told]


async def test_one_call_from_its_first_event_to_its_end(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        begin(there.events, "a")
        begin(there.events, "b")
        await eventually(lambda: there.events.stream.has_events_of("b"))
        async with there.stream("/v1/calls/a/events") as stream:
            first = await stream.next()
            assert first is not None
            assert first.data["data"]["caller"] == "+4930123", "who may read calls sees what GET /v1/calls/{id} shows"
            say(there.events, "a", "line\nend \u2028 \u0000")
            say(there.events, "b")
            end(there.events, "a")
            rest = await stream.rest()
        assert [first.event, *types(rest)] == ["call.started", "call.said", "call.ended"]
        assert rest[0].data["data"]["text"] == "line\nend \u2028 \u0000"
        assert all(each.id == each.data["id"] for each in rest)
        async with there.harness.request(
            "GET", "/v1/calls/a/events", headers={"Last-Event-ID": rest[-1].id}
        ) as response:
            assert response.status == 204, "nothing more will come"


async def test_a_limited_key_hears_of_the_calls_of_its_agents_only(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        async with there.harness.request("GET", "/v1/events", LIMITED) as response:
            stream = Stream(response)
            for call, agent in (("a", "reception"), ("b", "night")):
                view = call_view(id=call, agent=agent)
                there.events.observe(lifecycle.CallBegan("inbound", view))
                say(there.events, call)
                there.events.observe(lifecycle.CallOver("inbound", "answered", 1.0, view))
            told = await stream.take(3)
            assert [(each.data["data"]["call"], each.event) for each in told] == [
                ("b", "call.started"),
                ("b", "call.said"),
                ("b", "call.ended"),
            ]
        headers = {"Last-Event-ID": f"{there.events.stream._replay._epoch}-0"}
        async with there.harness.request("GET", "/v1/events", LIMITED, headers=headers) as response:
            again = await Stream(response).take(3)
        assert [each.data["data"]["call"] for each in again] == ["b", "b", "b"]
        async with there.harness.request("GET", "/v1/calls/a/events", LIMITED) as response:
            assert response.status == 404, "also of a call that is kept in the buffer"


async def test_all_calls_from_now_on_and_by_type(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        begin(there.events, "before")
        await eventually(lambda: there.events.stream.has_events_of("before"))
        async with there.stream() as all_, there.stream("/v1/events?type=call.st*&type=call.ended") as some:
            await eventually(lambda: there.events.stream.subscribers == 2)
            begin(there.events, "a")
            say(there.events, "a")
            end(there.events, "a")
            assert types(await all_.take(3)) == ["call.started", "call.said", "call.ended"]
            assert types(await some.take(2)) == ["call.started", "call.ended"]


async def test_a_client_comes_back_where_it_left_off(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        async with there.stream() as stream:
            await eventually(lambda: there.events.stream.subscribers == 1)
            begin(there.events, "a")
            first = await stream.next()
            assert first is not None
        say(there.events, "a", times=3)
        end(there.events, "a")
        await eventually(lambda: there.events.stream.has_end_of("a"))
        async with there.stream(last_id=first.id) as stream:
            assert types(await stream.take(4)) == ["call.said"] * 3 + ["call.ended"]


async def test_who_asks_for_all_that_is_kept_holds_up_nobody(tmp_path: Path) -> None:
    """Several at once, each from a place that never was; what happens meanwhile comes behind, once and in order."""
    rounds, over = [0], asyncio.Event()

    async def others() -> None:
        while not over.is_set():
            rounds[0] += 1
            await asyncio.sleep(0)

    async def follow(last_id: str) -> list[str | None]:
        async with there.stream(last_id=last_id) as stream:
            told = await stream.take(2005)
        assert (told[0].event, told[0].data["oldest"]) == ("gap", told[1].id)
        return [each.id for each in told[1:]]

    async with served(tmp_path) as there:
        begin(there.events, "a")
        for _ in range(20):
            say(there.events, "a", times=100)
            await asyncio.sleep(0)
        await eventually(lambda: len(list(there.events.stream._replay)) == 2001)
        asked = "-1", "9" * 400, "0", "0123456789abcdef-7", f"{there.events.stream._replay._epoch}-{10**17}"
        subscribers = [asyncio.create_task(follow(each)) for each in asked]
        busy = asyncio.create_task(others())
        await eventually(lambda: there.events.stream.subscribers == len(asked))
        before = rounds[0]
        say(there.events, "a", times=3)
        async with asyncio.timeout(30):
            got = await asyncio.gather(*subscribers)
        over.set()
        await busy
        kept = [each.id for each in there.events.stream._replay]
        assert got == [kept] * len(asked)
        assert len(set(kept)) == 2004
        assert rounds[0] - before > 2001 // hubs.PIECE * len(asked) * 0.8


@pytest.mark.parametrize("asked", ["of-another-process-17", "nonsense", "\u00fc"])
async def test_an_id_that_is_not_kept_is_told_as_a_gap(tmp_path: Path, asked: str) -> None:
    async with served(tmp_path) as there:
        begin(there.events, "a")
        await eventually(lambda: there.events.stream.has_events_of("a"))
        async with there.stream(last_id=asked) as stream:
            gap, first = await stream.next(), await stream.next()
            assert gap is not None
            assert first is not None
            assert (gap.event, gap.id, gap.data["oldest"]) == ("gap", None, first.id)
            assert first.event == "call.started"


async def test_the_end_shows_whatever_types_are_wanted(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        begin(there.events, "a")
        await eventually(lambda: there.events.stream.has_events_of("a"))
        async with there.stream("/v1/calls/a/events?type=call.started") as stream:
            first = await stream.next()
            assert first is not None
            end(there.events, "a")
            assert await stream.next() is None
        headers = {"Last-Event-ID": str(first.id)}
        async with there.harness.request("GET", "/v1/calls/a/events?type=call.started", headers=headers) as again:
            assert again.status == 204


async def test_calls_without_events(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        over = there.harness.calls.add(ended_at=STARTED)
        assert (await there.json("GET", f"/v1/calls/{over.id}/events"))[0] == 204
        status, problem = await there.json("GET", "/v1/calls/nobody/events")
        assert (status, problem["type"]) == (404, "/problems/unknown-call")


async def test_heartbeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.02)
    async with served(tmp_path) as there, there.stream() as stream:
        waiting = asyncio.create_task(stream.next())
        await eventually(lambda: stream.comments >= 3)
        begin(there.events, "a")
        assert await waiting is not None


async def test_a_client_that_falls_behind_is_told_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "SUBSCRIBER_QUEUE", 50)
    async with served(tmp_path) as there, there.stream() as slow:
        await eventually(lambda: there.events.stream.subscribers == 1)
        begin(there.events, "a")
        for _ in range(200):  # more than all buffers between the two can hold
            say(there.events, "a", "x" * 60_000)
            await asyncio.sleep(0)
        await eventually(lambda: there.events.stream.overflows == 1)
        told = await slow.rest()
        assert types(told)[-1] == "overflow"
        assert 0 < len(told) < 200
        assert there.events.stream.subscribers == 0
        async with there.stream(last_id=told[-2].id) as again:
            following = await again.next()
            assert following is not None
            assert following.data["data"]["number"] == told[-2].data["data"]["number"] + 1, "nothing is lost"


async def test_a_client_that_takes_nothing_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WRITE_SECONDS", 0.1)
    async with served(tmp_path) as there, there.stream():
        await eventually(lambda: there.events.stream.subscribers == 1)
        begin(there.events, "a")
        say(there.events, "a", "x" * 60_000, times=300)
        await eventually(lambda: there.events.stream.subscribers == 0)


async def test_only_so_many_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "MOST_SUBSCRIBERS", 1)
    async with served(tmp_path) as there, there.stream():
        await eventually(lambda: there.events.stream.subscribers == 1)
        async with there.harness.request("GET", "/v1/events") as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "10")


async def test_streams_end_when_the_process_does(tmp_path: Path) -> None:
    async with served(tmp_path) as there, there.stream() as stream:
        await eventually(lambda: there.events.stream.subscribers == 1)
        begin(there.events, "a")
        await there.events.drain()
        assert types(await stream.rest()) == ["call.started"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/events?type=nonsense", 400),
        ("/v1/events?typ=call.ended", 400),
        ("/v1/calls/a/events?type=", 400),
        ("/v1/webhooks/dead-letters?after=x", 400),
        ("/v1/webhooks/dead-letters?limit=1001", 400),
        ("/v1/webhooks/dead-letters?limit=1&limit=2", 400),
    ],
)
async def test_what_is_asked_wrongly(tmp_path: Path, path: str, status: int) -> None:
    async with served(tmp_path) as there:
        assert (await there.json("GET", path))[0] == status


@pytest.mark.parametrize("path", ["/v1/events?type=call.said", "/v1/calls/a/events"])
async def test_words_are_for_those_who_may_have_recordings(tmp_path: Path, path: str) -> None:
    async with served(tmp_path) as there:
        begin(there.events, "a")
        await eventually(lambda: there.events.stream.has_events_of("a"))
        async with there.harness.request("GET", path, WITHOUT_WORDS) as answer:
            say(there.events, "a", "my card is")
            end(there.events, "a")
            await eventually(lambda: there.events.stream.has_end_of("a"))
            there.events.stream.close()
            heard = (await answer.content.read()).decode()
    assert "event: call.said" in heard
    assert "my card" not in heard
    assert '"text":null' in heard


async def test_a_stream_is_in_the_audit_log_from_its_beginning(tmp_path: Path) -> None:
    async with (
        webhook_harness.events(told_to({}), tmp_path) as events,
        harness(store=True, more=lambda calls, orders: EventResources(events, calls, orders).operations()) as it,
        it.request("GET", "/v1/events", READER),
    ):
        assert it.kept is not None
        await it.kept.audit_log.drain()
        async with it.request("GET", "/v1/audit") as answer:
            (entry,) = (await answer.json())["entries"]
        assert (entry["by"], entry["operation"], entry["status"]) == ("listener", "stream_events", 200)
        events.stream.close()


async def test_scopes(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        for path in ("/v1/events", "/v1/calls/a/events", "/v1/webhooks/dead-letters"):
            for token, status in ((None, 401), ("caller-0123456789", 403)):
                assert (await there.json("GET", path, token=token))[0] == status
        assert (await there.json("POST", "/v1/webhooks/dead-letters/replay", token=READER))[0] == 403
        assert (await there.json("HEAD", "/v1/events"))[0] == 405


async def test_dead_letters_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "WAITS", (0.02,))
    async with webhook_harness.receiver() as receiver:
        receiver.answer = lambda request, body: web.Response(status=410)
        async with served(tmp_path, crm=hook(receiver.url())) as there:
            begin(there.events, "a")
            begin(there.events, "b")
            say(there.events, "a", times=3)
            await receiver.until(lambda seen: len(seen.tries) == 5)

            async def all_dead() -> bool:
                return await there.events.outbox.sizes() == (0, 5)

            await eventually(all_dead)
            status, page = await there.json("GET", "/v1/webhooks/dead-letters?limit=2")
            assert status == 200
            numbers = [each["number"] for each in page["dead_letters"]]
            status, page = await there.json("GET", f"/v1/webhooks/dead-letters?after={page['next']}&limit=9&call=a")
            assert (page["next"], {each["call"] for each in page["dead_letters"]}) == (None, {"a"})
            assert page["dead_letters"][0] | {"number": 0, "event": "", "accepted_at": "", "dead_at": ""} == {
                "number": 0,
                "event": "",
                "type": "call.said",
                "call": "a",
                "receiver": "crm",
                "accepted_at": "",
                "dead_at": "",
                "attempts": 1,
                "reason": "answered 410",
            }
            letters = "/v1/webhooks/dead-letters"
            assert (await there.json("DELETE", f"{letters}/{numbers[0]}"))[0] == 204
            assert (await there.json("DELETE", f"{letters}/{numbers[0]}"))[0] == 404
            receiver.answer = lambda request, body: web.Response()
            assert await there.json("POST", f"{letters}/{numbers[1]}/replay") == (202, {"replayed": 1})
            await receiver.until(lambda seen: len(seen.got) == 1)
            assert (await there.json("POST", f"{letters}/{numbers[1]}/replay"))[0] == 404
            assert await there.json("POST", f"{letters}/replay", json={"receiver": "other"}) == (202, {"replayed": 0})
            assert await there.json("POST", f"{letters}/replay", json={"call": "a"}) == (202, {"replayed": 3})
            await receiver.until(lambda seen: [each.number for each in seen.got[1:]] == [2, 3, 4])


async def test_several_dead_letters_are_discarded_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "WAITS", (0.02,))
    async with webhook_harness.receiver() as receiver:
        receiver.answer = lambda request, body: web.Response(status=410)
        async with served(tmp_path, crm=hook(receiver.url()), erp=hook(receiver.url("/erp"))) as there:
            for call in ("a", "b"):
                begin(there.events, call)

            async def all_dead() -> bool:
                return await there.events.outbox.sizes() == (0, 4)

            await eventually(all_dead)
            path = "/v1/webhooks/dead-letters/discard"
            for wrong in ({}, {"all": True, "call": "a"}, {"all": False}, {"number": 1}):
                status, problem = await there.json("POST", path, json=wrong)
                assert (status, problem["type"]) == (400, "/problems/malformed-request"), wrong
            assert (await there.json("POST", path, json={"all": True}, token=READER))[0] == 403
            assert await there.json("POST", path, json={"receiver": "crm", "call": "a"}) == (200, {"discarded": 1})
            assert await there.json("POST", path, json={"receiver": "crm"}) == (200, {"discarded": 1})
            assert await there.json("POST", path, json={"all": True}) == (200, {"discarded": 2})
            assert (await there.json("GET", "/v1/webhooks/dead-letters"))[1] == {"dead_letters": [], "next": None}


@pytest.mark.parametrize("call", ["\ud800", "\x00", "'; drop table webhook_outbox; --", "%", "x" * 9000, "\U0001f4de"])
async def test_hostile_names_find_nothing_and_break_nothing(tmp_path: Path, call: str) -> None:
    async with served(tmp_path) as there:
        body = json.dumps({"call": call, "receiver": call}).encode()
        headers = {"Content-Type": "application/json"}
        status, told = await there.json("POST", "/v1/webhooks/dead-letters/replay", data=body, headers=headers)
        assert status in (202, 400)
        assert told.get("replayed", 0) == 0
        params = {"call": call.encode("utf-8", "replace").decode()[:500]}
        assert (await there.json("GET", "/v1/webhooks/dead-letters", params=params))[0] in (200, 400)
        assert await there.events.outbox.sizes() == (0, 0)
