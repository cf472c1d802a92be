"""A hostile model: a Realtime server whose sessions work, and that says odd things besides.

Owns the hostile frames and when they are sent. The simulator underneath keeps the calls alive (it opens sessions and
answers), so that each frame meets a conversation in some state of it. Does not judge.
"""

import asyncio
import base64
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from simulator.realtime import Close, Delivery, Drop, RealtimeServer, Refuse, Say, Send, Session, Stall, ToneModel
from simulator.realtime.faults import Action, Script
from tests.chaos import hostile_frames as raw, hostile_values as odd
from tests.chaos.hostile_monologues import STORIES

log = structlog.get_logger()

TOOLS = ("transfer", "hang_up", "send_dtmf", "hold", "wait_for_user", "find_order", "place_order", "nonsense", "")
CODES = (
    *("session_expired", "insufficient_quota", "rate_limit_exceeded", "invalid_api_key", "server_error", "", "x" * 300),
    *("response_cancel_not_active", "conversation_already_has_active_response", "item_truncate_invalid_item_id"),
)
CLOSES = (1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 4000, 4999)
STATUSES = (400, 401, 403, 404, 429, 500, 502, 503)
BURST_SECONDS, BURST_RATE = 1.0, 10_000
PAUSE = (0.02, 0.3)
TOGETHER = 2
LONGEST = 3.0
"""Seconds of one attack: a session may stand still."""
REFUSED = 0.05
"""Share of the connections that are refused at once."""


class RandomScripts(Mapping[int, Sequence[Script]]):
    """Some connections are refused, the others work at some pace."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def __getitem__(self, number: int) -> Sequence[Script]:
        if self._chance.random() < REFUSED:
            return [Refuse(self._chance.choice(STATUSES))]
        return [Delivery(pace=self._chance.choice([1.2, 4, 0]), delta_bytes=self._chance.choice([9600, 961, 4801]))]

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def get(self, number: int, default: Any = None) -> Any:
        return self[number]


class HostileServer(RealtimeServer):
    """Answers some upgrades with what is none."""

    def __init__(self, chance: random.Random, **more: Any) -> None:
        super().__init__(lambda: ToneModel(forever=Say("I am hostile.", 4.0, 550)), **more)
        self._chance = chance

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        refusal = super()._upgrade(connection, request)
        if refusal is None and self._chance.random() < REFUSED:
            status, headers = self._chance.choice(raw.UPGRADES)
            refusal = connection.respond(
                HTTPStatus(status), odd.text(self._chance)[:2000].encode("utf-8", "replace").decode()
            )
            for name, value in headers:
                refusal.headers[name] = value
        return refusal


class HostileModel:
    """`async with` listens at `url`; `run` attacks its sessions until it is cancelled. `done` counts attacks."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"hostile model {seed}")
        self._server = HostileServer(self._chance, faults=RandomScripts(self._chance), keep=False)
        self.done: Counter[str] = Counter()
        self.sessions = 0
        self._kinds: list[tuple[Callable[[Session], Coroutine[Any, Any, None]], int]] = [
            (self._odd_event, 12),
            (self._contradiction, 6),
            (self._story, 14),
            (self._tool_calls, 6),
            (self._odd_audio, 4),
            (self._odd_words, 4),
            (self._error, 3),
            (self._no_json, 3),
            (self._odd_frames, 2),
            (self._burst, 1),
            (self._flood, 1),
            (self._end, 1),
        ]

    @property
    def url(self) -> str:
        return self._server.url

    async def __aenter__(self) -> "HostileModel":
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._server.__aexit__(None, None, None)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as acting:
            for _ in range(TOGETHER):
                acting.create_task(self._attack_for_ever())

    async def _attack_for_ever(self) -> None:
        attacks, weights = zip(*self._kinds, strict=True)
        while True:
            await asyncio.sleep(self._chance.uniform(*PAUSE))
            self.sessions = max(self.sessions, self._server.attempts)
            live = [each for each in self._server.sessions if not each.closed]
            if not live:
                continue
            attack = self._chance.choices(attacks, weights)[0]
            session, name = self._chance.choice(live), attack.__name__.lstrip("_")
            self.done[name] += 1
            log.info("attack", kind=name, session=session.number)
            with suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(LONGEST):
                    await attack(session)

    # ------------------------------------------------------------ attacks

    async def _say(self, session: Session, *events: Any) -> None:
        for event in events:
            frame = odd.dumps(event)
            log.info("says", session=session.number, frame=frame[:300])
            await session.act(Send(frame))

    def _ids(self, session: Session) -> tuple[str, str]:
        """A response and an item: of now, of before, or of nobody."""
        chance = self._chance
        responses = [each.id for each in session.responses[-3:]] + [odd.text(chance)[:80], "resp_unknown"]
        items = [each.id for each in session.history.items[-4:]] + [odd.text(chance)[:80], "item_unknown"]
        return chance.choice(responses), chance.choice(items)

    async def _odd_event(self, session: Session) -> None:
        event: Any = self._chance.choice(events_of(*self._ids(session)))
        for _ in range(self._chance.randrange(1, 4)):
            event = odd.mutated(self._chance, event)
        await self._say(session, *[event] * self._chance.choice([1, 1, 1, 2, 30]))

    async def _contradiction(self, session: Session) -> None:
        """Well-formed events in any order: over before begun, begun twice, of one item in two responses."""
        response, item = self._ids(session)
        known = events_of(response, item) + events_of(*self._ids(session))
        await self._say(session, *(self._chance.choice(known) for _ in range(self._chance.randrange(2, 25))))

    async def _tool_calls(self, session: Session) -> None:
        chance, response = self._chance, f"resp_h{self._chance.getrandbits(40):x}"
        await self._say(session, {"type": "response.created", "response": {"id": response, "status": "in_progress"}})
        for number in range(chance.choice([1, 1, 2, 100])):
            call = chance.choice(["call_same", f"call_{number}", odd.text(chance)[:60]])
            name = chance.choice(TOOLS) if chance.random() < 0.9 else odd.text(chance)[:70]
            item = {"id": f"item_{response}_{number}", "type": "function_call", "status": "completed"}
            item |= {"call_id": call, "name": name, "arguments": self._arguments()}
            await self._say(session, {"type": "response.output_item.done", "response_id": response, "item": item})
        if chance.random() < 0.8:
            done = {"id": response, "status": "completed", "output": []}
            await self._say(session, {"type": "response.done", "response": done})

    def _arguments(self) -> Any:
        chance = self._chance
        match chance.randrange(9):
            case 0:
                return odd.deep_json(chance)
            case 1 if chance.random() < 0.3:
                return odd.dumps({"number": "x" * odd.LARGEST})
            case 2:
                return odd.broken(chance, '{"number": "123456", "to": "colleague"}')
            case 3:
                return odd.value(chance)
            case 4:
                return odd.dumps({"to": odd.text(chance), "number": odd.text(chance), "digits": odd.text(chance)})
            case 5:
                return '{"number": "1", "number": NaN, "seconds": 1e999}'
            case _:
                target = chance.choice(["colleague", "busy", "silent", "nobody", "5001@from-trunk", "+49900123456"])
                return odd.dumps({"to": target, "number": "123456", "digits": "1#*", "seconds": 2})

    async def _odd_audio(self, session: Session) -> None:
        chance = self._chance
        response, item = self._ids(session)
        pcm = base64.b64encode(chance.randbytes(chance.choice([1, 3, 960, 9601, 200_000, 1_500_000]))).decode()
        delta = chance.choice([pcm, pcm[:-1], pcm.replace("A", "\u00e9"), pcm + "====", "", "%%%", 7, None, [pcm[:40]]])
        event = {"type": "response.output_audio.delta", "response_id": response, "item_id": item, "output_index": 0}
        await self._say(session, event | {"content_index": chance.choice([0, 0, -1, 2**40, "0", 1.5]), "delta": delta})

    async def _odd_words(self, session: Session) -> None:
        """An emoji cut in two, and text that is none."""
        response, item = self._ids(session)
        on = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        kind = "response.output_audio_transcript"
        heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": item, "content_index": 0}
        await self._say(
            session,
            {"type": f"{kind}.delta", **on, "delta": f"Hi {odd.LONE_SURROGATE}"},
            {"type": f"{kind}.delta", **on, "delta": f"{odd.OTHER_HALF}!"},
            {"type": f"{kind}.done", **on, "transcript": odd.text(self._chance)},
            heard | {"transcript": odd.text(self._chance), "usage": odd.value(self._chance)},
        )

    async def _error(self, session: Session) -> None:
        code = self._chance.choice(CODES)
        error = {"type": "invalid_request_error", "code": code, "message": odd.text(self._chance), "param": None}
        event: Any = {"type": "error", "event_id": "e", "error": error | {"event_id": odd.value(self._chance)}}
        await self._say(session, event if self._chance.random() < 0.6 else odd.mutated(self._chance, event))

    async def _no_json(self, session: Session) -> None:
        chance = self._chance
        raw = odd.dumps(chance.choice(events_of(*self._ids(session))))
        frames: list[str | bytes] = [odd.broken(chance, raw), raw.encode(), odd.deep_json(chance), chance.randbytes(60)]
        frames += ['{"type": ' + "9" * 5000 + "}", "nul", '"', "1e999", "", b"", "[]"]
        frames += ['{"type": "x", "a": [' + "{}," * chance.choice([10, 90_000, 1_200_000]) + "1]}"]
        await session.act(Send(chance.choice(frames)))

    async def _story(self, session: Session) -> None:
        story = self._chance.choice(STORIES)
        self.done[story.__name__] += 1
        events = story(self._chance, *self._ids(session))
        log.info("tells a story", session=session.number, kind=story.__name__, events=len(events))
        for event in events:
            await session.act(Send(odd.dumps(event)))

    async def _odd_frames(self, session: Session) -> None:
        """What no library sends, behind its back."""
        event = odd.dumps(self._chance.choice(events_of(*self._ids(session)))).encode()
        _write(session, raw.odd_frames(self._chance, event))

    async def _flood(self, session: Session) -> None:
        _write(session, raw.flood(self._chance, *self._ids(session)))

    async def _burst(self, session: Session) -> None:
        """As many small deltas as a server can send in a second."""
        response, item = self._ids(session)
        event = {"type": "response.output_audio.delta", "response_id": response, "item_id": item, "output_index": 0}
        frame = odd.dumps(event | {"content_index": 0, "delta": base64.b64encode(bytes(48)).decode()})
        until = asyncio.get_running_loop().time() + BURST_SECONDS
        for number in range(int(BURST_SECONDS * BURST_RATE)):
            await session.act(Send(frame))
            if number % 100 == 0:
                await asyncio.sleep(0)
                if asyncio.get_running_loop().time() > until:
                    break

    async def _end(self, session: Session) -> None:
        code = self._chance.choice(CLOSES)
        reason = self._chance.choice(["", "x" * 120, "😀" * 30])
        ends: list[Action] = [Close(code, reason), Close(code, reason), Drop(), Stall(3.0)]
        await session.act(self._chance.choice(ends))


def _write(session: Session, data: bytes) -> None:
    """As it is, if nobody has begun to close the connection."""
    if session.socket.state is State.OPEN:
        session.socket.transport.write(data)


def events_of(response: str, item: str) -> list[dict[str, Any]]:
    """Each kind of event that a phone call knows, well-formed, of this response and this item."""
    on = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    tool = {"id": item, "object": "realtime.item", "type": "function_call", "status": "completed"}
    tool |= {"call_id": "call_same", "name": "find_order", "arguments": '{"number": "123456"}'}
    usage = {"total_tokens": 9, "input_token_details": {"text_tokens": 4}, "output_token_details": {"audio_tokens": 5}}
    done = {"object": "realtime.response", "id": response, "output": [], "usage": usage}
    audio = {"input": {"turn_detection": {"type": "server_vad"}}, "output": {"voice": "marin"}}
    setup = {"type": "realtime", "id": "sess_1", "model": "gpt-realtime", "expires_at": 1, "audio": audio}
    transcription = "conversation.item.input_audio_transcription"
    return [
        {"type": "session.created", "session": setup},
        {"type": "session.updated", "session": setup},
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 1000, "item_id": item},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": item},
        {"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": item},
        {"type": "input_audio_buffer.timeout_triggered", "item_id": item, "audio_start_ms": 1, "audio_end_ms": 2},
        {"type": f"{transcription}.completed", "item_id": item, "transcript": "Hi", "usage": {"seconds": 1e9}},
        {"type": f"{transcription}.failed", "item_id": item, "error": {"code": "audio_unintelligible"}},
        {"type": "conversation.item.added", "item": tool, "previous_item_id": item},
        {"type": "conversation.item.truncated", "item_id": item, "content_index": 0, "audio_end_ms": -5},
        {"type": "conversation.item.deleted", "item_id": item},
        {"type": "response.created", "response": {**done, "status": "in_progress"}},
        {"type": "response.done", "response": {**done, "status": "completed"}},
        {"type": "response.done", "response": {**done, "status": "failed", "status_details": {"error": {"code": "x"}}}},
        {"type": "response.done", "response": {**done, "status": "cancelled"}},
        {"type": "response.output_item.added", "response_id": response, "output_index": -1, "item": tool},
        {"type": "response.output_item.done", "response_id": response, "output_index": 0, "item": tool},
        {"type": "response.output_audio.delta", **on, "delta": base64.b64encode(bytes(960)).decode()},
        {"type": "response.output_audio.done", **on},
        {"type": "response.output_audio_transcript.delta", **on, "delta": "Hello"},
        {"type": "response.output_audio_transcript.done", **on, "transcript": "Hello there"},
        {"type": "response.output_text.delta", **on, "delta": "Hello"},
        {"type": "response.mcp_call.in_progress", **on},
        {"type": "response.mcp_call.completed", **on},
        {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "limit": 0, "remaining": -1}]},
    ]
