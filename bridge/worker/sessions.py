"""The calls of one controller that this worker carries: from `Prepare` to `Ended`.

Owns one task per call and the promise that every prepared call gets exactly one `Ended`, last, whatever its session
does; that of a recorded call waits for the file. A fault in one session is logged with its call and ends that call
only. While the controller is away conversations go on; those that have lost their media leg, or never got one, are
closed, because nobody else will. All are closed after a while if the worker has other controllers to serve
(`abandon_s`).

Of several controllers each has a `Sessions` of its own: what one says reaches no call of another one. What a session
is, and where its events go, is given by arguments.
"""

import asyncio
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network

import structlog

from bridge import contract
from bridge.audiosocket.check import MediaCheck
from bridge.audiosocket.server import AudioSocketServer
from bridge.engine import Emit, SessionFactory, VoiceSession
from bridge.media.sink import MediaSink
from bridge.recording.recorder import Recordings
from bridge.recording.tap import RecordingTap
from bridge.worker.session_entry import Media as Media, SessionEntry as SessionEntry

ORPHAN_SECONDS = 30.0
"""Seconds after the link broke. A call that has no media leg by then will not get one, and is closed."""
CLOSE_SECONDS = 2.0
"""Seconds in which a session may close. Then its task is cancelled."""

STOPPING = "the worker stops"
REPLACED = "another session of this call was asked for"
FAULT = "fault in the worker"
UNREADABLE = "a command for this call could not be read"
UNSENDABLE = "an event of this call could not be told to the controller"
ABANDONED = "the controller of this call is away"

log = structlog.get_logger()


class Sessions:
    """Acts on the controller's commands: it is the link's `Listener`. `emit` takes the events of all calls in order;
    `retire` takes the seconds within which the controller wants the worker to end.

    `elsewhere`: how many calls of other controllers the worker carries; with them it carries `capacity` at most.
    `abandon_s`: seconds after the link broke in which the controller must be back, else its calls are closed; None:
    conversations go on without it for as long as there is sound. `allow`: networks from which Asterisk may connect for
    these calls; none: from wherever the worker lets in."""

    def __init__(
        self,
        server: AudioSocketServer,
        factory: SessionFactory,
        emit: Emit,
        *,
        capacity: int,
        elsewhere: Callable[[], int] = lambda: 0,
        abandon_s: float | None = None,
        allow: tuple[IPv4Network | IPv6Network, ...] = (),
        recordings: Recordings | None = None,
        retire: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._retire = retire
        self._server = server
        self._factory = factory
        self._emit = emit
        self._capacity, self._elsewhere = capacity, elsewhere
        self._abandon_s, self._allow = abandon_s, allow
        self._recordings = recordings
        self._calls: dict[str, SessionEntry] = {}
        self._link_up = False
        self._draining = False
        self.node = ""
        """How the controller calls itself; empty until it has said so."""
        self._timers: list[asyncio.TimerHandle] = []
        """Of what happens while the controller is away."""
        self._watched_until: float | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def __repr__(self) -> str:
        return f"<Sessions [{len(self._calls)}/{self._capacity}]>"

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def calls(self) -> tuple[str, ...]:
        """The calls that have not sent `Ended` yet."""
        return tuple(entry.call for entry in self._calls.values() if not entry.ended or entry.successor)

    async def drain(self, seconds: float) -> None:
        """Take no new call, let the present ones end by themselves for `seconds`, then close them."""
        self._draining = True
        if self._calls:
            log.info("worker drains", calls=len(self._calls), seconds=seconds)
        if await self._empty_within(seconds):
            return
        for entry in list(self._calls.values()):
            self._close(entry, STOPPING)
        if await self._empty_within(CLOSE_SECONDS):
            return
        for entry in list(self._calls.values()):
            self._cancel(entry, STOPPING)
        await self._empty_within(CLOSE_SECONDS)

    # ------------------------------------------------------------ the link's side

    def on_command(self, command: contract.Command) -> None:
        if isinstance(command, contract.Prepare):
            self._prepare(command)
            return
        if isinstance(command, contract.Welcome):
            self.node = command.node
            if self._recordings is not None:
                self._recordings.retention.keep(command.retention, of=self)
            return
        if isinstance(command, contract.Drain):
            self._retire(command.seconds)
            return
        if isinstance(command, contract.WatchLive):
            self._watched_until = asyncio.get_running_loop().time() + command.seconds
            return
        if isinstance(command, contract.CheckMedia):
            self._check(command)
            return
        entry = self._calls.get(command.call)
        if entry is None or entry.session is None:
            # Ended in the same moment: its `Ended` is on its way.
            log.info("command for a call that is not here", call=command.call, command=command.type)
            return
        try:
            self._pass_on(entry, entry.session, command)
        except Exception:  # the top of this command: a fault of one session ends one call
            log.exception("session failed at a command", call=command.call, command=command.type)
            self._cancel(entry, FAULT)

    def on_unreadable(self, head: contract.Head) -> None:
        """The controller believes that the command was carried out. A call that needs it is closed."""
        entry = self._calls.get(head.call)
        if entry is not None and head.needed:
            self._close(entry, UNREADABLE)
        elif entry is None and head.call and head.type == "prepare":
            self._refuse(head.call, UNREADABLE)

    def on_unsendable(self, call: str) -> None:
        if (entry := self._calls.get(call)) is not None:
            # Later: this runs inside a call from the session, which must not be closed in the middle of it.
            asyncio.get_running_loop().call_soon(self._close, entry, UNSENDABLE)

    def on_up(self) -> None:
        self._link_up = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def on_down(self) -> None:
        self._link_up = False
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(ORPHAN_SECONDS, self._close_calls_with_media, Media.AWAITED))
        if self._abandon_s is not None:
            self._timers.append(loop.call_later(self._abandon_s, self._abandon))
        self._close_calls_with_media(Media.GONE)

    def live_report(self) -> contract.LiveReport | None:
        """Of all calls with sound; None: nobody watches."""
        if self._watched_until is None:
            return None
        if asyncio.get_running_loop().time() < self._watched_until:
            found = (self._live_status(entry) for entry in self._calls.values())
            return contract.LiveReport(calls=tuple(live_status for live_status in found if live_status is not None))
        self._watched_until = None
        for entry in self._calls.values():
            if entry.tap is not None:
                entry.tap.levels = None
        return None

    # ------------------------------------------------------------ inside

    @staticmethod
    def _live_status(entry: SessionEntry) -> contract.LiveStatus | None:
        try:
            return entry.live_status()
        except Exception:  # the top of this look: it costs what is shown of this call, and nothing else
            log.exception("what is heard in a call can't be told", call=entry.call)
            return None

    def _pass_on(
        self,
        entry: SessionEntry,
        session: VoiceSession,
        command: contract.ExpectMedia
        | contract.Greet
        | contract.AnswerTool
        | contract.AgentCommand
        | contract.Record
        | contract.Close,
    ) -> None:
        match command:
            case contract.ExpectMedia():
                self._server.expect(command.media, command.call, entry.sink or session, command.seconds, self._allow)
            case contract.Greet():
                session.greet()
            case contract.AnswerTool():
                session.answer_tool(command.tool_call, command.output, ok=command.ok, respond=command.respond)
            case contract.Close():
                entry.successor_end = command.reason
                self._server.forget(entry.sink or session)
                session.close(command.reason)
            case contract.Record():
                if entry.tap is not None:
                    entry.tap.command(command)
            case _:
                session.command(command)

    def _prepare(self, command: contract.Prepare) -> None:
        call = command.call
        if (former := self._calls.get(call)) is not None:
            self._replace(former, command)
            return
        if self._draining or len(self._calls) + self._elsewhere() >= self._capacity:
            message = STOPPING if self._draining else f"the worker carries {self._capacity} calls already"
            self._refuse(call, message, refused=True)
            return
        entry = SessionEntry(call)
        try:
            session = self._factory(command.spec, call, lambda event: self._event(entry, event))
            if command.history:
                session.remember(command.history)
            entry.sink = self._tap_of(entry, session, command.spec.recording)
        except Exception:  # the top of this command
            log.exception("session can't be made", call=call)
            self._refuse(call, FAULT)
            return
        entry.session = session
        self._calls[call] = entry
        self._empty.clear()
        entry.task = asyncio.create_task(self._run(entry, session), name=f"session {call}")

    def _replace(self, former: SessionEntry, command: contract.Prepare) -> None:
        """The controller has given the former session up: it ends, and nothing is told of the new one before that."""
        log.warning("a call's former session is still here, and ends first", call=former.call)
        if former.successor is None:
            self._close(former, REPLACED)
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._cancel_overdue, former, REPLACED)
        former.successor, former.successor_end = command, None

    def _cancel_overdue(self, entry: SessionEntry, reason: str) -> None:
        """It was closed, and has had the time for that."""
        if entry.session is not None and not entry.ended and entry.end is None:
            self._cancel(entry, reason)

    def _begin_successor(self, entry: SessionEntry) -> None:
        if entry.successor is not None and entry.successor_end is not None:
            self._emit(contract.Ended(call=entry.call, reason=entry.successor_end))
        elif entry.successor is not None:
            self._prepare(entry.successor)

    def _tap_of(self, entry: SessionEntry, session: VoiceSession, wanted: contract.Recording | None) -> MediaSink:
        """What the media leg talks to."""
        if self._recordings is None:
            return session
        entry.tap = RecordingTap(session, entry.call, self._recordings, wanted, self._emit, lambda: session.consented)
        return entry.tap

    def _check(self, command: contract.CheckMedia) -> None:
        check = command.check
        told = MediaCheck(lambda: self._emit(contract.MediaChecked(call=check)))
        try:
            self._server.expect(command.media, check, told, command.seconds, self._allow)
        except ValueError as fault:  # the controller will miss the answer
            log.error("media check is dropped: its media id can't be expected", check=check, fault=str(fault))

    def _refuse(self, call: str, message: str, *, refused: bool = False) -> None:
        """`refused`: another worker may take it."""
        log.warning("call refused", call=call, reason=message)
        self._emit(contract.Failed(call=call, kind="transient", message=message, refused=refused))
        self._emit(contract.Ended(call=call, reason=message))

    async def _run(self, entry: SessionEntry, session: VoiceSession) -> None:
        """The one task of a call. However it ends, nothing of the call is left and its `Ended` is said."""
        try:
            await session.run()
        except Exception:  # the top of this task
            log.exception("session failed", call=entry.call)
            entry.reason = FAULT
        finally:
            self._server.forget(entry.sink or session)
            self._server.hang_up(entry.sink or session, entry.reason)
            try:
                await self._complete(entry)
            finally:
                del self._calls[entry.call]
                entry.session = entry.sink = entry.tap = entry.task = None  # they refer to it
                if not entry.ended:
                    entry.ended = True
                    self._emit(entry.end or contract.Ended(call=entry.call, reason=entry.reason))
                self._begin_successor(entry)
                if not self._calls:
                    self._empty.set()

    async def _complete(self, entry: SessionEntry) -> None:
        """The recordings, if there are any. Bounded: the disk gets `recorder.CLOSE_SECONDS`."""
        if entry.tap is not None:
            await entry.tap.close()

    def _event(self, entry: SessionEntry, event: contract.CallEvent) -> None:
        """Everything a session says. Nothing comes after `Ended`, which waits for the recording."""
        if entry.ended or entry.end is not None:
            if not isinstance(event, contract.MediaGone):
                log.error("session spoke after its end", call=entry.call, said=event.type)
            return
        match event:
            case contract.MediaConnected():
                entry.media = Media.HERE
            case contract.MediaGone():
                entry.media = Media.GONE
            case contract.Ended() if entry.tap is not None:
                entry.end = event
                return
            case contract.Ended():
                entry.ended = True
        self._emit(event)
        if isinstance(event, contract.MediaGone) and not self._link_up:
            # Later: this runs inside a call from the session, which must not be closed in the middle of it.
            asyncio.get_running_loop().call_soon(self._close_calls_with_media, Media.GONE)

    def _close_calls_with_media(self, media: Media) -> None:
        """Closes the calls whose media leg is in this state if the controller is away: nobody else would end them."""
        if self._link_up:
            return
        for entry in [each for each in self._calls.values() if each.media is media]:
            self._close(entry, "no media leg, and the controller is away")

    def _abandon(self) -> None:
        """The places are for those who are there."""
        if self._calls:
            log.error("calls are closed: their controller does not come back", calls=len(self._calls))
        for entry in list(self._calls.values()):
            self._close(entry, ABANDONED)
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._cancel_overdue, entry, ABANDONED)

    def _close(self, entry: SessionEntry, reason: str) -> None:
        entry.successor_end = reason
        if entry.session is None:
            return
        self._server.forget(entry.sink or entry.session)
        try:
            entry.session.close(reason)
        except Exception:  # the top of this command
            log.exception("session failed at its end", call=entry.call)
            self._cancel(entry, FAULT)

    def _cancel(self, entry: SessionEntry, reason: str) -> None:
        entry.reason = reason
        if entry.task is not None:
            entry.task.cancel()

    async def _empty_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
