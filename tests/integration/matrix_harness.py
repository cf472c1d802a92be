"""One call in real time, of which a connection breaks: a real AudioSocket leg, a real session, two simulated servers.

`Talk` is the caller's side of it and the controller's. The caller's sound never stops; tones of known frequency tell
who was heard, and how long. `Talk.check` is what must be true of any call, however its connection broke.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
from pydantic import SecretStr

from bridge import contract
from bridge.audiosocket import wire
from bridge.audiosocket.server import AudioSocketServer
from bridge.realtime.conversation.history import LINE_DROPPED
from bridge.realtime.session import RealtimeSession
from bridge.realtime.transport.retry import RetryTiming
from simulator.realtime.faults import Delivery, Script
from simulator.realtime.reply import Reply, Say, Turn, tone
from simulator.realtime.server import RealtimeServer
from simulator.realtime.session import Session as Served
from tests.openai_shapes import check_client
from tests.peers.audiosocket import AsteriskPeer

FRAME = 960
LOUD = 3000
"""Peak above which a frame is speech: the comfort tone has 650, the tones of the simulator 9,800."""
SILENCE = bytes(FRAME)
EDGE_S = 0.2

HELLO = "Hello, this is the town hall, what can I do for you?"
GOODBYE = "I have to hang up now, goodbye and thank you."
GREETING = Say(HELLO, 0.6, 440)
STORY = Say("one two three four five six seven eight nine ten eleven twelve", 1.2, 1000)
REPLY = Say("Indeed.", 0.4, 880)
LAST = Say(GOODBYE, 0.8, 700)
LOOK_UP = contract.FunctionTool(name="look_up", description="Look it up.", parameters={"type": "object"})
HANG_UP = contract.FunctionTool(
    name="hang_up", description="End the call.", parameters={"type": "object"}, after_speech=True
)
QUICK = contract.ServerVad(silence_duration_ms=200, prefix_padding_ms=100)
DELIVERY = Delivery(pace=4, delta_bytes=4800, think_ms=100)

E = TypeVar("E")


class Host:
    """A model that answers what it is asked: given words as they are, the first question with `first`."""

    def __init__(self, first: Reply) -> None:
        self._first: Reply | None = first
        self._questions = 0

    async def hear(self, pcm: bytes) -> str:
        self._questions += 1
        return f"question {self._questions}"

    async def reply(self, turn: Turn) -> Reply:
        asked = turn.instructions or ""
        for given in (GREETING, LAST):
            if given.text in asked:
                return (given,)
        if self._first is not None and not turn.outputs:
            first, self._first = self._first, None
            return first
        return (REPLY,)


class Talk:
    """See the module. `async with talk:` is the call from the first ringing to its end."""

    def __init__(
        self,
        legs: AudioSocketServer,
        address: tuple[str, int],
        first: Reply,
        *,
        faults: Mapping[int, Sequence[Script]],
        pace: RetryTiming,
        ping_s: float = 10.0,
        fallback: bool = False,
    ) -> None:
        model = Host(first)
        scripts = {number: (DELIVERY, *faults.get(number, ())) for number in range(20)}
        self.server = RealtimeServer(model, faults=scripts)
        self.spare = RealtimeServer(model, faults=(DELIVERY,))
        self.told: list[contract.CallEvent] = []
        self._legs, self._address, self._pace = legs, address, pace
        self._ping_s, self._fallback = ping_s, fallback
        self._changed = asyncio.Event()
        self._words: deque[bytes] = deque()
        self._pitches: list[float] = []
        """Of the frames heard so far, in Hertz."""
        self._call = str(uuid4())
        self.first = first

    async def __aenter__(self) -> "Talk":
        await self.server.__aenter__()
        await self.spare.__aenter__()
        self.session = RealtimeSession(self._spec(), self._call, self._tell, pace=self._pace)
        self._legs.expect(self._call, self._call, self.session, 30)
        self._task = asyncio.create_task(self.session.run())
        await self.wait(contract.Ready)
        self.peer = AsteriskPeer(*self._address, self._call)
        await self.peer.__aenter__()
        self._mouth = asyncio.create_task(self._speak())
        self.session.greet()
        return self

    async def __aexit__(self, *why: object) -> None:
        self.session.close("the test is over")
        self._mouth.cancel()
        with suppress(asyncio.CancelledError):
            await self._mouth
        try:
            await asyncio.wait_for(self._task, 5)
            await self.peer.ended()
        finally:
            await self.peer.__aexit__(None, None, None)
            await self.server.__aexit__(None, None, None)
            await self.spare.__aexit__(None, None, None)

    def _spec(self) -> contract.SessionSpec:
        first, second = (
            contract.Provider(name=name, url=server.url, api_key=SecretStr("sk-test"), ping_s=self._ping_s)
            for name, server in (("first", self.server), ("second", self.spare))
        )
        return contract.SessionSpec(
            agent="a",
            provider=first,
            fallbacks=(second,) if self._fallback else (),
            instructions="i",
            greeting=HELLO,
            turn_detection=QUICK,
            transcription=contract.Transcription(),
            tools=(LOOK_UP, HANG_UP),
        )

    # ------------------------------------------------------------ the caller

    def say(self, seconds: float) -> None:
        """From the next frame on."""
        words = tone(seconds, 300)
        self._words.extend(words[at : at + FRAME] for at in range(0, len(words), FRAME))

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self.peer.send(wire.encode_audio(24_000, self._words.popleft() if self._words else SILENCE))
            due = max(due + 0.02, loop.time() - 0.1)
            await asyncio.sleep(due - loop.time())

    def heard(self, what: Say, since: int = 0) -> int:
        """Milliseconds of this tone in the frames from number `since` on."""
        new = self.peer.frames[len(self._pitches) :]
        self._pitches.extend(_pitch(frame.pcm) for frame in new)
        return 20 * sum(abs(pitch - what.hz) <= 50 for pitch in self._pitches[since:])

    async def hears(self, what: Say, milliseconds: int, since: int = 0) -> None:
        """Wait until so much of it has been heard."""
        async with asyncio.timeout(10):
            while self.heard(what, since) < milliseconds:
                await self.peer.hear(2)

    async def asks(self) -> None:
        """A question that is answered, and the whole answer."""
        mark, said = len(self.peer.frames), len(self.said)
        self.say(0.3)
        await self.hears(REPLY, 380, mark)
        await self.until(lambda: len(self.said) > said)

    # ------------------------------------------------------------ the controller

    def _tell(self, event: contract.CallEvent) -> None:
        self.told.append(event)
        self._changed.set()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def said(self) -> list[contract.Said]:
        """What the agent said and the caller heard."""
        return [each for each in self.of(contract.Said) if each.who == "agent"]

    async def wait(self, kind: type[E], nth: int = 1) -> E:
        await self.until(lambda: len(self.of(kind)) >= nth)
        return self.of(kind)[nth - 1]

    async def until(self, true: Callable[[], bool]) -> None:
        """Something that shows with an event to the controller."""
        async with asyncio.timeout(10):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    # ------------------------------------------------------------ what must be true

    @property
    def sessions(self) -> Sequence[Served]:
        return [*self.server.sessions, *self.spare.sessions]

    @property
    def last(self) -> Served:
        """The connection that heard the caller last."""
        return max((each for each in self.sessions if each.caller_audio), key=lambda each: each.received[-1].at)

    def check(self, reference: AsteriskPeer) -> None:
        """After the call. `reference`: a leg of the same server to which nothing happened."""
        assert not self.of(contract.Failed)
        assert isinstance(self.told[-1], contract.Ended)
        assert len(self.of(contract.Ended)) == len(self.of(contract.Ready)) == 1
        self._check_frames(reference)
        self._check_heard()
        self._check_tools()
        for served in self.sessions:
            assert [refusal.code for refusal in served.refused] == []
            for seen in served.received:
                if seen.type != "input_audio_buffer.append":
                    check_client(seen.event)

    def _check_frames(self, reference: AsteriskPeer) -> None:
        """As many as on any leg, from connect to close: 50 a second, if the machine lets us.

        After a stall the frames of one leg are read before those of another, hence the slack at both ends.
        """
        first, *_, last = self.peer.arrivals
        least, most = (
            sum(first - slack <= at <= last + slack for at in reference.arrivals) for slack in (-EDGE_S, EDGE_S)
        )
        assert least <= len(self.peer.arrivals) <= most, (least, len(self.peer.arrivals), most)

    def _check_heard(self) -> None:
        """What is told of each sentence is what came out of the leg; the last connection knows just that."""
        said = self.said
        told_ms = sum(each.heard_ms or 0 for each in said)
        heard_ms = sum(self.heard(each) for each in (GREETING, STORY, REPLY, LAST))
        assert abs(told_ms - heard_ms) <= 20 * len(said), (told_ms, heard_ms)
        known = remembered(self.last)
        assert [text for who, text in known if who == "assistant"] == [each.text for each in said if each.text]
        if any(not each.planned for each in self.of(contract.Reconnected)):
            assert known.count(("system", LINE_DROPPED)) == 1
        asked = [text for who, text in known if who == "user"]
        assert len(asked) == len(set(asked))

    def _check_tools(self) -> None:
        """Run once, answered once, on the connection that goes on as well as on any other."""
        called = [each.tool_call for each in self.of(contract.ToolCalled)]
        assert len(called) == len(set(called))
        for served in self.sessions:
            outputs = Counter(_ids(served, "function_call_output"))
            assert set(outputs.values()) <= {1}
        if not called or self.of(contract.ToolCalled)[0].name == "hang_up":
            return
        assert sorted(_ids(self.last, "function_call")) == sorted(_ids(self.last, "function_call_output"))
        assert sorted(_ids(self.last, "function_call")) == sorted(called)


def remembered(served: Served) -> list[tuple[str, str]]:
    """What a server knows of who said what."""
    return [(item.frame["role"], item.text) for item in served.history.items if item.frame["type"] == "message"]


def _ids(served: Served, kind: str) -> list[str]:
    return [item.frame["call_id"] for item in served.history.items if item.frame["type"] == kind]


def _pitch(pcm: bytes) -> float:
    """Hertz of the strongest tone of a frame; 0: nobody speaks."""
    samples: Any = np.frombuffer(pcm, "<i2").astype(np.float32)
    if not len(samples) or np.abs(samples).max() < LOUD:
        return 0.0
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * 24_000 / len(samples)
