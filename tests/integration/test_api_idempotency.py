"""What the API stores: answers to repeated requests, and the audit log. Also the rate limits."""

import asyncio
import hashlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr
from sqlalchemy import update

from controller.api import audit as audits
from controller.api.audit import masked
from controller.api.idempotency import KEEP
from controller.calls import errors
from controller.config.models.api import Pace, Token
from controller.store.database import StoreError
from controller.store.tables.api import idempotency
from tests.integration.api_harness import Harness, harness

PLACE, BODY = "/v1/calls", {"to": "+4930123", "variables": {"b": "1", "a": "2"}}
KEY = {"Idempotency-Key": "k-1"}


async def ask(it: Harness, path: str = PLACE, body: Any = BODY, **more: Any) -> tuple[int, dict[str, Any], Any]:
    async with it.request("POST", path, json=body, **more) as answer:
        return answer.status, await answer.json(), answer.headers


async def test_the_same_request_with_the_same_key_is_done_once() -> None:
    async with harness(store=True) as it:
        first, again = await ask(it, headers=KEY), await ask(it, headers=KEY)
        assert first[:2] == again[:2]
        assert first[0] == 202
        assert again[2]["Location"] == first[2]["Location"]
        assert ("Idempotency-Replayed" in first[2], again[2]["Idempotency-Replayed"]) == (False, "true")
        assert len(it.calls.asked) == 1


async def test_a_moment_of_any_year_has_a_key() -> None:
    async with harness(store=True) as it:
        body = {"to": "1", "expires": "0335-02-03T17:43:14.89871+09:55"}
        assert (await ask(it, body=body, headers=KEY))[0] == 202


async def test_keys_belong_to_their_token_and_other_keys_are_other_requests() -> None:
    async with harness(store=True) as it:
        for more in ({}, {"token": "caller-0123456789"}, {"headers": {"Idempotency-Key": "k-2"}}):
            assert (await ask(it, **({"headers": KEY} | more)))[0] == 202
        assert len(it.calls.asked) == 3


@pytest.mark.parametrize(("path", "body"), [(PLACE, {"to": "+4930124"}), ("/v1/queue/pause", {})])
async def test_a_key_is_not_used_for_another_request(path: str, body: dict[str, str]) -> None:
    async with harness(store=True) as it:
        await ask(it, headers=KEY)
        status, told, _ = await ask(it, path, body, headers=KEY)
        assert (status, told["type"]) == (422, "/problems/key-reused")
        assert len(it.calls.asked) == 1


async def test_at_the_same_time_one_is_done_and_the_other_told_to_wait() -> None:
    async with harness(store=True) as it:
        begun, go = asyncio.Event(), asyncio.Event()
        place = it.orders.place

        async def slow(asked: Any, **more: Any) -> Any:
            begun.set()
            await go.wait()
            return await place(asked, **more)

        it.orders.place = slow  # type: ignore[method-assign]
        first = asyncio.create_task(ask(it, headers=KEY))
        await begun.wait()
        status, told, headers = await ask(it, headers=KEY)
        assert (status, told["type"], headers["Retry-After"]) == (409, "/problems/key-in-use", "1")
        go.set()
        assert (await first)[0] == 202
        assert len(it.calls.asked) == 1


async def test_what_was_refused_may_be_asked_again() -> None:
    async with harness(store=True) as it:
        it.calls.refusal = errors.Busy("Full.")
        assert (await ask(it, headers=KEY))[0] == 429
        it.calls.refusal = None
        assert (await ask(it, headers=KEY))[0] == 202


FAULTS = [RuntimeError("x"), StoreError("x"), TimeoutError(), asyncio.CancelledError(), errors.Busy("x")]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", [PLACE, "/v1/calls/{call}/say", "/v1/calls/{call}/hangup", "/v1/queue/pause"])
async def test_a_failed_attempt_frees_its_key(path: str, fault: Exception) -> None:
    async with harness(store=True) as it:
        path = path.format(call=it.calls.add().id)
        body = {PLACE: BODY, "/v1/queue/pause": {}}.get(path, {"text": "Hello."} if path.endswith("say") else {})
        it.calls.refusal = fault
        with suppress(aiohttp.ServerDisconnectedError):  # what is cancelled has no answer
            assert (await ask(it, path, body, headers=KEY))[0] in (429, 500, 503)
        it.calls.refusal = None
        status, told, headers = await ask(it, path, body, headers=KEY)
        assert (status, "Idempotency-Replayed" in headers) == (200 if "queue" in path else 202, False), told
        assert (await ask(it, path, body, headers=KEY))[2]["Idempotency-Replayed"] == "true"


async def test_a_key_is_free_even_if_the_store_was_away_when_it_was_to_be_freed() -> None:
    async with harness(store=True) as it:
        assert it.kept is not None
        path, writing = f"/v1/calls/{it.calls.add().id}/say", it.kept.database.writing

        def away() -> Any:
            raise StoreError("away")

        class Failing(RuntimeError):
            """On its way out the store goes."""

            def __init__(self) -> None:
                it.kept.database.writing = away  # type: ignore[union-attr,method-assign]

        it.calls.note = lambda *_, **__: (_ for _ in ()).throw(Failing())  # type: ignore[method-assign]
        assert (await ask(it, path, {"text": "a"}, headers=KEY))[0] == 500
        assert (await ask(it, path, {"text": "a"}, headers=KEY))[0] == 503
        it.kept.database.writing = writing  # type: ignore[method-assign]
        del it.calls.note
        assert (await ask(it, path, {"text": "a"}, headers=KEY))[0] == 202
        assert len(it.calls.asked) == 1


@pytest.mark.parametrize(("path", "status"), [(PLACE, 202), ("/v1/calls/{call}/say", 409)])
async def test_what_a_killed_controller_has_begun(path: str, status: int) -> None:
    """A call has an id that is made of its key: it is placed once. Of words nobody knows whether they were said."""
    async with harness(store=True) as it:
        assert it.kept is not None
        path, body = path.format(call=it.calls.add().id), BODY if path == PLACE else {"text": "a"}
        first = await ask(it, path, body, headers=KEY)
        async with it.kept.database.writing() as connection:  # as if it had been killed before it wrote the answer down
            await connection.execute(update(idempotency).values(status=None, body=None, location=None))
        again = await ask(it, path, body, headers=KEY)
        assert again[0] == status
        assert again[1].get("id" if status == 202 else "type") in (first[1]["id"], "/problems/outcome-unknown")
        assert len(it.calls.asked) == 1


async def test_a_key_is_forgotten_after_a_day() -> None:
    async with harness(store=True) as it:
        await ask(it, headers=KEY)
        assert it.kept is not None
        async with it.kept.database.writing() as connection:
            old = datetime.now(UTC) - KEEP - timedelta(seconds=1)
            await connection.execute(update(idempotency).values(at=old))
        assert (await ask(it, headers=KEY))[0] == 202
        assert len(it.calls.asked) == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "é", '"'])
async def test_a_key_that_is_none(key: str) -> None:
    async with harness(store=True) as it:
        assert (await ask(it, headers={"Idempotency-Key": key}))[1]["type"] == "/problems/malformed-request"
        assert it.calls.asked == []


# ---------------------------------------------------------------- who did what


async def audit(it: Harness, query: str = "") -> dict[str, Any]:
    assert it.kept is not None
    await it.kept.audit_log.drain()
    async with it.request("GET", f"/v1/audit{query}") as answer:
        assert answer.status == 200
        told: dict[str, Any] = await answer.json()
        return told


async def test_who_did_what_is_kept_without_anything_personal() -> None:
    async with harness(store=True) as it:
        call = it.calls.add()
        await ask(it, body={"to": "+49301234567", "agent": "desk", "timeout": 5, "variables": {"name": "Zoe"}})
        await ask(it, f"/v1/calls/{call.id}/say", {"text": "Your code is 4711."}, headers={"X-Request-Id": "r-1"})
        await ask(it, f"/v1/calls/{call.id}/hangup", {}, token="reader-0123456789")
        await ask(it, PLACE, {"x": 1})
        await ask(it, PLACE, BODY, token="nobody")
        async with it.request("GET", PLACE):
            pass
        entries = (await audit(it))["entries"]
        told = [(each["by"], each["operation"], each["call"], each["asked"], each["status"]) for each in entries]
        assert told == [
            ("", "place_call", None, {}, 401),
            ("admin", "place_call", None, {}, 400),
            ("reader", "hang_up", call.id, {}, 403),
            ("admin", "say", call.id, {}, 202),
            ("admin", "place_call", None, {"agent": "desk", "timeout": 5.0, "to": "…67"}, 202),
        ]
        assert (entries[3]["request_id"], entries[3]["source"]) == ("r-1", "127.0.0.1")


async def test_wrong_tokens_are_written_down_with_their_address_at_a_bounded_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audits, "WRONG_AT_ONCE", 5)
    monkeypatch.setattr(audits, "WRONG_PER_SECOND", 0.001)
    async with harness(store=True) as it:
        for number in range(8):
            async with it.request("GET", f"/v1/calls/{number}", token="guess-0123456789"):
                pass
        async with it.request("GET", "/v1/calls", token=None):
            pass  # nothing was shown: no attempt
        entries = (await audit(it, "?by="))["entries"]
        assert [(each["operation"], each["status"], each["source"]) for each in entries] == [
            ("show_call", 401, "127.0.0.1")
        ] * 5
        assert "guess" not in str(entries)


@pytest.mark.parametrize(("token", "written"), [("listener", 1), ("reader", 0)])
async def test_who_reads_what_was_said_is_written_down_once_in_a_while(token: str, written: int) -> None:
    async with harness(store=True) as it:
        call = it.calls.add()
        for _ in range(5):  # as a page that is looked at does
            async with it.request("GET", f"/v1/calls/{call.id}", token=f"{token}-0123456789") as answer:
                assert answer.status == 200
        entries = (await audit(it, "?operation=show_call"))["entries"]
        assert [(each["by"], each["call"], each["status"]) for each in entries] == [(token, call.id, 200)] * written


async def test_the_audit_log_has_pages_and_filters() -> None:
    async with harness(store=True) as it:
        for _ in range(5):
            await ask(it, "/v1/queue/pause", {})
        await ask(it, "/v1/queue/resume", {}, token="controller-0123456789")
        first = await audit(it, "?limit=4")
        rest = await audit(it, f"?limit=4&before={first['next']}")
        assert (len(first["entries"]), len(rest["entries"]), rest["next"]) == (4, 2, None)
        assert len((await audit(it, "?by=controller"))["entries"]) == 1
        assert len((await audit(it, "?operation=pause_queue"))["entries"]) == 5


async def test_only_an_admin_reads_it() -> None:
    async with harness(store=True) as it, it.request("GET", "/v1/audit", token="controller-0123456789") as answer:
        assert answer.status == 403


async def test_a_store_that_is_away_stops_neither_verbs_nor_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    async with harness(store=True) as it:
        assert it.kept is not None

        def away() -> Any:
            raise StoreError("away")

        with monkeypatch.context() as patch:
            patch.setattr(it.kept.database, "writing", away)
            call = it.calls.add()
            assert (await ask(it, f"/v1/calls/{call.id}/hangup", {}))[0] == 202
            assert (await ask(it, headers=KEY))[1]["type"] == "/problems/store-away"
        assert [each["operation"] for each in (await audit(it))["entries"]] == ["place_call", "hang_up"]


@pytest.mark.parametrize(("number", "shown"), [("+4930123456", "…56"), ("1001", "…"), ("sip:a@b.example", "…")])
def test_numbers_are_masked(number: str, shown: str) -> None:
    assert masked(number) == shown


# ---------------------------------------------------------------- tokens


async def test_a_token_known_by_its_hash_alone() -> None:
    digest = hashlib.sha256(b"vai_secret").hexdigest()
    async with harness(tokens=[Token(name="hashed", token_sha256=digest, scopes=("read",))]) as it:
        for token, status in (("vai_secret", 200), (digest, 401), ("vai_secre", 401)):
            async with it.request("GET", PLACE, token=token) as answer:
                assert answer.status == status


async def test_who_asks_too_often_is_told_when_to_come_again() -> None:
    slow = Token(name="slow", token=SecretStr("slow-0123456789"), scopes=("read",), rate=Pace(per_second=0.1, burst=2))
    async with harness(tokens=[slow]) as it:
        told = []
        for _ in range(3):
            async with it.request("GET", PLACE, token="slow-0123456789") as answer:
                told.append(
                    (answer.status, answer.headers["RateLimit"].split(";")[1], answer.headers.get("Retry-After"))
                )
        assert told == [(200, "r=1", None), (200, "r=0", None), (429, "r=0", "10")]
        async with it.request("GET", PLACE, token="reader-0123456789") as answer:
            assert answer.status == 200
