"""An attended transfer: agent and target talk before the caller is given away. Rows of the call's table. [pure]

Owns the state CONSULTING. The target has answered; the media leg stands with it in a bridge of their own, while the
caller hears music in the call's. The agent has the tools of a consultation instead of its own.

    the target presses 1, the agent calls `accept_transfer`, or ops accept     caller and target are joined
    it presses 2, the agent calls `refuse_transfer`, or ops refuse             declined: the caller is back
    it hangs up                                                                declined: the caller is back
    `decide` seconds pass                                                      no answer: the caller is back
    ops cancel                                                                 cancelled: the caller is back
    the agent is lost                                                          joined: it has picked up, after all
    the caller hangs up                                                        the target is hung up, with no word said
"""

from datetime import datetime

from bridge import contract
from controller.calls.machine import inputs as m
from controller.calls.machine.call import Call
from controller.calls.machine.consultation import DIGITS, briefing, opening
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State, Transfer
from controller.calls.machine.rows import agent_control, wrap_up


def begin(call: Call, moved: Transfer) -> list[m.Step]:
    """The media leg is moved and the agent goes on, with somebody else. Whoever ops had muted is heard again."""
    call.state, moved.state = State.CONSULTING, "consulting"
    moved.consultation = call.ids.consultation(call.transfers)
    call.paused = False
    told = opening(moved.announce)
    by_tool = moved.tool_call in call.open_tools
    return [
        m.CreateBridge(moved.consultation),
        m.Join(moved.consultation, (moved.channel,)),
        m.Join(moved.consultation, (call.media,)),
        m.OrderAi(contract.Switch(call=call.plan.call, spec=briefing(call.plan.agent.spec))),
        *agent_control.heard_again(call),
        m.StartTimer("consultation", moved.decide),
        m.ResumeAi(None if by_tool else told),
        *call.answer(moved.tool_call, told),
    ]


def not_begun(call: Call, moved: Transfer) -> None:
    """The talk could not be set up: the agent was not told to go on, nor the model that it may."""
    call.paused = True
    if moved.tool_call is not None:
        call.open_tools.add(moved.tool_call)


def back(call: Call, moved: Transfer) -> list[m.Step]:
    """Undoes `begin`, as far as it was done. The agent is left paused."""
    room, moved.consultation = moved.consultation, None
    if room is None:
        return []
    ended: list[m.Step] = [m.StopTimer("consultation")]
    if call.media_lost or not call.session_open:
        return [*ended, m.HangUp(call.media), m.DestroyBridge(room)]
    was, call.paused = call.paused, True
    return [
        *ended,
        *([] if was else [m.PauseAi()]),
        m.DestroyBridge(room),
        m.OrderAi(contract.Switch(call=call.plan.call, spec=call.plan.agent.spec)),
        *call.stop_music(),
        m.Join(call.ids.bridge, (call.media,)),
    ]


def digit_pressed(call: Call, what: m.DigitPressed, now: datetime) -> list[m.Step]:
    """By the target: the media leg is with it."""
    accept = DIGITS.get(what.digit)
    return [] if accept is None else _decide(accept)


def decided(call: Call, what: m.TransferDecided | m.DecideTool, now: datetime) -> list[m.Step]:
    if isinstance(what, m.DecideTool) and not what.accept:
        return [m.TransferFailed(Outcome.DECLINED, answer_tool=what.tool_call)]
    if isinstance(what, m.DecideTool) and call.transfer is not None:
        call.transfer.tool_call = what.tool_call  # to be answered if the two can't be joined
    return _decide(what.accept)


def not_asked(call: Call, what: m.DecideTool, _: datetime) -> list[m.Step]:
    return call.refuse(what.tool_call, "There is nobody who waits for that: no transfer is being decided.")


def _decide(accept: bool) -> list[m.Step]:
    return [m.StopTimer("consultation"), m.TransferAccepted()] if accept else [m.TransferFailed(Outcome.DECLINED)]


def time_up(call: Call, what: m.TimeUp, now: datetime) -> list[m.Step]:
    if what.timer == "length":
        call.due = wrap_up.LENGTH
    return [m.TransferFailed(Outcome.NO_ANSWER)] if what.timer == "consultation" else []


def agent_lost(call: Call, why: str) -> list[m.Step]:
    """Better somebody who has not said yes than nobody."""
    call.media_lost, call.detail = True, call.detail or why
    closed: list[m.Step] = [m.CloseAi(why)] if call.session_open else []
    return [*closed, *_decide(accept=True)]  # first: what follows may fail, and then the rest of it is not done
