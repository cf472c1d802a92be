"""The controller's end of the control link: which workers there are, and how loaded they are.

Owns the websocket endpoint that workers connect to, their registration, the choice of a worker for a call, and the news
that a worker is gone. Does not start or kill processes (`supervisor`), and decides nothing about calls: what workers
report about a call goes to `on_event`, in the order in which they reported it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from time import monotonic

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from bridge import contract
from controller.workers.assigned_calls import AssignedCalls
from controller.workers.link_events import catch_up, received
from controller.workers.link_handshake import hello_of, holder_of
from controller.workers.refusals import Refusals
from controller.workers.worker import SEND_TIMEOUT, NoWorker, OthersWorker, UnknownWorker, Worker, WorkerUnreachable
from controller.workers.worker_admission import Holder, WorkerAdmission
from controller.workers.worker_choice import choose, with_room

log = structlog.get_logger()

SILENT = 2.0  # seconds without a beat after which a worker counts as dead
CHECK_EVERY = 0.25
RESTART = 5.0  # seconds in which a worker that was lost may be started again
RETURN_GRACE = 3.0  # seconds a worker whose link broke may take to come back before its calls are given up


class WorkerPool:
    """All workers. `on_event(event)` gets each event of a call, `on_lost(call)` each call whose worker is gone.

    `node`: the name of this controller. `retention`: how long workers keep recordings. `on_refused(type)` is told of
    each event that was dropped, because it can't be read or because of an internal error; the type is empty if it is
    not known.
    """

    def __init__(
        self,
        admission: WorkerAdmission,
        on_event: Callable[[contract.CallEvent], None],
        on_lost: Callable[[str], None],
        *,
        retention: tuple[contract.Retention, ...] = (),
        node: str = "",
        on_refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._admission = admission
        self._on_event = on_event
        self._on_lost = on_lost
        self._on_refused = on_refused
        self._node, self._retention = node, retention
        self.refusals = Refusals()
        self._workers: dict[str, Worker] = {}
        self._assigned = AssignedCalls(on_lost)
        self._graces: dict[str, asyncio.TimerHandle] = {}
        self._lost_at = monotonic()
        """When the latest worker was lost (`time.monotonic`); at first, when this controller was started."""
        self.on_live_status: Callable[[list[contract.LiveStatus]], None] = lambda _: None
        """Takes what is heard in the calls at this moment (`telemetry.live_status`)."""
        self.on_former_event: Callable[[contract.CallEvent], None] = lambda _: None
        """Takes what a worker says of a session that is its call's no longer: another one was asked for since."""
        self._boots: set[str] = set()
        """Of all workers that have come."""
        self.unstartable: dict[str, str] = {}
        """Workers of this machine whose process could not be started at the last try, and why."""
        self._changed = asyncio.Event()
        """Set once, at the next change (`notify`)."""
        self.media_check_wanted = asyncio.Event()
        """Set when the media port of a worker is to be checked. `telemetry.media_checks` waits for it and clears it."""
        self.on_checked: Callable[[Worker, str], None] = lambda _, __: None
        """Called when Asterisk has connected to the worker for the check of this id."""

    async def keep_recordings(self, retention: tuple[contract.Retention, ...]) -> None:
        """How long from now on. A worker whose link breaks meanwhile is told when it comes back."""
        if retention != self._retention:
            self._retention = retention
            await self._tell_all(lambda worker: self._welcome(worker.version))

    def _welcome(self, version: int) -> contract.Welcome:
        return contract.Welcome(version=version, retention=self._retention, node=self._node)

    # ------------------------------------------------------------ for call control

    def all(self) -> list[Worker]:
        return list(self._workers.values())

    def get(self, name: str) -> Worker | None:
        return self._workers.get(name)

    def has_room(self) -> bool:
        return bool(with_room(self._workers.values()))

    def returning(self) -> bool:
        """No worker has room, but one was lost less than RESTART seconds ago, or this controller has just been started:
        a worker is likely to come (back)."""
        return not self.has_room() and monotonic() - self._lost_at < RESTART

    def notify(self) -> None:
        """Whoever waits for a change looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_changed(self) -> None:
        """Until a worker has come or gone, or may have room for one more call."""
        await self._changed.wait()

    async def wait_returned(self, hopeless: Callable[[], bool]) -> None:
        """Until one has room or none is expected back (`returning`), or `hopeless` after a change."""
        while self.returning() and not hopeless():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lost_at + RESTART - monotonic()):
                    await self.wait_changed()

    def assign(
        self, call: str, failed: Mapping[str, int] | None = None, refused: Collection[str] = (), *, again: bool = False
    ) -> Worker:
        """Gives the call to the worker that suits it best (`worker_choice.choose`). `again`: it has had a session
        before. Raises NoWorker."""
        worker = choose(self._workers.values(), failed or {}, call, refused=refused, again=again)
        if worker is None:
            raise NoWorker("no bridge worker is free")
        self._assigned.assign(worker, call)
        return worker

    def of(self, call: str) -> Worker | None:
        return self._assigned.of(call)

    def expect(self, call: str, boot: str | None = None) -> None:
        """A call of an earlier controller (`AssignedCalls.expect`)."""
        self._assigned.expect(call, boot)

    def release(self, call: str) -> None:
        """The call needs this worker no more. What is still said about it goes to `on_former_event`."""
        if self._assigned.release(call):
            self.notify()

    def media_failed(self, call: str, reason: str) -> str | None:
        """Asterisk did not reach the worker of this call. Others get calls until it is reached again. Returns the
        worker's boot id; None: the call has no worker."""
        worker = self._assigned.known(call)
        if worker is None:
            return None
        if worker.media.call_failed(reason, asyncio.get_running_loop().time()):
            log.error(
                "a call's sound did not reach its worker; others are taken while it is checked",
                **{"call": call, "worker": worker.name, "media": worker.media_address, "reason": reason},
            )
        self.media_check_wanted.set()
        return worker.boot

    async def send(self, call: str, command: contract.Command) -> None:
        """Tells the worker that carries this call, at once or as soon as its broken link is back. Raises
        WorkerUnreachable: the call has no worker, or one that does not read."""
        worker = self._assigned.of(call)
        if worker is None:
            raise WorkerUnreachable("the worker of this call is gone")
        await worker.send(call, command)

    async def retire(self, name: str, seconds: float) -> None:
        """Lets a worker end with its last call, or after `seconds`: then other workers take over the calls that are
        left. Raises UnknownWorker and OthersWorker."""
        worker = self._workers.get(name)
        if worker is None or worker.socket is None:
            raise UnknownWorker("There is no worker of that name whose link is up.")
        if worker.home is not None:
            raise OthersWorker(f"It belongs to the node {worker.home or 'that started it'}, which alone may end it.")
        worker.retiring = True
        log.info("worker retires", worker=name, calls=len(worker.calls), seconds=seconds)
        try:
            await worker.tell(contract.Drain(seconds=seconds))
        except WorkerUnreachable as error:
            worker.retiring = False
            raise UnknownWorker(str(error)) from error

    async def tell_all(self, command: contract.WatchLive) -> None:
        """Tells all workers whose link is up. One that does not read is left out: it is told again anyway."""
        await self._tell_all(lambda _: command)

    async def _tell_all(self, command: Callable[[Worker], contract.Command]) -> None:
        for worker in [each for each in self._workers.values() if each.socket is not None and not each.catching_up]:
            with suppress(WorkerUnreachable):
                await worker.tell(command(worker))

    async def watch(self) -> None:
        """Gives up workers from which no heartbeat comes. Those of this machine are killed earlier by the supervisor;
        those of other machines can't be killed from here. One that goes on later is told to close its calls."""
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            await asyncio.sleep(CHECK_EVERY)
            now, before = loop.time(), checked
            checked = now
            if now - before > 2 * CHECK_EVERY:
                continue  # this process stood still: heartbeats may wait in our sockets
            for worker in [each for each in self._workers.values() if each.socket and now - each.last_beat > SILENT]:
                self.lost(worker.name, f"no beat for {now - worker.last_beat:.1f} s")

    def lost(self, name: str, reason: str) -> None:
        """The process is dead (as its supervisor knows), or its link did not come back in time: its calls have no
        worker any more."""
        worker = self._workers.pop(name, None)
        self._end_grace(name)
        if worker is None:
            return
        self._lost_at = monotonic()
        tell = log.info if worker.draining and not worker.calls else log.error
        tell("worker lost", worker=name, reason=reason, calls=len(worker.calls))
        for call in sorted(worker.calls):
            self.release(call)
            self._on_lost(call)
        self.notify()

    def close(self) -> None:
        self._assigned.close()
        for name in list(self._graces):
            self._end_grace(name)

    # ------------------------------------------------------------ the endpoint

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        """The aiohttp handler of `contract.LINK_PATH`. One request is the link of one worker, until it breaks."""
        holder = holder_of(self._admission, request)
        most = 2 * contract.MAX_EVENT_BYTES
        socket = web.WebSocketResponse(heartbeat=5, max_msg_size=most, protocols=contract.SUBPROTOCOLS)
        await socket.prepare(request)
        hello = await hello_of(socket, request)
        if isinstance(hello, str):
            return await self.refusals.refuse(socket, holder.name, request.remote, hello)
        refusal = self._admission.refusal(holder, hello, request.remote) or await self._taken(hello, request.remote)
        if refusal is not None:
            return await self.refusals.refuse(socket, hello.worker, request.remote, refusal)
        await socket.send_str(contract.encode(self._welcome(hello.version), hello.version))
        if self._rival(hello) is not None:
            return socket  # another of that name came at the same moment; this one is refused at its next attempt
        worker = self._register(hello, socket, holder)
        try:
            await catch_up(worker, hello, socket)
            await self._listen(worker, socket)
        except ConnectionError:
            log.info("worker link broke at once", worker=worker.name)
        finally:
            self._link_broke(worker, socket)
        return socket

    async def _taken(self, hello: contract.Hello, remote: str | None) -> str | None:
        """Why this worker can't register under its name: another live process has it. None: the name is free. A process
        that has the name and sends no heartbeat for `SILENT` seconds is given up."""
        rival = self._rival(hello)
        if rival is None:
            return None
        rival.beaten.clear()
        for _ in range(
            4
        ):  # four short waits: if the controller itself stood still, a heartbeat may be unread in its socket
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENT / 4):
                    await rival.beaten.wait()
        if self._rival(hello) is rival and not rival.beaten.is_set():
            self.lost(rival.name, f"silent while a new process of its name came from {remote}")
        if self._rival(hello) is None:
            return None
        return f"another worker named {hello.worker} is up: start this one with another --name"

    def _rival(self, hello: contract.Hello) -> Worker | None:
        """Another process with the same name whose link is up."""
        known = self._workers.get(hello.worker)
        return known if known is not None and known.boot != hello.boot and known.socket is not None else None

    def _register(self, hello: contract.Hello, socket: web.WebSocketResponse, holder: Holder) -> Worker:
        """Of one process the newest link counts: it may connect again before we notice that its old link is dead. A new
        process is a new worker, even with the same name and process id."""
        known = self._workers.get(hello.worker)
        if known is not None and known.boot != hello.boot:
            self.lost(hello.worker, "replaced by a new process")
            known = None
        given_up = known is None and (hello.boot in self._boots or self._assigned.inherited)
        self._boots.add(hello.boot)
        worker = known or Worker(hello.worker, hello.pid, "", 0, hello.capacity, socket, boot=hello.boot)
        worker.move(hello)
        self.refusals.forget(worker.name)
        worker.socket, worker.holder, worker.load = socket, holder, contract.Load()
        worker.last_beat = asyncio.get_running_loop().time()
        self._workers[worker.name] = worker
        self._end_grace(worker.name)
        linked = {"media": worker.media_address, "link_version": worker.version}
        log.info("worker registered", worker=worker.name, pid=worker.pid, **linked)
        for call in sorted(hello.calls):
            self._assigned.claim(worker, call)
        for call in sorted(worker.calls - set(hello.calls)):  # ended there while the link was down
            self.release(call)
            self._on_lost(call)
        worker.linked(hello.calls, unknown_backlog=given_up)
        worker.catching_up = True
        self.notify()
        self.media_check_wanted.set()
        return worker

    async def _listen(self, worker: Worker, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            if self._workers.get(worker.name) is not worker:
                # It was given up and goes on after all. At its next hello it is told which calls it has no more.
                await socket.close(code=WSCloseCode.GOING_AWAY, message=b"given up")
                return
            if call := self._hear(worker, message.data):
                close = contract.Close(call=call, reason="an event of this call was refused")
                with suppress(TimeoutError):
                    async with asyncio.timeout(SEND_TIMEOUT):
                        await socket.send_str(contract.encode(close, worker.version))

    def _hear(self, worker: Worker, frame: str) -> str | None:
        """An event that can't be read, or fails here, is logged, counted and dropped, and never asked for again.
        Returns the call if it can't go on without that event: the worker is to close its session."""
        told = received(worker, frame)
        refused, given = told.refused, self._assigned.given(worker, told.head.call)
        if told.event is not None:
            try:
                self._take(worker, told.event)
            except Exception:  # the top of this event
                refused, head = True, told.head
                log.exception("event failed: internal error", worker=worker.name, call=head.call, event_type=head.type)
        return self._refused(worker, told.head, given=given) if refused else None

    def _refused(self, worker: Worker, head: contract.Head, *, given: bool) -> str | None:
        """Counts the dropped event. Returns the call if its session has to be closed. If the event was the end of the
        session, the call is told. `given`: it was this worker's call before the event."""
        self._on_refused(head.type)
        mine = self._assigned.of(head.call) is worker
        if head.type != "ended":
            return head.call if mine and head.needed else None
        self._assigned.session_over(worker, head.call)
        self.notify()
        if head.call and given:
            try:
                self._on_lost(head.call)
            except Exception:  # the top of this event
                log.exception("the end of a session can't be told: internal error", call=head.call)
        return None

    def _take(self, worker: Worker, event: contract.Event) -> None:
        if isinstance(event, contract.CallEvent):
            self._assigned.claim(worker, event.call)  # its session may have ended before the hello
        if isinstance(event, contract.Heartbeat):
            fitted = worker.fits()
            worker.load = event.load
            if worker.beat() | worker.update_health() | (not fitted and worker.fits()):
                self.notify()
            worker.beaten.set()
        elif isinstance(event, contract.LiveReport):
            self.on_live_status([each for each in event.calls if self._assigned.of(each.call) is worker])
        elif isinstance(event, contract.MediaChecked):
            self.on_checked(worker, event.call)
        elif isinstance(event, contract.Hello):
            log.warning("worker said hello twice", worker=worker.name)
        elif isinstance(event, contract.NotUnderstood):
            worker.not_understood(event)
        else:
            self._take_of_call(worker, event)

    def _take_of_call(self, worker: Worker, event: contract.CallEvent) -> None:
        call, former = event.call, event.call in worker.former
        present = not former and self._assigned.of(call) is worker
        if isinstance(event, contract.Ended) and (former or present):
            self._assigned.session_over(worker, call)
            self.notify()
        if present and isinstance(event, contract.Failed) and event.refused:
            self.release(call)  # what follows is the end of a session that never was
        if former:
            self.on_former_event(event)
        elif present:
            self._on_event(event)
        else:
            log.info("worker spoke of a call that is over or not its own", worker=worker.name, call=call)

    def _link_broke(self, worker: Worker, socket: web.WebSocketResponse) -> None:
        """The sessions go on meanwhile. A worker that is not back after RETURN_GRACE seconds is lost."""
        if worker.socket is not socket or self._workers.get(worker.name) is not worker:
            return
        worker.socket = None
        worker.beaten.set()
        worker.odd.close()
        log.warning("worker link broke", worker=worker.name, calls=len(worker.calls))
        loop = asyncio.get_running_loop()
        self._graces[worker.name] = loop.call_later(RETURN_GRACE, self.lost, worker.name, "its link did not return")
        self.notify()

    def _end_grace(self, name: str) -> None:
        grace = self._graces.pop(name, None)
        if grace is not None:
            grace.cancel()
