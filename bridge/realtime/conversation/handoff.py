"""Another agent in the middle of a call (`SwitchAgent`): which parts take the new specification. [pure]

What is being said is said to its end, tools that run go on, and commands in force (hold, mute, last words) stay in
force. The greeting is not said again. `playout_delay_ms` stays, since it does not depend on the agent.
"""

from bridge.contract import AgentCommand, SessionSpec, SwitchAgent
from bridge.realtime.conversation.parts import Parts
from bridge.realtime.conversation.user_speech import UserSpeech

FIXED = ("provider", "fallbacks", "voice", "speed", "reasoning_effort")
"""What a session cannot change once it has spoken (OpenAI: `voice` is fixed after the first audio, the model always;
`speed` can be changed between turns only)."""


def needs_new_connection(old: SessionSpec, new: SessionSpec) -> bool:
    """Whether all of `new` comes into force only on another connection."""
    return any(getattr(old, name) != getattr(new, name) for name in FIXED)


def is_repeated(command: AgentCommand, spec: SessionSpec) -> bool:
    """Whether this is a repeated `SwitchAgent` to the agent that speaks already."""
    if not isinstance(command, SwitchAgent) or not command.again:
        return False
    return (command.spec.agent, command.spec.instructions) == (spec.agent, spec.instructions)


class AgentHandoff:
    """Gives another agent's specification to the parts of a conversation."""

    def __init__(self, parts: Parts, user_speech: UserSpeech) -> None:
        self._parts = parts
        self._user_speech = user_speech

    def switch(self, spec: SessionSpec) -> None:
        """Another agent, or the same with other instructions."""
        parts = self._parts
        parts.turns.apply(spec)
        parts.interruption_filter.apply(spec)
        self._user_speech.apply(spec)
        parts.usage_meter.apply(spec)
        parts.transcript.apply(spec)
        parts.errors.apply(spec)
        parts.mcp.apply(spec)
        parts.commands.spec = spec
        parts.tools.apply(spec.tools)
        parts.no_input.apply(spec.no_input)
        parts.dtmf.actions = spec.digit_actions
        parts.turn_detection.apply(spec)
