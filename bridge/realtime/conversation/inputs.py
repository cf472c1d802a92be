"""What goes into a conversation besides the server's events. [pure]

Inputs say what happened; `core.handle` takes them one after the other. The controller's commands
(`AgentCommand`) are inputs as they are.
"""

from dataclasses import dataclass

from bridge.contract import AgentCommand
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.protocol.connection_info import ConnectionInfo
from bridge.realtime.protocol.server_events import SessionUpdated


@dataclass(frozen=True, slots=True)
class Greet:
    """The caller listens: say the greeting, if there is one. `resumed`: go on with what was said before instead;
    `said`: what the agent said then, as it was heard."""

    resumed: bool = False
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticked:
    """A 20 ms tick of the media leg is over. Fed only while `Conversation.watching`."""


@dataclass(frozen=True, slots=True)
class Drained:
    """The playout has just handed its last audio to Asterisk."""


@dataclass(frozen=True, slots=True)
class Digit:
    """The caller pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """The result of a tool call; `output` is what the model reads."""

    call_id: str
    output: str
    respond: bool = True


@dataclass(frozen=True, slots=True)
class TimerFired:
    timer: Timer
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """The session ends: report what is not reported yet, and nothing after that."""


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection to the AI broke; another one is being made. What is sent until `ConnectionOpened` is lost."""


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """There is a connection, the call's first or another one. `updated`: what its server made of our set-up."""

    info: ConnectionInfo
    updated: SessionUpdated


Input = (
    ConnectionLost
    | ConnectionOpened
    | Greet
    | AgentCommand
    | Ticked
    | Drained
    | Digit
    | ToolAnswered
    | TimerFired
    | Closing
)
