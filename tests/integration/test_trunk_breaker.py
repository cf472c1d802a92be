"""The dialer and a dead trunk: the queue waits for it without using up attempts, and goes on when it is back."""

from pathlib import Path
from typing import Any

from controller.calls.outbound.entry import Status
from controller.calls.reporting import lifecycle
from tests.integration.outbound_harness import FakeControl, Office, office
from tests.integration.test_outbound_dialer import SECOND

BREAKER: dict[str, Any] = {"trunks__main__circuit_breaker": {"faults": 3, "pause_s": 0.3, "longest_pause_s": 0.3}}


async def fail_one(it: Office, **how: Any) -> str:
    await it.control.until_live(1)
    call = next(iter(it.control.live))
    await it.control.dial(call)
    it.control.end(call, how.pop("outcome", "congestion"), **{"cause": 34, "sip_status": 503} | how)
    return call


async def suspended(it: Office, call: str) -> None:
    """Once the end of `call` is written down."""
    await it.until(call, lambda entry: entry.status is not Status.DIALING)
    assert (await it.orders.summary()).suspended


async def test_a_dead_trunk_costs_no_queued_call_its_attempt_and_all_are_called_once_it_is_back(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(room=4), **BREAKER) as it:
        calls = [await it.order(f"+49301{number:02d}") for number in range(24)]
        burned = {await fail_one(it) for _ in range(2)}
        for call in burned:
            await it.over(call)
        while not (await it.orders.summary()).suspended:
            await fail_one(it)
        for call in list(it.control.live):  # they were under way
            await it.control.dial(call)
            it.control.end(call, "congestion", sip_status=503)
        probes = [await fail_one(it) for _ in range(3)]
        assert len(set(probes)) == 3, "another one each time"
        rest = [call for call in calls if call not in burned]
        answered: list[str] = []
        while len(answered) < len(rest):
            await it.control.until_live(1)
            call = next(iter(it.control.live))
            await it.control.dial(call)
            it.dialer.observe(lifecycle.CallRang(call))
            it.control.end(call, "answered")
            answered.append(call)
        assert sorted(answered) == sorted(rest)
        for call in rest:
            entry = await it.over(call)
            assert [each.result for each in entry.attempts] == ["answered"]
        assert not (await it.orders.summary()).suspended


async def test_the_trunk_works_as_soon_as_a_telephone_rings(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(room=50), **BREAKER) as it:
        for number in range(3):
            await it.order(f"+49301{number:02d}")
            failed = await fail_one(it)
        await suspended(it, failed)
        waiting = [await it.order(f"+49302{number:02d}") for number in range(5)]
        await it.control.until_live(1)
        (probe,) = it.control.live
        await it.control.dial(probe)
        it.dialer.observe(lifecycle.CallRang(probe))
        await it.control.until_live(5)
        assert set(waiting) - set(it.control.live) <= {probe}


async def test_busy_callees_and_silent_telephones_suspend_no_trunk(tmp_path: Path) -> None:
    async with office(tmp_path, **BREAKER) as it:
        for number, outcome in enumerate(["busy", "no_answer", "declined", "invalid_number", "incompatible"] * 2):
            call = await it.order(f"+49301{number:02d}")
            await fail_one(it, outcome=outcome, sip_status=480, cause=19)
            assert (await it.over(call)).result == outcome
        assert not (await it.orders.summary()).suspended


async def test_calls_of_a_suspended_trunk_go_over_the_next_one(tmp_path: Path) -> None:
    keys = SECOND | {"trunks__main__circuit_breaker": {"faults": 1, "pause_s": 3600, "longest_pause_s": 3600}}
    async with office(tmp_path, **keys) as it:
        first = await it.order("+4930123")
        assert await fail_one(it) == first
        await it.control.until_live(1)
        await it.order("+4930124")
        await it.control.until_live(2)
        assert it.control.trunks == ["main", "second", "second"]
        foreign = await it.order("+4940123")
        await suspended(it, foreign)
        assert (await it.until(foreign, lambda entry: True)).status is Status.QUEUED
        await it.orders.resume("main", by="ops")
        await it.control.until_live(3)
        assert it.control.trunks[-1] == "main"
