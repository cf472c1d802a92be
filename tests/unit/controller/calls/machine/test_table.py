"""The call machine: every path as a table, and what holds whatever happens in whatever order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from bridge.contract import Counters, Provider, SessionSpec
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.ids import Ids
from controller.calls.machine.outcome import Outcome, of_unanswered
from controller.calls.machine.plan import AgentPlan, FallbackStep, Plan, PlaySound, State, TransferTo
from controller.calls.machine.rows import inbound_audio
from controller.calls.machine.types import Target

CALL = "5f1c9f0e-8a43-4b8e-9b57-2a6f0d3f9c11"
IDS = Ids(CALL)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SPEC = SessionSpec(
    agent="reception", provider=Provider(url="ws://127.0.0.1:1/v1/realtime", api_key="sk-test"), instructions="Be kind."
)
TARGET = Target("PJSIP/4930@trunk", "4930")
OVER = inputs.SessionOver("closed", Counters())
CALLER = "1764000000.1"


def inbound() -> Call:
    return Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {"VOICEAI_CALL": CALL}), NOW)


def outbound() -> Call:
    return Call(Plan(CALL, "outbound", IDS.callee, AgentPlan(SPEC), {}, target=TARGET), NOW)


def of_agent(plan: Plan, **changes: Any) -> Plan:
    """The plan, with `changes` in its `AgentPlan`."""
    return replace(plan, agent=replace(plan.agent, **changes))


def feed(call: Call, *events: inputs.Input) -> list[commands.Command]:
    """The commands of the last input."""
    issued: list[commands.Command] = []
    for what in events:
        issued = table.handle(call, what, NOW + timedelta(seconds=1))
    return issued


def talking() -> Call:
    call = inbound()
    table.start(call)
    feed(call, inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    assert call.state is State.TALKING
    return call


def transferring(tool_call: str | None = None) -> Call:
    call = talking()
    feed(call, inputs.TransferAsked(TARGET, "ops", tool_call))
    assert call.state is State.TRANSFERRING
    return call


# ---------------------------------------------------------------- the paths


def test_an_inbound_caller_rings_while_the_session_opens() -> None:
    call = inbound()
    kinds = [type(c) for c in table.start(call)]
    assert kinds == [
        commands.PrepareAi,
        commands.Ring,
        commands.SetVariables,
        commands.CreateBridge,
        commands.StartTimer,
    ]
    assert feed(call, inputs.AiReady()) == [
        commands.StopTimer("answer"),
        commands.Answer(CALLER),
        commands.OpenMedia(IDS.media),
        commands.StartTimer("media", 3.0),
    ]
    assert call.state is State.CONNECTING


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["leg first", "silence first"])
def test_the_media_leg_joins_only_when_it_entered_and_silence_flows(order: tuple[int, int]) -> None:
    call = inbound()
    table.start(call)
    feed(call, inputs.AiReady())
    both: list[inputs.Input] = [inputs.LegEntered(IDS.media), inputs.MediaFlowing()]
    assert feed(call, both[order[0]]) == []
    assert feed(call, both[order[1]]) == [
        commands.StopTimer("media"),
        commands.Join(IDS.bridge, (CALLER, IDS.media)),
        commands.GreetCaller(),
    ]


def test_a_slow_ai_is_not_waited_for_beyond_the_deadline_and_greets_when_ready() -> None:
    call = inbound()
    table.start(call)
    assert commands.Answer(CALLER) in feed(call, inputs.TimeUp("answer"))
    issued = feed(call, inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    assert commands.GreetCaller() not in issued
    assert feed(call, inputs.AiReady()) == [commands.GreetCaller()]


def test_an_outbound_call_dials_only_when_there_is_somebody_to_talk_to() -> None:
    call = outbound()
    assert [type(c) for c in table.start(call)] == [commands.PrepareAi, commands.StartTimer]
    assert commands.Dial(IDS.callee, TARGET, {}) in feed(call, inputs.AiReady())
    assert feed(call, inputs.LegRinging(IDS.callee)) == []
    assert commands.OpenMedia(IDS.media) in feed(call, inputs.LegEntered(IDS.callee))
    assert feed(call, inputs.LegEntered(IDS.media), inputs.MediaFlowing())[-1] == commands.GreetCaller()


@pytest.mark.parametrize(
    ("cause", "sip", "outcome"),
    [
        (17, 486, Outcome.BUSY),
        (21, 603, Outcome.DECLINED),
        (34, 503, Outcome.CONGESTION),
        (1, 404, Outcome.INVALID_NUMBER),
        (19, 480, Outcome.NO_ANSWER),
        (19, None, Outcome.NO_ANSWER),
        (23, 302, Outcome.REDIRECTED),
        (None, None, Outcome.FAILED),
        (0, 599, Outcome.CONGESTION),
    ],
)
def test_a_dialled_leg_that_ends_unanswered_states_its_outcome(
    cause: int | None, sip: int | None, outcome: Outcome
) -> None:
    call = outbound()
    table.start(call)
    feed(call, inputs.AiReady(), inputs.LegGone(IDS.callee, cause, sip))
    assert (call.outcome, call.cause, call.ended_by) == (outcome, cause, "callee")
    assert call.sip_status == sip
    assert of_unanswered(cause, sip) is outcome


@pytest.mark.parametrize(
    ("before", "what", "outcome", "by"),
    [
        ([], inputs.LegGone(CALLER), Outcome.CANCELLED, "caller"),
        ([], inputs.HangUpAsked("ops"), Outcome.CANCELLED, "ops"),
        ([], inputs.AiFailed("account", "401"), Outcome.FAILED, "system"),
        ([inputs.AiReady()], inputs.LegGone(CALLER), Outcome.ANSWERED, "caller"),
        (
            [inputs.AiReady()],
            inputs.CommandFailed(commands.Answer(CALLER), "404", gone=True),
            Outcome.CANCELLED,
            "caller",
        ),
        ([inputs.AiReady()], inputs.AiFailed("transient", "gone"), Outcome.FAILED, "system"),
        (
            [inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing()],
            inputs.LegGone(CALLER),
            Outcome.ANSWERED,
            "caller",
        ),
        (
            [inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing(), inputs.Conversed()],
            inputs.HangUpTool("c1"),
            Outcome.ANSWERED,
            "agent",
        ),
    ],
)
def test_every_way_to_end_takes_everything_down(
    before: list[inputs.Input], what: inputs.Input, outcome: Outcome, by: str
) -> None:
    call = inbound()
    table.start(call)
    feed(call, *before)
    issued = feed(call, what)
    assert {commands.HangUp(IDS.media), commands.DestroyBridge(IDS.bridge)} <= set(issued)
    assert issued[0] in (commands.HangUp(CALLER), commands.HangUp(CALLER, "congestion"))
    assert (call.outcome, call.ended_by) == (outcome, by)
    if call.state is not State.ENDED:
        assert commands.CloseAi("the call ended") in issued
        feed(call, OVER)
    assert call.state is State.ENDED
    assert feed(call, inputs.HangUpAsked("late")) == []


def test_a_caller_that_no_ai_can_take_is_refused_so_that_the_trunk_tries_elsewhere() -> None:
    call = inbound()
    table.start(call)
    assert feed(call, inputs.AiFailed("account", "no quota"))[0] == commands.HangUp(CALLER, "congestion")
    assert call.detail == "no AI (account): no quota"


def test_the_cause_arrives_after_the_end() -> None:
    call = talking()
    feed(call, inputs.LegGone(CALLER), inputs.LegGone(CALLER, 16, None))
    assert call.cause == 16


def test_a_leg_of_ours_for_which_nobody_waits_is_hung_up() -> None:
    """Given up, replaced, or of nothing that was ever asked for."""
    call = talking()
    for name in (IDS.target(1), IDS.participant("a"), IDS.later_media(4), IDS.snoop(2), IDS.supervisor(1)):
        assert feed(call, inputs.LegEntered(name)) == [commands.HangUp(name)]
    for name in (call.plan.leg, call.media):
        assert feed(call, inputs.LegEntered(name)) == [], "told twice"
    call = transferring()
    feed(call, inputs.TimeUp("transfer"))
    assert feed(call, inputs.LegEntered(IDS.target(1))) == [commands.HangUp(IDS.target(1))]


@pytest.mark.parametrize(
    ("what", "outcome"), [(inputs.TimeUp("dial"), Outcome.FAILED), (inputs.HangUpAsked("ops"), None)]
)
def test_a_callee_who_answers_a_call_that_was_given_up_is_hung_up(what: inputs.Input, outcome: Outcome | None) -> None:
    call = outbound()
    feed(call, inputs.AiReady(), what)
    before = call.outcome
    assert feed(call, inputs.LegEntered(IDS.callee)) == [commands.HangUp(IDS.callee)]
    assert call.outcome is (outcome or before)
    assert ("answered" in (call.detail or "")) is (outcome is not None)


def test_a_worker_that_never_reports_the_end_does_not_keep_the_call() -> None:
    call = talking()
    assert commands.StartTimer("end", 2.0) in feed(call, inputs.HangUpAsked("ops"))
    feed(call, inputs.TimeUp("end"))
    assert call.state is State.ENDED


# ---------------------------------------------------------------- transfer


def test_the_target_answers_and_the_agent_leaves() -> None:
    call = transferring("t1")
    assert feed(call, inputs.LegEntered(IDS.target(1))) == [
        commands.StopTimer("transfer"),
        commands.StopMusic(CALLER),
        commands.Join(IDS.bridge, (IDS.target(1),), IDS.media),
        commands.HangUp(IDS.media),
        commands.CloseAi("transferred"),
        commands.StartTimer(inbound_audio.OTHERS, inbound_audio.WITHOUT_AGENT_S),
    ]
    feed(call, inputs.MediaLost("closed"), OVER, inputs.LegGone(IDS.media))
    assert call.state is State.TRANSFERRED
    assert commands.HangUp(CALLER) in feed(call, inputs.LegGone(IDS.target(1), 16))
    assert (call.state, call.ended_by, call.outcome) == (State.ENDED, "target", Outcome.ANSWERED)


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (inputs.LegGone(IDS.target(1), 17, 486), Outcome.BUSY),
        (inputs.LegGone(IDS.target(1), 21, 603), Outcome.DECLINED),
        (inputs.TimeUp("transfer"), Outcome.NO_ANSWER),
        (inputs.CommandFailed(commands.Dial(IDS.target(1), TARGET, {}), "500"), Outcome.FAILED),
    ],
)
def test_a_target_that_does_not_come_gives_the_caller_back(what: inputs.Input, outcome: Outcome) -> None:
    call = transferring("t1")
    answers = [c for c in feed(call, what) if isinstance(c, commands.AnswerAiTool)]
    assert [(a.tool_call, a.ok) for a in answers] == [("t1", False)]
    assert call.state is State.TALKING
    assert call.transfer is not None
    assert (call.transfer.state, call.transfer.outcome) == ("failed", outcome)
    feed(call, inputs.TransferAsked(TARGET, "ops"))
    assert call.transfer.channel == IDS.target(2)


def test_a_target_that_vanishes_while_it_joins_was_never_connected() -> None:
    call = transferring()
    feed(call, inputs.LegEntered(IDS.target(1)))
    feed(call, inputs.CommandFailed(commands.Join(IDS.bridge, (IDS.target(1),)), "404", gone=True))
    assert call.state is State.TALKING


def test_losing_the_agent_while_the_target_rings_keeps_the_caller_for_the_target() -> None:
    call = transferring()
    assert feed(call, inputs.MediaLost("worker gone")) == [commands.StartMusic(CALLER), commands.CloseAi("worker gone")]
    assert commands.Join(IDS.bridge, (IDS.target(1),)) in feed(call, inputs.LegEntered(IDS.target(1)))
    call = transferring()
    feed(call, inputs.AiFailed("transient", "gone"), inputs.LegGone(IDS.target(1), 17, 486))
    assert (call.state, call.outcome) == (State.ENDING, Outcome.FAILED)


@pytest.mark.parametrize(
    "what", [inputs.TransferAsked(TARGET, "agent", "t2"), inputs.HangUpTool("t2"), inputs.ToolRefused("t2", "no")]
)
def test_a_tool_during_a_transfer_is_answered(what: inputs.Input) -> None:
    call = transferring()
    (answer,) = feed(call, what)
    assert isinstance(answer, commands.AnswerAiTool)
    assert (answer.tool_call, answer.ok) == ("t2", False)


def test_a_deadline_of_an_earlier_state_changes_nothing() -> None:
    call = talking()
    for timer in ("answer", "media", "dial", "prepare", "transfer", "end"):
        assert feed(call, inputs.TimeUp(timer)) == []
    assert call.state is State.TALKING


# ---------------------------------------------------------------- when there is no AI

SORRY = PlaySound("sound:voiceai/sorry")
HUMAN = TransferTo(TARGET)
SOUND = IDS.sound(1)


def without_ai(*steps: FallbackStep, before: tuple[inputs.Input, ...]) -> Call:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC, on_ai_failure=steps), {}), NOW)
    table.start(call)
    feed(call, *before)
    return call


READY, ENTERED, FLOWS = inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing()


@pytest.mark.parametrize(
    ("before", "prepared"),
    [
        ((), [commands.Answer(CALLER), commands.Join(IDS.bridge, (CALLER,))]),
        ((READY,), [commands.Join(IDS.bridge, (CALLER,))]),
        ((READY, ENTERED, FLOWS), []),
    ],
    ids=["at start-up", "while connecting", "mid-call"],
)
def test_a_caller_without_ai_hears_why_and_gets_a_person(
    before: tuple[inputs.Input, ...], prepared: list[commands.Command]
) -> None:
    call = without_ai(SORRY, HUMAN, before=before)
    issued = feed(call, inputs.AiFailed("account", "no quota"))
    assert call.state is State.FALLBACK
    assert call.answered_at is not None
    assert issued == [
        commands.StopTimer("answer"),
        commands.StopTimer("media"),
        *prepared,
        commands.HangUp(IDS.media),
        commands.CloseAi("no AI (account): no quota"),
        commands.Play(CALLER, SOUND, ("sound:voiceai/sorry",)),
        commands.StartTimer("sound", 30.0),
    ]
    assert feed(call, OVER, inputs.MediaLost("closed"), inputs.LegGone(IDS.media)) == []
    assert feed(call, inputs.SoundOver(SOUND))[1:3] == [
        commands.StartMusic(CALLER),
        commands.Dial(IDS.target(1), TARGET, {"VOICEAI_CALL": CALL}),
    ]
    assert commands.Join(IDS.bridge, (IDS.target(1),)) in feed(call, inputs.LegEntered(IDS.target(1)))
    feed(call, inputs.LegGone(CALLER))
    assert (call.state, call.outcome, call.detail) == (State.ENDED, Outcome.ANSWERED, "no AI (account): no quota")


def test_a_fallback_goes_on_when_a_step_fails_and_ends_when_nothing_is_left() -> None:
    call = without_ai(HUMAN, SORRY, before=(READY, ENTERED, FLOWS))
    feed(call, inputs.AiFailed("transient", "gone"), OVER)
    assert commands.Play(CALLER, SOUND, (SORRY.media,)) in feed(call, inputs.LegGone(IDS.target(1), 17, 486))
    assert feed(call, inputs.SoundOver("another sound")) == []
    assert commands.HangUp(CALLER) in feed(call, inputs.TimeUp("sound"))
    assert (call.state, call.outcome, call.detail) == (State.ENDED, Outcome.FAILED, "no AI (transient): gone")


def test_a_sound_that_cannot_be_played_is_passed_over() -> None:
    call = without_ai(SORRY, HUMAN, before=(READY, ENTERED, FLOWS))
    feed(call, inputs.AiFailed("transient", "gone"))
    issued = feed(call, inputs.CommandFailed(commands.Play(CALLER, SOUND, (SORRY.media,)), "404 no such sound"))
    assert commands.Dial(IDS.target(1), TARGET, {"VOICEAI_CALL": CALL}) in issued


def test_a_caller_who_hangs_up_ends_the_fallback() -> None:
    call = without_ai(SORRY, HUMAN, before=(READY, ENTERED, FLOWS))
    feed(call, inputs.AiFailed("transient", "gone"))
    assert commands.HangUp(CALLER) in feed(call, inputs.LegGone(CALLER))
    assert call.outcome is Outcome.ANSWERED


# ---------------------------------------------------------------- whatever happens

CHANNELS = st.sampled_from(
    [CALLER, IDS.callee, IDS.media, IDS.later_media(2), IDS.target(1), IDS.target(2), "somebody-else"]
)
TOOLS = st.sampled_from([f"t{number}" for number in range(6)])
TIMERS = [
    "answer",
    "prepare",
    "dial",
    "media",
    "transfer",
    "sound",
    "end",
    "hold",
    "length",
    "last",
    "failover",
    "leave",
    "again",
    "tone",
]
INPUTS = st.one_of(
    st.builds(inputs.LegEntered, CHANNELS),
    st.just(inputs.LegEntered(IDS.target(1))),
    st.builds(inputs.LegRinging, CHANNELS),
    st.builds(inputs.SipHold, CHANNELS, st.booleans()),
    st.builds(inputs.LegGone, CHANNELS, st.sampled_from([None, 16, 17, 19]), st.sampled_from([None, 486])),
    st.just(inputs.AiReady()),
    st.just(inputs.AiFailed("transient", "gone")),
    st.just(inputs.MediaFlowing()),
    st.just(inputs.MediaLost("reset")),
    st.just(OVER),
    st.just(inputs.WorkerLost("killed")),
    st.just(inputs.NoWorkerFound("none is free")),
    st.builds(inputs.HangUpTool, TOOLS),
    st.just(inputs.HangUpAsked("ops")),
    st.builds(inputs.TransferAsked, st.just(TARGET), st.just("ops"), st.none() | TOOLS),
    st.just(inputs.ToolRefused("t3", "no")),
    st.builds(inputs.SendDigitsTool, TOOLS, st.just("1")),
    st.builds(inputs.HoldTool, TOOLS, st.just(30.0)),
    st.builds(inputs.WaitTool, TOOLS),
    st.builds(inputs.RunTool, TOOLS, st.just("look_up"), st.just({})),
    st.builds(inputs.ToolDone, TOOLS, st.just("found"), st.booleans()),
    st.just(inputs.Conversed()),
    st.builds(inputs.DigitPressed, st.sampled_from("019")),
    st.builds(inputs.WrapUpDue, st.just("spend_per_call")),
    st.builds(inputs.LastSaid, st.just("idle")),
    st.builds(inputs.SoundOver, st.sampled_from([IDS.sound(1), IDS.sound(2)])),
    st.builds(inputs.TimeUp, st.sampled_from(TIMERS)),
)


FAILING = (
    commands.Answer
    | commands.CreateBridge
    | commands.Dial
    | commands.OpenMedia
    | commands.Join
    | commands.Play
    | commands.SendDigits
    | commands.GreetCaller
    | commands.SayLast
    | commands.Refer
    | commands.Snoop
)


MOVING = (State.TRANSFERRING, State.REFERRING)
"""The tool that asked for a transfer is answered when somebody has answered, or nobody."""


class Hands:
    """Carries commands out as Asterisk and the worker would, and keeps what exists."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.exists: set[str] = {CALLER} if call.plan.direction == "inbound" else set()
        self.joined: set[str] = set()
        self.greeted = 0
        self.music = False
        self.paused = False
        self.closed = False
        self.tones: set[str] = set()
        self.running: set[str] = set()
        self.answered: list[str] = []

    def feed(self, what: inputs.Input, fails: bool) -> None:
        if isinstance(what, inputs.ToolDone) and what.tool_call not in self.running:
            return
        self.running -= {what.tool_call} if isinstance(what, inputs.ToolDone) else set()
        self.closed = self.closed or isinstance(what, inputs.SessionOver | inputs.WorkerLost | inputs.NoWorkerFound)
        self.do(table.handle(self.call, what, NOW), fails)

    def do(self, issued: list[commands.Command], fail: bool) -> None:
        for command in issued:
            if fail and isinstance(command, FAILING):
                self.do(table.handle(self.call, inputs.CommandFailed(command, "no"), NOW), fail=False)
                return
            self._do(command)

    def _do(self, command: commands.Command) -> None:
        match command:
            case (
                commands.CreateBridge(name)
                | commands.OpenMedia(name)
                | commands.Dial(name)
                | commands.Snoop(snoop=name)
            ):
                assert self.call.state not in (State.ENDING, State.ENDED)
                self.exists.add(name)
            case commands.DestroyBridge(name) | commands.HangUp(name):
                self.exists.discard(name)
            case commands.Join(_, channels):
                self.joined |= set(channels)
            case commands.ConfirmJoin(channel):
                self.do(table.handle(self.call, inputs.LegJoined(channel), NOW), fail=False)
            case commands.GreetCaller():
                assert self.call.media in self.joined
                self.greeted += 1
            case commands.StartMusic() | commands.StopMusic():
                assert self.music is isinstance(command, commands.StopMusic)
                self.music = not self.music
            case commands.PauseAi() | commands.ResumeAi():
                assert self.paused is isinstance(command, commands.ResumeAi)
                self.paused = not self.paused
            case commands.StartTool(tool_call):
                self.running.add(tool_call)
            case commands.AnswerAiTool(tool_call):
                self.answered.append(tool_call)
            case commands.CloseAi() | commands.LeaveAi():
                self.closed = True
            case commands.PrepareAi(resumed=True):
                self.closed, self.paused = True, False
            case commands.StartTone(_, playback):
                self.tones.add(playback)
            case commands.StopTone(playback):
                self.tones.remove(playback)

    def check(self, asked: set[str]) -> None:
        """What holds between any two inputs."""
        state = self.call.state
        if state in (State.TALKING, State.CLOSING, State.FALLBACK, State.TRANSFERRED):
            assert not self.music
        if state not in (State.FAILOVER, State.ENDING, State.ENDED):
            assert not self.tones
        if state in (State.TALKING, State.CLOSING):
            assert self.paused is (self.call.caller_hold.paused_at is not None)
        if state is State.HOLDING:
            assert self.music
            assert self.paused
        assert len(self.answered) == len(set(self.answered))
        assert not set(self.answered) & self.running
        if not self.closed:
            moving = {self.call.transfer.tool_call} if self.call.transfer and state in MOVING else set()
            assert asked == {*self.answered, *self.running, *(moving | {self.call.hold_tool_call}) - {None}}


def tool_of(what: inputs.Input) -> set[str]:
    return {what.tool_call} if isinstance(what, inputs.Tool) and what.tool_call else set()


@given(
    st.booleans(),
    st.lists(st.sampled_from([SORRY, HUMAN]), max_size=3),
    st.booleans(),
    st.lists(st.tuples(INPUTS, st.booleans()), max_size=25),
)
def test_nothing_is_left_whatever_happens(
    is_inbound: bool, steps: list[FallbackStep], begun: bool, story: list[tuple[inputs.Input, bool]]
) -> None:
    leg, target = (CALLER, None) if is_inbound else (IDS.callee, TARGET)
    direction: Literal["inbound", "outbound"] = "inbound" if is_inbound else "outbound"
    digits = {"0": TARGET, "9": None}
    plan = Plan(
        CALL,
        direction,
        leg,
        AgentPlan(SPEC, on_ai_failure=tuple(steps), digits=digits, max_call=60.0),
        {},
        target=target,
    )
    call = Call(plan, NOW)
    hands, asked = Hands(call), set[str]()
    hands.do(table.start(call), fail=False)
    opening: list[inputs.Input] = [
        inputs.AiReady(),
        inputs.LegEntered(IDS.callee),
        inputs.LegEntered(IDS.media),
        inputs.MediaFlowing(),
    ]
    for what, fails in [*((each, False) for each in opening if begun), *story]:
        if call.state not in (State.ENDING, State.ENDED):
            asked |= tool_of(what)
        hands.feed(what, fails)
        hands.check(asked)
    for what in (inputs.HangUpAsked("test"), OVER, inputs.TimeUp("end")):
        hands.feed(what, fails=False)
    assert call.state is State.ENDED
    assert hands.exists == set()
    assert hands.greeted <= 1 + call.losses
    assert call.outcome is not None
    assert call.ended_at is not None
    assert "4930" not in repr(call)
    assert "4930" not in repr(call.transfer)
