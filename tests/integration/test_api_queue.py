"""The queue over HTTP, and calls that only the queue knows."""

import asyncio
from typing import Any

import pytest

from controller.calls import errors
from controller.calls.outbound.entry import QueueFilter, Status
from controller.calls.outbound.trunk_breaker import SuspendedTrunk
from controller.calls.reporting import view
from controller.store.database import StoreError
from tests.integration.api_harness import harness
from tests.unit.controller.views import STARTED

AT = "2026-11-22T09:30:00.005Z"


async def test_the_queue_is_listed() -> None:
    async with harness() as it:
        waiting = [it.orders.add(callee=f"+4930{number}") for number in range(3)]
        async with it.request("GET", "/v1/queue?status=queued&trunk=main&limit=2&before=9") as answer:
            body = await answer.json()
        wanted = QueueFilter((Status.QUEUED,), trunk="main")
        assert it.calls.asked == [("page", {"wanted": wanted, "before": 9, "limit": 2})]
        assert [call["id"] for call in body["calls"]] == [call.id for call in waiting[:2]]
        assert body["calls"][0]["queue"] == {
            "number": 1,
            "status": "queued",
            "priority": 0,
            "due_at": AT,
            "expires_at": AT,
            "asked_by": "ops",
            "place": None,
            "waiting": None,
            "attempts": [],
        }
        assert (body["next"], body["matching"]) == (2, 3)
        assert body["counts"] == {"queued": 3, "dialing": 0, "ended": 0}
        assert (body["paused"], body["paused_trunks"]) == (False, [])


async def test_why_a_call_waits_is_told() -> None:
    async with harness() as it:
        why = view.WaitingView("paused", "Dialing is paused.", STARTED)
        call = it.orders.add(queue=view.QueueView(1, "queued", 0, STARTED, STARTED, "ops", waiting=why))
        told = {"reason": "paused", "detail": "Dialing is paused.", "until": AT}
        async with it.request("GET", "/v1/queue?status=active") as answer:
            assert (await answer.json())["calls"][0]["queue"]["waiting"] == told
        assert it.calls.asked[-1][1]["wanted"].statuses == (Status.QUEUED, Status.DIALING)
        async with it.request("GET", f"/v1/calls/{call.id}") as answer:
            assert (await answer.json())["queue"]["waiting"] == told


async def test_many_calls_are_counted_and_then_cancelled() -> None:
    async with harness() as it:
        calls = [it.orders.add().id for _ in range(2)]
        wrong: list[dict[str, Any]] = [
            {},
            {"all": False},
            {"calls": []},
            {"metadata": {}},
            {"expected": 1},
            {"calls": "x"},
        ]
        for body, status, answered in (
            ({"agent": "night"}, 200, {"matching": 2, "cancelled": 0}),
            ({"agent": "night", "expected": 3}, 409, None),
            ({"agent": "night", "expected": 2}, 200, {"matching": 2, "cancelled": 2}),
            ({"calls": calls}, 200, {"matching": 2, "cancelled": 2}),
            ({"all": True, "expected": 2}, 200, {"matching": 2, "cancelled": 2}),
            ({"metadata": {"campaign": "spring"}, "expected": 2}, 200, {"matching": 2, "cancelled": 2}),
            *((each, 400, None) for each in wrong),
        ):
            async with it.request("POST", "/v1/queue/cancel", json=body) as answer:
                told = await answer.json()
                assert answer.status == status, body
                assert answered is None or told == answered
                assert status != 409 or (told["type"], "2 calls" in told["detail"]) == ("/problems/count-changed", True)
        asked = [arguments["wanted"] for verb, arguments in it.calls.asked if verb == "cancel_all"]
        assert asked[2:] == [
            QueueFilter((Status.QUEUED,), frozenset(calls)),
            QueueFilter((Status.QUEUED,)),
            QueueFilter((Status.QUEUED,), metadata=(("campaign", "spring"),)),
        ]


async def test_a_trunk_that_fails_again_and_again_is_told() -> None:
    async with harness() as it:
        it.orders.suspended = (SuspendedTrunk("main", STARTED, 5, STARTED, False, "congestion", 503),)
        for method, path in (("GET", "/v1/queue"), ("POST", "/v1/queue/pause")):
            async with it.request(method, path, json={} if method == "POST" else None) as answer:
                told = (await answer.json())["suspended_trunks"]
            facts = {"faults": 5, "probing": False, "outcome": "congestion", "sip_status": 503}
            assert told == [{"trunk": "main", "since": AT, "next_probe_at": AT, **facts}]


@pytest.mark.parametrize(
    "query",
    ["status=dead", "status=", "limit=0", "limit=1001", "limit=x", "limit=1&limit=1", "before=-1", "before=1e3", "x=1"]
    + ["limit=%D9%A1", "before=99999999999999999", "status=queued&Limit=1"],
)
async def test_other_queries_are_refused(query: str) -> None:
    async with harness() as it, it.request("GET", f"/v1/queue?{query}") as answer:
        assert answer.status == 400
        assert it.calls.asked == []


@pytest.mark.parametrize(("body", "trunk"), [({}, None), ({"trunk": None}, None), ({"trunk": "main"}, "main")])
async def test_pause_and_resume(body: dict[str, Any], trunk: str | None) -> None:
    async with harness() as it:
        async with it.request("POST", "/v1/queue/pause", json=body) as answer:
            told = await answer.json()
            assert (told["paused"], told["paused_trunks"]) == (trunk is None, [trunk] if trunk else [])
        async with it.request("POST", "/v1/queue/resume", json=body) as answer:
            assert (await answer.json())["paused"] is False
        assert it.calls.asked == [(verb, {"trunk": trunk, "by": "admin"}) for verb in ("pause", "resume")]


async def test_a_call_that_waits_is_shown_and_cancelled() -> None:
    async with harness() as it:
        call = it.orders.add()
        async with it.request("GET", f"/v1/calls/{call.id}") as answer:
            body = await answer.json()
            assert (body["state"], body["transcript"]) == ("queued", [])
        async with it.request("POST", f"/v1/calls/{call.id}/hangup") as answer:
            assert answer.status == 202
            assert (await answer.json())["state"] == "ended"
        assert it.calls.asked[-1] == ("cancel", {"call": call.id, "by": "admin"})


async def test_a_call_that_has_ended_is_told_as_before() -> None:
    async with harness() as it:
        call = it.calls.add(ended_at=STARTED)
        it.calls.refusal = errors.WrongState("The call has ended.")
        async with it.request("POST", f"/v1/calls/{call.id}/hangup") as answer:
            assert answer.status == 409


async def test_without_a_store_calls_are_shown_and_none_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        await asyncio.sleep(0)
        raise StoreError("no room on the disk")

    async with harness() as it:
        call = it.calls.add()
        monkeypatch.setattr(it.orders, "with_queue", away)
        monkeypatch.setattr(it.orders, "place", away)
        async with it.request("GET", f"/v1/calls/{call.id}") as answer:
            assert answer.status == 200
        async with it.request("POST", "/v1/calls", json={"to": "+4930123"}) as answer:
            told = await answer.json()
            assert (answer.status, told["type"]) == (503, "/problems/store-away")
            assert "disk" not in str(told)
