"""The ladder for a caller who says nothing: prompt, prompt, goodbye. [pure]

Owns the rung and its timer. The timer runs only while it is quiet: the caller listens, nobody speaks or is about to,
nothing is played, no tool runs, the call is not on hold. Speech or a digit of the caller leads back to the ground.

A server that has a ladder of its own (`idle_timeout_ms`) is not told of it while this one is in use; should it prompt
all the same, that counts as a rung.
"""

from bridge.contract import NoInput as Rules
from bridge.realtime.conversation.effects import CancelTimer, EffectList, StartTimer, Timer


class NoInputPolicy:
    """See the module."""

    def __init__(self, rules: Rules | None, out: EffectList) -> None:
        self._rules = rules
        self._out = out
        self._rung = 0
        self._running = False

    def apply(self, rules: Rules | None) -> None:
        """Another agent's ladder: the caller stands at its foot."""
        self.reset()
        self._rules = rules

    def update(self, *, quiet: bool) -> None:
        """To be told after everything that happens."""
        if self._rules is None or quiet == self._running:
            return
        self._running = quiet
        self._out.add(StartTimer(Timer.IDLE, self._rules.after_s) if quiet else CancelTimer(Timer.IDLE))

    def reset(self) -> None:
        """The caller did something."""
        self._rung = 0
        if self._running:
            self._running = False
            self._out.add(CancelTimer(Timer.IDLE))

    def server_prompted(self) -> None:
        """The server thinks that the caller has been silent for long, and says something by itself."""
        rung = self._rung + 1
        self.reset()
        self._rung = rung

    def expired(self) -> tuple[str, bool]:
        """It was quiet for so long. What is to be said now, and whether it is the goodbye."""
        self._running = False
        if self._rules is None:
            return "", False
        rung, self._rung = self._rung, self._rung + 1
        if rung < len(self._rules.prompts):
            return self._rules.prompts[rung], False
        return self._rules.goodbye, True
