"""controller.calls.runtime.recovery: what is written down of a call is enough to go on with it; nothing is assumed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from bridge import contract
from bridge.contract import Counters
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import Plan, PlaySound, State
from controller.calls.machine.rows import inbound_audio
from controller.calls.machine.types import SupervisionMode, Target
from controller.calls.runtime.recovery import HOLD_S, RecoveredCall, recover, snapshot
from controller.calls.runtime.stored_call import checked
from controller.workers.worker import Worker
from tests.unit.controller.calls.machine.rows.test_agent_control import ANN, FILES, VERBS
from tests.unit.controller.calls.machine.rows.test_transfers_and_supervision import BEGUN, FAILS, MOVES, Rooms
from tests.unit.controller.calls.machine.test_table import IDS, INPUTS, NOW, feed, of_agent
from tests.unit.controller.configs import config

SETTINGS = config(agents__reception__max_call_s=600, agents__reception__recording={"path": "/srv/calls"})
PLAN = of_agent(ANN, spec=ANN.agent.spec.model_copy(update={"agent": "reception"}), max_call=600.0)


GOES_ON_OTHERWISE: Mapping[str, set[str]] = {
    "failover": {"state", "back_to", "tone", "session_open"},
    "closing": {"state"},
}
"""By state: the fields of a row in which the call that goes on differs."""
ANN_AT = Target("PJSIP/4930@trunk", "4930")


def talking(plan: Plan = PLAN) -> Call:
    call = Call(plan, NOW)
    table.start(call)
    feed(call, inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing())
    assert call.state is State.TALKING
    return call


def again(call: Call, after: float = 0.0) -> RecoveredCall | None:
    """Through the store and back."""
    return recover(SETTINGS, call.plan.call, stored(call), NOW + timedelta(seconds=after))


def stored(call: Call, worker: Worker | None = None) -> Mapping[str, Any]:
    """As the next controller reads it."""
    existing = frozenset({call.plan.leg, call.media, call.ids.bridge})
    return checked(json.loads(json.dumps(snapshot(call, existing, worker))))


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
    assert found.existing == {call.plan.leg, call.media, IDS.bridge}
    assert commands.CloseAi("the call ended") in feed(found.call, inputs.LegGone(call.plan.leg))


def test_time_that_is_up_is_up_at_once() -> None:
    assert known(talking(), 6000).timers == {"length": 1.0}


def test_a_caller_on_hold_stays_there_until_somebody_says_otherwise() -> None:
    call = talking()
    feed(call, inputs.HoldAsked("ops"))
    found = known(call).call
    assert (found.state, found.held_by) == (State.HOLDING, "ops")
    issued = feed(found, inputs.ResumeAsked("ops"))
    assert [type(each) for each in issued if isinstance(each, commands.StopMusic | commands.ResumeAi)] == [
        commands.StopMusic,
        commands.ResumeAi,
    ]


def test_tools_of_the_controller_are_answered_as_failed() -> None:
    call = talking()
    feed(call, inputs.RunTool("t1", "look_up", {}))
    found = known(call)
    (lost,) = found.first
    assert isinstance(lost, inputs.ToolDone)
    answers = feed(found.call, lost)
    assert [(each.tool_call, each.ok) for each in answers if isinstance(each, commands.AnswerAiTool)] == [("t1", False)]
    assert feed(found.call, inputs.RunTool("t1", "look_up", {})) == [], "told twice, asked for once"


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
    for what in [inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing(), *begun]:
        rooms.feed(what, fails=False)
    for what, fails in story:
        rooms.feed(what, fails)
    row = stored(call)
    found = again(call)
    if found is None:
        return
    kept = stored(found.call)
    may = GOES_ON_OTHERWISE.get(row["state"], set()) | (set() if row["plan"]["agent"] in SETTINGS.agents else {"plan"})
    assert {name for name in row if row[name] != kept[name]} <= may
    for what in (*found.first, inputs.HangUpAsked("ops"), inputs.SessionOver("closed", Counters())):
        table.handle(found.call, what, NOW)
    table.handle(found.call, inputs.TimeUp("end"), NOW)
    assert found.call.state is State.ENDED


def supervised(mode: SupervisionMode, *events: inputs.Input) -> Call:
    call = talking()
    feed(call, inputs.SuperviseAsked(IDS.supervisor(1), ANN_AT, mode, "ops"), *events)
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
    found = recover(settings, PLAN.call, stored(called()), NOW)
    assert found is not None
    plan = found.call.plan
    assert (plan.answer_detection, plan.agent.voicemail) == (True, "Call us, Ann.")
    assert "voicemail" in {tool.name for tool in plan.agent.spec.tools}
    issued = feed(found.call, inputs.VoicemailTool("t1"))
    assert commands.SayLast("Call us, Ann.", "voicemail", after_silence=True) in issued

    told_by_now = called(State.CLOSING)
    told_by_now.answering_machine = True
    found = recover(settings, PLAN.call, stored(told_by_now), NOW)
    assert found is not None
    issued = [each for what in found.first for each in feed(found.call, what)]
    assert commands.SayLast("Call us, Ann.", "voicemail", after_silence=True) in issued


def test_a_supervisor_who_listens_goes_on_and_can_be_let_go() -> None:
    call = supervised(
        "listen", inputs.LegEntered(IDS.supervisor(1)), inputs.HoldAsked("ops"), inputs.ResumeAsked("ops")
    )
    found = known(call)
    assert found.call.supervision == call.supervision
    assert found.existing >= {IDS.supervisor(1), IDS.snoop(1), IDS.supervision}
    issued = feed(found.call, inputs.SupervisionEnded("ops"))
    assert {
        commands.HangUp(IDS.supervisor(1)),
        commands.HangUp(IDS.snoop(1)),
        commands.DestroyBridge(IDS.supervision),
    } <= set(issued)
    assert known(found.call).existing == {call.plan.leg, call.media, IDS.bridge}, "who has left is no leg of it"


def test_a_supervisor_whose_telephone_rings_is_let_go() -> None:
    found = known(supervised("listen"))
    assert found.first == (inputs.SupervisionEnded("system"),)
    assert commands.HangUp(IDS.supervisor(1)) in feed(found.call, *found.first)


def test_who_has_taken_over_is_known_again_and_their_end_is_the_call_s() -> None:
    call = supervised("take_over", inputs.LegEntered(IDS.supervisor(1)), inputs.LegJoined(IDS.supervisor(1)))
    assert call.state is State.TRANSFERRED
    found = known(call)
    assert (found.call.state, found.call.other_parties, found.first) == (State.TRANSFERRED, {IDS.supervisor(1)}, ())
    assert commands.HangUp(call.plan.leg) in feed(found.call, inputs.LegGone(IDS.supervisor(1), 16))


def test_nobody_is_left_alone_with_somebody_whom_nobody_knows() -> None:
    """As earlier releases wrote it: no supervision."""
    call = supervised("take_over", inputs.LegEntered(IDS.supervisor(1)), inputs.LegJoined(IDS.supervisor(1)))
    call.supervision = None
    found = known(call)
    assert found.first == (inputs.HangUpAsked("system"),)
    assert found.existing == {call.plan.leg, IDS.bridge}
    call.other_parties.add("somebody")
    assert commands.HangUp(call.plan.leg) in feed(
        call, inputs.LegGone(IDS.supervisor(1), 16), inputs.LegGone("somebody", 16)
    )


def test_tones_of_an_earlier_controller_are_stopped() -> None:
    call = talking()
    feed(call, inputs.WorkerLost("killed"), inputs.TimeUp("tone"))
    assert call.failover is not None
    assert call.failover.tone is not None
    assert known(call).undo[:2] == (
        commands.StopTone(call.failover.tone),
        commands.RestoreBridge(IDS.bridge, (call.plan.leg,)),
    )


@pytest.mark.parametrize(
    ("events", "music", "paused", "muted", "recording"),
    [
        ((), False, commands.ResumeAi(), [], "tell"),
        ((inputs.HoldAsked("ops"),), True, commands.PauseAi(), [], "tell"),
        ((inputs.SipHold("leg", on=True),), False, commands.PauseAi(), [], "tell"),
        ((inputs.SipHold("leg", on=True), inputs.SipHold("leg", on=False)), False, commands.ResumeAi(), [], "tell"),
        ((inputs.MuteAsked("caller", on=True, by="ops"),), False, commands.ResumeAi(), ["caller"], "tell"),
        ((inputs.RecordAsked("pause", "ops"),), False, commands.ResumeAi(), [], "pause"),
        (
            (inputs.RecordAsked("pause", "ops"), inputs.RecordAsked("stop", "ops")),
            False,
            commands.ResumeAi(),
            [],
            "stop",
        ),
        (
            (inputs.RecordAsked("pause", "ops"), inputs.RecordAsked("resume", "ops")),
            False,
            commands.ResumeAi(),
            [],
            "tell",
        ),
    ],
)
def test_the_worker_is_told_what_the_store_says(
    events: tuple[inputs.Input, ...],
    music: bool,
    paused: commands.Command,
    muted: list[str],
    recording: Literal["pause", "stop", "tell"],
) -> None:
    """What was ordered in the moment before a kill may not be stored: the agent would be paused for ever, another one,
    or not in the bridge. Or it was stored and not ordered yet: nobody would have greeted the caller."""
    call = talking(of_agent(PLAN, spec=PLAN.agent.spec.model_copy(update={"recording": FILES})))
    leg, id_ = call.plan.leg, call.plan.call
    feed(call, *(replace(each, channel=leg) if isinstance(each, inputs.SipHold) else each for each in events))
    found = known(call)
    orders: list[contract.AgentCommand | contract.Record] = [
        contract.Mute(call=id_, caller="caller" in muted, agent="agent" in muted),
        contract.SwitchAgent(call=id_, spec=found.call.plan.agent.spec, again=True),
        contract.Record(call=id_, action=recording),
    ]
    assert found.undo == (
        commands.RestoreBridge(IDS.bridge, (leg, call.media)),
        commands.StartMusic(leg) if music else commands.StopMusic(leg),
        *(commands.OrderAi(each) for each in orders),
        paused,
        commands.OrderAi(contract.Greet(call=id_)),
    )


@pytest.mark.parametrize("state", ["on", "paused", "off"])
def test_the_recording_is_what_its_worker_says(state: Literal["on", "paused", "off"]) -> None:
    """It was paused in the moment before a kill, and the store does not know: it stays paused, and is shown so."""
    call = known(talking(of_agent(PLAN, spec=PLAN.agent.spec.model_copy(update={"recording": FILES})))).call
    assert call.recording == "on"
    feed(call, inputs.RecordingTold(state))
    assert call.recording == state


def test_who_is_with_the_caller_is_in_the_bridge() -> None:
    """Also where the earlier controller was killed before it asked Asterisk for it."""
    call = talking()
    feed(call, inputs.TransferAsked(ANN_AT, "ops"), inputs.LegEntered(IDS.target(1)))
    restored = commands.RestoreBridge(IDS.bridge, (call.plan.leg, IDS.target(1)))
    assert known(call).undo == (restored, commands.CloseAi("transferred"))
    feed(call, inputs.SessionOver("closed", Counters()))
    assert known(call).undo == (restored,)
    call = talking()
    feed(call, inputs.ParticipantAsked("p1", ANN_AT, "ops"), inputs.LegEntered("p1"))
    assert known(call).undo[0] == commands.RestoreBridge(IDS.bridge, (call.plan.leg, call.media, "p1"))
    assert inbound_audio.OTHERS in known(call).timers
    call = talking()
    feed(call, inputs.TransferAsked(replace(ANN_AT, kind="attended"), "ops"), inputs.LegEntered(IDS.target(1)))
    assert known(call).undo[0] == commands.RestoreBridge(IDS.bridge, (call.plan.leg,)), "the agent is with the target"


def test_an_agent_that_the_config_has_no_more_goes_on_as_it_is() -> None:
    call = talking(of_agent(ANN, spec=ANN.agent.spec.model_copy(update={"agent": "gone"})))
    assert not any(
        isinstance(each, commands.OrderAi) and each.order.type == "switch_agent" for each in known(call).undo
    )


def test_a_participant_who_has_not_answered_is_nobody_s() -> None:
    call = talking()
    feed(call, inputs.ParticipantAsked(IDS.participant("a"), ANN_AT, "ops"))
    assert IDS.participant("a") not in known(call).existing
    feed(call, inputs.LegEntered(IDS.participant("a")))
    assert IDS.participant("a") in known(call).existing


def test_which_process_of_a_worker_had_it_is_known_afterwards() -> None:
    call = talking()
    carried = Worker("w1", 1, "127.0.0.1", 9092, 1, None, boot="its-boot-id-of-now")
    for worker, boot in ((carried, "its-boot-id-of-now"), (Worker("(awaited)", 0, "", 0, 0, None), None), (None, None)):
        found = recover(SETTINGS, call.plan.call, stored(call, worker), NOW)
        assert found is not None
        assert found.worker_boot == boot


def test_a_hold_of_the_agent_ends_by_itself() -> None:
    call = talking()
    feed(call, inputs.HoldTool("h1", 30.0))
    found = known(call)
    assert (found.call.state, found.timers["hold"]) == (State.HOLDING, HOLD_S)


def test_a_call_without_ai_is_over() -> None:
    call = talking(of_agent(PLAN, on_ai_failure=(PlaySound("sound:sorry"),)))
    feed(call, inputs.AiFailed("account", "no quota"))
    assert call.state is State.FALLBACK
    assert known(call).first == (inputs.HangUpAsked(by="system"),)
