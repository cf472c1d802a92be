"""What may be made to go wrong on the wire, and when. [pure]

Owns the types of faults. A moment is the type of an event, of either direction: `after(
"response.output_audio.delta", Close(1011), nth=3)` closes the socket right behind the third delta,
`after("input_audio_buffer.append", Drop())` cuts the connection at the first sound of the caller,
`before("session.updated", Stall(2.0))` makes that answer slow. What goes wrong inside a response (failed,
hanging, without audio, ten minutes long) is a reply of the model; `answer` replaces the reply of any model.

A fault whose moment never comes does nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from simulator.realtime.errors import Frame
from simulator.realtime.reply import Part, Reply


@dataclass(frozen=True, slots=True)
class Refuse:
    """The upgrade is answered with an HTTP status: 401, 404, 429, 500, 503."""

    status: int
    body: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The socket is closed with this code; 1005: with a close frame that has none."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """The TCP connection is reset, without a close frame: 1006 at the other end."""


@dataclass(frozen=True, slots=True)
class Stall:
    """No event goes out for so many seconds; None: never again. Pings are still answered."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Freeze:
    """The server stands still: nothing is read or sent any more, no ping is answered, and the socket stays open."""


@dataclass(frozen=True, slots=True)
class Send:
    """Something is put on the wire as it is: a frame, or text or bytes that need not be one."""

    frame: Frame | str | bytes


@dataclass(frozen=True, slots=True)
class Skip:
    """The event itself is not sent. Only `before`."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The event is sent once more."""


@dataclass(frozen=True, slots=True)
class Alter:
    """The event goes out as this function changes it in place. Only `before`."""

    change: Callable[[Frame], object]


Action = Close | Drop | Freeze | Stall | Send | Skip | Repeat | Alter


@dataclass(frozen=True, slots=True)
class Fault:
    """Actions at a moment. `nth` counts from 1; 0 means each time."""

    moment: str
    actions: tuple[Action, ...]
    nth: int = 1
    early: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The nth response of the session, from 1, is this reply, whatever the model replies; 0: each."""

    reply: Reply
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """How replies travel. `pace` times real time, 0: all at once. A delta holds `delta_bytes` of 24 kHz audio,
    an odd number tears samples apart. After a cancelled response `stragglers` more of its deltas still come.
    `think_ms` passes between `response.created` and the first item.
    """

    pace: float = 5.0
    delta_bytes: int = 9600
    stragglers: int = 0
    think_ms: int = 0


Script = Refuse | Fault | Answer | Delivery
Faults = Sequence[Script] | Mapping[int, Sequence[Script]]
"""For every session, or by the session's number from 0."""


def after(moment: str, *actions: Action, nth: int = 1) -> Fault:
    """Right behind the nth event of this type."""
    return Fault(moment, actions, nth)


def before(moment: str, *actions: Action, nth: int = 1) -> Fault:
    """Just before the nth event of this type goes out. For server events only."""
    return Fault(moment, actions, nth, early=True)


def answer(*parts: Part, nth: int = 1) -> Answer:
    """Replace the model's reply."""
    return Answer(parts, nth)


def refuse(status: int) -> Refuse:
    """Answer the upgrade with an HTTP status."""
    return Refuse(status)


def error(code: str, message: str, kind: str = "invalid_request_error") -> Send:
    """An error event of this code."""
    body = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
    return Send({"type": "error", "event_id": f"event_{code}", "error": body})


def expired() -> tuple[Send, Close]:
    """What OpenAI does after 60 minutes."""
    text = "Your session hit the maximum duration of 60 minutes."
    return error("session_expired", text), Close(1001, text)
