"""A conversation on stage: a clock that the test moves, a leg that ticks every 20 ms, all effects written down.

What the conversation sends is kept as parsed frames, each one checked against OpenAI's types. With RECORD_EFFECTS=file
in the environment, every input and its effects are appended to that file, one repr a line, so that two versions of the
conversation can be compared: `RECORD_EFFECTS=/tmp/before pytest -p no:randomly tests/unit/bridge`.
"""

import os
import re
from typing import Any, TypeVar

from pydantic import SecretStr

from bridge.contract import CallEvent, FunctionTool, Provider, SessionSpec
from bridge.media.playout import BYTES_PER_MS, Playout
from bridge.realtime.conversation import effects, inputs
from bridge.realtime.conversation.core import Conversation
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import encode
from bridge.realtime.protocol.connection_info import ConnectionInfo
from bridge.realtime.protocol.session_differences import Difference
from tests.openai_shapes import check_client

E = TypeVar("E")

HANG_UP = FunctionTool(name="hang_up", description="End the call.", parameters={"type": "object"}, after_speech=True)
LOOK_UP = FunctionTool(name="look_up", description="Look it up.", parameters={"type": "object"})


def make_spec(**more: Any) -> SessionSpec:
    provider = Provider(api_key=SecretStr("sk-test"))
    return SessionSpec(**{"agent": "a", "provider": provider, "instructions": "i", "tools": (HANG_UP, LOOK_UP)} | more)


_BYTES = re.compile(r"""b(['"]).{40,}?\1(?=[,)])""")


def record(now: float, *lines: object) -> None:
    """Append to the file of RECORD_EFFECTS, if there is one. Sound is shortened to its first bytes."""
    if path := os.environ.get("RECORD_EFFECTS"):
        with open(path, "a") as file:
            for line in lines:
                short = _BYTES.sub(
                    lambda found: f"{found[0][:20]}..{len(found[0])}", line if isinstance(line, str) else repr(line)
                )
                file.write(f"{os.environ.get('PYTEST_CURRENT_TEST', '').split(' ')[0]} {now:.3f} {short}\n")


def connection_opened(
    *, first: bool = False, planned: bool = False, differences: tuple[Difference, ...] = ()
) -> inputs.ConnectionOpened:
    """A connection to the provider of `make_spec`; of its session these are not as asked for."""
    info = ConnectionInfo(make_spec().provider, first, planned, attempts=1, gap_ms=0, reason="")
    return inputs.ConnectionOpened(info, server_events.SessionUpdated("s", "m", None, {}, differences))


class Stage:
    """See the module. Seconds begin at 100, with an open connection."""

    def __init__(self, **spec: Any) -> None:
        self.playout = Playout()
        self.conversation = Conversation("call", make_spec(**spec), self.playout)
        self.now = 100.0
        self.sent: list[dict[str, Any]] = []
        self.told: list[CallEvent] = []
        self._told_at: dict[int, float] = {}
        self.notes: list[effects.Note] = []
        self.ended: list[effects.EndSession] = []
        self.timers: dict[tuple[effects.Timer, str], float] = {}
        self.frames: list[bytes | None] = []
        self.conversation.handle(connection_opened(first=True), self.now)

    def feed(self, *what: server_events.Event | inputs.Input) -> None:
        for each in what:
            if isinstance(each, inputs.ConnectionOpened):
                self.conversation.parts.connection.setup()
            done = self.conversation.handle(each, self.now)
            shown = (f"Send {encode(it.event)}" if isinstance(it, effects.Send) else it for it in done)
            record(self.now, each, *shown)
            for effect in done:
                self._do(effect)

    def _do(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Send(event):
                self.sent.append(encode(event))
                check_client(self.sent[-1])
            case effects.Emit(event):
                self.told.append(event)
                self._told_at[id(event)] = self.now
            case effects.StartTimer(timer, seconds, subject):
                assert seconds >= 0.05, "a chain of timers at no time"
                self.timers[timer, subject] = self.now + seconds
            case effects.CancelTimer(timer, subject):
                self.timers.pop((timer, subject), None)
            case effects.Note():
                self.notes.append(effect)
            case effects.EndSession():
                self.ended.append(effect)

    def told_at(self, event: CallEvent) -> float:
        return self._told_at[id(event)]

    # ------------------------------------------------------------ time

    def tick(self) -> bytes | None:
        """One frame to Asterisk, as the session does it; then the timers that are due."""
        frame = self.playout.pop()
        self.frames.append(frame)
        if frame is not None and self.playout.idle:
            self.feed(inputs.Drained())
        if self.conversation.watching:
            self.feed(inputs.Ticked())
        self.now += 0.02
        self.fire_due()
        return frame

    def play(self, milliseconds: int) -> None:
        for _ in range(milliseconds // 20):
            self.tick()

    def wait(self, seconds: float) -> None:
        """Time without ticks: only timers."""
        end = self.now + seconds
        while self.timers and min(self.timers.values()) <= end:
            self.now = max(self.now, min(self.timers.values()))
            self.fire_due()
        self.now = end

    def fire_due(self) -> None:
        for key, due in sorted(self.timers.items(), key=lambda each: each[1]):
            if due <= self.now and self.timers.get(key) == due:
                del self.timers[key]
                self.feed(inputs.TimerFired(*key))

    # ------------------------------------------------------------ what a server says

    def speak(self, response: str, item: str, milliseconds: int, text: str = "", *, done: bool = False) -> None:
        """Sound of an item, all at once; `done`: the item's sound and words are complete."""
        if text:
            self.feed(server_events.TranscriptDelta(response, item, text))
        self.feed(server_events.AudioDelta(response, item, 0, b"\1\2" * (milliseconds * BYTES_PER_MS // 2)))
        if done:
            self.feed(server_events.AudioDone(item), server_events.TranscriptDone(response, item, text))

    def reply(self, response: str, item: str, milliseconds: int, text: str = "") -> None:
        """A whole response, generated at once."""
        self.feed(server_events.ResponseCreated(response))
        self.speak(response, item, milliseconds, text, done=True)
        self.feed(server_events.ResponseDone(response, "completed"))

    def caller_turn(self) -> None:
        self.feed(server_events.SpeechStarted("u", 0), server_events.SpeechStopped("u", 0))

    def tool(self, response: str, call: str, name: str, arguments: str = "{}", status: str = "completed") -> None:
        self.feed(server_events.ItemDone(response, f"item-{call}", "function_call", status, call, name, arguments))

    # ------------------------------------------------------------ what came of it

    def sent_of(self, *kinds: str) -> list[dict[str, Any]]:
        return [frame for frame in self.sent if frame["type"] in kinds]

    @property
    def creates(self) -> list[dict[str, Any]]:
        return self.sent_of("response.create")

    @property
    def taken_back(self) -> list[tuple[str, int]]:
        """Items and the milliseconds that were left of them."""
        cuts = self.sent_of("conversation.item.truncate", "conversation.item.delete")
        return [(frame["item_id"], frame.get("audio_end_ms", 0)) for frame in cuts]

    @property
    def outputs(self) -> list[tuple[str, str]]:
        """The answers of tools. Those that another connection is told again count once."""
        told: list[tuple[str, str]] = []
        for frame in self.sent_of("conversation.item.create"):
            item = frame["item"]
            if item["type"] != "function_call_output":
                continue
            again = frame["event_id"].startswith("replay_") and item["call_id"] in dict(told)
            told += [] if again else [(item["call_id"], item["output"])]
        return told

    @property
    def server_answers(self) -> bool:
        """Whether a connection that is set up now answers the caller by itself."""
        setup = self.conversation.parts.turn_detection.setup().session
        return bool(setup["audio"]["input"]["turn_detection"]["create_response"])

    def told_of(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    def running(self, timer: effects.Timer) -> bool:
        return any(name is timer for name, _ in self.timers)
