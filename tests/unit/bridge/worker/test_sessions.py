"""bridge.worker.sessions: one `Ended` per prepared call, whatever its session does. No sockets."""

import asyncio
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from bridge import contract
from bridge.audiosocket.server import AudioSocketServer
from bridge.audiosocket.ticker import Ticker
from bridge.engine import Emit
from bridge.media.sink import MediaLeg
from bridge.recording.disk import DiskThread
from bridge.recording.recorder import Recordings
from bridge.recording.tap import RecordingTap
from bridge.worker import sessions
from bridge.worker.sessions import Sessions

MEDIA = "00000000-0000-4000-9000-000000000000"
CALLS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(5)]
SPEC = contract.SessionSpec(agent="a", provider=contract.Provider(api_key="sk-test"), instructions="Be kind.")


class FakeSession:
    """Does as it is told by `how`; by default it ends well when it is closed."""

    def __init__(self, call: str, emit: Emit, how: str) -> None:
        self.call, self.emit, self.how = call, emit, how
        self.done: list[str] = []
        self._closed = asyncio.Event()

    async def run(self) -> None:
        if self.how == "run raises":
            raise RuntimeError("a fault of the session")
        await self._closed.wait()
        if self.how == "never ends":
            await asyncio.Event().wait()
        if self.how != "says nothing":
            self.emit(contract.Ended(call=self.call, reason=self.done[-1]))
        if self.how == "says it twice":
            self.emit(contract.Ended(call=self.call, reason="again"))
        if self.how == "raises after its end":
            raise RuntimeError("too late")

    consented = True

    def remember(self, turns: Sequence[contract.HistoryItem]) -> None:
        self.done.append(f"remembers {len(turns)}")

    def greet(self) -> None:
        if self.how == "greet raises":
            raise RuntimeError("a fault of the session")
        self.done.append("greeted")

    def answer_tool(self, tool_call: str, output: str, *, ok: bool = True, respond: bool = True) -> None:
        self.done.append(f"answered {tool_call} {output} {ok} {respond}")

    def speaking(self) -> tuple[Literal["caller", "agent"], ...]:
        return ("agent",)

    def saying(self) -> str:
        return "Good day"

    def command(self, command: contract.AgentCommand) -> None:
        self.done.append(command.type)

    def close(self, reason: str) -> None:
        if self.how == "close raises":
            raise RuntimeError("a fault of the session")
        self.done.append(reason)
        self._closed.set()

    def media_connected(self, leg: MediaLeg) -> None: ...
    def media_format(self, rate: int, frame_bytes: int) -> None: ...
    def caller_audio(self, pcm: bytes) -> None: ...
    def caller_digit(self, digit: str) -> None: ...
    def media_gone(self, reason: str) -> None: ...
    def next_frame(self) -> bytes | None:
        return None


@dataclass
class Rig:
    how: str = ""
    said: list[contract.CallEvent] = field(default_factory=list)
    made: dict[str, FakeSession] = field(default_factory=dict)
    said_at_end: Callable[[], object] = field(default=lambda: None)
    """Done at the first `Ended`, from within."""

    def __post_init__(self) -> None:
        self.server = AudioSocketServer(Ticker())
        self.disk = DiskThread()
        self.sessions = Sessions(self.server, self._make, self._said, capacity=3, recordings=Recordings(self.disk))
        self.sessions.on_up()

    def _said(self, event: contract.CallEvent) -> None:
        self.said.append(event)
        if isinstance(event, contract.Ended):
            then, self.said_at_end = self.said_at_end, lambda: None
            then()

    def _make(self, spec: contract.SessionSpec, call: str, emit: Emit) -> FakeSession:
        if self.how == "can't be made":
            raise RuntimeError("a fault of the session")
        self.made[call] = FakeSession(call, emit, self.how)
        return self.made[call]

    def prepare(self, call: str = CALLS[0], how: str = "", folder: Path | None = None) -> FakeSession | None:
        self.how = how
        wanted = contract.Recording(path=str(folder)) if folder else None
        self.sessions.on_command(contract.Prepare(call=call, spec=SPEC.model_copy(update={"recording": wanted})))
        return self.made.get(call)

    def ends(self, call: str = CALLS[0]) -> list[str]:
        return [event.reason for event in self.said if isinstance(event, contract.Ended) and event.call == call]

    async def over(self, call: str) -> None:
        """Until this call's task has ended."""
        if call in self.sessions._calls:
            task = self.sessions._calls[call].task
            assert task is not None
            await asyncio.wait({task}, timeout=10)
        assert call not in self.sessions.calls

    async def empty(self) -> None:
        async with asyncio.timeout(10):
            await self.sessions._empty.wait()


@pytest.fixture
async def rig() -> Rig:
    return Rig()


async def test_a_call_from_prepare_to_ended(rig: Rig) -> None:
    session = rig.prepare()
    assert session is not None
    assert rig.sessions.calls == (CALLS[0],)
    rig.sessions.on_command(contract.Greet(call=CALLS[0]))
    rig.sessions.on_command(contract.AnswerTool(call=CALLS[0], tool_call="t", output="{}", ok=False, respond=False))
    rig.sessions.on_command(contract.Close(call=CALLS[0], reason="hung up"))
    await rig.empty()
    assert session.done == ["greeted", "answered t {} False False", "hung up"]
    assert rig.said == [contract.Ended(call=CALLS[0], reason="hung up")]
    assert not rig.sessions.calls


async def test_a_call_whose_present_words_cannot_be_told_is_left_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for call in CALLS[:2]:
        session = rig.prepare(call)
        assert session is not None
        rig.sessions._calls[call].media = sessions.Media.HERE
        monkeypatch.setattr(session, "saying", (lambda: 1 / 0) if call == CALLS[0] else lambda: "x" * 5000)
    rig.sessions.on_command(contract.WatchLive(seconds=5))
    told = rig.sessions.live_report()
    assert told is not None
    assert [(scene.call, len(scene.saying)) for scene in told.calls] == [(CALLS[1], 1000)]
    await rig.sessions.drain(0)


async def test_a_call_that_was_another_workers_is_remembered_before_anything_else(rig: Rig) -> None:
    said = contract.HistoryItem(role="user", text="hello")
    rig.sessions.on_command(contract.Prepare(call=CALLS[0], spec=SPEC, history=(said,)))
    assert rig.made[CALLS[0]].done == ["remembers 1"]
    rig.sessions.on_command(contract.Close(call=CALLS[0], reason="over"))
    await rig.empty()


@pytest.mark.parametrize("how", ["", "says nothing", "says it twice", "run raises"])
async def test_a_recorded_call_ends_after_its_recording(rig: Rig, tmp_path: Path, how: str) -> None:
    rig.prepare(how=how, folder=tmp_path)
    rig.sessions.on_command(contract.ExpectMedia(call=CALLS[0], media=MEDIA, seconds=5))
    sink = rig.server._expected[MEDIA].sink
    assert isinstance(sink, RecordingTap)
    assert sink._recording is not None
    sink._recording.start()
    sink._recording.caller(b"\1\1" * 480)
    rig.sessions.on_command(contract.Close(call=CALLS[0], reason="over"))
    await rig.empty()
    recorded, ended = rig.said
    assert isinstance(recorded, contract.Recorded)
    assert recorded.path == f"{tmp_path}/{CALLS[0]}.wav"
    assert os.stat(recorded.path).st_size >= 44
    assert isinstance(ended, contract.Ended)
    assert ended.reason == {"says nothing": "the session ended", "run raises": sessions.FAULT}.get(how, "over")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("", "over"),
        ("run raises", sessions.FAULT),
        ("greet raises", sessions.FAULT),
        ("close raises", sessions.FAULT),
        ("says nothing", "the session ended"),
        ("says it twice", "over"),
        ("raises after its end", "over"),
    ],
)
async def test_ended_exactly_once_and_the_others_untouched(rig: Rig, how: str, reason: str) -> None:
    rig.prepare(CALLS[1])
    rig.prepare(CALLS[0], how)
    await asyncio.sleep(0)
    for command in (contract.Greet(call=CALLS[0]), contract.Close(call=CALLS[0], reason="over")):
        rig.sessions.on_command(command)
    await rig.over(CALLS[0])
    assert rig.ends() == [reason]
    assert isinstance(rig.said[-1], contract.Ended)
    assert rig.sessions.calls == (CALLS[1],)
    assert rig.ends(CALLS[1]) == []
    await rig.sessions.drain(0)


async def test_a_session_that_cannot_be_made(rig: Rig) -> None:
    rig.prepare(how="can't be made")
    failed, ended = rig.said
    assert isinstance(failed, contract.Failed)
    assert failed.kind == "transient"
    assert isinstance(ended, contract.Ended)
    assert len(rig.sessions) == 0


async def test_only_a_media_id_that_was_told_lets_somebody_in_and_only_while_the_call_lasts(rig: Rig) -> None:
    rig.prepare()
    assert rig.server._expected == {}
    rig.sessions.on_command(contract.ExpectMedia(call=CALLS[0], media=MEDIA, seconds=5))
    rig.sessions.on_command(contract.ExpectMedia(call=CALLS[1], media=str(uuid.uuid4()), seconds=5))
    assert list(rig.server._expected) == [MEDIA]
    rig.sessions.on_command(contract.Close(call=CALLS[0], reason="over"))
    assert rig.server._expected == {}
    await rig.empty()


async def test_a_media_id_that_is_none_ends_its_call_only(rig: Rig) -> None:
    rig.prepare(CALLS[1])
    rig.prepare()
    await asyncio.sleep(0)
    rig.sessions.on_command(contract.ExpectMedia(call=CALLS[0], media="nonsense", seconds=5))
    rig.sessions.on_command(contract.CheckMedia(check="c", media="nonsense", seconds=5))
    await rig.over(CALLS[0])
    assert rig.sessions.calls == (CALLS[1],)
    await rig.sessions.drain(0)


@pytest.mark.parametrize("how", ["", "never ends", "says nothing", "close raises"])
@pytest.mark.parametrize("closed", [False, True])
async def test_a_prepare_while_the_former_session_ends(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, how: str, closed: bool
) -> None:
    """The former one ends, and only then is anything told of the new one."""
    monkeypatch.setattr(sessions, "CLOSE_SECONDS", 0.02)
    former = rig.prepare(how=how)
    await asyncio.sleep(0)
    if closed:
        rig.sessions.on_command(contract.Close(call=CALLS[0], reason="left"))
    rig.prepare(), rig.prepare()
    assert rig.said == []
    assert rig.sessions.calls == (CALLS[0],)
    task = rig.sessions._calls[CALLS[0]].task
    assert task is not None
    await asyncio.wait({task}, timeout=10)
    assert len(rig.ends()) == 1
    assert rig.made[CALLS[0]] is not former
    assert rig.sessions.calls == (CALLS[0],)
    rig.sessions.on_command(contract.Close(call=CALLS[0], reason="over"))
    await rig.empty()
    assert rig.ends()[1:] == ["over"]
    assert not [event for event in rig.said if isinstance(event, contract.Failed)]


async def test_a_prepare_between_the_word_of_the_end_and_the_end(rig: Rig) -> None:
    """The controller may answer `Ended` before the task of the former session is over."""
    former = rig.prepare()
    assert former is not None
    rig.said_at_end = lambda: rig.prepare()
    task = rig.sessions._calls[CALLS[0]].task
    assert task is not None
    rig.sessions.on_command(contract.Close(call=CALLS[0], reason="left"))
    await asyncio.wait({task}, timeout=10)
    assert rig.ends() == ["left"]
    assert rig.made[CALLS[0]] is not former
    assert rig.sessions.calls == (CALLS[0],)
    await rig.sessions.drain(0)
    assert len(rig.ends()) == 2


@pytest.mark.parametrize("end", ["close", "drain"])
async def test_a_session_that_waits_for_the_end_of_the_former_one_may_be_given_up(rig: Rig, end: str) -> None:
    former = rig.prepare()
    rig.prepare()
    if end == "close":
        rig.sessions.on_command(contract.Close(call=CALLS[0], reason="over"))
        await rig.empty()
    else:
        await rig.sessions.drain(0)
    assert rig.made[CALLS[0]] is former
    assert len(rig.ends()) == 2
    assert rig.ends()[1] == ("over" if end == "close" else sessions.STOPPING)
    assert rig.sessions.calls == ()


async def test_a_full_worker_refuses(rig: Rig) -> None:
    for call in CALLS[:4]:
        rig.prepare(call)
    assert [event.type for event in rig.said] == ["failed", "ended"]
    assert len(rig.sessions) == 3
    await rig.sessions.drain(0)


async def test_commands_for_unknown_calls_are_ignored(rig: Rig) -> None:
    rig.sessions.on_command(contract.Close(call=CALLS[0], reason="?"))
    rig.sessions.on_command(contract.Greet(call=CALLS[0]))
    rig.sessions.on_command(contract.Welcome())
    assert rig.said == []


async def test_the_controller_may_want_the_worker_to_end(rig: Rig) -> None:
    wishes: list[float] = []
    rig.sessions._retire = wishes.append
    rig.sessions.on_command(contract.Drain(seconds=30))
    assert wishes == [30]


async def test_draining_takes_no_new_call_and_waits_for_the_present_ones(rig: Rig) -> None:
    session = rig.prepare()
    assert session is not None
    draining = asyncio.create_task(rig.sessions.drain(30))
    await asyncio.sleep(0)
    rig.prepare(CALLS[1])
    assert rig.ends(CALLS[1]) == [sessions.STOPPING]
    session.close("said goodbye")
    async with asyncio.timeout(10):
        await draining
    assert rig.ends() == ["said goodbye"]


async def test_a_session_that_does_not_end_is_cancelled(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CLOSE_SECONDS", 0.02)
    rig.prepare(how="never ends")
    await asyncio.sleep(0)
    await rig.sessions.drain(0)
    assert rig.ends() == [sessions.STOPPING]
    assert len(rig.sessions) == 0


# ---------------------------------------------------------------- while the controller is away


async def test_conversations_go_on_and_those_without_a_leg_end(rig: Rig) -> None:
    talking, left, leaving = (rig.prepare(call) for call in CALLS[:3])
    assert talking
    assert left
    assert leaving
    for session in (talking, left, leaving):
        session.emit(contract.MediaConnected(call=session.call))
    left.emit(contract.MediaGone(call=left.call, reason="x"))
    assert left.done == []
    rig.sessions.on_down()
    assert len(left.done) == 1
    leaving.emit(contract.MediaGone(call=leaving.call, reason="x"))
    await rig.over(left.call)
    await rig.over(leaving.call)
    assert talking.done == []
    assert rig.sessions.calls == (talking.call,)
    await rig.sessions.drain(0)


@pytest.mark.parametrize("back", [True, False])
async def test_a_call_that_never_got_its_leg(rig: Rig, back: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ORPHAN_SECONDS", 0.02)
    session = rig.prepare()
    assert session
    rig.sessions.on_down()
    if back:
        rig.sessions.on_up()
        await asyncio.sleep(0.05)
        assert session.done == []
        await rig.sessions.drain(0)
    else:
        await rig.empty()
        assert rig.ends() == ["no media leg, and the controller is away"]
