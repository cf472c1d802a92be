"""The worker's end of the control link: one websocket to the controller, made again for as long as the worker lives.

Owns the connection, its back-off, the heartbeats, and the events that wait: what happens while the link is down is
kept, in order, and sent after the next `Hello`. A `Listener` is told when the link comes and goes.

A link breaks before we notice it, and what was written in between is lost. So an event counts as delivered only when a
ping that was sent after it was answered; other events are sent again on the next link. Around a break an event can
therefore arrive twice, which its number shows, but none is missing and none is out of order.

Commands go to `on_command` in the order in which they came. Conversations do not depend on this link; only call control
does. An event that can't be sent, and a command that can't be read or carried out, is logged, counted and dropped, and
the `Listener` is told. Neither closes the link or ends the worker.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

import structlog
from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from bridge import contract
from bridge.common.backoff import Backoff
from bridge.common.limited_warnings import LimitedWarnings
from bridge.common.tls import client_context
from bridge.common.websocket_upgrade import Upgrade
from bridge.worker.event_frame import EventFrame

BEAT_SECONDS = 0.5
OPEN_TIMEOUT = 3.0
WELCOME_TIMEOUT = 5.0
SEND_TIMEOUT = 5.0
PING_SECONDS = 5.0
DELAYS, JITTER = (0.2, 0.4, 0.8, 1.6, 2.0), 0.2
"""Seconds between two attempts, and the share by which each may differ: workers do not come back in step."""
REFUSED_DELAY = 2.0
MOST_PENDING = 20_000
"""Events kept while the controller is away: hours of a few calls, minutes of hundreds. Beyond it the oldest go."""
CALLS_AT_ONCE = 100
MOST_ANSWERS = 20
"""On one link: commands that can't be read and that the controller is told of."""

log = structlog.get_logger()


class Listener(Protocol):
    """Who acts on what the link brings. All of it synchronous."""

    def on_command(self, command: contract.Command) -> None: ...
    def on_unreadable(self, head: contract.Head) -> None:
        """A command came that can't be read. `head` says what is known of it."""

    def on_unsendable(self, call: str) -> None:
        """An event that the controller needs for this call can't be sent. Must not emit from within."""

    def on_up(self) -> None: ...
    def on_down(self) -> None: ...


class Refused(Exception):
    """The controller does not want us, and will not in a moment either. The text says what to change."""


class ControlLink:
    """`hello(local)` gives the introduction, told the IP address from which we reached the controller; `load()` how we
    are doing, `live_report()` what is heard in our calls, if somebody watches. `ping_s`, `pong_s`: seconds between two
    pings, and for the answer to one. `run()` is the link's one task."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        hello: Callable[[str], contract.Hello],
        load: Callable[[], contract.Load],
        listener: Listener,
        live_report: Callable[[], contract.LiveReport | None] = lambda: None,
        ca_file: str | None = None,
        ping_s: float = PING_SECONDS,
        pong_s: float = PING_SECONDS,
    ) -> None:
        self._url = url
        self._ping_s, self._pong_s = ping_s, pong_s
        self._trust = client_context(url, ca_file)
        self._token = token
        self._hello = hello
        self._load = load
        self._listener = listener
        self._live_report = live_report
        self._numbers = itertools.count(1)
        self._pending: deque[EventFrame] = deque()
        self._unconfirmed: deque[EventFrame] = deque()
        """Sent on the present link, in order, and not known to have arrived."""
        self._sent_count = self._confirmed_count = 0
        self._version = contract.OLDEST_VERSION
        """Of the present link."""
        self._answers = 0
        self._unknown = LimitedWarnings(log)
        self._news = asyncio.Event()
        self._all_told = asyncio.Event()
        self._all_told.set()
        self._dropped = 0
        self._told_reason = ""
        self._backoff = Backoff(DELAYS, jitter=JITTER)
        self.refused = 0
        """Events and commands that were dropped because they can't be sent, read or carried out."""
        self.up = False

    def __repr__(self) -> str:
        return f"<ControlLink [{'up' if self.up else 'down'}, {self.waiting} events wait]>"

    @property
    def waiting(self) -> int:
        """Events that the controller may not have got yet."""
        return len(self._pending) + len(self._unconfirmed)

    def emit(self, event: contract.CallEvent) -> None:
        """Send an event, now or when the controller is back, in order. It is dropped, and that is logged, only beyond
        `MOST_PENDING` or if it can't be sent. Never raises."""
        frame = self._frame(event)
        if frame is None:
            return
        if len(self._pending) >= MOST_PENDING:
            lost = self._pending.popleft()
            self._dropped += 1
            if self._dropped == 1:
                log.error(
                    "controller away for too long: the oldest waiting events are dropped",
                    call=lost.call,
                    kept=MOST_PENDING,
                )
        self._pending.append(frame)
        self._all_told.clear()
        self._news.set()

    def _frame(self, event: contract.CallEvent) -> EventFrame | None:
        """Ready to be sent; None: it can't be. The last event of a call is always told."""
        number = next(self._numbers)
        try:
            return EventFrame.of(number, event)
        except contract.Unsendable as fault:
            self.refused += 1
            log.error("event can't be sent and is dropped", call=event.call, event_type=event.type, reason=str(fault))
        if isinstance(event, contract.Ended):
            return EventFrame.of(number, contract.Ended(call=event.call, reason="its end can't be told in full"))
        if event.type in contract.NEEDED:
            self._listener.on_unsendable(event.call)
        return None

    async def flush(self, seconds: float) -> bool:
        """Wait until the controller has everything; False: not within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._all_told.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        while True:
            delay: float | None = None
            try:
                await self._attempt()
            except Refused as refusal:
                delay = REFUSED_DELAY
                self._log_down(str(refusal))
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as fault:
                self._log_down(f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__)
            except Exception as fault:  # the top of one connection: conversations go on while it is made again
                log.exception("control link failed: internal error; it is made again")
                self._log_down(type(fault).__name__)
            await asyncio.sleep(self._backoff.next_delay() if delay is None else delay)

    # ------------------------------------------------------------ one connection

    async def _attempt(self) -> None:
        """From connect to the end of the link, which is always an exception."""
        try:
            socket = await Upgrade(
                self._url,
                additional_headers={"Authorization": f"Bearer {self._token}"},
                open_timeout=OPEN_TIMEOUT,
                ping_interval=self._ping_s,
                ping_timeout=self._pong_s,
                close_timeout=1,
                max_size=contract.MAX_COMMAND_BYTES,
                max_queue=None,  # commands are few, and pings must be answered however busy we are
                compression=None,
                subprotocols=[Subprotocol(each) for each in contract.SUBPROTOCOLS],
                ssl=self._trust,
                proxy=None,  # the link is ours; a proxy meant for the internet has no business here
            )
        except InvalidStatus as answer:
            raise _refusal(answer, self._url) from answer
        async with socket:
            await self._introduce(socket)
            self._tell_up()
            try:
                await self._converse(socket)
            finally:
                self.up = False
                self._unknown.close()
                self._send_again()
                self._listener.on_down()

    async def _introduce(self, socket: ClientConnection) -> None:
        self._version, self._answers = contract.version_of(socket.subprotocol), 0
        if self._version not in contract.spoken():
            raise Refused(contract.disagreement(contract.spoken(), [self._version]))
        hello = self._hello(str(socket.local_address[0])).model_copy(update={"version": self._version})
        async with asyncio.timeout(WELCOME_TIMEOUT):
            await socket.send(contract.encode(hello, self._version))
            try:
                welcome = contract.decode_command(await socket.recv(), self._ignored)
            except ValidationError as fault:
                raise Refused("the controller's welcome can't be read") from fault
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code != 1008:
                    raise
                raise Refused(f"the controller refuses this worker: {closed.rcvd.reason}") from closed
        if not isinstance(welcome, contract.Welcome):
            raise Refused("the controller answers with something else than a welcome")
        if welcome.version != self._version:
            raise Refused(contract.disagreement(contract.spoken(), [welcome.version]))
        self._listener.on_command(welcome)

    async def _converse(self, socket: ClientConnection) -> None:
        fault: Exception | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(socket), name="link reader")
                tasks.create_task(self._send_all(socket), name="link writer")
        except* (ConnectionClosed, TimeoutError, Refused) as faults:
            fault = faults.exceptions[0]
        if fault is not None:
            raise fault

    async def _listen(self, socket: ClientConnection) -> None:
        while True:
            frame = await socket.recv()
            head = contract.head_of(frame)
            try:
                command = contract.decode_command(frame, self._ignored)
            except ValidationError as fault:
                # Only where and what: the values may be a caller's words or a key.
                wrong = [(error["type"], error["loc"]) for error in fault.errors(include_input=False)][:5]
                log.error("command can't be read and is dropped", call=head.call, command=head.type, wrong=wrong)
                self._act(head, partial(self._listener.on_unreadable, head))
                self.refused += 1
                await self._answer_unreadable(socket, head)
            else:
                self._act(head, partial(self._listener.on_command, command))

    async def _answer_unreadable(self, socket: ClientConnection, head: contract.Head) -> None:
        """The controller is told, unless it is of a release that would not understand that either."""
        self._answers += 1
        if self._answers <= MOST_ANSWERS:
            with suppress(contract.TooNew):
                await _send(
                    socket, contract.encode(contract.NotUnderstood(command=head.type, call=head.call), self._version)
                )

    def _ignored(self, fields: tuple[str, ...]) -> None:
        self._unknown.warning(
            "a newer controller sends fields that this worker does not know: they are ignored",
            by=("fields",),
            fields=fields,
            link_version=self._version,
        )

    def _act(self, head: contract.Head, act: Callable[[], None]) -> None:
        """An internal error at one command costs that command."""
        try:
            act()
        except Exception:  # the top of this command
            self.refused += 1
            log.exception("command failed: internal error", call=head.call, command=head.type)

    async def _send_all(self, socket: ClientConnection) -> None:
        """Send everything: waiting events first, a heartbeat twice a second."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time()
        while True:
            self._news.clear()
            if self._pending:
                await self._send_pending(socket, beat_at)
            if loop.time() >= beat_at:
                await _send(socket, contract.encode(contract.Heartbeat(load=self._load()), self._version))
                await self._send_live_report(socket)
                beat_at = loop.time() + BEAT_SECONDS
                continue
            try:
                async with asyncio.timeout_at(beat_at):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _send_live_report(self, socket: ClientConnection) -> None:
        """What is heard in our calls, if somebody watches; many calls in several frames."""
        told = self._live_report()
        live_report = told.calls if told is not None else ()
        for start in range(0, len(live_report), CALLS_AT_ONCE):
            part = contract.LiveReport(calls=live_report[start : start + CALLS_AT_ONCE])
            await _send(socket, contract.encode(part, self._version))

    async def _send_pending(self, socket: ClientConnection, until: float) -> None:
        """Send what waits, but no longer than to the next heartbeat; then the ping that confirms it."""
        loop = asyncio.get_running_loop()
        while self._pending and loop.time() < until:
            told = self._pending.popleft()
            self._unconfirmed.append(told)
            self._sent_count += 1
            with suppress(contract.TooNew):
                await _send(socket, told.at(self._version))
            await asyncio.sleep(0)  # sending all of them takes half a second, and the audio can't wait for it
        mark = self._sent_count
        async with asyncio.timeout(SEND_TIMEOUT):
            pong = await socket.ping()
        asyncio.ensure_future(pong).add_done_callback(lambda answer: self._confirm(answer, mark))
        if self._pending:
            self._news.set()

    def _confirm(self, answer: asyncio.Future[float], mark: int) -> None:
        """The ping after the `mark`th event was answered, or its link is over."""
        if answer.cancelled() or answer.exception() is not None:
            return
        while self._confirmed_count < mark and self._unconfirmed:
            self._unconfirmed.popleft()
            self._confirmed_count += 1
        if not self.waiting:
            self._all_told.set()

    def _send_again(self) -> None:
        """The link is over: what was not confirmed goes back to the front of what waits."""
        self._pending.extendleft(reversed(self._unconfirmed))
        self._unconfirmed.clear()
        self._sent_count = self._confirmed_count

    # ------------------------------------------------------------ telling

    def _tell_up(self) -> None:
        waited = {"kept_events": len(self._pending), "dropped_events": self._dropped}
        log.info("control link up", controller=self._url, link_version=self._version, **waited)
        self._dropped = 0
        self._told_reason = ""
        self._backoff.reset()
        self.up = True
        self._listener.on_up()

    def _log_down(self, reason: str) -> None:
        """Each new reason once: the attempts go on, the log need not."""
        tell = log.debug if reason == self._told_reason else log.warning
        tell("control link down, trying again", controller=self._url, reason=reason)
        self._told_reason = reason


def _refusal(answer: InvalidStatus, url: str) -> Exception:
    status = answer.response.status_code
    if status in (401, 403):
        return Refused(f"the controller refuses our token ({status}): set {contract.TOKEN_ENV} to this worker's token")
    if status == 429:
        return Refused(
            "the controller has seen too many wrong tokens from this address (429), and waits before the next"
        )
    if status == 404:
        return Refused(f"no control link at this address (404): the path is {contract.LINK_PATH}")
    return answer


async def _send(socket: ClientConnection, frame: str) -> None:
    """Raises TimeoutError when the controller does not read, ConnectionClosed when it is gone."""
    async with asyncio.timeout(SEND_TIMEOUT):
        await socket.send(frame)
