"""A command that could not be carried out: what it means for the call. Rows of the call's table. [pure]

If it was for the target of a transfer, for the agent, or for a step of `on_ai_failure`, that part has failed. A caller
in line whose place can't be said waits on. Otherwise the call has failed.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Always, Row, Steps
from controller.calls.machine.rows import agent_tools, attended_transfer, failover, refer, waiting


def command_failed(call: Call, what: inputs.CommandFailed, now: datetime) -> Steps:
    command, transfer = what.command, call.transfer
    channels: tuple[str, ...] = ()
    match command:
        case commands.Dial():
            channels = (command.channel,)
        case commands.Join():
            channels = command.channels
        case commands.Play() if not what.gone:
            return waiting.not_announced(call) if call.state is State.WAITING else [inputs.NextFallback()]
        case commands.SendDigits() if not what.gone:
            return agent_tools.digits_not_sent(command)
        case commands.Answer():
            call.answered_at = None
    if transfer is not None and transfer.consultation and _concerns(command, transfer.consultation):
        channels = (transfer.channel,)
        attended_transfer.not_begun(call, transfer)
    if isinstance(command, commands.Refer):
        return refer.not_sent(call, what, now)
    if transfer is not None and transfer.channel in channels:
        transfer.detail = what.reason if what.full else None
        return [inputs.TransferFailed(Outcome.NO_ROOM if what.full else Outcome.FAILED)]
    if call.media in channels and call.plan.leg not in channels:
        return [inputs.AgentLost(f"its leg could not be moved: {what.reason}")]
    if what.gone:
        return call.end(now, by="caller", detail=what.reason)
    kind = type(command).__name__
    if isinstance(command, commands.Dial) and what.unreachable:
        return call.end(now, Outcome.CONGESTION, detail=f"Asterisk has no way to the trunk: {what.reason}")
    if isinstance(command, commands.OpenMedia) and what.unreachable:
        return failover.media_failed(call, "Asterisk can't connect to its worker")
    if isinstance(command, commands.OpenMedia | commands.GreetCaller | commands.AnswerAiTool | commands.SayLast):
        return [inputs.AgentLost(f"{kind}: {what.reason}")]
    return call.end(now, Outcome.FAILED, detail=f"{kind}: {what.reason}", sip_reason="congestion")


def _concerns(command: commands.Command, bridge: str) -> bool:
    return isinstance(command, commands.CreateBridge | commands.Join) and command.bridge == bridge


ALWAYS: Always = {inputs.CommandFailed: Row(command_failed, to=END)}
