"""controller.calls.runtime.recovery: what is written down of a call is enough to go on with it; nothing is assumed."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from bridge import contract
from bridge.contract import Counters
from controller.calls.machine import inputs as m, table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import Plan, State
from controller.calls.machine.rows import inbound_audio
from controller.calls.runtime.recovery import RecoveredCall, adopted, kept
from controller.workers.worker import Worker
from tests.unit.controller.call.test_attended import BEGUN, FAILS, MOVES, Rooms
from tests.unit.controller.call.test_live_control import ANN, FILES, VERBS
from tests.unit.controller.call.test_machine import IDS, INPUTS, NOW, feed, of_agent
from tests.unit.controller.configs import config

SETTINGS = config(agents__reception__max_call_s=600, agents__reception__recording={"path": "/srv/calls"})
PLAN = of_agent(ANN, spec=ANN.agent.spec.model_copy(update={"agent": "reception"}), max_call=600.0)


ANN_AT = m.Target("PJSIP/4930@trunk", "4930")


def talking(plan: Plan = PLAN) -> Call:
    call = Call(plan, NOW)
    table.start(call)
    feed(call, m.AiReady(), m.LegEntered(IDS.media), m.MediaFlowing())
    assert call.state is State.TALKING
    return call


def again(call: Call, after: float = 0.0) -> RecoveredCall | None:
    """Through the store and back."""
    written = json.loads(json.dumps(kept(call, frozenset({call.plan.leg, call.media, call.ids.bridge}))))
    return adopted(SETTINGS, call.plan.call, written, NOW + timedelta(seconds=after))


def known(call: Call, after: float = 0.0) -> RecoveredCall:
    found = again(call, after)
    assert found is not None
    return found


def test_a_call_that_talks_talks_on() -> None:
    call = talking()
    found = known(call, 100)
    assert found.call.state is State.TALKING
    assert (found.call.media, found.call.answered_at, found.first) == (call.media, call.answered_at, ())
    assert found.call.plan.agent.spec.instructions == call.plan.agent.spec.instructions
    assert (found.call.plan.caller, found.call.plan.trunk) == (call.plan.caller, call.plan.trunk)
    assert found.timers == {"length": 501.0}
    assert found.standing == {call.plan.leg, call.media, IDS.bridge}
    assert m.CloseAi("the call ended") in feed(found.call, m.LegGone(call.plan.leg))


def test_time_that_is_up_is_up_at_once() -> None:
    assert known(talking(), 6000).timers == {"length": 1.0}


def test_a_caller_on_hold_stays_there_until_somebody_says_otherwise() -> None:
    call = talking()
    feed(call, m.HoldAsked("ops"))
    found = known(call).call
    assert (found.state, found.held_by) == (State.HOLDING, "ops")
    commands = feed(found, m.ResumeAsked("ops"))
    assert [type(each) for each in commands if isinstance(each, m.StopMusic | m.ResumeAi)] == [m.StopMusic, m.ResumeAi]


def test_tools_of_the_controller_are_answered_as_failed() -> None:
    call = talking()
    feed(call, m.RunTool("t1", "look_up", {}))
    found = known(call)
    (lost,) = found.first
    assert isinstance(lost, m.ToolDone)
    answers = feed(found.call, lost)
    assert [(each.tool_call, each.ok) for each in answers if isinstance(each, m.AnswerAiTool)] == [("t1", False)]
    assert feed(found.call, m.RunTool("t1", "look_up", {})) == [], "told twice, asked for once"


@pytest.mark.parametrize("state", [State.RINGING, State.CONNECTING, State.WAITING, State.ENDING, State.DETECTING])
def test_what_has_not_begun_can_not_be_taken_over(state: State) -> None:
    call = Call(PLAN, NOW)
    call.state = state
    assert again(call) is None


def test_an_agent_that_the_config_has_no_more_is_another_one() -> None:
    call = talking(of_agent(ANN, spec=ANN.agent.spec.model_copy(update={"agent": "gone"})))
    assert known(call).call.plan.agent.name in SETTINGS.agents


@given(
    st.sampled_from(BEGUN),
    st.lists(
        st.tuples(
            st.sampled_from(range(12)).flatmap(lambda n: MOVES if n < 10 else VERBS if n == 10 else INPUTS), FAILS
        ),
        max_size=20,
    ),
)
def test_whatever_has_happened_the_next_controller_can_end_it(begun: list[Any], story: list[Any]) -> None:
    call = Call(PLAN, NOW)
    rooms = Rooms(call)
    rooms.do(table.start(call), fail=False)
    for what in [m.AiReady(), m.LegEntered(IDS.media), m.MediaFlowing(), *begun]:
        rooms.feed(what, fails=False)
    for what, fails in story:
        rooms.feed(what, fails)
    found = again(call)
    if found is None:
        return
    for what in (*found.first, m.HangUpAsked("ops"), m.SessionOver("closed", Counters())):
        table.handle(found.call, what, NOW)
    table.handle(found.call, m.TimeUp("end"), NOW)
    assert found.call.state is State.ENDED


def supervised(mode: m.SupervisionMode, *inputs: m.Input) -> Call:
    call = talking()
    feed(call, m.SuperviseAsked(IDS.supervisor(1), ANN_AT, mode, "ops"), *inputs)
    return call


def called(state: State = State.TALKING) -> Call:
    """Of a call that we placed, which was to find out who answers."""
    plan = replace(
        of_agent(PLAN, template_vars={"name": "Ann"}, voicemail="Call us, Ann."),
        direction="outbound",
        answer_detection=True,
    )
    call = talking()
    call.plan, call.state = plan, state
    return call


def test_an_agent_that_was_to_find_out_who_has_answered_still_is_and_knows_its_message() -> None:
    settings = config(agents__reception__voicemail={"message": "Call us, {{name}}."})
    written = json.loads(json.dumps(kept(called(), frozenset())))
    found = adopted(settings, PLAN.call, written, NOW)
    assert found is not None
    plan = found.call.plan
    assert (plan.answer_detection, plan.agent.voicemail) == (True, "Call us, Ann.")
    assert "voicemail" in {tool.name for tool in plan.agent.spec.tools}
    commands = feed(found.call, m.VoicemailTool("t1"))
    assert m.SayLast("Call us, Ann.", "voicemail", after_silence=True) in commands

    told_by_now = called(State.CLOSING)
    told_by_now.machine = True
    found = adopted(settings, PLAN.call, json.loads(json.dumps(kept(told_by_now, frozenset()))), NOW)
    assert found is not None
    commands = [each for what in found.first for each in feed(found.call, what)]
    assert m.SayLast("Call us, Ann.", "voicemail", after_silence=True) in commands


def test_a_supervisor_who_listens_goes_on_and_can_be_let_go() -> None:
    call = supervised("listen", m.LegEntered(IDS.supervisor(1)), m.HoldAsked("ops"), m.ResumeAsked("ops"))
    found = known(call)
    assert found.call.supervision == call.supervision
    assert found.standing >= {IDS.supervisor(1), IDS.snoop(1), IDS.supervision}
    commands = feed(found.call, m.SupervisionEnded("ops"))
    assert {m.HangUp(IDS.supervisor(1)), m.HangUp(IDS.snoop(1)), m.DestroyBridge(IDS.supervision)} <= set(commands)
    assert known(found.call).standing == {call.plan.leg, call.media, IDS.bridge}, "who has left is no leg of it"


def test_a_supervisor_whose_telephone_rings_is_let_go() -> None:
    found = known(supervised("listen"))
    assert found.first == (m.SupervisionEnded("system"),)
    assert m.HangUp(IDS.supervisor(1)) in feed(found.call, *found.first)


def test_who_has_taken_over_is_known_again_and_their_end_is_the_call_s() -> None:
    call = supervised("take_over", m.LegEntered(IDS.supervisor(1)), m.LegJoined(IDS.supervisor(1)))
    assert call.state is State.TRANSFERRED
    found = known(call)
    assert (found.call.state, found.call.company, found.first) == (State.TRANSFERRED, {IDS.supervisor(1)}, ())
    assert m.HangUp(call.plan.leg) in feed(found.call, m.LegGone(IDS.supervisor(1), 16))


def test_nobody_is_left_alone_with_somebody_whom_nobody_knows() -> None:
    """As earlier releases wrote it: no supervision."""
    call = supervised("take_over", m.LegEntered(IDS.supervisor(1)), m.LegJoined(IDS.supervisor(1)))
    call.supervision = None
    found = known(call)
    assert found.first == (m.HangUpAsked("system"),)
    assert found.standing == {call.plan.leg, IDS.bridge}
    call.company.add("somebody")
    assert m.HangUp(call.plan.leg) in feed(call, m.LegGone(IDS.supervisor(1), 16), m.LegGone("somebody", 16))


def test_tones_of_an_earlier_controller_are_stopped() -> None:
    call = talking()
    feed(call, m.WorkerLost("killed"), m.TimeUp("tone"))
    assert call.rehoming is not None
    assert call.rehoming.tone is not None
    assert known(call).undo[:2] == (m.StopTone(call.rehoming.tone), m.RestoreBridge(IDS.bridge, (call.plan.leg,)))


@pytest.mark.parametrize(
    ("inputs", "music", "paused", "muted", "recording"),
    [
        ((), False, m.ResumeAi(), [], "tell"),
        ((m.HoldAsked("ops"),), True, m.PauseAi(), [], "tell"),
        ((m.SipHold("leg", on=True),), False, m.PauseAi(), [], "tell"),
        ((m.SipHold("leg", on=True), m.SipHold("leg", on=False)), False, m.ResumeAi(), [], "tell"),
        ((m.MuteAsked("caller", on=True, by="ops"),), False, m.ResumeAi(), ["caller"], "tell"),
        ((m.RecordAsked("pause", "ops"),), False, m.ResumeAi(), [], "pause"),
        ((m.RecordAsked("pause", "ops"), m.RecordAsked("stop", "ops")), False, m.ResumeAi(), [], "stop"),
        ((m.RecordAsked("pause", "ops"), m.RecordAsked("resume", "ops")), False, m.ResumeAi(), [], "tell"),
    ],
)
def test_the_worker_is_told_what_the_store_says(
    inputs: tuple[m.Input, ...],
    music: bool,
    paused: m.Command,
    muted: list[str],
    recording: Literal["pause", "stop", "tell"],
) -> None:
    """What was ordered in the moment before a kill may not be stored: the agent would be paused for ever, another one,
    or not in the bridge. Or it was stored and not ordered yet: nobody would have greeted the caller."""
    call = talking(of_agent(PLAN, spec=PLAN.agent.spec.model_copy(update={"recording": FILES})))
    leg, id_ = call.plan.leg, call.plan.call
    feed(call, *(replace(each, channel=leg) if isinstance(each, m.SipHold) else each for each in inputs))
    found = known(call)
    orders: list[contract.Order | contract.Record] = [
        contract.Mute(call=id_, caller="caller" in muted, agent="agent" in muted),
        contract.Switch(call=id_, spec=found.call.plan.agent.spec, again=True),
        contract.Record(call=id_, action=recording),
    ]
    assert found.undo == (
        m.RestoreBridge(IDS.bridge, (leg, call.media)),
        m.StartMusic(leg) if music else m.StopMusic(leg),
        *(m.OrderAi(each) for each in orders),
        paused,
        m.OrderAi(contract.Greet(call=id_)),
    )


@pytest.mark.parametrize("state", ["on", "paused", "off"])
def test_the_recording_is_what_its_worker_says(state: Literal["on", "paused", "off"]) -> None:
    """It was paused in the moment before a kill, and the store does not know: it stays paused, and is shown so."""
    call = known(talking(of_agent(PLAN, spec=PLAN.agent.spec.model_copy(update={"recording": FILES})))).call
    assert call.recording == "on"
    feed(call, m.RecordingTold(state))
    assert call.recording == state


def test_who_is_with_the_caller_is_in_the_bridge() -> None:
    """Also where the earlier controller was killed before it asked Asterisk for it."""
    call = talking()
    feed(call, m.TransferAsked(ANN_AT, "ops"), m.LegEntered(IDS.target(1)))
    restored = m.RestoreBridge(IDS.bridge, (call.plan.leg, IDS.target(1)))
    assert known(call).undo == (restored, m.CloseAi("transferred"))
    feed(call, m.SessionOver("closed", Counters()))
    assert known(call).undo == (restored,)
    call = talking()
    feed(call, m.ParticipantAsked("p1", ANN_AT, "ops"), m.LegEntered("p1"))
    assert known(call).undo[0] == m.RestoreBridge(IDS.bridge, (call.plan.leg, call.media, "p1"))
    assert inbound_audio.COMPANY in known(call).timers
    call = talking()
    feed(call, m.TransferAsked(replace(ANN_AT, kind="attended"), "ops"), m.LegEntered(IDS.target(1)))
    assert known(call).undo[0] == m.RestoreBridge(IDS.bridge, (call.plan.leg,)), "the agent is with the target"


def test_an_agent_that_the_config_has_no_more_goes_on_as_it_is() -> None:
    call = talking(of_agent(ANN, spec=ANN.agent.spec.model_copy(update={"agent": "gone"})))
    assert not any(isinstance(each, m.OrderAi) and each.order.type == "switch" for each in known(call).undo)


def test_a_participant_who_has_not_answered_is_nobody_s() -> None:
    call = talking()
    feed(call, m.ParticipantAsked(IDS.participant("a"), ANN_AT, "ops"))
    assert IDS.participant("a") not in known(call).standing
    feed(call, m.LegEntered(IDS.participant("a")))
    assert IDS.participant("a") in known(call).standing


def test_which_process_of_a_worker_had_it_is_known_afterwards() -> None:
    call = talking()
    carried = Worker("w1", 1, "127.0.0.1", 9092, 1, None, boot="its-boot-id-of-now")
    for worker, boot in ((carried, "its-boot-id-of-now"), (Worker("(awaited)", 0, "", 0, 0, None), None), (None, None)):
        written = json.loads(json.dumps(kept(call, frozenset(), worker)))
        found = adopted(SETTINGS, call.plan.call, written, NOW)
        assert found is not None
        assert found.worker_boot == boot
