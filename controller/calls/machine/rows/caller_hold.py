"""The far end puts us on hold by SIP: nobody listens there until it takes us back. [pure]

Owns which legs hold, and the agent's pause that follows from it. It is no state of the call: it can begin and end in
any of them, and be there together with a hold of ours. While the person that the agent is with (the caller or callee;
in a consultation the target) holds, the agent is paused: it hears and says nothing, and so costs nothing. Music is not
ours to play: it would be heard by nobody.

    the person holds                         the agent is paused, and what it says is cut where it was heard
    they hold longer than `max_caller_hold`         the call ends
    a row resumes the agent meanwhile        that waits until the person is back
    last words are to be said meanwhile      they would be heard by nobody: the call ends without
    others are in the call                   they hear the agent, which goes on
    the person is back                       the agent is told, and goes on with what it had not finished
"""

from collections.abc import Sequence
from datetime import datetime

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Row, Steps
from controller.calls.machine.rows import inbound_audio

LIMIT = "caller_hold_s"
"""The timer, and why the call has ended."""
SHORT = 2.0
"""Seconds. The model is not told of a shorter hold: telephones also hold while they move or renegotiate."""
BACK = (
    "The person you are talking with had put this call on hold for {} seconds. They are back now, and have heard "
    "nothing of it meanwhile. If you were interrupted, go on from there."
)
_WITH_PERSON = (State.TALKING, State.HOLDING, State.TRANSFERRING)


def shown(call: Call) -> bool:
    """Whether the call's person has us on hold."""
    return call.plan.leg in call.caller_hold.legs and call.state is not State.ENDED


def takes(call: Call, what: inputs.Input) -> bool:
    if call.state in (State.ENDING, State.ENDED):
        return False
    return isinstance(what, inputs.SipHold) or (isinstance(what, inputs.TimeUp) and what.timer == LIMIT)


def handle(call: Call, what: inputs.Input, now: datetime) -> Steps:
    legs = call.caller_hold.legs
    if isinstance(what, inputs.SipHold):
        if what.on:
            legs.setdefault(what.channel, now)
        else:
            legs.pop(what.channel, None)
        return inbound_audio.handle(call, what, now)
    return call.end(now, detail=LIMIT) if _since(call) is not None else []


def filter_commands(call: Call, steps: Sequence[commands.Command], now: datetime) -> Steps:
    """The commands of a row as they are carried out. While the person holds, the agent is paused and not resumed."""
    last = next((each for each in steps if isinstance(each, commands.SayLast)), None)
    if last is not None and shown(call) and not call.other_parties:
        return [*steps[: steps.index(last)], *call.end(now, detail=last.why)]
    since = _since(call)
    if since is None:
        return [*steps, *_over(call, steps, now)]
    held = call.caller_hold
    held.notes += [each.note for each in steps if isinstance(each, commands.ResumeAi) and each.note]
    kept = [each for each in steps if not isinstance(each, commands.ResumeAi)]
    if held.paused_at is not None:
        return [each for each in kept if not isinstance(each, commands.PauseAi)]
    held.paused_at = now
    paused = call.paused or any(isinstance(each, commands.PauseAi) for each in kept)
    return [
        *([] if paused else [commands.PauseAi()]),
        *kept,
        *(commands.StartTimer(LIMIT, left) for left in remaining(call, now).values()),
    ]


def remaining(call: Call, now: datetime) -> dict[str, float]:
    """Seconds after which the person has held for too long, by timer."""
    since, longest = _since(call), call.plan.agent.max_caller_hold
    if since is None or longest is None or call.state is State.CONSULTING:  # which has a limit of its own
        return {}
    return {LIMIT: max(longest - (now - since).total_seconds(), 1.0)}


def restored(call: Call, legs: dict[str, datetime]) -> None:
    """For a call of an earlier controller: which legs hold. The worker has paused the agent already."""
    call.caller_hold.legs = legs
    call.caller_hold.paused_at = _since(call)


def _since(call: Call) -> datetime | None:
    """When the person that the agent is with began to hold. None: they do not, or there is no agent to be paused."""
    if not call.session_open or not call.ai_ready or call.media_lost:
        return None
    if call.state is State.CONSULTING and call.transfer is not None:
        return call.caller_hold.legs.get(call.transfer.channel)
    if call.state not in _WITH_PERSON or call.other_parties:
        return None
    return call.caller_hold.legs.get(call.plan.leg)


def _over(call: Call, steps: Sequence[commands.Command], now: datetime) -> Steps:
    """The agent goes on, unless it is paused for another reason, or `steps` tell it already."""
    held = call.caller_hold
    if held.paused_at is None:
        return []
    seconds, notes = (now - held.paused_at).total_seconds(), held.notes
    held.paused_at, held.notes = None, []
    over: list[commands.Command] = [commands.StopTimer(LIMIT)]
    told = any(isinstance(each, commands.ResumeAi) for each in steps)
    with_person = call.state in (*_WITH_PERSON, State.CONSULTING) and call.session_open and not call.media_lost
    if call.paused or told or not with_person:
        return over
    if seconds >= SHORT and not shown(call):
        back = contract.AddMessage(call=call.plan.call, text=BACK.format(round(seconds)), respond=False)
        over.append(commands.OrderAi(back))
    return [*over, commands.ResumeAi("\n".join(notes) or None)]


ROW = Row(handle, to=END)
