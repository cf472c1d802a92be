"""What ops do to a live call, row by row and one upon the other; and what holds in whatever order it happens."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from bridge import contract
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import AgentPlan, FallbackStep, Plan, State
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.instructions import instructed
from controller.calls.reporting.view import view_of
from tests.unit.controller.calls.machine.test_table import (
    CALL,
    CALLER,
    HUMAN,
    IDS,
    INPUTS,
    NOW,
    OVER,
    SORRY,
    SPEC,
    TARGET,
    Hands,
    feed,
    inbound,
    of_agent,
    talking,
    tool_of,
)

PARTY = IDS.participant("one")
OTHER = IDS.participant("two")
HOLD, RESUME = inputs.HoldAsked("ops"), inputs.ResumeAsked("ops")
SAY = inputs.SayAsked("Please wait.", True, "ops")
ADD = inputs.ParticipantAsked(PARTY, TARGET, "ops")
FILES = contract.Recording(path="/srv/calls")
ANN = Plan(CALL, "inbound", CALLER, AgentPlan(SPEC.model_copy(update={"agent": "ann"}), recording=FILES), {})


def orders(issued: list[commands.Command]) -> list[contract.AgentCommand | contract.Record | contract.Greet]:
    return [each.order for each in issued if isinstance(each, commands.OrderAi)]


def holding(*before: inputs.Input) -> Call:
    call = talking()
    feed(call, *before, HOLD)
    assert call.state is State.HOLDING
    return call


def joined() -> Call:
    """The caller, the agent and somebody else."""
    call = talking()
    feed(call, ADD, inputs.LegEntered(PARTY))
    assert call.participants[PARTY].state == "joined"
    return call


# ---------------------------------------------------------------- what the agent is told


def told(call: Call, what: inputs.Input) -> tuple[str, str | None, str] | None:
    found = instructed(call, what, feed(call, what))
    return None if found is None else (found.action, found.text, found.agent)


def test_what_ops_tell_the_agent_is_known_if_the_agent_was_told() -> None:
    call = talking()
    assert told(call, SAY) == ("say", "Please wait.", "reception")
    assert told(call, inputs.SayAsked("Be brief.", False, "ops")) == ("instruct", "Be brief.", "reception")
    assert told(call, HOLD) is None
    assert told(call, SAY) == ("say", "Please wait.", "reception"), "on hold it is said later"
    assert told(call, inputs.SwitchAsked(ANN, "ops")) == ("switch_agent", None, "ann")
    assert told(call, inputs.SwitchAsked(ANN, "ops", "Speak French.")) == ("switch_agent", "Speak French.", "ann")
    feed(call, OVER)
    assert told(call, SAY) is None


# ---------------------------------------------------------------- hold


def test_hold_is_music_and_a_paused_agent_until_ops_end_it() -> None:
    call = talking()
    assert feed(call, HOLD) == [commands.PauseAi(), commands.StartMusic(CALLER)]
    assert view_of(call, CallLog()).held_by == "ops"
    assert feed(call, inputs.TimeUp("hold")) == []
    assert feed(call, RESUME) == [commands.StopTimer("hold"), commands.StopMusic(CALLER), commands.ResumeAi(None)]
    assert (call.state, view_of(call, CallLog()).held_by) == (State.TALKING, None)


def test_ops_keep_a_caller_whom_the_agent_put_on_hold() -> None:
    call = talking()
    feed(call, inputs.HoldTool("h1", 30.0))
    assert view_of(call, CallLog()).held_by == "agent"
    stopped, answer = feed(call, HOLD)
    assert stopped == commands.StopTimer("hold")
    assert isinstance(answer, commands.AnswerAiTool)
    assert not answer.respond
    assert feed(call, inputs.TimeUp("hold")) == []
    assert call.state is State.HOLDING


def test_ops_end_the_agents_hold() -> None:
    call = talking()
    feed(call, inputs.HoldTool("h1", 30.0))
    issued = feed(call, RESUME)
    assert commands.StopMusic(CALLER) in issued
    assert [each.tool_call for each in issued if isinstance(each, commands.AnswerAiTool)] == ["h1"]


@pytest.mark.parametrize("state", [State.TRANSFERRING, State.CLOSING, State.TRANSFERRED, State.RINGING])
def test_hold_where_it_makes_no_sense_changes_nothing(state: State) -> None:
    call = inbound()
    call.state = state
    assert (feed(call, HOLD), feed(call, RESUME), call.state) == ([], [], state)


def test_a_tool_that_ends_on_hold_is_answered_and_does_not_end_it() -> None:
    call = talking()
    feed(call, inputs.RunTool("r1", "look_up", {}), HOLD)
    assert feed(call, inputs.ToolDone("r1", "found", True)) == [commands.AnswerAiTool("r1", "found", True)]
    assert call.state is State.HOLDING


def test_a_transfer_from_hold_keeps_the_music_and_gives_caller_and_agent_back() -> None:
    call = holding()
    issued = feed(call, inputs.TransferAsked(TARGET, "ops"))
    assert commands.StopMusic(CALLER) not in issued
    feed(call, inputs.LegGone(IDS.target(1), 17, 486))
    assert (call.state, call.music, call.paused, call.held_by) == (State.TALKING, False, False, None)


def test_the_longest_call_ends_on_hold_too_and_its_last_words_are_heard() -> None:
    call = holding(inputs.MuteAsked("agent", True, "ops"))
    issued = feed(call, inputs.TimeUp("length"))
    assert issued.index(commands.StopMusic(CALLER)) < [type(each) for each in issued].index(commands.SayLast)
    assert contract.Mute(call=CALL, caller=False, agent=False) in orders(issued)


# ---------------------------------------------------------------- orders


def test_mute_is_by_side_and_survives_hold_and_a_failed_transfer() -> None:
    call = talking()
    assert orders(feed(call, inputs.MuteAsked("caller", True, "ops"))) == [
        contract.Mute(call=CALL, caller=True, agent=False)
    ]
    assert orders(feed(call, inputs.MuteAsked("agent", True, "ops"))) == [
        contract.Mute(call=CALL, caller=True, agent=True)
    ]
    feed(call, HOLD, RESUME, inputs.TransferAsked(TARGET, "ops"), inputs.LegGone(IDS.target(1), 17, 486))
    assert view_of(call, CallLog()).muted == ("agent", "caller")
    assert orders(feed(call, inputs.MuteAsked("caller", False, "ops"))) == [
        contract.Mute(call=CALL, caller=False, agent=True)
    ]


def test_nobody_is_muted_once_the_agent_is_gone() -> None:
    call = talking()
    feed(
        call,
        inputs.MuteAsked("caller", True, "ops"),
        inputs.TransferAsked(TARGET, "ops"),
        inputs.LegEntered(IDS.target(1)),
    )
    shown = view_of(call, CallLog())
    assert (call.state, shown.muted, shown.recording) == (State.TRANSFERRED, (), "off")


@pytest.mark.parametrize("exact", [True, False])
def test_say_goes_to_the_worker_on_hold_as_well(exact: bool) -> None:
    for call in (talking(), holding()):
        say = inputs.SayAsked("Please wait.", exact, "ops")
        assert orders(feed(call, say)) == [contract.Speak(call=CALL, text="Please wait.", exact=exact)]


def test_keys_that_can_not_be_pressed_are_no_end_of_the_call() -> None:
    call = talking()
    assert feed(call, inputs.DigitsAsked("12#", "ops")) == [commands.SendDigits(CALLER, "12#")]
    assert feed(call, inputs.CommandFailed(commands.SendDigits(CALLER, "12#"), "409")) == []
    assert call.state is State.TALKING


def test_another_agent_speaks_and_its_keys_and_fallback_count() -> None:
    call = talking()
    plan = of_agent(ANN, digits={"0": TARGET}, on_ai_failure=(SORRY,), wrap_up="Ann says goodbye.")
    assert orders(feed(call, inputs.SwitchAsked(plan, "ops"))) == [
        contract.SwitchAgent(call=CALL, spec=plan.agent.spec)
    ]
    assert view_of(call, CallLog()).agent == "ann"
    assert commands.SayLast("Ann says goodbye.", "spend_per_day") in feed(call, inputs.WrapUpDue("spend_per_day"))
    other = talking()
    feed(other, inputs.SwitchAsked(plan, "ops"), inputs.DigitPressed("0"))
    assert other.state is State.TRANSFERRING
    third = talking()
    feed(third, inputs.SwitchAsked(plan, "ops"), inputs.AiFailed("transient", "gone"))
    assert third.state is State.FALLBACK


@pytest.mark.parametrize(
    ("story", "after"),
    [
        (["start"], "on"),
        (["start", "pause"], "paused"),
        (["start", "pause", "resume"], "on"),
        (["start", "pause", "stop"], "off"),
        (["start", "stop", "start"], "on"),
        (["pause"], "off"),
        (["stop"], "off"),
        (["start", "resume"], "on"),
    ],
)
def test_recording(story: list[inputs.RecordAction], after: str) -> None:
    call = talking()
    call.plan = of_agent(call.plan, recording=FILES)
    for action in story:
        before = call.recording
        told = orders(feed(call, inputs.RecordAsked(action, "ops")))
        assert bool(told) is (call.recording != before)
        if told and action == "start":
            assert told == [contract.Record(call=CALL, action="start", recording=FILES)]
    assert view_of(call, CallLog()).recording == after


def test_a_call_that_may_not_be_recorded_is_not() -> None:
    call = talking()
    assert feed(call, inputs.RecordAsked("start", "ops")) == []


def test_a_call_whose_spec_asks_for_it_is_recorded_from_the_start() -> None:
    spec = SPEC.model_copy(update={"recording": FILES})
    assert Call(Plan(CALL, "inbound", CALLER, AgentPlan(spec, recording=FILES), {}), NOW).recording == "on"


# ---------------------------------------------------------------- participants


def test_somebody_joins_and_the_model_is_told() -> None:
    call = talking()
    dial, timer = feed(call, ADD)
    assert dial == commands.Dial(PARTY, TARGET, {"VOICEAI_CALL": CALL})
    assert timer == commands.StartTimer(PARTY, 35.0)
    assert view_of(call, CallLog()).participants[0].state == "ringing"
    stopped, join, told, _ = feed(call, inputs.LegEntered(PARTY))
    assert (stopped, join) == (commands.StopTimer(PARTY), commands.Join(IDS.bridge, (PARTY,)))
    assert isinstance(told, commands.OrderAi)
    assert isinstance(told.order, contract.AddMessage)
    assert not told.order.respond
    assert call.state is State.TALKING


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (inputs.LegGone(PARTY, 17, 486), Outcome.BUSY),
        (inputs.LegGone(PARTY, 21, 603), Outcome.DECLINED),
        (inputs.LegGone(PARTY, 19, None), Outcome.NO_ANSWER),
        (inputs.TimeUp(PARTY), Outcome.NO_ANSWER),
        (inputs.ParticipantDropped(PARTY, "ops"), Outcome.CANCELLED),
        (inputs.CommandFailed(commands.Dial(PARTY, TARGET, {}), "500"), Outcome.FAILED),
    ],
)
def test_somebody_who_does_not_come_is_told_of_and_the_call_goes_on(what: inputs.Input, outcome: Outcome) -> None:
    call = talking()
    feed(call, ADD)
    issued = feed(call, what)
    assert (commands.HangUp(PARTY) in issued) is not isinstance(what, inputs.LegGone)
    assert [type(each) for each in orders(issued)] == [contract.AddMessage]
    found = call.participants[PARTY]
    assert (found.state, found.outcome, call.state) == ("failed", outcome, State.TALKING)
    assert feed(call, inputs.LegEntered(PARTY), what) == []


@pytest.mark.parametrize("how", [inputs.LegGone(PARTY), inputs.ParticipantDropped(PARTY, "ops")])
def test_somebody_leaves_and_caller_and_agent_go_on(how: inputs.Input) -> None:
    call = joined()
    feed(call, how)
    assert (call.state, call.participants[PARTY].state, call.other_parties) == (State.TALKING, "left", set())


def test_the_caller_leaves_and_the_call_is_over_for_all() -> None:
    call = joined()
    feed(call, replace(ADD, channel=OTHER))
    issued = feed(call, inputs.LegGone(CALLER))
    assert {commands.HangUp(PARTY), commands.HangUp(OTHER), commands.HangUp(IDS.media)} <= set(issued)
    assert [each.state for each in call.participants.values()] == ["left", "failed"]


def test_a_participant_who_is_gone_before_they_join_has_failed() -> None:
    call = joined()
    feed(call, inputs.CommandFailed(commands.Join(IDS.bridge, (PARTY,)), "gone", gone=True))
    assert (call.state, call.participants[PARTY].state, call.other_parties) == (State.TALKING, "failed", set())


def test_the_agent_is_lost_and_caller_and_participant_go_on() -> None:
    call = joined()
    feed(call, inputs.AiFailed("transient", "gone"), OVER)
    assert call.state is State.TRANSFERRED
    issued = feed(call, inputs.LegGone(PARTY))
    assert commands.HangUp(CALLER) in issued
    assert call.ended_by == "participant"


def test_on_hold_the_lost_agent_takes_its_music_with_it() -> None:
    call = joined()
    feed(call, HOLD)
    issued = feed(call, inputs.MediaLost("reset"))
    assert commands.StopMusic(CALLER) in issued
    assert (call.state, call.music) == (State.TRANSFERRED, False)


def test_after_a_transfer_the_participant_keeps_the_call_up() -> None:
    call = joined()
    feed(call, inputs.TransferAsked(TARGET, "ops"), inputs.LegEntered(IDS.target(1)))
    assert call.state is State.TRANSFERRED
    assert feed(call, inputs.LegGone(IDS.target(1))) == []
    feed(call, inputs.LegGone(PARTY))
    assert call.ended_by == "participant"


def test_a_transfer_that_fails_without_an_agent_leaves_caller_and_participant_together() -> None:
    call = joined()
    feed(call, inputs.TransferAsked(TARGET, "ops"), inputs.MediaLost("reset"), inputs.LegGone(IDS.target(1), 17, 486))
    assert (call.state, call.music) == (State.TRANSFERRED, False)


@pytest.mark.parametrize("late", [inputs.WrapUpDue("spend_per_day"), inputs.AiFailed("transient", "gone")])
def test_who_answers_too_late_is_hung_up(late: inputs.Input) -> None:
    call = talking()
    call.fallback_steps = [SORRY]
    feed(call, ADD, late)
    assert commands.HangUp(PARTY) in feed(call, inputs.LegEntered(PARTY))
    assert call.participants[PARTY].outcome is Outcome.CANCELLED


@pytest.mark.parametrize("state", [State.RINGING, State.CLOSING, State.FALLBACK, State.CONNECTING])
def test_who_is_asked_in_too_late_is_shown_as_not_called(state: State) -> None:
    call = inbound()
    call.state = state
    assert feed(call, ADD) == []
    assert call.participants[PARTY].state == "failed"


# ---------------------------------------------------------------- whatever happens

PARTIES = st.sampled_from([PARTY, OTHER])
SIDES = st.sampled_from(["caller", "agent"])
VERBS = st.one_of(
    st.just(HOLD),
    st.just(RESUME),
    st.builds(inputs.MuteAsked, SIDES, st.booleans(), st.just("ops")),
    st.just(inputs.DigitsAsked("1", "ops")),
    st.just(SAY),
    st.just(inputs.SwitchAsked(ANN, "ops")),
    st.builds(inputs.RecordAsked, st.sampled_from(["start", "pause", "resume", "stop"]), st.just("ops")),
    st.builds(inputs.ParticipantDropped, PARTIES, st.just("ops")),
    st.builds(inputs.LegEntered, PARTIES),
    st.builds(inputs.LegGone, PARTIES, st.sampled_from([None, 17]), st.none()),
    st.builds(inputs.TimeUp, PARTIES),
)


class Floor(Hands):
    """As Asterisk does it: only a leg that exists can enter, and those that joined are in the bridge until they go."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.timers: set[str] = set()
        self.asked: set[str] = set()

    def ask(self, channel: str) -> None:
        """Ids are made for each request: the same one is never asked for twice."""
        if channel not in self.asked:
            self.asked.add(channel)
            self.feed(inputs.ParticipantAsked(channel, TARGET, "ops"), fails=False)

    def feed(self, what: inputs.Input, fails: bool) -> None:
        match what:
            case inputs.LegEntered(channel) if channel in (PARTY, OTHER) and channel not in self.exists:
                return
            case inputs.TimeUp(timer) if timer in (PARTY, OTHER) and timer not in self.timers:
                return
            case inputs.LegGone(channel) if channel in (PARTY, OTHER):
                self.exists.discard(channel)
        super().feed(what, fails)

    def _do(self, command: commands.Command) -> None:
        super()._do(command)
        match command:
            case commands.StartTimer(timer):
                self.timers.add(timer)
            case commands.StopTimer(timer):
                self.timers.discard(timer)
            case commands.OrderAi():
                assert self.call.session_open
            case commands.HangUp(channel):
                self.joined.discard(channel)

    def check(self, asked: set[str]) -> None:
        super().check(asked)
        call = self.call
        if call.state in (State.TALKING, State.HOLDING):
            assert call.media in self.joined
        if call.state is State.TRANSFERRED:
            assert call.other_parties, "the caller is alone"
        if call.state in (State.ENDING, State.ENDED):
            assert not {PARTY, OTHER} & self.exists
            assert not {PARTY, OTHER} & self.timers
        for channel in call.other_parties:
            assert channel in self.exists


@given(
    st.lists(st.sampled_from([SORRY, HUMAN]), max_size=2),
    st.lists(
        st.tuples(
            st.one_of(VERBS, VERBS, INPUTS, st.builds(inputs.ParticipantAsked, PARTIES, st.just(TARGET), st.just(""))),
            st.booleans(),
        ),
        max_size=25,
    ),
)
def test_no_leg_no_music_and_no_paused_agent_is_left(
    steps: list[FallbackStep], story: list[tuple[inputs.Input, bool]]
) -> None:
    plan = of_agent(ANN, on_ai_failure=tuple(steps), max_call=60.0, digits={"0": TARGET})
    call = Call(plan, NOW)
    floor, asked = Floor(call), set[str]()
    floor.do(table.start(call), fail=False)
    opening: list[inputs.Input] = [inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing()]
    for what in opening:
        floor.feed(what, fails=False)
    for what, fails in story:
        if call.state not in (State.ENDING, State.ENDED):
            asked |= tool_of(what)
        if isinstance(what, inputs.ParticipantAsked):
            floor.ask(what.channel)
        else:
            floor.feed(what, fails)
        floor.check(asked)
        view_of(call, CallLog())
    ending: list[inputs.Input] = [inputs.HangUpAsked("test"), OVER, inputs.TimeUp("end")]
    for what in ending:
        floor.feed(what, fails=False)
    assert call.state is State.ENDED
    assert floor.exists == set()
    assert "4930" not in repr([*call.participants.values()])
