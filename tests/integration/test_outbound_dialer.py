"""The dialer: who is called when, what is written before and after, and what a restart does with it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.calls import errors
from controller.calls.outbound import dialer
from controller.calls.outbound.entry import QueueFilter, Status
from controller.calls.outbound.queue import Queue
from controller.calls.reporting import lifecycle, view
from controller.dialing import numbers
from controller.store.database import StoreError
from tests.integration.outbound_harness import PATIENCE, FakeControl, office

RETRY: dict[str, Any] = {"trunks__main__retries": {"busy": {"times": 1, "after_s": 1}}}


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def closed_now() -> dict[str, Any]:
    """Calling hours that open tomorrow, for two days: at no time of the day is a call of tomorrow outside of them."""
    return {"time_zone": "UTC", "windows": [f"{soon(86400 * day):%a} 00:00-24:00".lower() for day in (1, 2)]}


async def test_an_order_is_placed_at_once_dialled_and_told(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        call = await it.order(variables={"name": "Zoë"}, timeout=5)
        await it.control.until_live(1)
        entry = await it.queue.get(call)
        assert entry is not None
        assert entry.status is Status.QUEUED  # begun, but nobody has been called
        await it.control.dial(call)
        dialling = await it.queue.get(call)
        assert dialling is not None
        assert (dialling.status, dialling.dialled_at is not None) == (Status.DIALING, True)
        it.control.end(call, "busy", detail="engaged", cause=17, sip_status=486)
        entry = await it.over(call)
        assert [(each.cause, each.sip_status) for each in entry.attempts] == [(17, 486)]
        shown = await it.orders.find(call)
        assert shown is not None
        assert (shown.cause, shown.sip_status) == (17, 486)
        assert (entry.result, entry.detail) == ("busy", "engaged")
        assert [each.result for each in entry.attempts] == ["busy"]


async def test_no_more_at_once_than_there_is_room_for_and_in_turn(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(room=3)) as it:
        calls = {await it.order(f"+49301{number:02d}"): number for number in range(12)}
        while calls:
            await it.control.until_live(min(3, len(calls)))
            call = next(iter(it.control.live))
            await it.control.dial(call)
            it.control.end(call, "answered")
            await it.over(call)
            del calls[call]
        assert it.control.most == 3
        assert it.control.placed == [f"+49301{number:02d}" for number in range(12)]


async def test_higher_priority_comes_first(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(room=0)) as it:
        for number, priority in (("+49301", 0), ("+49302", 5), ("+49303", -5)):
            await it.order(number + "00", priority=priority)
        it.control.room = 3
        await it.control.until_live(3)
        assert it.control.placed == ["+4930200", "+4930100", "+4930300"]


async def test_a_result_is_tried_again_as_the_trunk_says(tmp_path: Path) -> None:
    async with office(tmp_path, **RETRY) as it:
        call = await it.order()
        for _ in range(2):
            await it.control.until_live(1)
            await it.control.dial(call)
            it.control.end(call, "busy")
        entry = await it.over(call)
        assert [each.result for each in entry.attempts] == ["busy", "busy"]
        assert it.control.placed == ["+4930123"] * 2


async def test_what_waits_for_its_hour_is_not_placed_and_may_be_cancelled(tmp_path: Path) -> None:
    async with office(tmp_path, trunks__main__calling_hours=closed_now()) as it:
        call, later = await it.order(), await it.order(not_before=soon(90000))
        other = await it.order("1234", trunk="desk")
        await it.control.until_live(1)
        assert list(it.control.live) == [other]
        entries = [await it.queue.get(each) for each in (call, later)]
        assert all(entry is not None and entry.due_at > soon(0) for entry in entries)
        shown = await it.orders.cancel(call, by="ops")
        assert (shown.state, shown.outcome, shown.detail) == ("ended", "cancelled", "by ops")
        with pytest.raises(errors.WrongState, match="ended"):
            await it.orders.cancel(call, by="ops")
        with pytest.raises(errors.UnknownCall):
            await it.orders.cancel("nobody", by="ops")


async def test_not_before_is_kept_and_an_expired_call_is_given_up(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(room=0)) as it:
        not_before = soon(1.5)
        late, given_up = await it.order("+49301000", not_before=not_before), await it.order(expires=soon(1))
        assert (await it.over(given_up)).result == "expired"
        it.control.room = 1
        await it.control.until_live(1)
        assert list(it.control.live) == [late]
        assert soon(0) >= not_before


async def test_hours_that_end_before_there_was_room_postpone_the_call(tmp_path: Path) -> None:
    control = FakeControl(room=0)
    async with office(tmp_path, control) as it:
        call = await it.order()
    async with office(tmp_path, FakeControl(), trunks__main__calling_hours=closed_now()) as it:
        entry = await it.until(call, lambda entry: entry.due_at > soon(0))
        assert (entry.status, it.control.placed) == (Status.QUEUED, [])


async def test_a_drained_node_claims_and_dials_nobody(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        drained, looked = True, asyncio.Event()

        def held() -> bool:
            looked.set()
            return drained

        it.dialer.held = held
        call = await it.order()
        await asyncio.wait_for(looked.wait(), 5)
        await it.until(call, lambda entry: entry.status is Status.QUEUED)
        assert it.control.placed == []
        drained = False
        await it.control.until_live(1)
        assert list(it.control.live) == [call]


async def test_paused_for_one_trunk_or_for_all_also_over_a_restart(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        await it.orders.pause("main", by="ops")
        await it.order()
        desk = await it.order("1234", trunk="desk")
        await it.control.until_live(1)
        assert list(it.control.live) == [desk]
        await it.orders.pause(None, by="ops")
    async with office(tmp_path, control := FakeControl()) as it:
        await it.order("1235", trunk="desk")
        summary = await it.orders.resume("main", by="ops")
        assert summary.paused == {""}
        assert control.placed == []
        assert (await it.orders.resume(None, by="ops")).paused == frozenset()
        await control.until_live(3)
        with pytest.raises(errors.UnknownName):
            await it.orders.pause("nowhere", by="ops")


async def test_what_may_not_be_dialled_any_more_is_rejected(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.control.refusal = numbers.NotAllowed("Not on the list any more.")
        entry = await it.over(await it.order())
        assert (entry.result, entry.detail) == ("rejected", "Not on the list any more.")
        it.control.refusal = errors.UnknownName("No such agent.")
        assert (await it.over(await it.order())).result == "rejected"


async def test_nobody_is_placed_while_asterisk_is_away(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        it.control.refusal = errors.NotReady("away")
        await it.order()
        await asyncio.sleep(0.1)
        it.control.refusal = None
        await it.control.until_live(1)


async def test_cancelled_between_room_and_dialling_nobody_is_called(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        call = await it.order()
        await it.control.until_live(1)
        await it.orders.cancel(call, by="ops")
        with pytest.raises(errors.WrongState, match="cancelled"):
            await it.control.dial(call)
        it.control.end(call, "failed")
        await asyncio.sleep(0)
        assert (await it.over(call)).result == "cancelled"


async def test_a_store_that_is_away_keeps_anybody_from_being_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialer, "SAVE_AGAIN_SECONDS", (0.05,))
    async with office(tmp_path) as it:
        call = await it.order()
        await it.control.until_live(1)

        async def away(*_: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(Queue, "dial", away)
            broken.setattr(Queue, "settle", away)
            with pytest.raises(errors.WrongState, match="disk is full"):
                await it.control.dial(call)
            it.control.end(call, "cancelled")
            await asyncio.sleep(0.2)
            assert call in it.dialer._under_way
        assert (await it.over(call)).result == "cancelled"


async def test_a_failure_before_dialling_is_tried_again_after_a_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialer, "REST_SECONDS", 0.3)
    async with office(tmp_path, FakeControl(room=1)) as it:
        first, second = await it.order(), await it.order("+4930990")
        await it.control.until_live(1)
        ended = soon(0)
        it.control.end(first, "failed", detail="no AI")
        entry = await it.until(first, lambda entry: bool(entry.attempts))
        assert (entry.status, entry.due_at > soon(10)) == (Status.QUEUED, True)
        await it.control.until_live(1)
        assert list(it.control.live) == [second]
        assert soon(0) - ended >= timedelta(seconds=0.3)


async def test_one_call_that_is_our_fault_keeps_no_other_from_being_placed(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        await it.orders.pause(None, by="ops")
        first = await it.order()
        it.control.refusal = KeyError("oops")
        await it.orders.resume(None, by="ops")
        entry = await it.until(first, lambda entry: bool(entry.attempts))
        assert entry.attempts[0].result == "failed"
        it.control.refusal = None


async def test_a_controller_that_stops_in_order(tmp_path: Path) -> None:
    """What rings is interrupted, what was not dialled waits for the next, what was answered was answered."""
    async with office(tmp_path) as it:
        waits, rings, talks = [await it.order() for _ in range(3)]
        await it.control.until_live(3)
        await it.control.dial(rings)
        await it.control.dial(talks)
        it.control.end(waits, "cancelled", ended_by="shutdown")
        it.control.end(rings, "cancelled", ended_by="shutdown")
        it.control.end(talks, "answered", ended_by="shutdown", answered_at=soon(0))
        await it.over(rings)
        await it.over(talks)
        it.control.room = 0
    async with office(tmp_path, control := FakeControl()) as it:
        await control.until_live(1)
        assert list(control.live) == [waits]
        assert [(await it.over(call)).result for call in (rings, talks)] == ["interrupted", "answered"]


async def test_a_controller_that_leaves_its_calls_loses_no_entry(tmp_path: Path) -> None:
    """Calls that it has placed and not dialled stay in the queue; one that is just being dialled is waited for."""
    control = FakeControl()
    async with office(tmp_path, control) as it:
        calls = [await it.order(to=f"+49301{number:04}") for number in range(4)]
        await control.until_live(4)
        dialled, under_way, *waiting = calls
        await control.dial(dialled)
        await control.live[under_way].before_dial()  # Asterisk has not answered yet
        closed = asyncio.create_task(it.dialer.close())
        late = [asyncio.create_task(control.dial(call)) for call in waiting]
        done, _ = await asyncio.wait([closed, *late], timeout=0.2)
        assert not done
        control.live[under_way].after_dial()
        async with asyncio.timeout(5):
            await closed
        control.end(dialled, "busy")
        await it.dialer.finish()
        for task in late:
            assert not task.done()
            task.cancel()  # as the end of the process does
        await asyncio.gather(*late, return_exceptions=True)
        found = {call: await it.queue.get(call) for call in calls}
        assert [entry and entry.status for entry in found.values()][1:] == [
            Status.DIALING,
            Status.QUEUED,
            Status.QUEUED,
        ]
    async with office(tmp_path, FakeControl()) as it:
        await it.control.until_live(2)
        assert set(it.control.live) == set(waiting), "the next controller places them"
        assert (await it.over(under_way)).attempts[-1].result == "interrupted"


async def test_a_controller_that_is_killed(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        begun, dialled = await it.order(), await it.order()
        await it.control.until_live(2)
        await it.control.dial(dialled)
    async with office(tmp_path, control := FakeControl()) as it:
        await control.until_live(1)
        assert list(control.live) == [begun]
        entry = await it.over(dialled)
        assert (entry.result, [each.result for each in entry.attempts]) == ("interrupted", ["interrupted"])


# ---------------------------------------------------------------- orders


async def test_what_is_ordered_is_checked(tmp_path: Path) -> None:
    async with office(tmp_path, outbound__max_waiting=1) as it:
        await it.orders.pause(None, by="ops")
        for refusal, wish in (
            (numbers.NotAllowed, {"to": "not a number"}),
            (numbers.NotAllowed, {"to": "+49"}),
            (numbers.NotAllowed, {"to": "+4930123", "caller_id": "x\r\nEvil: 1"}),
            (errors.WrongWebhook, {"to": "+4930123", "webhook": "https://crm.example/"}),
            (errors.UnknownName, {"to": "+4930123", "trunk": "nowhere"}),
            (errors.UnknownName, {"to": "+4930123", "agent": "nobody"}),
            (errors.WrongMoment, {"to": "+4930123", "expires": soon(-1)}),
            (errors.WrongMoment, {"to": "+4930123", "not_before": soon(60), "expires": soon(30)}),
            (errors.WrongMoment, {"to": "+4930123", "not_before": soon(400 * 86400)}),
            (errors.WrongMoment, {"to": "+4930123", "not_before": datetime.max.replace(tzinfo=UTC)}),
            (errors.WrongMoment, {"to": "+4930123", "expires": datetime.min.replace(tzinfo=UTC)}),
        ):
            with pytest.raises(refusal):
                await it.order(**wish)
        assert await it.order("(030) 123-456")
        with pytest.raises(errors.Busy, match="max_waiting"):
            await it.order()
        (waiting,) = await it.orders.page(QueueFilter((Status.QUEUED,)), before=None, limit=10)
        assert (waiting.callee, waiting.caller, waiting.state) == ("030123456", "+4930123", "queued")


async def test_each_call_says_why_it_waits(tmp_path: Path) -> None:
    control = FakeControl(room=1)
    async with office(tmp_path, control, **RETRY) as it:
        calls = [await it.order(), await it.order(), await it.order(not_before=soon(60)), await it.order()]
        await it.control.until_live(1)
        async with asyncio.timeout(PATIENCE):
            while not it.dialer.obstacles.lanes:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)

        async def why() -> list[str | None]:
            shown = {each.id: each.queue for each in await it.orders.page(QueueFilter(), before=None, limit=10)}
            found = [shown[call] for call in calls]
            return [each.waiting.reason if each is not None and each.waiting else None for each in found]

        assert await why() == ["limit", "limit", "not_before", "limit"]  # the first is not dialled yet
        await it.control.dial(calls[0])
        assert (await why())[0] is None
        await it.orders.pause("main", by="ops")
        assert (await why())[1:] == ["paused", "not_before", "paused"]
        it.told.clear()
        assert await it.orders.cancel_all(QueueFilter(calls=frozenset(calls[1:3])), by="ops", expected=2) == 2
        settled = [(each.call.id, each.call.outcome) for each in it.told if isinstance(each, lifecycle.CallSettled)]
        assert settled == [(calls[1], "cancelled"), (calls[2], "cancelled")]
        control.end(calls[0], "busy")
        await it.until(calls[0], lambda entry: entry.status is Status.QUEUED)
        assert await why() == ["retry", None, None, "paused"]
        assert (await it.orders.find(calls[0])).queue == (await it.orders.page(QueueFilter(), before=None, limit=10))[
            -1
        ].queue


async def test_a_call_is_shown_with_what_the_queue_knows(tmp_path: Path) -> None:
    async with office(tmp_path, **RETRY) as it:
        call = await it.order()
        await it.control.until_live(1)
        await it.control.dial(call)
        live = await it.orders.find(call)
        it.control.end(call, "busy")
        await it.until(call, lambda entry: bool(entry.attempts))
        ended = view.CallView(**{**_fields(live), "ended_at": soon(0), "outcome": "busy", "queue": None})
        shown = await it.orders.with_queue(ended)
        assert (shown.state, shown.outcome) == ("queued", None)  # it waits for its next attempt
        assert shown.queue is not None
        assert [each.result for each in shown.queue.attempts] == ["busy"]
        inbound = view.CallView(**{**_fields(live), "direction": "inbound", "queue": None})
        assert await it.orders.with_queue(inbound) == inbound


def _fields(call: view.CallView) -> dict[str, Any]:
    return {name: getattr(call, name) for name in call.__dataclass_fields__}


SECOND: dict[str, Any] = {
    "trunks__main__overflow": "second",
    "trunks__second": {"endpoint": "PJSIP/{number}@second", "allow": [r"\+4930[0-9]+"], "country_code": "49"},
}


async def test_without_room_the_next_trunk_is_taken_if_it_may_dial_the_number(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(full={"main"}), **SECOND) as it:
        foreign, call = await it.order("+4940123"), await it.order("+4930123")
        await it.control.until_live(1)
        assert (list(it.control.live), it.control.trunks) == ([call], ["second"])
        await it.control.dial(call)
        it.control.end(call, "busy")
        assert [each.trunk for each in (await it.over(call)).attempts] == ["second"]
        it.control.full.clear()
        await it.control.until_live(1)
        assert (list(it.control.live), it.control.trunks) == ([foreign], ["second", "main"])


async def test_a_congested_trunk_is_left_for_the_next_one_at_once(tmp_path: Path) -> None:
    async with office(tmp_path, **SECOND) as it:
        call = await it.order("+4930123")
        await it.control.until_live(1)
        await it.control.dial(call)
        it.control.end(call, "congestion")
        await it.control.until_live(1)
        await it.control.dial(call)
        it.control.end(call, "congestion")
        entry = await it.over(call)
        assert it.control.trunks == ["main", "second"]
        assert [(each.trunk, each.passed_to) for each in entry.attempts] == [("main", "second"), ("second", None)]


async def test_a_paused_trunk_takes_nothing_over(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(full={"main"}), **SECOND) as it:
        await it.orders.pause("second", by="ops")
        await it.order("+4930123")
        desk = await it.order("1234", trunk="desk")
        await it.control.until_live(1)
        assert list(it.control.live) == [desk]
        await it.orders.resume("second", by="ops")
        await it.control.until_live(2)
        assert it.control.trunks == ["desk", "second"]
