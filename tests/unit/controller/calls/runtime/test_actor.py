"""The hands of a call: commands carried out, failures fed back, tools beside the call and gone with it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast, get_args

import pytest

from bridge import contract
from controller.ari.errors import BadArgument, NotFound, Refused, TimedOut, Unauthorized, Unavailable
from controller.ari.resources import Bridge
from controller.ari.rest import Ari
from controller.calls.errors import Busy
from controller.calls.machine import commands, inputs
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.rows import failover
from controller.calls.machine.rows.supervision import WHY
from controller.calls.machine.types import TransferKind
from controller.calls.reporting.lifecycle import CallFailedOver, CallGreeted, StateChanged
from controller.calls.runtime import actor as actors, owned_resources
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.command_failure import ignored, one_by_one
from controller.calls.tools.http import Answer, HttpTools
from controller.workers.pool import WorkerPool
from controller.workers.worker import Worker
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS, OVER, SPEC, TARGET, of_agent
from tests.unit.controller.configs import SMALL, config

OPENING: list[inputs.Input] = [
    inputs.AiReady(),
    inputs.LegEntered(IDS.media),
    inputs.MediaFlowing(),
    inputs.Conversed(),
]


class FakeAri:
    """Every operation succeeds and is noted, but for those in `fails`."""

    def __init__(self) -> None:
        self.app = "voiceai"
        self.done: list[tuple[str, tuple[Any, ...]]] = []
        self.fails: dict[str, Exception] = {}
        self.refused_joins: set[str] = set()
        self.absent: set[str] = set()
        """Channels that can't be hung up: there are none of that name."""
        self.stands: asyncio.Event | None = None
        """Until then no operation is answered."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def operation(*arguments: Any, **_: Any) -> bool | Bridge:
            self.done.append((name, arguments))
            if self.stands is not None:
                await self.stands.wait()
            if name in self.fails:
                raise self.fails[name]
            if name == "add_channel" and self.refused_joins & set(arguments):
                raise Refused(name, 422, "not in our app")
            if name == "bridge":
                return Bridge(arguments[0])
            return name != "hangup" or arguments[0] not in self.absent

        return operation

    def names(self) -> list[str]:
        return [name for name, _ in self.done]


class FakeWorkers:
    def __init__(self) -> None:
        self.sent: list[contract.Command] = []
        self.released: list[str] = []
        self.told = asyncio.Event()
        self.failed: list[str] = []
        self._worker = Worker("w1", 1, "127.0.0.1", 9092, 10, None)

    def notify(self) -> None: ...

    def all(self) -> list[Worker]:
        return []

    def media_failed(self, _: str, reason: str) -> str | None:
        self.failed.append(reason)
        return self._worker.boot

    def assign(self, _: str, failed: Mapping[str, int], __: object, *, again: bool = False) -> Worker:
        return self._worker

    def expect(self, call: str, boot: str | None = None) -> None: ...

    def of(self, _: str) -> Worker:
        return self._worker

    def release(self, call: str) -> None:
        self.released.append(call)

    async def send(self, _: str, command: contract.Command) -> None:
        self.sent.append(command)
        self.told.set()

    async def answer(self) -> contract.AnswerTool:
        """The next one."""
        async with asyncio.timeout(5):
            while not (found := [each for each in self.sent if isinstance(each, contract.AnswerTool)]):
                self.told.clear()
                await self.told.wait()
        self.sent.remove(found[0])
        return found[0]


class FakeTools:
    """Tools answer when they are told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: asyncio.Queue[Answer | Exception] = asyncio.Queue()
        self.started = asyncio.Event()
        self.cancelled = 0

    async def run(self, _: str, name: str, __: object, arguments: Mapping[str, Any], ___: object = None) -> Answer:
        self.asked.append((name, arguments))
        self.started.set()
        try:
            answer = await self.answers.get()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Rig:
    ari: FakeAri = field(default_factory=FakeAri)
    workers: FakeWorkers = field(default_factory=FakeWorkers)
    tools: FakeTools = field(default_factory=FakeTools)
    seen: list[Any] = field(default_factory=list)
    actor: CallActor = field(init=False)

    def __post_init__(self) -> None:
        plan = Plan(CALL, "inbound", CALLER, AgentPlan(SPEC, wrap_up="Time is up."), {})
        fakes = cast(Ari, self.ari), cast(WorkerPool, self.workers), cast(HttpTools, self.tools)
        self.actor = CallActor(plan, WITH_TOOL, *fakes, self.seen.append)

    def put(self, *story: inputs.Input) -> None:
        for what in story:
            self.actor.put(what)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A call that talks; it is over when the test is."""
    made = Rig()
    task = asyncio.create_task(made.actor.run())
    made.put(*OPENING)
    yield made
    made.put(inputs.HangUpAsked("test"), OVER)
    async with asyncio.timeout(5):
        await task
    assert made.actor.call.state is State.ENDED


WITH_TOOL = config(SMALL, http_tools={"look_up": {"description": "x", "url": "https://crm.example/x"}})
RUN = inputs.RunTool("r1", "look_up", {"id": 1})


async def test_a_tool_runs_beside_the_call_and_its_answer_goes_to_the_model(rig: Rig) -> None:
    rig.put(RUN, RUN, inputs.WaitTool("w1"))
    assert (await rig.workers.answer()).tool_call == "w1"  # not held up by the tool
    rig.tools.answers.put_nowait(Answer(True, "found"))
    assert await rig.workers.answer() == contract.AnswerTool(call=CALL, tool_call="r1", output="found")
    assert rig.tools.asked == [("look_up", {"id": 1})]


async def test_a_tool_that_breaks_is_answered_too(rig: Rig) -> None:
    rig.put(RUN)
    rig.tools.answers.put_nowait(RuntimeError("ours"))
    answer = await rig.workers.answer()
    assert (answer.ok, answer.output) == (False, "The tool failed.")


async def test_tools_end_with_their_call() -> None:
    rig = Rig()
    task = asyncio.create_task(rig.actor.run())
    rig.put(*OPENING, RUN)
    async with asyncio.timeout(5):
        await rig.tools.started.wait()
        rig.put(inputs.LegGone(CALLER), OVER)
        await task
    await asyncio.sleep(0)
    assert rig.tools.cancelled == 1
    assert not [each for each in asyncio.all_tasks() if each.get_name().startswith("tool ")]


FLOODS: dict[str, list[inputs.Input]] = {
    "opening": [],
    "talking": OPENING,
    "on hold": [*OPENING, inputs.HoldAsked("ops")],
    "a transfer": [*OPENING, inputs.TransferAsked(TARGET, "ops", None)],
    "the end": [*OPENING, inputs.HangUpAsked("ops")],
    "last words": [*OPENING, inputs.WrapUpDue("length")],
}


@pytest.mark.parametrize("before", FLOODS.values(), ids=FLOODS.keys())
async def test_a_call_that_drowns_in_events_leaves_nothing(before: list[inputs.Input]) -> None:
    """While one request to Asterisk is slow. What would end it in order is behind a thousand inputs, or never comes."""
    rig, slow = Rig(), asyncio.Event()
    task = asyncio.create_task(rig.actor.run())
    rig.put(*before)
    for _ in range(50):
        await asyncio.sleep(0)
    rig.ari.stands = slow
    rig.put(inputs.HoldAsked("ops"))
    for _ in range(5):
        await asyncio.sleep(0)
    rig.put(*[inputs.LegRinging(CALLER)] * 1200)
    async with asyncio.timeout(5):
        rig.ari.stands = None
        await task
    rig.put(inputs.LegGone(CALLER), OVER)  # late: nobody is there
    assert rig.actor.call.state is State.ENDED
    assert rig.actor.owned.existing == frozenset()
    assert rig.workers.released[-1] == CALL
    assert any(isinstance(each, contract.Close) for each in rig.workers.sent)
    assert "hangup" in rig.ari.names()


async def test_a_call_that_is_left_to_the_next_controller_is_not_touched() -> None:
    rig = Rig()
    task = asyncio.create_task(rig.actor.run())
    rig.put(*OPENING)
    for _ in range(50):
        await asyncio.sleep(0)
    done, sent = len(rig.ari.done), len(rig.workers.sent)
    rig.actor.leave()
    task.cancel()
    await asyncio.wait([task])
    assert (len(rig.ari.done), len(rig.workers.sent)) == (done, sent)
    assert rig.actor.call.state is State.TALKING
    assert rig.actor.owned.existing >= {CALLER, IDS.media, IDS.bridge}


async def test_the_session_is_closed_though_asterisk_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "TEARDOWN_TIMEOUT", 0.05)
    rig = Rig()
    task = asyncio.create_task(rig.actor.run())
    rig.put(*OPENING)
    for _ in range(50):
        await asyncio.sleep(0)
    rig.ari.stands = asyncio.Event()
    rig.actor.owned.give_up()  # as a shutdown does
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([task])
    assert [type(each) for each in rig.workers.sent][-1] is contract.Close
    assert rig.workers.released[-1] == CALL


@pytest.mark.parametrize("error", [BadArgument("not DTMF digits"), Refused("send_dtmf", 409, "not in our app")])
async def test_keys_that_asterisk_does_not_take_are_told_to_the_model(rig: Rig, error: Exception) -> None:
    rig.ari.fails["send_dtmf"] = error
    rig.put(inputs.SendDigitsTool("d1", "12"))
    answer = await rig.workers.answer()
    assert (answer.tool_call, answer.ok) == ("d1", False)
    assert rig.actor.call.state is State.TALKING


async def test_without_music_a_hold_is_still_a_hold(rig: Rig) -> None:
    rig.ari.fails["start_moh"] = rig.ari.fails["stop_moh"] = Refused("moh", 409, "no such class")
    rig.put(inputs.HoldTool("h1", 0.01))
    assert (await rig.workers.answer()).tool_call == "h1"
    assert [each.on for each in rig.workers.sent if isinstance(each, contract.Hold)] == [True, False]
    assert {"start_moh", "stop_moh"} <= set(rig.ari.names())


async def test_a_dial_string_that_must_not_be_sent_gives_the_caller_back(rig: Rig) -> None:
    rig.ari.fails["originate"] = BadArgument("a control character")
    rig.put(inputs.TransferAsked(TARGET, "agent", "t1"))
    answer = await rig.workers.answer()
    assert (answer.tool_call, answer.ok) == ("t1", False)
    assert rig.ari.names()[-2:] == ["hangup", "stop_moh"]


class Full:
    """A trunk without room."""

    def dial(self, channel: str, trunk: str, *, own: bool) -> None:
        raise Busy("As many calls as allowed are up over this trunk already.")

    def answered(self, channel: str) -> None: ...
    def over(self, channel: str) -> None: ...


async def test_without_a_line_nobody_is_dialled_and_everybody_is_told(rig: Rig) -> None:
    leg, target = IDS.participant("one"), replace(TARGET, trunk="main")
    rig.actor.legs._limits = Full()
    boss = inputs.SuperviseAsked(IDS.supervisor(1), target, "listen", "ops")
    rig.put(inputs.TransferAsked(target, "agent", "t1"), inputs.ParticipantAsked(leg, target, "ops"), boss)
    answer = await rig.workers.answer()
    assert (answer.tool_call, answer.ok) == ("t1", False)
    assert "all lines are taken" in answer.output
    rig.put(inputs.WaitTool("w1"))
    await rig.workers.answer()
    call = rig.actor.call
    assert call.state is State.TALKING
    assert call.transfer is not None
    assert call.supervision is not None
    assert call.transfer.detail == "As many calls as allowed are up over this trunk already."
    assert {call.transfer.outcome, call.participants[leg].outcome, call.supervision.outcome} == {Outcome.NO_ROOM}
    assert "originate" not in rig.ari.names()


@pytest.mark.parametrize(
    "asked",
    [
        *(inputs.TransferAsked(replace(TARGET, kind=kind), "ops") for kind in get_args(TransferKind)),
        inputs.TransferAsked(TARGET, "agent", "t1"),
        inputs.DigitPressed("0"),
        inputs.HoldAsked("ops"),
        inputs.WrapUpDue("spend_per_call"),
        inputs.HangUpTool("h1"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "first", [inputs.LegEntered(IDS.supervisor(1)), inputs.SupervisionChanged("take_over", "ops")], ids=str
)
async def test_what_is_asked_while_a_supervisor_comes_in_comes_too_late(
    first: inputs.Input, asked: inputs.Input
) -> None:
    """It is in the queue before Asterisk has joined them. Else agent and supervisor would both be in the call."""
    rig = Rig()
    rig.actor.call.plan = of_agent(rig.actor.call.plan, digits={"0": TARGET})
    there: list[inputs.Input] = []
    if isinstance(first, inputs.SupervisionChanged):
        there = [
            inputs.SuperviseAsked(IDS.supervisor(1), TARGET, "listen", "ops"),
            inputs.LegEntered(IDS.supervisor(1)),
        ]
    else:
        there = [inputs.SuperviseAsked(IDS.supervisor(1), TARGET, "take_over", "ops")]
    rig.put(*OPENING, *there, first, asked, inputs.HangUpAsked("test"), OVER)
    async with asyncio.timeout(5):
        await rig.actor.run()
    call = rig.actor.call
    assert (call.ended_by, call.transfer) == ("test", None)
    assert [each.reason for each in rig.workers.sent if isinstance(each, contract.Close)][:1] == [WHY]
    assert "start_moh" not in rig.ari.names()


async def test_a_supervisor_who_can_not_come_in_leaves_the_agent_and_what_was_asked_is_done() -> None:
    rig = Rig()
    rig.put(*OPENING, inputs.SuperviseAsked(IDS.supervisor(1), TARGET, "take_over", "ops"))
    rig.put(inputs.LegEntered(IDS.supervisor(1)), inputs.TransferAsked(TARGET, "ops"), inputs.HangUpAsked("test"), OVER)
    rig.ari.refused_joins = {IDS.supervisor(1)}
    async with asyncio.timeout(5):
        await rig.actor.run()
    assert rig.actor.call.transfer is not None
    assert [names[0] for what, names in rig.ari.done if what == "originate"] == [TARGET.dial, TARGET.dial]
    moved = [(what, names[1]) for what, names in rig.ari.done if what in ("add_channel", "remove_channel")]
    assert moved[-3:] == [
        ("remove_channel", IDS.media),
        ("add_channel", IDS.supervisor(1)),
        ("add_channel", IDS.media),
    ], "the agent made room, and is back"


async def test_orders_go_to_the_worker_as_they_are_and_no_music_is_no_end_of_a_hold(rig: Rig) -> None:
    rig.ari.fails["start_moh"] = Refused("moh", 409, "no such class")
    say = inputs.SayAsked("Please wait.", True, "ops")
    rig.put(
        inputs.HoldAsked("ops"), say, inputs.ResumeAsked("ops"), inputs.DigitsAsked("1#", "ops"), inputs.WaitTool("w1")
    )
    await rig.workers.answer()
    assert contract.Speak(call=CALL, text="Please wait.") in rig.workers.sent
    assert [each.on for each in rig.workers.sent if isinstance(each, contract.Hold)] == [True, False]
    assert ("send_dtmf", (CALLER, "1#")) in rig.ari.done


async def test_a_participant_whom_asterisk_does_not_dial_costs_the_call_nothing(rig: Rig) -> None:
    leg = IDS.participant("one")
    rig.ari.fails["originate"] = Refused("originate", 500, "Allocation failed")
    rig.put(inputs.ParticipantAsked(leg, TARGET, "ops"), inputs.WaitTool("w1"))
    await rig.workers.answer()
    found = rig.actor.call.participants[leg]
    assert (found.state, rig.actor.call.state) == ("failed", State.TALKING)
    assert "hangup" in rig.ari.names(), "a request that failed may have taken effect"


async def test_a_media_leg_that_is_gone_when_it_is_to_join_leaves_the_caller() -> None:
    """Asterisk does not say which of the two it did not join: they are tried one by one."""
    rig = Rig()
    rig.ari.refused_joins = {IDS.media}
    rig.put(*OPENING, inputs.HangUpAsked("test"), OVER)
    async with asyncio.timeout(5):
        await rig.actor.run()
    joins = [legs[1:] for what, legs in rig.ari.done if what == "add_channel"]
    assert joins == [(CALLER, IDS.media), (CALLER,), (IDS.media,)]
    assert State.FAILOVER in [each.state for each in rig.seen if isinstance(each, StateChanged)]
    assert rig.actor.call.ended_by == "test"


@pytest.mark.parametrize(
    ("command", "error", "is_ignored"),
    [
        (commands.StartTone(CALLER, "tone"), NotFound("play", 404, "no such channel"), False),
        (commands.StartTone(IDS.target(1), "tone"), NotFound("play", 404, "no such channel"), True),
        (commands.StartMusic(CALLER), NotFound("start_moh", 404, "no such channel"), False),
        (commands.StartMusic(CALLER), Refused("start_moh", 409, "no such class"), True),
        (commands.Answer(CALLER), Refused("answer", 409, "not in our app"), False),
    ],
)
def test_only_the_end_of_their_own_leg_ends_the_call_of_a_person(
    command: commands.Command, error: Exception, is_ignored: bool
) -> None:
    """Others who hear a tone may leave: their own end says what becomes of the call."""
    assert ignored(command, error, CALLER) is is_ignored


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (commands.Answer(CALLER), Refused("answer", 409, "not in our app")),
        (commands.Join(IDS.bridge, (CALLER,)), Refused("add_channel", 422, "not in our app")),
        (commands.Join(IDS.bridge, (CALLER, IDS.media)), TimedOut("add_channel", None, "no answer")),
    ],
)
def test_what_is_not_tried_once_more(command: commands.Command, error: Exception) -> None:
    assert one_by_one(command, error) == []


async def test_last_words_go_to_the_worker(rig: Rig) -> None:
    rig.put(inputs.WrapUpDue("spend_per_day"), inputs.WaitTool("w1"))
    await rig.workers.answer()
    assert contract.WrapUp(call=CALL, text="Time is up.", why="spend_per_day") in rig.workers.sent


async def test_nothing_of_an_end_is_left_out_while_asterisk_is_away(rig: Rig) -> None:
    """The agent is lost with Asterisk itself, the tones for the caller can't be stopped, and there is no other way."""
    away = Unavailable("any", None, "ConnectError")
    rig.ari.fails = dict.fromkeys(("hangup", "play", "stop_playback", "external_media", "destroy_bridge"), away)
    steps: list[inputs.Input] = [
        inputs.MediaLost("connection reset"),
        inputs.TimeUp("tone"),
        *[inputs.AiReady()] * failover.MOST,
    ]
    for what in steps:
        rig.put(what)
        for _ in range(50):
            await asyncio.sleep(0)
    assert rig.actor.call.state is State.ENDING
    assert rig.workers.sent[-1] == contract.Close(call=CALL, reason="the call ended")
    assert "end" in rig.actor._timers
    rig.ari.fails.clear()


async def test_a_call_that_another_worker_takes_over_knows_what_was_said_and_for_how_long_nobody_was_there() -> None:
    made = Rig()
    seen = made.seen
    task = asyncio.create_task(made.actor.run())
    made.put(*OPENING)
    said = contract.Said(call=CALL, who="agent", text="Good morning.", item="i", heard_ms=900)
    made.actor.memory.take(said, SPEC)
    made.put(
        inputs.WorkerLost("killed"), inputs.AiReady(), inputs.LegEntered(IDS.later_media(2)), inputs.MediaFlowing()
    )
    async with asyncio.timeout(5):
        while sum(isinstance(each, contract.Greet) for each in made.workers.sent) < 2:
            made.workers.told.clear()
            await made.workers.told.wait()
    prepared = [each for each in made.workers.sent if isinstance(each, contract.Prepare)]
    assert [len(each.history) for each in prepared] == [0, 1]
    made.put(inputs.HangUpAsked("test"), OVER)
    async with asyncio.timeout(5):
        await task
    (gap,) = [each.gap_s for each in seen if isinstance(each, CallFailedOver)]
    assert 0 <= gap < 5
    assert sum(isinstance(each, CallGreeted) for each in seen) == 1


def view_of(rig: Rig) -> tuple[State, str | None]:
    return rig.actor.call.state, rig.actor.call.detail


async def ended(rig: Rig, *story: inputs.Input) -> "asyncio.Task[None]":
    """The call talks, and then gets `inputs`. Its task."""
    running = asyncio.create_task(rig.actor.run())
    rig.put(*OPENING, *story)
    for _ in range(100):
        await asyncio.sleep(0)
    return running


@pytest.mark.parametrize(
    "error",
    [Unauthorized("hangup", 401, "no"), Unavailable("hangup", 503, "no"), TimedOut("hangup", None, "no")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("what", ["hangup", "destroy_bridge"])
async def test_a_call_has_not_ended_before_its_hang_up_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, error: Exception, what: str
) -> None:
    monkeypatch.setattr(owned_resources, "RETRY_SECONDS", (0.01,))
    rig = Rig()
    seen = rig.seen
    rig.ari.fails = {what: error}
    running = await ended(rig, inputs.HangUpAsked("ops"), OVER)
    assert view_of(rig) == (State.ENDING, "Asterisk did not confirm the hang-up at once")
    assert not [each for each in seen if isinstance(each, StateChanged) and each.state == "ended"]
    assert not running.done()
    rig.ari.fails.clear()
    async with asyncio.timeout(5):
        await running
    assert rig.ari.names()[-1] == what
    assert rig.actor.call.state is State.ENDED
    assert rig.actor.call.outcome is Outcome.ANSWERED
    assert [each for each in seen if isinstance(each, StateChanged) and each.state == "ended"]


async def test_hang_ups_wait_until_asterisk_can_be_asked_and_end_with_the_process() -> None:
    rig, acts = Rig(), [False]
    rig.actor.owned._acts = lambda: acts[0]
    rig.ari.fails = {"hangup": Unavailable("hangup", None, "ConnectError")}
    running = await ended(rig, inputs.HangUpAsked("ops"), OVER)
    before = rig.ari.names().count("hangup")
    await asyncio.sleep(0.3)
    assert rig.ari.names().count("hangup") == before, "it is not asked while it is away"
    rig.put(inputs.LegGone(IDS.media, 16))
    assert IDS.media not in rig.actor.owned.unconfirmed
    rig.actor.owned.give_up()
    async with asyncio.timeout(5):
        await running


@pytest.mark.parametrize("story", [(inputs.HangUpAsked("ops"), OVER), ()], ids=["being taken down", "live"])
async def test_nothing_is_hung_up_once_asterisk_has_ended(story: tuple[inputs.Input, ...]) -> None:
    rig = Rig()
    rig.actor.owned._acts = lambda: False
    running = await ended(rig, *story[:1])
    rig.ari.fails = dict.fromkeys(("hangup", "destroy_bridge"), Unavailable("any", None, "ConnectError"))
    rig.put(inputs.AsteriskEnded(rig.actor.call.started_at), OVER)
    async with asyncio.timeout(5):
        await running
    assert rig.actor.owned.existing == rig.actor.owned.unconfirmed == frozenset()
    call = rig.actor.call
    assert (call.state, call.ended_by) == (State.ENDED, "ops" if story else "asterisk")


async def test_a_call_that_waits_for_its_hang_ups_ends_with_asterisk() -> None:
    rig = Rig()
    rig.actor.owned._acts = lambda: False
    away = Unavailable("any", None, "ConnectError")
    rig.ari.fails = dict.fromkeys(("hangup", "destroy_bridge", "external_media"), away)
    tried: list[inputs.Input] = [inputs.AiReady(), OVER]
    running = await ended(rig, inputs.MediaLost("reset"), OVER, *tried * failover.MOST)
    before, waits = view_of(rig), not running.done()
    rig.put(inputs.AsteriskEnded(rig.actor.call.started_at))
    async with asyncio.timeout(5):
        await running
    assert (before[0], waits) == (State.ENDING, True)
    assert view_of(rig) == (State.ENDED, "Asterisk has ended, and the call with it")


@pytest.mark.parametrize("answers", [True, False])
async def test_a_leg_that_asterisk_may_still_dial_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    """The request to dial got no answer, and the hang-up: no such channel. It rings a moment later, or never."""
    monkeypatch.setattr(owned_resources, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(owned_resources, "NOT_FOUND_GRACE_S", 10.0 if answers else 0.05)
    rig = Rig()
    rig.ari.fails = {"originate": TimedOut("originate", None, "no answer in time")}
    rig.ari.absent.add(IDS.participant("a"))
    running = await ended(rig, inputs.ParticipantAsked(IDS.participant("a"), TARGET, "ops"))
    assert rig.actor.owned.unconfirmed == {IDS.participant("a")}
    assert rig.actor.call.state is State.TALKING
    if answers:
        rig.put(inputs.LegEntered(IDS.participant("a")))
        rig.ari.absent.clear()
    async with asyncio.timeout(5):
        while rig.actor.owned.unconfirmed:  # noqa: ASYNC110 - what it waits for is no event
            await asyncio.sleep(0.005)
    rig.put(inputs.HangUpAsked("ops"), OVER)
    async with asyncio.timeout(5):
        await running


async def test_a_leg_that_answers_when_its_call_is_over_is_hung_up() -> None:
    """Also where the call waits for the confirmation of another hang-up, or was just about to go."""
    rig = Rig()
    running = await ended(rig, inputs.HangUpAsked("ops"), OVER, inputs.LegEntered(IDS.target(1)))
    async with asyncio.timeout(5):
        await running
    assert ("hangup", (IDS.target(1),)) in rig.ari.done
