"""When a message may be left with a machine: once its announcement is over. [pure]

Owns the wait between the order and the last words. Meanwhile the agent is silent and the server hears silence, so the
caller's sound itself is looked at: nothing of it for `SILENT_S`, or `LONGEST_S` in all.
"""

from bridge.contract import Hold, WrapUp
from bridge.realtime.conversation.agent_commands import AgentCommands
from bridge.realtime.conversation.effects import EffectList, StartTimer, Timer
from bridge.realtime.conversation.turns import Turns

SILENT_S = 1.5
LONGEST_S = 25.0
LOOK_S = 0.1


class Announcement:
    """See the module. `now`: seconds of a monotonic clock."""

    def __init__(self, out: EffectList, commands: AgentCommands, turns: Turns) -> None:
        self._out = out
        self._commands = commands
        self._turns = turns
        self._order: WrapUp | None = None
        self._since = 0.0

    def wait(self, order: WrapUp, now: float) -> None:
        """Say this when it is over."""
        self._order, self._since = order, now
        self._commands.hold(Hold(call=order.call, on=True))
        self._turns.caller_sound.wanted = True
        self._out.add(StartTimer(Timer.SILENCE, LOOK_S))

    def looked(self, now: float) -> None:
        """Is it?"""
        if self._order is None:
            return
        sound = self._turns.caller_sound
        silent_s = now - max(self._since, sound.last_at)
        if silent_s < SILENT_S and now - self._since < LONGEST_S:
            sound.wanted = True
            self._out.add(StartTimer(Timer.SILENCE, LOOK_S))
            return
        order, self._order, sound.wanted = self._order, None, False
        self._commands.wrap_up(order)
