"""One client's session: what comes in, what it changes, what is answered.

Owns the state of a session and is the only file where its parts meet. All of a client event's effects happen in
one synchronous step; only responses and listening are tasks, and they belong to the session's task group.
Refusals become `error` events with the client's event id, and the socket stays open, as OpenAI does.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from simulator.realtime import client_event_schema, session_config
from simulator.realtime.errors import Frame, Refusal, check
from simulator.realtime.faults import Action, Answer, Delivery, Drop, Fault, Script
from simulator.realtime.history import History, Item
from simulator.realtime.idle_timer import Idle
from simulator.realtime.input_audio import Hearing
from simulator.realtime.model import Model
from simulator.realtime.observer import Observed
from simulator.realtime.reply import Reply
from simulator.realtime.response import Response
from simulator.realtime.response_options import response_options
from simulator.realtime.turn import turn_of
from simulator.realtime.wire import Record, Wire

T = TypeVar("T")
LIFETIME_S = 60 * 60


class _Over(Exception):
    """The socket is closed: ends the session's task group."""


class Session(Observed):
    """One accepted connection."""

    def __init__(
        self,
        number: int,
        socket: ServerConnection,
        model_name: str,
        model: Model,
        script: tuple[Script, ...] = (),
        record: Record | None = None,
        *,
        keep: bool = True,
    ) -> None:
        super().__init__(number, record or Record(None), keep=keep)
        self.socket, self.model = socket, model
        self.delivery = next((each for each in script if isinstance(each, Delivery)), Delivery())
        self.history = History()
        self.active: Response | None = None
        self._answers = {each.nth: each.reply for each in script if isinstance(each, Answer)}
        self._wire = Wire(socket, [each for each in script if isinstance(each, Fault)], self._note)
        self._ids = 0
        self._mark = secrets.token_hex(4)
        self.conversation_id = self.new_id("conv")
        self.config = session_config.defaults(self.new_id("sess"), model_name, int(time.time()) + LIFETIME_S)
        self._tasks: asyncio.TaskGroup | None = None
        self._idle = Idle(self._idle_out)
        self._hearing = Hearing(self)

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """From `session.created` to the end of the connection."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._wire.run(), name=f"simulator-{self.number}-wire")
                self.emit("session.created", session=self.config)
                await self._read()
                raise _Over
        except* _Over:
            pass
        finally:
            self._idle.stop()
            self.closed = True
            self._changed()

    async def act(self, action: Action) -> None:
        """Carry out a fault now."""
        await self._wire.act(action)

    async def thaw(self) -> None:
        """At the end of a test: a connection that stands still would not notice that its client has gone."""
        if self._wire.frozen and not self.closed:
            await self._wire.act(Drop())

    async def turn_away(self, code: str, message: str) -> None:
        """Send one error and close with 4000, as OpenAI does with a client that it never serves."""
        body = {"type": "invalid_request_error", "code": code, "message": message, "param": None}
        frame = {"type": "error", "event_id": self.new_id("event"), "error": body | {"event_id": None}}
        self._note("server", frame)
        await self.socket.send(json.dumps(frame))
        await self.socket.close(4000, f"invalid_request_error.{code}")
        self.closed = True
        self._changed()

    async def _read(self) -> None:
        try:
            while True:
                await self._receive(await self.socket.recv())
        except ConnectionClosed:
            return

    async def _receive(self, text: str | bytes) -> None:
        try:
            frame = json.loads(text)
        except ValueError:
            self._refuse(Refusal("invalid_json", "The message is not valid JSON."), None)
            return
        event_id = frame.get("event_id") if isinstance(frame, dict) else None
        try:
            self._handle(check(frame))
        except Refusal as refusal:
            self._refuse(refusal, event_id if isinstance(event_id, str) else None)
        if isinstance(frame, dict):
            self._note("client", frame)
            await self._wire.heard(str(frame.get("type")))

    def _refuse(self, refusal: Refusal, event_id: str | None) -> None:
        self.refused.append(refusal)
        error = {
            "type": "invalid_request_error",
            "code": refusal.code,
            "message": refusal.message,
            "param": refusal.param,
            "event_id": event_id,
        }
        self.emit("error", error=error)

    def emit(self, kind: str, **fields: Any) -> None:
        """Queue one event."""
        self._wire.emit(kind, **fields)

    async def room(self) -> None:
        """Wait until the client has read enough."""
        await self._wire.room()

    def new_id(self, prefix: str) -> str:
        """Ids are unlike those of any other session of any server, and never longer than 32 characters."""
        self._ids += 1
        return f"{prefix}_{self.number:04d}x{self._mark}x{self._ids:06d}"

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """A task that ends with the session."""
        assert self._tasks is not None
        return self._tasks.create_task(work, name=f"simulator-{self.number}-{name}")

    # ------------------------------------------------------------ client events

    def _handle(self, event: Any) -> None:
        match event:
            case client_event_schema.Append():
                pcm = self._hearing.append(event.audio)
                self.caller_audio += pcm if self._keep else b""
            case client_event_schema.SessionUpdate():
                spoken = any(response.first_delta_at is not None for response in self.responses)
                self.config = session_config.updated(self.config, event.session, audio_spoken=spoken)
                self._hearing.configured()
                self.emit("session.updated", session=self.config)
            case client_event_schema.ItemCreate():
                self._create_item(event)
            case client_event_schema.ItemTruncate():
                self._truncate(event)
            case client_event_schema.ItemDelete():
                self.history.delete(event.item_id)
                self.deleted.append(event.item_id)
                self.emit("conversation.item.deleted", item_id=event.item_id)
            case client_event_schema.ItemRetrieve():
                item = self.history.find(event.item_id, "retrieve", "retrieving")
                self.emit("conversation.item.retrieved", item=item.with_audio())
            case client_event_schema.ResponseCreate():
                self._create_response(event.response)
            case client_event_schema.ResponseCancel():
                self._cancel_response(event.response_id)
            case client_event_schema.Commit():
                self._hearing.commit()
            case client_event_schema.Clear():
                self._hearing.clear()
            case _:
                text = f"'{event.type}' is for WebRTC and SIP sessions only."
                raise Refusal("invalid_value", text, "type")

    def _create_item(self, event: client_event_schema.ItemCreate) -> None:
        frame = event.item.model_dump(exclude_unset=True)
        frame = {"id": self.new_id("item"), "object": "realtime.item", "status": "completed"} | frame
        if frame["type"] == "function_call":
            frame.setdefault("call_id", self.new_id("call"))
        item = Item(frame)
        before = self.history.insert(item, event.previous_item_id)
        self.emit("conversation.item.added", previous_item_id=before, item=frame)
        self.emit("conversation.item.done", previous_item_id=before, item=frame)

    def _truncate(self, event: client_event_schema.ItemTruncate) -> None:
        had = self.history.find(event.item_id, "truncate", "truncating").audio_ms
        self.history.truncate(event.item_id, event.content_index, event.audio_end_ms)
        self.truncated.append((event.item_id, event.audio_end_ms, had))
        self.emit(
            "conversation.item.truncated",
            item_id=event.item_id,
            content_index=event.content_index,
            audio_end_ms=event.audio_end_ms,
        )

    def speech_started(self, *, interrupts: bool) -> None:
        """Speech has started: the idle timer stops, and a response may be interrupted."""
        self._idle.stop()
        if self.active is not None and interrupts:
            self.active.cancel("turn_detected")

    def turn_over(self) -> None:
        """Speech has stopped, and the turn is to be answered."""
        try:
            self._create_response(None)
        except Refusal as refusal:
            self._refuse(refusal, None)

    # ------------------------------------------------------------ answering

    def _create_response(self, body: client_event_schema.ResponseBody | None, *, idle: bool = False) -> None:
        asked = body.model_dump(exclude_unset=True) if body is not None else {}
        for name in ("reasoning", "parallel_tool_calls"):
            session_config.refuse_unless_reasoning(self.config["model"], asked, name, f"response.{name}")
        aside = asked.get("conversation") == "none"
        if self.active is not None and not aside:
            text = (
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refusal("conversation_already_has_active_response", text)
        number = len(self.responses)
        response = Response(
            self,
            response_options(self.config, asked, None if aside else self.conversation_id),
            lambda: self._decide(number, asked, idle),
            self._response_over,
        )
        self.responses.append(response)
        if not aside:
            self.active = response
        self._idle.stop()
        response.task = self.start(response.run(), response.id)

    async def _decide(self, number: int, asked: Frame, idle: bool) -> Reply:
        scripted = self._answers.get(number + 1, self._answers.get(0))
        if scripted is not None:
            return scripted
        tools = asked.get("tools", self.config["tools"]) or []
        modalities = asked.get("output_modalities") or self.config["output_modalities"]
        turn = await turn_of(
            *(number, asked, tools, self.history, self._hearing.words),
            idle=idle,
            prompt=self.config["instructions"],
            spoken=modalities[0] == "audio",
        )
        return await self.model.reply(turn)

    def _cancel_response(self, response_id: str | None) -> None:
        running = [each for each in self.responses if each.status == "in_progress"]
        if response_id is None:
            running = [self.active] if self.active is not None else []
        else:
            running = [each for each in running if each.id == response_id]
        if not running:
            text = "Cancellation failed: no active response found"
            raise Refusal("response_cancel_not_active", text)
        running[0].cancel("client_cancelled")

    def _response_over(self, response: Response) -> None:
        if self.active is response:
            self.active = None
        detection = self.config["audio"]["input"]["turn_detection"] or {}
        timeout_ms = detection.get("idle_timeout_ms")
        if timeout_ms is None or self._hearing.speaking:
            return
        now = asyncio.get_running_loop().time()
        began = response.first_delta_at or now
        self._idle.start(max(now, began + response.audio_ms / 1000) + timeout_ms / 1000)

    def _idle_out(self) -> None:
        """Nobody spoke: an empty turn is committed and the model asked to say something."""
        self._hearing.time_out()
        if self.active is None:
            self._create_response(None, idle=True)
