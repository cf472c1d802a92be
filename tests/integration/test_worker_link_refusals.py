"""bridge.worker.process at a real link: what can't be sent, read or carried out costs only its own call."""

from dataclasses import replace

import pytest

from bridge import contract
from bridge.worker import control_link
from bridge.worker.process import Worker
from tests.integration.test_worker_link import OPTIONS, arrived, controller, prepared, running, worker
from tests.peers.controller import ControllerPeer

__all__ = ["controller", "worker"]

DEEP: dict[str, object] = {}
for _ in range(300):
    DEEP = {"a": DEEP}
CALL = "3f0f6a54-6a2c-4c73-9d0a-2f6f6c1d9e11"


@pytest.mark.parametrize(
    "event",
    [
        contract.ToolCalled(call=CALL, tool_call="t", name="n", arguments=DEEP),
        contract.Said(call=CALL, who="agent", text="x" * contract.MAX_EVENT_BYTES, item="i"),
    ],
    ids=["deep", "large"],
)
async def test_an_event_that_cannot_be_sent_is_dropped_and_counted(
    controller: ControllerPeer, worker: Worker, event: contract.CallEvent
) -> None:
    call = await prepared(controller)
    worker._link.emit(event)
    worker._link.emit(contract.DigitPressed(call=call, digit="1"))
    await controller.event(contract.DigitPressed, call)
    assert worker._link.refused == 1
    assert len(controller.hellos) == 1
    assert controller.of(contract.Ended, call) == []


async def test_half_characters_arrive_as_replacements(controller: ControllerPeer, worker: Worker) -> None:
    worker._link.emit(contract.Said(call=CALL, who="agent", text="Hi \ud83d\0", item="\ud83d"))
    said = await controller.event(contract.Said, CALL)
    assert (said.text, said.item) == ("Hi \ufffd\ufffd", "\ufffd")
    assert worker._link.refused == 0


async def test_a_call_whose_needed_event_cannot_be_sent_is_ended(controller: ControllerPeer, worker: Worker) -> None:
    call, other = await prepared(controller), await prepared(controller)
    worker._link.emit(contract.MediaGone(call=call, reason="x" * contract.MAX_EVENT_BYTES))
    assert "could not be told" in (await controller.event(contract.Ended, call)).reason
    assert controller.of(contract.Ended, other) == []


async def test_an_end_that_is_too_large_is_told_without_its_details(controller: ControllerPeer, worker: Worker) -> None:
    worker._link.emit(contract.Ended(call=CALL, reason="x" * contract.MAX_EVENT_BYTES))
    assert (await controller.event(contract.Ended, CALL)).reason == "its end can't be told in full"


@pytest.mark.parametrize(
    "command",
    [
        '{"type": "dance"}',
        "no JSON",
        "[" * 100_000,
        '{"type":"speak","call":"%s","text":"\\ud83d"}',
        '{"type":"answer_tool","call":"%s"}',
        '{"type":"drain","seconds":"soon"}',
        '{"type":"close","call":"unknown"}',
    ],
)
async def test_a_command_that_cannot_be_read_is_dropped_and_the_link_goes_on(
    controller: ControllerPeer, worker: Worker, command: str
) -> None:
    call = await prepared(controller)
    await controller.say(command.replace("%s", call))
    other = await prepared(controller)  # the link still stands
    assert worker._link.refused == 1
    assert len(controller.hellos) == 1
    assert controller.of(contract.Ended, call) == controller.of(contract.Ended, other) == []


DANCE = '{"type":"dance","call":"%s"}'
LATER_CLOSE = '{"type":"close","call":"%s","reason":"over","a_later_field":{"x":1}}'


async def test_a_command_of_a_newer_release_is_answered_and_its_unknown_fields_are_ignored(
    controller: ControllerPeer, worker: Worker
) -> None:
    call = await prepared(controller)
    await controller.say(DANCE.replace("%s", call))
    await controller.until(lambda: controller.not_understood)
    assert controller.not_understood == [contract.NotUnderstood(command="dance", call=call)]
    await controller.say(LATER_CLOSE.replace("%s", call))
    assert (await controller.event(contract.Ended, call)).reason == "over"
    assert worker._link.refused == 1


async def test_answers_to_what_cannot_be_read_are_bounded(controller: ControllerPeer, worker: Worker) -> None:
    await arrived(controller)
    for _ in range(3 * control_link.MOST_ANSWERS):
        await controller.say('{"type":"dance"}')
    await prepared(controller)
    assert len(controller.not_understood) == control_link.MOST_ANSWERS


async def test_an_event_that_waited_is_sent_as_the_controller_that_comes_knows_it(worker: Worker) -> None:
    event = contract.Failed(call=CALL, kind="transient", message="full", refused=True)
    waiting = worker._link._frame(event)
    assert waiting is not None
    assert '"refused":true' in waiting.at(contract.VERSION)
    assert "refused" not in waiting.at(9)


async def test_a_controller_of_the_release_before_is_spoken_to_as_it_understands() -> None:
    """It names no version: the link is of the oldest one, and it is not told what that version lacks."""
    oldest = contract.Welcome(version=contract.OLDEST_VERSION)
    async with ControllerPeer(subprotocols=(), welcome=oldest) as controller:
        async with running(replace(OPTIONS, controller=controller.url)):
            await arrived(controller)
            call = await prepared(controller)
            await controller.say(DANCE.replace("%s", call))
            await controller.say(contract.Close(call=call, reason="over"))
            await controller.event(contract.Ended, call)
        assert [each.version for each in controller.hellos] == [contract.OLDEST_VERSION]
        assert controller.not_understood == []


@pytest.mark.parametrize("command", ['{"type":"close","call":"%s"}', '{"type":"hold","call":"%s","on":"perhaps"}'])
async def test_a_call_that_cannot_do_without_the_command_is_ended(
    controller: ControllerPeer, worker: Worker, command: str
) -> None:
    call, other = await prepared(controller), await prepared(controller)
    await controller.say(command.replace("%s", call))
    assert "could not be read" in (await controller.event(contract.Ended, call)).reason
    assert controller.of(contract.Ended, other) == []


async def test_a_prepare_that_cannot_be_read_is_answered(controller: ControllerPeer, worker: Worker) -> None:
    await controller.say(f'{{"type":"prepare","call":"{CALL}","spec":{{}}}}')
    assert (await controller.event(contract.Failed, CALL)).kind == "transient"
    await controller.event(contract.Ended, CALL)


async def test_an_error_of_ours_at_a_command_costs_no_link(
    controller: ControllerPeer, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: float) -> None:
        raise RuntimeError("an internal error")

    monkeypatch.setattr(worker._sessions, "_retire", fail)
    await controller.say(contract.Drain(seconds=1))
    await prepared(controller)
    assert len(controller.hellos) == 1
    assert worker._link.refused == 1


async def test_an_error_of_ours_in_what_is_counted_costs_no_call(
    controller: ControllerPeer, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: contract.CallEvent) -> None:
        raise RuntimeError("an internal error")

    monkeypatch.setattr(worker, "_count", broken)
    call = await prepared(controller)
    await controller.say(contract.Close(call=call, reason="over"))
    assert (await controller.event(contract.Ended, call)).reason == "over"


async def test_an_error_of_ours_in_the_link_itself_makes_it_anew(
    controller: ControllerPeer, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: the worker and its calls stay."""
    call = await prepared(controller)
    load, faults = worker._link._load, [RuntimeError("an internal error")]

    def once() -> contract.Load:
        if faults:
            raise faults.pop()
        return load()

    monkeypatch.setattr(worker._link, "_load", once)
    await controller.until(lambda: len(controller.hellos) == 2)
    assert controller.hellos[1].calls == (call,)
