"""Participants: other people whom ops dial into a call while caller and agent stay. Rows of the call's table. [pure]

Owns each of them from the dialling to their end. What concerns one of them comes here in every state. The call goes on
whatever becomes of them, with these exceptions:

    the caller leaves                          the call is over, for the participants too
    the agent is lost, somebody has joined     they and the caller go on without it (TRANSFERRED)
    nobody but the caller is left then         the call is over
    somebody answers when it is too late       hung up: outcome `cancelled`

The model is told who comes and goes, and is not asked to say anything about it.
"""

from datetime import datetime

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome, of_failed, of_unanswered
from controller.calls.machine.plan import RING_GRACE, Participant, State
from controller.calls.machine.row import END, Always, Row, Steps

MOST = 8
"""The most participants of one call at a time."""

OPEN = (State.TALKING, State.HOLDING, State.TRANSFERRED)
"""States in which somebody may be dialled in."""

_JOINING = (*OPEN, State.TRANSFERRING, State.CONSULTING, State.FAILOVER)


def participant_of(call: Call, what: inputs.Input) -> Participant | None:
    """The participant whom an input is about."""
    if call.state is State.ENDING:
        return None
    match what:
        case inputs.LegEntered(channel) | inputs.LegGone(channel) | inputs.ParticipantDropped(channel):
            return call.participants.get(channel)
        case inputs.TimeUp(timer):
            return call.participants.get(timer)
        case inputs.CommandFailed(command=commands.Dial(channel) | commands.Join(channels=(channel,))):
            return call.participants.get(channel)
    return None


def asked(call: Call, what: inputs.ParticipantAsked, _: datetime) -> Steps:
    participant = call.participants[what.channel] = Participant(what.channel, what.target, what.by)
    if call.state not in OPEN or len(call.present_participants()) > MOST:
        participant.state, participant.outcome = "failed", Outcome.CANCELLED
        return []
    return [
        commands.Dial(what.channel, what.target, {"VOICEAI_CALL": call.plan.call}),
        commands.StartTimer(what.channel, what.target.timeout + RING_GRACE),
    ]


def handle(call: Call, what: inputs.Input, now: datetime) -> Steps:
    """The commands that follow from an input about a participant."""
    participant = participant_of(call, what)
    if participant is None or participant.state in ("left", "failed"):
        return []
    match what:
        case inputs.LegEntered() if participant.state == "ringing":
            return _answered(call, participant)
        case inputs.LegGone(_, cause, status) if participant.state == "ringing":
            return _failed(call, participant, now, of_unanswered(cause, status))
        case inputs.TimeUp() if participant.state == "ringing":
            return [commands.HangUp(participant.channel), *_failed(call, participant, now, Outcome.NO_ANSWER)]
        case inputs.ParticipantDropped() if participant.state == "ringing":
            return [commands.HangUp(participant.channel), *_failed(call, participant, now, Outcome.CANCELLED)]
        case inputs.CommandFailed():
            return [
                commands.HangUp(participant.channel),
                *_failed(call, participant, now, of_failed(what.gone, what.full)),
            ]
        case inputs.LegGone():
            return _left(call, participant, now, "A participant has left the call.")
        case inputs.ParticipantDropped():
            return [
                commands.HangUp(participant.channel),
                *_left(call, participant, now, "A participant was taken out of the call."),
            ]
    return []


def _answered(call: Call, participant: Participant) -> Steps:
    stopped = [commands.StopTimer(participant.channel)]
    if call.state not in _JOINING:
        participant.state, participant.outcome = "failed", Outcome.CANCELLED
        return [*stopped, commands.HangUp(participant.channel)]
    participant.state, participant.outcome = "joined", Outcome.ANSWERED
    call.other_parties.add(participant.channel)
    joined = commands.Join(call.ids.bridge, (participant.channel,))
    return [*stopped, joined, *_tell(call, "Another person has joined the call. They and the caller both hear you.")]


def _failed(call: Call, participant: Participant, now: datetime, outcome: Outcome) -> Steps:
    """Also for a participant who answered and was gone before they could join."""
    participant.state, participant.outcome = "failed", outcome
    told = f"Somebody who was called to join could not be reached: {outcome.value.replace('_', ' ')}."
    return [commands.StopTimer(participant.channel), *_tell(call, told), *_alone(call, participant, now)]


def _left(call: Call, participant: Participant, now: datetime, told: str) -> Steps:
    participant.state = "left"
    return [*_tell(call, told), *_alone(call, participant, now)]


def _alone(call: Call, participant: Participant, now: datetime) -> Steps:
    if participant.channel not in call.other_parties:
        return []
    call.other_parties.discard(participant.channel)
    if call.state is not State.TRANSFERRED or call.other_parties:
        return []
    return call.end(now, by="participant")


def _tell(call: Call, text: str) -> Steps:
    if not call.with_agent or not call.session_open:
        return []
    return [commands.OrderAi(contract.AddMessage(call=call.plan.call, text=text))]


def continue_without_agent(call: Call, why: str) -> Steps:
    """The agent is gone and others are in the call: they and the caller go on without it."""
    call.state, call.detail = State.TRANSFERRED, call.detail or why
    call.media_lost, call.paused, call.hold_tool_call, call.held_by = True, False, None, None
    gone = [commands.StopTimer("hold"), *call.stop_music(), commands.HangUp(call.media)]
    return [*gone, commands.CloseAi(why)] if call.session_open else gone


ROW = Row(handle, to=END)
ALWAYS: Always = {inputs.ParticipantAsked: Row(asked)}
