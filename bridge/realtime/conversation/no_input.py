"""What to do about a caller who says nothing: one prompt after another, then the goodbye. [pure]

Owns the step and its timer. The timer runs only while it is quiet: the caller listens, nobody speaks or is about to,
nothing is played, no tool runs, the call is not on hold. Speech or a digit of the caller leads back to the first step.

The server's own prompts (`idle_timeout_ms`) are switched off while this policy is in use. If the server prompts all the
same, that counts as a step.
"""

from bridge.contract import NoInput as Rules
from bridge.realtime.conversation.effects import CancelTimer, EffectList, StartTimer, Timer


class NoInputPolicy:
    """The policy of one conversation. `rules` None: silence of the caller has no consequence."""

    def __init__(self, rules: Rules | None, out: EffectList) -> None:
        self._rules = rules
        self._out = out
        self._step = 0
        self._running = False

    def apply(self, rules: Rules | None) -> None:
        """Another agent's rules, from the first step on."""
        self.reset()
        self._rules = rules

    def update(self, *, quiet: bool) -> None:
        """To be called after each input: whether it is quiet."""
        if self._rules is None or quiet == self._running:
            return
        self._running = quiet
        self._out.add(StartTimer(Timer.IDLE, self._rules.after_s) if quiet else CancelTimer(Timer.IDLE))

    def reset(self) -> None:
        """The caller did something."""
        self._step = 0
        if self._running:
            self._running = False
            self._out.add(CancelTimer(Timer.IDLE))

    def server_prompted(self) -> None:
        """The server says something by itself, because the caller has been silent."""
        step = self._step + 1
        self.reset()
        self._step = step

    def expired(self) -> tuple[str, bool]:
        """The timer has fired. Returns the text that is to be said, and whether it is the goodbye."""
        self._running = False
        if self._rules is None:
            return "", False
        step, self._step = self._step, self._step + 1
        if step < len(self._rules.prompts):
            return self._rules.prompts[step], False
        return self._rules.goodbye, True
