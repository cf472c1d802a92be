"""Waits for the end of an answering machine's announcement before a message is left. [pure]

Owns the wait between `WrapUp(after_silence=True)` and the last words. Meanwhile the call is on hold, so the level of
the caller's audio is measured here: the wait ends after `SILENT_S` of silence, or after `LONGEST_S` in all.
"""

from bridge.contract import Hold, WrapUp
from bridge.realtime.conversation.agent_commands import AgentCommands
from bridge.realtime.conversation.effects import EffectList, StartTimer, Timer
from bridge.realtime.conversation.turns import Turns

SILENT_S = 1.5
LONGEST_S = 25.0
LOOK_S = 0.1


class Announcement:
    """One such wait. `now`: seconds of a monotonic clock."""

    def __init__(self, out: EffectList, commands: AgentCommands, turns: Turns) -> None:
        self._out = out
        self._commands = commands
        self._turns = turns
        self._command: WrapUp | None = None
        self._since = 0.0

    def wait(self, command: WrapUp, now: float) -> None:
        """Begin to wait, and carry out `order` afterwards."""
        self._command, self._since = command, now
        self._commands.hold(Hold(call=command.call, on=True))
        self._turns.caller_sound.wanted = True
        self._out.add(StartTimer(Timer.SILENCE, LOOK_S))

    def looked(self, now: float) -> None:
        """The timer `SILENCE`: look whether it is silent by now."""
        if self._command is None:
            return
        sound = self._turns.caller_sound
        silent_s = now - max(self._since, sound.last_at)
        if silent_s < SILENT_S and now - self._since < LONGEST_S:
            sound.wanted = True
            self._out.add(StartTimer(Timer.SILENCE, LOOK_S))
            return
        command, self._command, sound.wanted = self._command, None, False
        self._commands.wrap_up(command)
