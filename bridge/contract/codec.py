"""The JSON of the control link, in both directions: messages as websocket text frames. [pure]

A worker dials the controller and says `Hello`; after `Welcome` the controller sends commands and the worker sends
events, one JSON object per frame. An event of a call is sent as `[number, event]`. The numbers rise for as long as the
worker lives, so that an event that is sent twice, around a link that breaks, is recognised.

Whatever is in a message, either it becomes a frame that the other side can decode, in the version of the link that both
speak (`versions`), or `Unsendable` is raised and nothing is sent. A field that is not known is ignored, and the reader
is told of it: the other side may be of a newer release. Unknown types are refused. Both sides log, count and drop a
frame that they can't read; `head_of` tells which call it was about.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, PositiveInt, TypeAdapter, ValidationError

from bridge.common.strict_json import well_formed_value
from bridge.contract.commands import Command
from bridge.contract.events import CallEvent, Event
from bridge.contract.spec import StrictModel
from bridge.contract.versions import VERSION, TooNew, Unsendable, is_newer, without_newer

T = TypeVar("T")

LINK_PATH = "/link"
"""Where the controller's HTTP server accepts workers (a websocket, bearer token required)."""

TOKEN_ENV = "VOICEAI_BRIDGE_TOKEN"
"""The environment variable in which a worker finds the link's bearer token."""

MAX_EVENT_BYTES = 1 << 20
"""Of one frame to the controller."""
MAX_COMMAND_BYTES = 4 << 20
"""Of one frame to a worker: a `Prepare` carries instructions and tools, which need far less."""
MOST_DEPTH = 190
"""The decoder reads 200 levels."""

NEEDED = frozenset(
    {"ready", "failed", "media_connected", "media_gone", "wrap_up_done", "turn_completed", "ended"}
    | {"prepare", "greet", "wrap_up", "hold", "mute", "switch_agent", "user_message", "close"}
)
"""Without one of these its call would stand still, or go on as nobody wants: a call that loses one is ended. It does
without any other: a tool that is not answered has its time-out."""

_HEAD = re.compile(
    r'\s*(?:\[\s*([0-9]{1,18})\s*,\s*)?\{\s*"type"\s*:\s*"([a-z_]{1,40})"(?:\s*,\s*"call"\s*:\s*"([0-9A-Za-z-]{1,64})")?'
)


Ignored = Callable[[tuple[str, ...]], None]
"""Is told the names of fields that were ignored, each with that of what it stands in."""
MOST_NAMES, NAME_CHARACTERS = 5, 60


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a frame that can't be decoded. `number` 0, empty `type` and `call`: it does not say."""

    number: int = 0
    type: str = ""
    call: str = ""

    @property
    def needed(self) -> bool:
        """Its call can't do without it."""
        return bool(self.call) and self.type in NEEDED


def frame_of(message: BaseModel, most_bytes: int, version: int, *, number: int | None = None) -> str:
    """`number`: goes before the message. Raises Unsendable, and TooNew for what this version of the link lacks."""
    text = _json(message, version)
    if len(text) > most_bytes // 4 and len(text.encode()) > most_bytes - 32:
        raise Unsendable(f"it is larger than {most_bytes} bytes")
    return text if number is None else f"[{number},{text}]"


def _json(message: BaseModel, version: int) -> str:
    newer = is_newer(type(message), version)
    if not newer:
        try:
            text = message.model_dump_json()
            if "\\u0000" not in text:
                return text
        except ValueError:  # half a character in some text, which no UTF-8 has; or too deep
            pass
    try:
        told = message.model_dump(mode="json")
        if newer:
            without_newer(message, told, version)
        return json.dumps(well_formed_value(told, MOST_DEPTH), ensure_ascii=False, separators=(",", ":"))
    except TooNew:
        raise
    except (ValueError, RecursionError):
        raise Unsendable("it can't be written as JSON, or is nested too deeply") from None


def without_nul(frame: str | bytes) -> str | bytes:
    """The same frame; where a text in it holds NUL, which no store takes, that is replaced."""
    if ("\\u0000" if isinstance(frame, str) else b"\\u0000") not in frame:  # type: ignore[operator]
        return frame
    try:
        return json.dumps(well_formed_value(json.loads(frame), MOST_DEPTH))
    except (ValueError, RecursionError):
        return frame  # it is no frame, and will be refused


def head_of(frame: str | bytes) -> Head:
    """Never raises. Both sides write the type first, then the call."""
    start = frame[:400]
    found = _HEAD.match(start if isinstance(start, str) else start.decode("utf-8", "replace"))
    return Head(int(found[1] or 0), found[2], found[3] or "") if found else Head()


_commands: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
_events: TypeAdapter[Event] = TypeAdapter(Event)
_told: TypeAdapter[Event | tuple[PositiveInt, CallEvent]] = TypeAdapter(
    Event | tuple[PositiveInt, Annotated[CallEvent, Field(discriminator="type")]]
)


def encode(message: StrictModel, version: int = VERSION) -> str:
    """One websocket text frame, whatever texts are in the message. Raises Unsendable where it is too large or too
    deep for the other side, TooNew where the version of the link that both speak lacks it."""
    return frame_of(message, MAX_COMMAND_BYTES if isinstance(message, Command) else MAX_EVENT_BYTES, version)


def encode_numbered(number: int, event: CallEvent, version: int = VERSION) -> str:
    """The same for an event of a call."""
    return frame_of(event, MAX_EVENT_BYTES, version, number=number)


def decode_command(frame: str | bytes, ignored: Ignored = lambda _: None) -> Command:
    """Raises pydantic.ValidationError for anything that is not one command."""
    return _decoded(_commands, frame, ignored)


def decode_numbered(frame: str | bytes, ignored: Ignored = lambda _: None) -> tuple[int, Event]:
    """Number 0: it has none. Raises pydantic.ValidationError for anything that is not one event."""
    told = _decoded(_told, frame, ignored)
    return told if isinstance(told, tuple) else (0, told)


def decode_event(frame: str | bytes, ignored: Ignored = lambda _: None) -> Event:
    """Raises pydantic.ValidationError for anything that is not one event."""
    return _decoded(_events, frame, ignored)


def _decoded(adapter: TypeAdapter[T], frame: str | bytes, ignored: Ignored) -> T:
    frame = without_nul(frame)
    try:
        return adapter.validate_json(frame)
    except ValidationError as fault:
        faults = fault.errors(include_url=False, include_context=False, include_input=False)
        unknown = [each["loc"] for each in faults if each["type"] == "extra_forbidden"]
        if not unknown:
            raise
    told = adapter.validate_json(frame, extra="ignore")
    ignored(tuple(".".join(map(str, loc[-2:]))[:NAME_CHARACTERS] for loc in unknown[:MOST_NAMES]))
    return told
