"""Webhooks from a call to a receiver on a real socket: order, signatures, and faults of receivers."""

import asyncio
import socket
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from aiohttp import web

from controller.events import pipeline
from controller.events.pipeline import Events
from controller.events.webhooks import delivery, outbox_writer, retry_policy
from controller.events.webhooks.outbox import DeadLetter
from controller.store import database as databases
from tests.integration.webhook_harness import (
    assert_in_order,
    begin,
    end,
    events,
    eventually,
    hook,
    receiver,
    say,
    told_to,
)

SECRET_WORDS = "my pin is 4711"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "WAITS", (0.02, 0.05))


async def test_a_call_is_told_in_order_and_signed(tmp_path: Path) -> None:
    async with receiver() as there, events(told_to({"crm": hook(there.url())}), tmp_path) as made:
        for call in ("a", "b"):
            begin(made, call)
        for _ in range(20):
            say(made, "a", SECRET_WORDS)
            say(made, "b", SECRET_WORDS)
        for call in ("a", "b"):
            end(made, call)
        await there.until(lambda seen: len(seen.got) == 44)
        assert there.forged == []
        assert_in_order(there.got)
        assert Counter(each.body["type"] for each in there.got) == {"call.started": 2, "call.said": 40, "call.ended": 2}
        assert {each.body["data"].get("text") for each in there.got} == {None}
        assert {each.body["data"].get("caller") for each in there.got} == {None}
    async with events(told_to({}), tmp_path) as later:
        assert await later.outbox.sizes() == (0, 0)


async def test_personal_only_for_those_who_may_and_only_what_they_want(tmp_path: Path) -> None:
    hooks: dict[str, dict[str, Any]] = {"all": {"personal": True}, "ends": {"events": ["call.ended"]}}
    async with receiver() as there:
        settings = told_to({name: hook(there.url(f"/{name}"), **more) for name, more in hooks.items()})
        async with events(settings, tmp_path) as made:
            begin(made, "a")
            say(made, "a", SECRET_WORDS)
            end(made, "a")
            await there.until(lambda seen: len(seen.got) == 4)
    by_path = {path: [each.body for each in there.got if each.path == path] for path in ("/all", "/ends")}
    assert [body["type"] for body in by_path["/all"]] == ["call.started", "call.said", "call.ended"]
    assert by_path["/all"][1]["data"]["text"] == SECRET_WORDS
    assert [body["type"] for body in by_path["/ends"]] == ["call.ended"]
    assert by_path["/ends"][0]["data"]["caller"] is None


async def test_the_webhook_of_a_call(tmp_path: Path) -> None:
    async with receiver() as there:
        of_calls = {key: value for key, value in hook("").items() if key != "url"}
        async with events(told_to({}, call_webhooks=of_calls), tmp_path) as made:
            begin(made, "a", there.url("/own"))
            begin(made, "b")
            end(made, "a")
            await there.until(lambda seen: len(seen.got) == 2)
    assert [(each.lane, each.body["type"]) for each in there.got] == [
        (("/own", "a"), "call.started"),
        (("/own", "a"), "call.ended"),
    ]


class Trouble:
    """Fails the first `times` requests of each event in one way."""

    def __init__(self, kind: str, times: int = 2) -> None:
        self.kind = kind
        self.times = times
        self.seen: Counter[str] = Counter()

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse | None:
        self.seen[body["id"]] += 1
        if self.seen[body["id"]] > self.times:
            return web.Response()
        match self.kind:
            case "hangs":
                await asyncio.sleep(60)
            case "resets":
                return None
            case "redirects":
                return web.Response(status=302, headers={"Location": str(request.url.with_path("/elsewhere"))})
            case "drips":
                response = web.StreamResponse(status=500)
                await response.prepare(request)
                return response
        return web.Response(status=int(self.kind))


@pytest.mark.parametrize("kind", ["500", "404", "429", "resets", "redirects", "hangs", "drips"])
async def test_a_receiver_in_trouble_gets_everything_in_order_in_the_end(tmp_path: Path, kind: str) -> None:
    async with receiver() as there:
        there.answer = Trouble(kind, times=1 if kind == "hangs" else 2)
        async with events(told_to({"crm": hook(there.url(), timeout_s=0.3)}), tmp_path) as made:
            begin(made, "a")
            begin(made, "b")
            say(made, "a", times=2)
            await there.until(lambda seen: len(seen.got) == 4)
    assert_in_order(there.got)
    assert {each.path for each in there.tries} == {"/hook"}
    assert there.forged == []


async def test_a_dead_receiver_holds_up_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Events, "drain", _at_once)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        async with receiver() as there:
            dead = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            settings = told_to({"dead": hook(dead, timeout_s=20), "alive": hook(there.url(), timeout_s=20)})
            async with events(settings, tmp_path) as made:
                for number in range(30):
                    begin(made, f"call{number}")
                    say(made, f"call{number}", times=3)
                await there.until(lambda seen: len(seen.got) == 120)
                assert_in_order(there.got)


async def _at_once(_: Events) -> None:
    """Nobody waits for what hangs."""


async def test_given_up_kept_and_sent_again(tmp_path: Path) -> None:
    async with receiver() as there:
        there.answer = lambda request, body: web.Response(status=500, text=SECRET_WORDS)
        settings = told_to({"crm": hook(there.url(), give_up_after_s=1)})
        async with events(settings, tmp_path) as made:
            begin(made, "a")
            say(made, "a", times=2)
            letters = await dead(made, 3)
            assert [(each.type, each.receiver, each.reason) for each in letters] == [
                ("call.started", "crm", "answered 500"),
                ("call.said", "crm", "answered 500"),
                ("call.said", "crm", "answered 500"),
            ]
            there.answer = lambda request, body: web.Response()
            say(made, "a")
            await there.until(lambda seen: [each.number for each in seen.got] == [4])
            assert await made.outbox.replay(datetime.now(UTC), call="other") == 0
            assert await made.outbox.replay(datetime.now(UTC), receiver="crm") == 3
            made.replayed()
            await there.until(lambda seen: [each.number for each in seen.got] == [4, 1, 2, 3])
    async with events(told_to({}), tmp_path) as later:
        assert await later.outbox.sizes() == (0, 0)


async def test_gone_is_gone_at_once(tmp_path: Path) -> None:
    async with receiver() as there:
        there.answer = lambda request, body: web.Response(status=410)
        async with events(told_to({"crm": hook(there.url())}), tmp_path) as made:
            begin(made, "a")
            (letter,) = await dead(made, 1)
            assert (letter.attempts, letter.reason) == (1, "answered 410")
            assert await made.outbox.discard(number=letter.number) == 1
            assert await made.outbox.dead_letters(receiver=None, call=None, after=0, most=9) == []


async def test_a_receiver_that_left_the_config(tmp_path: Path) -> None:
    async with events(told_to({"crm": hook("http://127.0.0.1:9/")}), tmp_path) as made:
        begin(made, "a")
    async with events(told_to({}), tmp_path) as later:
        (letter,) = await dead(later, 1)
        assert letter.reason == "is no longer in the config"


async def test_private_addresses_need_to_be_listed(tmp_path: Path) -> None:
    async with receiver() as there:
        settings = told_to({"crm": hook(there.url(), allowed_hosts=[], give_up_after_s=1)})
        async with events(settings, tmp_path) as made:
            begin(made, "a")
            (letter,) = await dead(made, 1)
    assert letter.reason == "has a private address and is not in allowed_hosts"
    assert there.tries == []


async def test_while_the_store_is_away_events_wait_in_memory_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_writer, "MOST", 10)
    monkeypatch.setattr(outbox_writer, "AWAY_SECONDS", (0.05,))
    async with receiver() as there, events(told_to({"crm": hook(there.url())}), tmp_path) as made:
        broken = databases.StoreError("the store refuses: disk full")

        async def refuse(*_: object) -> None:
            raise broken

        with monkeypatch.context() as away:
            away.setattr(made.outbox, "write", refuse)
            with structlog.testing.capture_logs() as lines:
                begin(made, "a")
                say(made, "a", SECRET_WORDS, times=14)
                await eventually(lambda: any("dropped" in line["event"] for line in lines))
                await eventually(lambda: any("wait in memory" in line["event"] for line in lines))
        await there.until(lambda seen: len(seen.got) == 10)
        assert [each.number for each in there.got] == list(range(1, 11))
        say(made, "a")
        await there.until(lambda seen: len(seen.got) == 11)
        assert there.got[-1].number == 16, "the hole shows"
    assert len([line for line in lines if "dropped" in line["event"]]) == 1


async def test_nothing_personal_and_no_url_in_the_log(tmp_path: Path) -> None:
    async with receiver() as there:
        there.answer = Trouble("500", times=1)
        settings = told_to({"crm": hook(there.url("/secret-path?token=geheim"), personal=True)})
        with structlog.testing.capture_logs() as lines:
            async with events(settings, tmp_path) as made:
                begin(made, "a")
                say(made, "a", SECRET_WORDS)
                await there.until(lambda seen: len(seen.got) == 2)
    assert any(line["event"] == "webhook not delivered, tried again" for line in lines)
    assert not any(each in str(lines) for each in (SECRET_WORDS, "geheim", "secret-path", "+4930123"))


async def test_retry_after_is_heeded(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def answer(request: web.Request, body: dict[str, Any]) -> web.Response:
        times.append(loop.time())
        return web.Response(status=503, headers={"Retry-After": "1"}) if len(times) == 1 else web.Response()

    async with receiver() as there:
        there.answer = answer
        async with events(told_to({"crm": hook(there.url())}), tmp_path) as made:
            begin(made, "a")
            await there.until(lambda seen: len(seen.got) == 1)
    assert times[1] - times[0] >= 0.9


async def dead(made: Events, count: int) -> list[DeadLetter]:
    found: list[DeadLetter] = []

    async def enough() -> bool:
        found[:] = await made.outbox.dead_letters(receiver=None, call=None, after=0, most=99)
        return len(found) >= count

    await eventually(enough)
    return found


async def test_the_harness_sees_what_is_forged() -> None:
    async with receiver() as there, httpx.AsyncClient() as http:
        await http.post(there.url(), json={"id": "x", "data": {"call": "a", "number": 1}})
    assert there.forged == ["the headers are missing or malformed", "another id"]


async def test_a_fault_of_ours_costs_what_it_hit_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In making, writing and sending: each task goes on, and calls never notice."""
    monkeypatch.setattr(pipeline, "FAULT_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "FAULT_SECONDS", 0.01)
    async with receiver() as there, events(told_to({"crm": hook(there.url())}), tmp_path) as made:
        begin(made, "a")
        say(made, "a", "half a pair: \ud800")
        await there.until(lambda seen: len(seen.got) == 1)

        async def nothing_waits() -> bool:
            return await made.outbox.sizes() == (0, 0)

        await eventually(nothing_waits)
        for part, name, arrives in ((made._sender, "send", 2), (made.outbox, "due", 3), (made.outbox, "write", 3)):
            with structlog.testing.capture_logs() as lines, monkeypatch.context() as broken:
                broken.setattr(part, name, _broken)
                say(made, "a")
                await eventually(lambda told=lines: any(line.get("exc_info") for line in told))  # type: ignore[misc]
            await there.until(lambda seen, count=arrives: len(seen.got) == count)  # type: ignore[misc]
            await eventually(nothing_waits)
        end(made, "a")
        await there.until(lambda seen: len(seen.got) == 4)
    assert [each.number for each in there.got] == [1, 3, 4, 6], "the second could not be made, the fifth not written"


async def _broken(*_: object, **__: object) -> None:
    raise ValueError("broken")
