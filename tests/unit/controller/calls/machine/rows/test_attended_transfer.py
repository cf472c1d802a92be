"""Transfers in which somebody is asked first, and REFER: row by row; and what holds in whatever order it happens."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from bridge import contract
from controller.calls.machine import commands, consultation, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import FallbackStep, Plan, State
from controller.calls.machine.rows import inbound_audio
from controller.calls.machine.types import SupervisionMode
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.view import view_of
from tests.unit.controller.calls.machine.rows.test_agent_control import ANN, VERBS, Floor, orders
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
    feed,
    of_agent,
    talking,
    tool_of,
)

ASKED_FIRST = replace(TARGET, kind="attended")
REFERRED = replace(TARGET, kind="refer", dial="PJSIP/sip:4930@carrier")
TARGET_LEG, ROOM = IDS.target(1), IDS.consultation(1)
ASK = inputs.TransferAsked(ASKED_FIRST, "ops")
REFER = inputs.TransferAsked(REFERRED, "ops")
CANCEL = inputs.TransferCancelled("ops")
GONE = inputs.LegGone(CALLER, in_dialplan=True)


def consulting(tool_call: str | None = None, announce: str | None = None) -> Call:
    call = talking()
    feed(call, inputs.TransferAsked(ASKED_FIRST, "ops", tool_call, announce), inputs.LegEntered(TARGET_LEG))
    assert call.state is State.CONSULTING
    return call


def test_the_caller_hears_music_while_the_target_rings() -> None:
    call = talking()
    assert feed(call, ASK)[:3] == [
        commands.PauseAi(),
        commands.StartMusic(CALLER),
        commands.Dial(TARGET_LEG, ASKED_FIRST, {"VOICEAI_CALL": CALL}),
    ]


def test_the_agent_is_moved_to_the_target_with_other_tools_and_is_told() -> None:
    call = talking()
    feed(call, ASK)
    issued = feed(call, inputs.LegEntered(TARGET_LEG))
    assert issued == [
        commands.StopTimer("transfer"),
        commands.CreateBridge(ROOM),
        commands.Join(ROOM, (TARGET_LEG,)),
        commands.Join(ROOM, (IDS.media,)),
        commands.OrderAi(contract.Switch(call=CALL, spec=consultation.briefing(SPEC))),
        commands.StartTimer("consultation", 60.0),
        commands.ResumeAi(consultation.opening(None)),
    ]
    assert view_of(call, CallLog()).transfer is not None
    assert call.music


def test_what_was_given_to_be_said_is_said_first() -> None:
    call = talking()
    feed(call, inputs.TransferAsked(ASKED_FIRST, "ops", announce="Ms Gray, about her order."))
    told = [each for each in feed(call, inputs.LegEntered(TARGET_LEG)) if isinstance(each, commands.ResumeAi)]
    assert told[0].note is not None
    assert "Ms Gray, about her order." in told[0].note


def test_the_model_that_asked_is_answered_when_somebody_has_answered() -> None:
    call = talking()
    feed(call, inputs.TransferAsked(ASKED_FIRST, "agent", "t1"))
    issued = feed(call, inputs.LegEntered(TARGET_LEG))
    assert issued[-2:] == [commands.ResumeAi(None), commands.AnswerAiTool("t1", consultation.opening(None), True)]


@pytest.mark.parametrize(
    "what",
    [inputs.DigitPressed("1"), inputs.TransferDecided(True, "ops"), inputs.DecideTool("t2", accept=True)],
    ids=repr,
)
def test_the_target_accepts(what: inputs.Input) -> None:
    call = consulting()
    assert feed(call, what) == [
        commands.StopTimer("consultation"),
        commands.StopMusic(CALLER),
        commands.Join(IDS.bridge, (TARGET_LEG,)),
        commands.HangUp(IDS.media),
        commands.DestroyBridge(ROOM),
        commands.CloseAi("transferred"),
        commands.StartTimer(inbound_audio.OTHERS, inbound_audio.WITHOUT_AGENT_S),
    ]
    assert call.state is State.TRANSFERRED


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (inputs.DigitPressed("2"), Outcome.DECLINED),
        (inputs.TransferDecided(False, "ops"), Outcome.DECLINED),
        (inputs.DecideTool("t2", accept=False), Outcome.DECLINED),
        (inputs.LegGone(TARGET_LEG, 16), Outcome.DECLINED),
        (inputs.TimeUp("consultation"), Outcome.NO_ANSWER),
        (CANCEL, Outcome.CANCELLED),
    ],
    ids=repr,
)
def test_who_does_not_take_the_call_gives_the_caller_back(what: inputs.Input, outcome: Outcome) -> None:
    call = consulting()
    issued = feed(call, what)
    assert issued[:8] == [
        commands.StopTimer("transfer"),
        commands.HangUp(TARGET_LEG),
        commands.StopTimer("consultation"),
        commands.PauseAi(),
        commands.DestroyBridge(ROOM),
        commands.OrderAi(contract.Switch(call=CALL, spec=SPEC)),
        commands.StopMusic(CALLER),
        commands.Join(IDS.bridge, (IDS.media,)),
    ]
    back = issued[8]
    assert isinstance(back, commands.ResumeAi)
    assert outcome.value.replace("_", " ") in (back.note or "")
    assert call.transfer is not None
    assert (call.state, call.transfer.state, call.transfer.outcome) == (State.TALKING, "failed", outcome)


@pytest.mark.parametrize("digit", ["0", "3", "#"])
def test_other_keys_of_the_target_decide_nothing(digit: str) -> None:
    call = consulting()
    assert feed(call, inputs.DigitPressed(digit)) == []
    assert call.state is State.CONSULTING


def test_the_caller_hangs_up_meanwhile_and_so_is_the_target() -> None:
    call = consulting()
    issued = feed(call, inputs.LegGone(CALLER, 16))
    for each in (
        commands.HangUp(TARGET_LEG),
        commands.HangUp(IDS.media),
        commands.DestroyBridge(ROOM),
        commands.DestroyBridge(IDS.bridge),
    ):
        assert each in issued


def test_the_agent_is_lost_meanwhile_and_the_two_are_joined() -> None:
    call = consulting()
    assert commands.Join(IDS.bridge, (TARGET_LEG,)) in feed(call, inputs.MediaLost("reset"))
    assert (call.state, call.detail) == (State.TRANSFERRED, "reset")


def test_a_lost_agent_is_closed_before_what_may_fail() -> None:
    issued = feed(consulting(), inputs.LegGone(IDS.media))
    join = issued.index(commands.Join(IDS.bridge, (TARGET_LEG,)))
    assert [type(each) for each in issued[:join]].count(commands.CloseAi) == 1
    assert not [each for each in issued[join:] if isinstance(each, commands.CloseAi)]


def test_the_agent_is_lost_while_it_rings_and_nobody_is_asked_first() -> None:
    call = talking()
    feed(call, ASK, inputs.MediaLost("reset"))
    assert commands.Join(IDS.bridge, (TARGET_LEG,)) in feed(call, inputs.LegEntered(TARGET_LEG))
    assert call.state is State.TRANSFERRED


@pytest.mark.parametrize(
    "failed", [commands.CreateBridge(ROOM), commands.Join(ROOM, (TARGET_LEG,)), commands.Join(ROOM, (IDS.media,))]
)
def test_a_talk_that_can_not_begin_gives_the_caller_back(failed: commands.Command) -> None:
    call = consulting()
    issued = feed(call, inputs.CommandFailed(failed, "no"))
    assert commands.PauseAi() not in issued
    assert commands.Join(IDS.bridge, (IDS.media,)) in issued
    assert isinstance(issued[-1], commands.ResumeAi)


def test_a_target_that_vanishes_while_it_is_joined_gives_the_caller_back() -> None:
    call = consulting()
    feed(call, inputs.DigitPressed("1"))
    issued = feed(call, inputs.CommandFailed(commands.Join(IDS.bridge, (TARGET_LEG,)), "gone", gone=True))
    assert commands.Join(IDS.bridge, (IDS.media,)) in issued
    assert call.state is State.TALKING


def test_a_decision_that_nobody_waits_for_is_refused() -> None:
    answer = feed(talking(), inputs.DecideTool("t1", accept=True))[0]
    assert isinstance(answer, commands.AnswerAiTool)
    assert not answer.ok


def test_a_transfer_by_ops_that_fails_is_told_to_the_agent() -> None:
    call = talking()
    feed(call, inputs.TransferAsked(TARGET, "ops"))
    told = orders(feed(call, inputs.LegGone(TARGET_LEG, 17, 486)))
    assert [type(each) for each in told] == [contract.Inform]
    assert "busy" in repr(told)


@pytest.mark.parametrize("before", [(), (ASK,)])
def test_a_transfer_that_rings_is_cancelled(before: tuple[inputs.Input, ...]) -> None:
    call = talking()
    feed(call, *(before or (inputs.TransferAsked(TARGET, "ops"),)))
    assert commands.HangUp(TARGET_LEG) in feed(call, CANCEL)
    assert call.transfer is not None
    assert (call.state, call.transfer.outcome) == (State.TALKING, Outcome.CANCELLED)


# ---------------------------------------------------------------- REFER


def test_by_refer_the_leg_leaves_and_that_is_no_end() -> None:
    call = talking()
    assert feed(call, REFER)[-1] == commands.Refer(CALLER, "PJSIP/sip:4930@carrier", IDS.target(1), None)
    assert feed(call, GONE) == []
    assert call.state is State.REFERRING


def test_the_far_end_has_done_it_and_the_call_is_over() -> None:
    call = talking()
    feed(call, REFER, GONE, inputs.LegReturned(CALLER, "SUCCESS", 200))
    assert call.transfer is not None
    assert (call.state, call.transfer.outcome, call.ended_by) == (State.ENDING, Outcome.ANSWERED, "transfer")


@pytest.mark.parametrize(
    ("sip", "outcome"), [(486, Outcome.BUSY), (603, Outcome.DECLINED), (480, Outcome.NO_ANSWER), (None, Outcome.FAILED)]
)
def test_the_far_end_could_not_and_the_caller_is_back(sip: int | None, outcome: Outcome) -> None:
    call = talking()
    issued = feed(call, REFER, GONE, inputs.LegReturned(CALLER, "FAILURE", sip))
    assert commands.Join(IDS.bridge, (CALLER,)) in issued
    assert isinstance(issued[-1], commands.ResumeAi)
    assert call.transfer is not None
    assert (call.state, call.transfer.outcome) == (State.TALKING, outcome)


def test_without_the_context_in_the_dialplan_the_caller_stays() -> None:
    call = talking()
    feed(call, REFER)
    issued = feed(call, inputs.CommandFailed(commands.Refer(CALLER, "x"), "no such context"))
    assert isinstance(issued[-1], commands.ResumeAi)
    assert call.state is State.TALKING


def test_a_refer_for_which_the_trunk_has_no_room_is_not_sent() -> None:
    call = talking()
    (*_, refer) = feed(call, REFER)
    feed(call, inputs.CommandFailed(refer, "As many calls as allowed (trunks.<name>.max_calls).", full=True))
    assert call.transfer is not None
    assert (call.state, call.transfer.outcome) == (State.TALKING, Outcome.NO_ROOM)
    assert "max_calls" in str(call.transfer.detail)


@pytest.mark.parametrize("what", [inputs.LegGone(CALLER, 16), inputs.TimeUp("transfer"), inputs.LegHungUp(CALLER, 16)])
def test_a_caller_who_does_not_come_back_ends_the_call(what: inputs.Input) -> None:
    call = talking()
    assert commands.HangUp(CALLER) in feed(call, REFER, GONE, what)
    assert call.state is State.ENDING


def test_a_caller_who_hangs_up_meanwhile_ends_the_call_before_asterisk_lets_the_leg_go() -> None:
    call = talking()
    feed(call, REFER, GONE, inputs.LegHungUp(CALLER, 16))
    assert (call.state, call.ended_by, call.cause) == (State.ENDING, "caller", 16)
    assert call.detail == "hung up before the far end had said what became of the REFER"


@pytest.mark.parametrize("before", [(), (REFER,)])
def test_a_leg_that_is_hung_up_is_reported_by_its_end_elsewhere(before: tuple[inputs.Input, ...]) -> None:
    call = talking()
    feed(call, *before)
    state = call.state
    assert feed(call, inputs.LegHungUp(IDS.media if before else CALLER, 16)) == []
    assert call.state is state


# ---------------------------------------------------------------- supervision

SUPERVISOR = IDS.supervisor(1)
ROUND = IDS.supervision


def supervise(mode: SupervisionMode) -> inputs.SuperviseAsked:
    return inputs.SuperviseAsked(SUPERVISOR, TARGET, mode, "ops")


def transferred() -> Call:
    call = talking()
    feed(call, inputs.TransferAsked(TARGET, "ops"), inputs.LegEntered(TARGET_LEG))
    assert call.state is State.TRANSFERRED
    return call


def test_a_supervisor_hears_the_call_through_a_snoop() -> None:
    call = talking()
    feed(call, supervise("listen"))
    issued = feed(call, inputs.LegEntered(SUPERVISOR))
    snoop = IDS.snoop(1)
    assert issued[1:] == [
        commands.CreateBridge(ROUND),
        commands.Join(ROUND, (SUPERVISOR,)),
        commands.Snoop(CALLER, snoop, whisper=False),
    ]
    assert feed(call, inputs.LegEntered(snoop)) == [commands.Join(ROUND, (snoop,))]
    assert call.state is State.TALKING


def test_a_supervisor_whispers_to_the_colleague() -> None:
    call = transferred()
    issued = feed(call, supervise("whisper"), inputs.LegEntered(SUPERVISOR))
    assert issued[-1] == commands.Snoop(TARGET_LEG, IDS.snoop(1), whisper=True)


def test_without_a_colleague_there_is_nobody_to_whisper_to() -> None:
    call = talking()
    assert feed(call, supervise("whisper"), inputs.LegEntered(SUPERVISOR))[-1] == commands.Snoop(
        CALLER, IDS.snoop(1), whisper=False
    )
    assert call.supervision is not None
    assert call.supervision.mode == "listen"


def test_a_supervisor_takes_over_and_the_agent_leaves_when_they_are_in() -> None:
    call = talking()
    issued = feed(call, supervise("take_over"), inputs.LegEntered(SUPERVISOR))
    assert issued == [
        commands.StopTimer("supervisor"),
        commands.Join(IDS.bridge, (SUPERVISOR,), IDS.media),
        commands.ConfirmJoin(SUPERVISOR),
        commands.StartTimer(inbound_audio.OTHERS, inbound_audio.WITH_AGENT_S),
    ]
    assert commands.HangUp(IDS.media) in feed(call, inputs.LegJoined(SUPERVISOR))
    assert call.state is State.TRANSFERRED
    assert commands.HangUp(CALLER) in feed(call, inputs.LegGone(SUPERVISOR, 16))
    assert call.ended_by == "supervisor"


def test_a_supervisor_who_vanishes_while_taking_over_leaves_the_agent() -> None:
    call = talking()
    feed(call, supervise("take_over"), inputs.LegEntered(SUPERVISOR))
    feed(call, inputs.CommandFailed(commands.Join(IDS.bridge, (SUPERVISOR,), IDS.media), "gone", gone=True))
    assert (call.state, call.other_parties) == (State.TALKING, set())


def test_the_mode_is_changed_meanwhile() -> None:
    call = talking()
    feed(call, supervise("listen"), inputs.LegEntered(SUPERVISOR), inputs.LegEntered(IDS.snoop(1)))
    issued = feed(call, inputs.SupervisionChanged("take_over", "ops"))
    assert commands.Join(IDS.bridge, (SUPERVISOR,), IDS.media) in issued
    assert commands.HangUp(IDS.snoop(1)) in issued
    feed(call, inputs.LegJoined(SUPERVISOR))
    assert feed(call, inputs.SupervisionChanged("listen", "ops")) == [], "the caller would be alone"


def test_the_colleague_leaves_and_whispering_becomes_listening() -> None:
    call = transferred()
    feed(
        call, inputs.ParticipantAsked(IDS.participant("one"), TARGET, "ops"), inputs.LegEntered(IDS.participant("one"))
    )
    feed(call, supervise("whisper"), inputs.LegEntered(SUPERVISOR), inputs.LegEntered(IDS.snoop(1)))
    assert feed(call, inputs.LegGone(IDS.snoop(1)))[-1] == commands.Snoop(CALLER, IDS.snoop(2), whisper=False)


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (inputs.LegGone(SUPERVISOR, 17, 486), Outcome.BUSY),
        (inputs.TimeUp("supervisor"), Outcome.NO_ANSWER),
        (inputs.SupervisionEnded("ops"), Outcome.CANCELLED),
        (inputs.CommandFailed(commands.Dial(SUPERVISOR, TARGET, {}), "no"), Outcome.FAILED),
    ],
    ids=repr,
)
def test_a_supervisor_who_does_not_come_changes_nothing(what: inputs.Input, outcome: Outcome) -> None:
    call = talking()
    feed(call, supervise("take_over"), what)
    assert call.supervision is not None
    assert (call.state, call.supervision.state, call.supervision.outcome) == (State.TALKING, "failed", outcome)


# ---------------------------------------------------------------- whatever happens

MODES = st.sampled_from(["listen", "whisper", "take_over"])
WATCHERS = [IDS.supervisor(number) for number in (1, 2, 3)]
OTHERS = st.sampled_from(["target", "supervisor", "snoop"])
"""Whoever has that part in the call at the moment."""

MOVES = st.one_of(
    st.builds(
        inputs.TransferAsked, st.sampled_from([ASKED_FIRST, REFERRED]), st.just("ops"), st.none() | st.just("t5")
    ),
    st.just(ASK),
    st.just(CANCEL),
    st.builds(inputs.TransferDecided, st.booleans(), st.just("ops")),
    st.builds(inputs.DecideTool, st.sampled_from(["t7", "t8"]), st.booleans()),
    st.just(GONE),
    st.builds(inputs.LegHungUp, st.just(CALLER), st.just(16)),
    st.builds(inputs.LegReturned, st.just(CALLER), st.sampled_from(["SUCCESS", "FAILURE", "FAILURE"]), st.just(486)),
    st.builds(inputs.TimeUp, st.sampled_from(["consultation", "supervisor", "transfer"])),
    st.builds(inputs.LegEntered, OTHERS),
    st.builds(inputs.LegEntered, OTHERS),
    st.builds(inputs.LegGone, OTHERS, st.sampled_from([None, 17]), st.none()),
    st.builds(inputs.SuperviseAsked, st.just(""), st.just(TARGET), MODES, st.just("ops")),
    st.builds(inputs.SupervisionChanged, MODES, st.just("ops")),
    st.just(inputs.SupervisionEnded("ops")),
)
FAILS = st.sampled_from([False, False, False, True])


class Rooms(Floor):
    """Who is in which bridge. Only what exists can enter and go, only a timer that runs can be up."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.where: dict[str, str] = {}
        self.away = False
        """The caller's leg is in the dialplan."""

    def who(self, part: str) -> str:
        moved, watched = self.call.transfer, self.call.supervision
        found = {
            "target": moved and moved.channel,
            "supervisor": watched and watched.channel,
            "snoop": watched and watched.snoop,
        }
        return found.get(part, part) or "nobody"

    def feed(self, what: inputs.Input, fails: bool) -> None:
        call = self.call
        if isinstance(what, inputs.LegEntered | inputs.LegGone):
            what = replace(what, channel=self.who(what.channel))
        match what:
            case inputs.LegEntered(channel) if channel not in self.exists:
                return
            case inputs.TimeUp(timer) if timer not in self.timers:
                return
            case inputs.LegGone(channel, in_dialplan=True) if not self.away:
                return
            case inputs.LegGone(channel, in_dialplan=False):
                self.exists.discard(channel)
                self.where.pop(channel, None)
            case inputs.LegReturned():
                if not self.away:
                    return
                self.away = False
            case inputs.SuperviseAsked():
                if call.supervisions >= len(WATCHERS):
                    return
                what = replace(what, channel=WATCHERS[call.supervisions])
        super().feed(what, fails)

    def _do(self, command: commands.Command) -> None:
        super()._do(command)
        match command:
            case commands.Refer():
                self.away = True
                self.where.pop(CALLER, None)
            case commands.Join(bridge, channels):
                assert bridge in self.exists, f"{bridge} is not there"
                self.where |= dict.fromkeys(channels, bridge)
            case commands.HangUp(channel):
                self.where.pop(channel, None)
            case commands.DestroyBridge(bridge):
                self.where = {channel: room for channel, room in self.where.items() if room != bridge}

    def check(self, asked: set[str]) -> None:
        super().check(asked)
        call, where = self.call, self.where
        match call.state:
            case State.TALKING | State.HOLDING:
                assert where.get(call.media) == IDS.bridge
                assert where.get(CALLER) == IDS.bridge
            case State.CONSULTING:
                assert call.transfer is not None
                assert where.get(call.media) == where.get(call.transfer.channel) == call.transfer.consultation
                assert where.get(CALLER) == IDS.bridge
                assert self.music
                assert not self.paused
            case State.TRANSFERRED:
                assert {each for each, room in where.items() if room == IDS.bridge} >= {CALLER, *call.other_parties}
        if call.state is not State.CONSULTING:
            assert not [room for room in self.exists if "-consultation" in room]
        watched = call.supervision
        if call.state in (State.ENDING, State.ENDED):
            assert not self.exists
        if watched is None or watched.state != "on":
            assert IDS.supervision not in self.exists
            assert not {each for each in self.exists if "-snoop" in each}
        elif watched.mode != "take_over":
            assert where.get(watched.channel) == IDS.supervision
            assert len({each for each in self.exists if "-snoop" in each}) <= 1


WATCHED = [inputs.LegEntered("supervisor"), inputs.LegEntered("snoop")]
BEGUN: list[list[inputs.Input]] = [
    [],
    [ASK, inputs.LegEntered("target")],
    [inputs.SuperviseAsked("", TARGET, "listen", "ops"), *WATCHED],
    [inputs.SuperviseAsked("", TARGET, "take_over", "ops"), *WATCHED],
    [
        inputs.TransferAsked(TARGET, "ops"),
        inputs.LegEntered("target"),
        inputs.SuperviseAsked("", TARGET, "whisper", "ops"),
        *WATCHED,
    ],
    [REFER, GONE],
]
"""Where a story may begin, so that it comes further."""


@given(
    st.lists(st.sampled_from([SORRY, HUMAN]), max_size=2),
    st.sampled_from(BEGUN),
    st.lists(
        st.tuples(
            st.sampled_from(range(12)).flatmap(lambda n: MOVES if n < 10 else VERBS if n == 10 else INPUTS), FAILS
        ),
        max_size=30,
    ),
)
def test_everybody_is_somewhere_and_nothing_is_left(
    steps: list[FallbackStep], begun: list[inputs.Input], story: list[tuple[inputs.Input, bool]]
) -> None:
    plan: Plan = of_agent(ANN, on_ai_failure=tuple(steps), max_call=60.0, digits={"0": ASKED_FIRST})
    call = Call(plan, NOW)
    rooms, asked = Rooms(call), set[str]()
    rooms.do(table.start(call), fail=False)
    for what in [inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing(), *begun]:
        rooms.feed(what, fails=False)
    for what, fails in story:
        if call.state not in (State.ENDING, State.ENDED):
            asked |= tool_of(what)
        rooms.feed(what, fails)
        rooms.check(asked)
        view_of(call, CallLog())
    ending: list[inputs.Input] = [inputs.HangUpAsked("test"), OVER, inputs.TimeUp("end")]
    for what in ending:
        rooms.feed(what, fails=False)
    table.handle(call, inputs.TimeUp("end"), NOW)
    assert call.state is State.ENDED
    assert rooms.exists == set()
