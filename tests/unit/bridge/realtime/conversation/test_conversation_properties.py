"""What holds for a conversation whatever happens in whatever order: any event at any time, ids mixed up.

Each item's sound is a value of its own, so that what was played is counted from the frames themselves and not from the
playout's account. A server that makes sense, and forgives nothing, is in `test_conversation_server`.
"""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from bridge.contract import AddMessage, BargedIn, Hold, Said, Speak, ToolCalled, WrapUp, WrapUpDone
from bridge.media.playout import BYTES_PER_MS
from bridge.realtime.conversation.inputs import Closing, ConnectionLost, Digit, Drained, Greet, Ticked, ToolAnswered
from bridge.realtime.conversation.responses import State
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.session_differences import Difference
from tests.unit.bridge.realtime.conversation.stage import Stage, connection_opened

PATIENT = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])

# ---------------------------------------------------------------- noise

RESPONSES = st.integers(0, 3)
ITEMS = st.integers(0, 5)
HINTS = st.sampled_from(["", "try again in 6ms", "try again in 3s", "try again in 2h"])
DEAF = Difference("turn_detection", "server_vad", "off", essential=True, again=True)
SIZES = st.sampled_from([0, 1, 47, 959, 960, 961, 4800, 9601])


def item_of(response: int, item: int) -> str:
    """An item belongs to one response."""
    return f"i{response}.{item}"


def sample(item: str) -> int:
    response, number = item[1:].split(".")
    return 1 + 10 * int(response) + int(number)


def delta(response: int, item: int, size: int) -> server_events.Event:
    name = item_of(response, item)
    return server_events.AudioDelta(f"r{response}", name, 0, bytes([sample(name)]) * size)


def tool(response: int, call: int, name: str, status: str) -> server_events.Event:
    return server_events.ItemDone(f"r{response}", f"t{call}", "function_call", status, f"c{call}", name, "{}")


HOLD = Hold(call="call", on=True)
SPEAK = Speak(call="call", text="Please wait.")
WRAP_UP = WrapUp(call="call", text="Goodbye.", why="max_length")
INFORM = AddMessage(call="call", text="Recorded.", respond=True)
BACK = connection_opened()

NOISE = st.one_of(
    st.builds(delta, RESPONSES, ITEMS, SIZES),
    st.builds(lambda r: server_events.ResponseCreated(f"r{r}"), RESPONSES),
    st.builds(
        lambda r, s: server_events.ResponseDone(f"r{r}", s),
        RESPONSES,
        st.sampled_from(["completed", "cancelled", "failed", "incomplete"]),
    ),
    st.builds(lambda r, i: server_events.AudioDone(item_of(r, i)), RESPONSES, ITEMS),
    st.builds(lambda r, i: server_events.TranscriptDelta(f"r{r}", item_of(r, i), "word "), RESPONSES, ITEMS),
    st.builds(lambda r, i: server_events.TranscriptDone(f"r{r}", item_of(r, i), "some words"), RESPONSES, ITEMS),
    st.builds(
        tool, RESPONSES, ITEMS, st.sampled_from(["hang_up", "look_up", "x"]), st.sampled_from(["completed", "cut"])
    ),
    st.builds(lambda c: ToolAnswered(f"c{c}", "out"), ITEMS),
    st.builds(
        lambda n: server_events.ServerError("", "conversation_already_has_active_response", "", "", f"create_{n}"),
        ITEMS,
    ),
    st.builds(lambda n: server_events.ItemAdded(f"item_{n}"), ITEMS),
    st.sampled_from(
        [
            server_events.SpeechStarted("u", 0),
            server_events.SpeechStopped("u", 0),
            server_events.SessionUpdated("s", "m", None),
        ]
    ),
    st.sampled_from([Digit("1"), Digit("#"), Greet(), Ticked(), Drained()]),
    st.sampled_from([HOLD, HOLD.model_copy(update={"on": False}), SPEAK, WRAP_UP, INFORM, ConnectionLost(), BACK]),
    st.sampled_from(
        [server_events.RemoteTool(over=False), server_events.RemoteTool(over=True), server_events.CallerIdle()]
    ),
    st.builds(lambda r: server_events.ItemDone(f"r{r}", "m", "mcp_call", "completed"), RESPONSES),
    st.builds(lambda hint: server_events.ServerError("tokens", "rate_limit_exceeded", hint, "", ""), HINTS),
    st.builds(
        lambda hint: server_events.ResponseDone("x99", "failed", "", "tokens", "rate_limit_exceeded", hint), HINTS
    ),
    st.builds(lambda n, s: server_events.ResponseDone(f"x9{n}", s), ITEMS, st.sampled_from(["completed", "cancelled"])),
    st.builds(lambda text: server_events.CallerTranscribed("u", text, {}), st.sampled_from(["", "yes"])),
    st.just(server_events.TranscriptionFailed("u", "x")),
    st.builds(lambda found: server_events.SessionUpdated("s", "m", None, {}, found), st.sampled_from([(), (DEAF,)])),
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

    @property
    def cuts_at_once(self) -> bool:
        """Speech of the caller silences the agent: not on hold, where it is silent, and not when it says its last."""
        return not (self.conversation.parts.commands.on_hold or self.conversation.parts.closing.firm)

    def happen(self, what: Any) -> None:
        match what:
            case int(ticks):
                for _ in range(ticks):
                    self.tick()
            case float(seconds):
                end = self.now + seconds
                while self.now < end and not self.playout.idle:
                    self.tick()  # they never stop: whatever was received is heard before a timer gives it up
                self.wait(max(0.0, end - self.now))
            case _:
                cuts_at_once = self.cuts_at_once
                self.feed(what)
                self._witness(what, cuts_at_once)

    def _witness(self, what: Any, cuts_at_once: bool) -> None:
        response = getattr(what, "response_id", "")
        match what:
            case server_events.AudioDelta(_, item, _, pcm):
                self.received[item] += len(pcm)
            case server_events.SpeechStarted() | Hold(on=True) if cuts_at_once:
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
        assert max(Counter(said.item for said in self.told_of(Said) if said.who == "agent").values(), default=1) == 1
        assert all(barge.latency_ms >= 0 for barge in self.told_of(BargedIn))
        assert max(Counter(call for call, _ in self.outputs).values(), default=1) == 1
        assert max(Counter(event.tool_call for event in self.told_of(ToolCalled)).values(), default=1) == 1


@PATIENT
@given(st.lists(NOISE, max_size=60))
def test_noise(script: list[Any]) -> None:
    stage = Witness()
    calls = set()
    for what in script:
        if isinstance(what, server_events.ItemDone) and what.call_id and what.status == "completed" and not stage.ended:
            calls.add(what.call_id)
        stage.happen(what)
    stage.happen(BACK)
    stage.wait(500)  # the server says nothing any more
    stage.check()
    wrapped_up = any(isinstance(what, WrapUp) for what in script)
    assert wrapped_up <= len(stage.told_of(WrapUpDone)) <= 1
    assert stage.ended or {call for call, _ in stage.outputs} == calls
    assert stage.ended or not stage.timers
    assert stage.ended or stage.conversation.parts.responses.state is State.IDLE
    stage.feed(Closing())
    stage.play(100)
    stage.check()
