"""Damaged rows of the outbox and of the audit log: each costs only itself, at the start and later."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import text

from controller.api.audit import AuditEntry
from controller.api.resources.events import EventResources
from controller.events.pipeline import Events
from controller.events.webhooks import delivery, retry_policy
from controller.store.database import Database
from tests.integration.api_harness import harness
from tests.integration.test_api_history import past
from tests.integration.test_records import IDS
from tests.integration.webhook_harness import begin, end, events, eventually, hook, receiver, say, told_to
from tests.peers.stores import on_postgresql, store_at
from tests.unit.controller.views import CALL

OUTBOX = (
    "body=x'ff00'",
    "body=''",
    "body='{\"id\"'",
    "body='[1]'",
    "body=CAST(x'7bff' AS TEXT)",
    "since='soon'",
    "since='9999-99-99 00:00:00'",
    "since=x'00'",
    "attempts='many'",
    "attempts=-5",
    "attempts=9223372036854775807",
    "attempts=1e300",
    "receiver=x'ff'",
    "call=x'ff'",
    "event=x'0a0d'",
    "event='a' || char(13, 10) || 'b: c'",
    "url=x'ff'",
    "accepted_at='x'",
    "type=x'ff'",
)
DEAD = ("accepted_at='x'", "dead_at='x'", "dead_at=5", "attempts='many'", "reason=x'ff'", "event=x'ff'", "type=x'ff'")
AUDIT = (
    "at='soon'",
    "at=x'ff'",
    "by=x'ff'",
    "operation=x'ff'",
    "call=x'ff'",
    "asked='{\"to\"'",
    "asked='null'",
    "asked='[1]'",
    "asked=x'ff'",
    "asked='{\"to\": NaN}'",
    f"asked='{'[' * 5000}'",
    "status='good'",
    "status=1e300",
    "request_id=x'ff'",
    "source=CAST(x'ff' AS TEXT)",
    "source=x'ff'",
)


@pytest.fixture(autouse=True)
def on_sqlite() -> None:
    if on_postgresql():
        pytest.skip("PostgreSQL refuses such rows by itself")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "WAITS", (0.02, 0.05))
    monkeypatch.setattr(delivery, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(delivery, "FAULT_SECONDS", 0.1)


async def done_to(database: Database, statement: str) -> None:
    async with database.writing() as store:
        await store.execute(text(statement))


async def sized(made: Events, right: Callable[[int, int], bool]) -> None:
    async with asyncio.timeout(5):
        while not right(*(await made.outbox.sizes())):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("when", ["at the start", "while it runs"])
@pytest.mark.parametrize("damage", OUTBOX)
async def test_a_damaged_message_holds_up_no_other(tmp_path: Path, damage: str, when: str) -> None:
    """It becomes a dead letter, or is sent, and what comes behind it of its call goes on."""
    away = [True]

    def answer(_: web.Request, __: object) -> web.Response:
        return web.Response(status=503 if away[0] else 204)

    async with receiver() as there:
        there.answer = answer
        settings = told_to({"crm": hook(there.url())})
        first = f"UPDATE webhook_outbox SET {damage} WHERE number=1"
        async with events(settings, tmp_path) as made:
            begin(made, "bad")
            say(made, "bad")
            await there.until(lambda seen: len(seen.tries) > 0)
            if when == "while it runs":
                await done_to(made.outbox._database, first)
        async with Database(store_at(tmp_path)) as database:
            await done_to(database, first)
        away[0] = False
        async with events(settings, tmp_path) as made:
            begin(made, "good")
            say(made, "good")
            end(made, "good")
            await there.until(lambda seen: len([1 for got in seen.got if got.lane[1] == "good"]) == 3, 5)
            await sized(made, lambda pending, _: not pending)
            letters = await made.outbox.dead_letters(receiver=None, call=None, after=0, most=10)
            assert len(letters) <= 1
        assert there.forged == []


@pytest.mark.parametrize("damage", DEAD)
async def test_a_damaged_dead_letter_hides_no_other(tmp_path: Path, damage: str) -> None:
    async with (
        receiver() as there,
        events(told_to({"crm": hook(there.url())}), tmp_path) as made,
        harness(more=lambda calls, orders: EventResources(made, calls, orders).operations()) as it,
    ):
        there.answer = lambda _, __: web.Response(status=410)
        for call in ("a", "b", "c"):
            begin(made, call)
        await eventually(lambda: len(there.tries) == 3)
        await sized(made, lambda _, dead: dead == 3)
        await done_to(made.outbox._database, f"UPDATE webhook_outbox SET {damage} WHERE number=2")
        async with it.request("GET", "/v1/webhooks/dead-letters?limit=3") as answered:
            assert answered.status == 200
            told = await answered.json()
        assert [each["number"] for each in told["dead_letters"]] == [1, 2, 3]
        assert told["next"] == 3
        async with it.request("DELETE", "/v1/webhooks/dead-letters/2") as answered:
            assert answered.status == 204


@pytest.mark.parametrize("damage", AUDIT)
async def test_a_damaged_line_of_the_audit_log_hides_no_other(tmp_path: Path, damage: str) -> None:
    async with harness(store=True) as it:
        assert it.kept is not None
        for number in range(3):
            it.kept.audit_log.note(
                AuditEntry(datetime.now(UTC), "ops", "hang_up_call", "c", {"kind": "x"}, 200, f"r{number}")
            )
        await it.kept.audit_log.drain()
        await done_to(it.kept.database, f"UPDATE audit SET {damage} WHERE request_id='r1'")
        async with it.request("GET", "/v1/audit?limit=3") as answered:
            assert answered.status == 200, await answered.text()
            told = await answered.json()
        assert len(told["entries"]) == 3
        assert {"r0", "r2"} <= {each["request_id"] for each in told["entries"]}


PAST = (
    "started_at='never'",
    "ended_at='never'",
    "answered_at=x'ff'",
    "caller=x'ff00'",
    "callee=CAST(x'ff' AS TEXT)",
    "outcome=x'ff'",
    "cost='dear'",
    "agent=x'ff'",
    "started_at='9999-12-31 23:59:59', ended_at='0001-01-01 00:00:00'",
)
PARTS = ("call_words", "call_turns", "call_tools", "call_legs", "call_usage", "call_recordings", "call_events")


@pytest.mark.parametrize("form", ["csv", "json", "cdr"])
@pytest.mark.parametrize("damage", PAST)
async def test_an_export_goes_on_behind_a_damaged_call(tmp_path: Path, damage: str, form: str) -> None:
    async with past(tmp_path) as (it, desk):
        await done_to(desk.database, f"UPDATE calls SET {damage} WHERE call='{IDS[0]}'")
        async with it.request("GET", f"/v1/history/export?format={form}") as answered:
            assert answered.status == 200
            told = await answered.text()
    assert CALL in told
    assert IDS[1] in told
    assert told.endswith("\n")


@pytest.mark.parametrize("part", PARTS)
async def test_a_damaged_part_of_a_call_is_that_call_s_own(tmp_path: Path, part: str) -> None:
    """Also for a forgetting, and for what is kept no longer."""
    async with past(tmp_path) as (it, desk):
        await done_to(
            desk.database,
            f"UPDATE {part} SET at='never' WHERE call='{IDS[0]}'"
            if part != "call_legs"
            else f"UPDATE call_legs SET began_at='never' WHERE call='{IDS[0]}'",
        )
        async with it.request("GET", f"/v1/history/{CALL}") as answered:
            assert answered.status == 200
        async with it.request("GET", f"/v1/history/{IDS[0]}") as answered:
            assert answered.status in (200, 500)
        async with it.request("GET", "/v1/history") as answered:
            assert len((await answered.json())["calls"]) == 3


@pytest.mark.parametrize(
    "damage",
    [
        "status='x'",
        "status=1e300",
        "status=-1",
        "body=x'ff'",
        "location=x'0d0a'",
        "location='/v1' || char(13, 10) || 'X: y'",
        "at='x', status=NULL",
        "fingerprint=x'ff'",
    ],
)
async def test_a_damaged_answer_is_its_key_s_own(damage: str) -> None:
    async with harness(store=True) as it:
        assert it.kept is not None

        async def ask(key: str) -> int:
            headers = {"Idempotency-Key": key}
            async with it.request("POST", "/v1/calls", json={"to": "+4930123"}, headers=headers) as answered:
                assert "X" not in answered.headers
                return int(answered.status)

        assert await ask("bad") == 202
        await done_to(it.kept.database, f"UPDATE idempotency SET {damage} WHERE key='bad'")
        assert await ask("bad") in (409, 422)
        assert await ask("good") == 202
        assert len(it.calls.asked) == 2
