"""What holds for a conversation whatever happens in whatever order.

Twice: against noise (any event at any time, ids mixed up), and against a strict server that refuses what OpenAI
refuses, with both directions of the wire delayed at will. Each item's sound is a value of its own, so that what was
played is counted from the frames themselves and not from the playout's account.
"""

from collections import Counter, deque
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import BargedIn, Said, ToolCalled
from bridge.playout import BYTES_PER_MS
from bridge.realtime import events
from bridge.responses import State
from bridge.signals import Closing, Digit, Drained, Greet, Ticked, ToolAnswered
from tests.unit.bridge.stage import Stage

PATIENT = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])

# ---------------------------------------------------------------- noise

RESPONSES = st.integers(0, 3)
ITEMS = st.integers(0, 5)
SIZES = st.sampled_from([0, 1, 47, 959, 960, 961, 4800, 9601])


def item_of(response: int, item: int) -> str:
    """An item belongs to one response."""
    return f"i{response}.{item}"


def sample(item: str) -> int:
    response, number = item[1:].split(".")
    return 1 + 10 * int(response) + int(number)


def delta(response: int, item: int, size: int) -> events.Event:
    name = item_of(response, item)
    return events.AudioDelta(f"r{response}", name, 0, bytes([sample(name)]) * size)


def tool(response: int, call: int, name: str, status: str) -> events.Event:
    return events.ItemDone(f"r{response}", f"t{call}", "function_call", status, f"c{call}", name, "{}")


NOISE = st.one_of(
    st.builds(delta, RESPONSES, ITEMS, SIZES),
    st.builds(lambda r: events.ResponseCreated(f"r{r}"), RESPONSES),
    st.builds(
        lambda r, s: events.ResponseDone(f"r{r}", s),
        RESPONSES,
        st.sampled_from(["completed", "cancelled", "failed", "incomplete"]),
    ),
    st.builds(lambda r, i: events.AudioDone(item_of(r, i)), RESPONSES, ITEMS),
    st.builds(lambda r, i: events.TranscriptDelta(f"r{r}", item_of(r, i), "word "), RESPONSES, ITEMS),
    st.builds(lambda r, i: events.TranscriptDone(f"r{r}", item_of(r, i), "some words"), RESPONSES, ITEMS),
    st.builds(
        tool, RESPONSES, ITEMS, st.sampled_from(["hang_up", "look_up", "x"]), st.sampled_from(["completed", "cut"])
    ),
    st.builds(lambda c: ToolAnswered(f"c{c}", "out"), ITEMS),
    st.builds(
        lambda n: events.ServerError("", "conversation_already_has_active_response", "", "", f"create_{n}"), ITEMS
    ),
    st.builds(lambda n: events.ItemAdded(f"item_{n}"), ITEMS),
    st.sampled_from(
        [events.SpeechStarted("u", 0), events.SpeechStopped("u", 0), events.SessionUpdated("s", "m", None)]
    ),
    st.sampled_from([Digit("1"), Digit("#"), Greet(), Ticked(), Drained()]),
    st.integers(1, 200),  # so many ticks
    st.floats(0.1, 20),  # so many seconds without ticks
)


class Witness(Stage):
    """Counts on its own what was received and played of each item."""

    def __init__(self, **spec: Any) -> None:
        super().__init__(**spec)
        self.received: Counter[str] = Counter()
        self.played: Counter[int] = Counter()
        self.at_cut: dict[str, tuple[int, int]] = {}
        self.silenced: set[int] = set()
        self.known: set[int] = set()

    def happen(self, what: Any) -> None:
        match what:
            case int(ticks):
                for _ in range(ticks):
                    self.tick()
            case float(seconds):
                self.wait(seconds)
            case _:
                self.feed(what)
                self._witness(what)

    def _witness(self, what: Any) -> None:
        response = getattr(what, "response_id", "")
        match what:
            case events.AudioDelta(_, item, _, pcm):
                self.received[item] += len(pcm)
            case events.SpeechStarted():
                self.silenced |= self.known
        if response:
            self.known.add(int(response[1:]))
        for item, _ in self.taken_back:
            self.at_cut.setdefault(item, (self.received[item], self.played[sample(item)]))

    def tick(self) -> bytes | None:
        frame = super().tick()
        if frame:
            heard = Counter(frame)
            heard.pop(0, None)
            assert not {value // 10 for value in heard} & self.silenced
            self.played += heard
        return frame

    def check(self) -> None:
        assert max(Counter(item for item, _ in self.taken_back).values(), default=1) == 1
        for item, left_ms in self.taken_back:
            received, played = self.at_cut[item]
            assert left_ms == min(played, received) // BYTES_PER_MS
        for said in self.told_of(Said):
            assert (said.heard_ms or 0) <= self.received[said.item] // BYTES_PER_MS
        assert max(Counter(said.item for said in self.told_of(Said)).values(), default=1) == 1
        assert all(barge.cut_ms >= 0 for barge in self.told_of(BargedIn))
        assert max(Counter(call for call, _ in self.outputs).values(), default=1) == 1
        assert max(Counter(event.tool_call for event in self.told_of(ToolCalled)).values(), default=1) == 1


@PATIENT
@given(st.lists(NOISE, max_size=60))
def test_noise(script: list[Any]) -> None:
    stage = Witness()
    calls = set()
    for what in script:
        if isinstance(what, events.ItemDone) and what.status == "completed" and not stage.ended:
            calls.add(what.call_id)
        stage.happen(what)
    stage.wait(500)  # the server says nothing any more
    stage.check()
    assert stage.ended or {call for call, _ in stage.outputs} == calls
    assert stage.ended or not stage.timers
    assert stage.ended or stage.conversation.responses.state is State.IDLE
    stage.feed(Closing())
    stage.play(100)
    stage.check()


# ---------------------------------------------------------------- a strict server


class StrictServer:
    """One response at a time, truncation within what was sent, outputs of known calls only; VAD as in GA."""

    def __init__(self) -> None:
        self.stage = Stage(greeting="Hello.")
        self.down: deque[events.Event] = deque()
        self.taken = 0
        self.active = ""
        self.count = 0
        self.audio: Counter[str] = Counter()
        self.calls: set[str] = set()
        self.open_calls: set[str] = set()
        self.speaking = False
        self.refusals: list[str] = []

    def begin(self) -> None:
        self.count += 1
        self.active = f"r{self.count}"
        self.down.append(events.ResponseCreated(self.active))

    def end(self, status: str = "completed") -> None:
        if self.active:
            done, self.active = self.active, ""
            self.calls |= self.open_calls
            self.open_calls.clear()
            self.down.append(events.ResponseDone(done, status))

    def refuse(self, code: str, frame: dict[str, Any]) -> None:
        self.refusals.append(code)
        self.down.append(events.ServerError("invalid_request_error", code, "", "", frame["event_id"]))

    def take(self) -> None:
        """The next of the client's frames, if there is one."""
        if self.taken == len(self.stage.sent):
            return
        frame = self.stage.sent[self.taken]
        self.taken += 1
        match frame["type"]:
            case "response.create":
                if self.active:
                    self.refuse("conversation_already_has_active_response", frame)
                else:
                    self.begin()
            case "response.cancel":
                if self.active == frame["response_id"]:
                    self.end("cancelled")
                else:
                    self.refuse("response_cancel_not_active", frame)
            case "conversation.item.truncate":
                assert frame["audio_end_ms"] <= self.audio[frame["item_id"]] // BYTES_PER_MS
            case "conversation.item.delete":
                assert frame["item_id"] in self.audio
            case "conversation.item.create":
                call = frame["item"].get("call_id")
                assert call is None or call in self.calls
                self.calls.discard(call)
                self.down.append(events.ItemAdded(frame["item"]["id"]))

    def act(self, action: str) -> None:
        match action:
            case "take":
                self.take()
            case "deliver" if self.down:
                self.stage.feed(self.down.popleft())
            case "sound" if self.active:
                item = f"i-{self.active}"
                self.audio[item] += 9601
                self.down.append(events.AudioDelta(self.active, item, 0, bytes(9601)))
            case "call" | "goodbye" if self.active and self.active not in self.open_calls | self.calls:
                name = "look_up" if action == "call" else "hang_up"
                self.open_calls.add(self.active)
                item = f"f-{self.active}"
                self.down.append(
                    events.ItemDone(self.active, item, "function_call", "completed", self.active, name, "{}")
                )
            case "end":
                self.end()
            case "speak" if not self.speaking:
                self.speaking = True
                self.end("cancelled")
                self.down.append(events.SpeechStarted("u", 0))
            case "hush" if self.speaking:
                self.speaking = False
                self.down.append(events.SpeechStopped("u", 0))
                if not self.active:
                    self.begin()
            case "digit":
                self.stage.feed(Digit("#"))
            case "answer":
                for called in self.stage.told_of(ToolCalled):
                    self.stage.feed(ToolAnswered(called.tool_call, "out"))
            case "play":
                self.stage.play(100)

    def settle(self) -> None:
        """Everything arrives, tools are answered, responses speak and end."""
        for _ in range(400):
            for action in ("take", "deliver", "answer", "play"):
                self.act(action)
            if self.active and not self.down:
                self.act("sound")
                self.act("end")


ACTIONS = st.sampled_from(
    ["take", "take", "deliver", "deliver", "deliver", "sound", "sound", "call", "goodbye", "end"]
    + ["speak", "hush", "digit", "answer", "play", "play"]
)


@PATIENT
@given(st.lists(ACTIONS, max_size=80))
def test_a_strict_server_refuses_nothing_but_races(script: list[str]) -> None:
    server = StrictServer()
    server.stage.feed(Greet())
    for action in script:
        server.act(action)
    server.act("hush")
    server.settle()
    assert set(server.refusals) <= {"conversation_already_has_active_response", "response_cancel_not_active"}
    assert server.stage.ended == []
    assert server.calls == set()  # each call was answered, once
    assert server.stage.conversation.responses.state is State.IDLE
    assert server.taken == len(server.stage.sent)
    answered = [call for call, _ in server.stage.outputs]
    assert len(answered) == len(set(answered))
