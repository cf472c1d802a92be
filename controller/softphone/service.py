"""Sessions of browsers that telephone: begun, found again by Asterisk's channels, and ended in every case.

Owns when the objects of a session are made in Asterisk and when they are removed: at the end of its call, when whoever
opened it may not ask any more (log-out, a token that is revoked), when its time is over, when Asterisk has lost them,
and, for those of an earlier controller, when Asterisk is reached. Implements `ports.BrowserCalls`.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

import structlog

from controller.ari.rest import Ari, AriError
from controller.calls import errors
from controller.calls.machine.types import ANYBODY, Target
from controller.calls.reporting import lifecycle
from controller.calls.runtime.ports import BrowserCall
from controller.config import Config
from controller.config.models.softphone import Softphone
from controller.softphone.endpoints import Endpoints
from controller.softphone.sessions import SessionTable, SoftphoneSession

log = structlog.get_logger()

CHECK_SECONDS = 0.5
"""Between two looks at whose time is over."""
RETRY_SECONDS = 10.0
"""Before Asterisk is asked again to remove what it could not."""
RING_SECONDS = 20.0
"""A supervisor's browser answers by itself."""
LEAVE_SECONDS = 3.0
"""For what is removed while the controller stops."""


class Softphones:
    """`settings` None: it is off, and only what earlier controllers have left is removed. `ready`: whether Asterisk is
    there."""

    def __init__(self, settings: Softphone | None, ari: Ari, ready: Callable[[], bool]) -> None:
        self.settings = settings or Softphone()
        self.on = settings is not None
        self._ready = ready
        self._table = SessionTable(self.settings, ari.app)
        self._endpoints = Endpoints(ari, self.settings)
        self._leftovers: set[str] = set()
        """Endpoints whose session is over, and that Asterisk may still have."""
        self._compared = False
        """Asterisk's endpoints are known since it was reached last."""
        self._news = asyncio.Event()
        self._ended: dict[str, asyncio.Event] = {}

    @property
    def connects_to(self) -> tuple[str, ...]:
        """The origin of Asterisk's websocket, where browsers reach it themselves."""
        url = self.settings.websocket_url
        return ("/".join(url.split("/")[:3]),) if url is not None else ()

    # ------------------------------------------------------------ what the API asks

    async def open(
        self,
        *,
        by: str,
        agent: str | None,
        variables: Mapping[str, str],
        allowed: Callable[[], bool],
        available: bool = False,
        config: Config | None = None,
    ) -> SoftphoneSession:
        """`available`: it waits for a call that is transferred. `config`: with which its call begins, where it is not
        what is in force then. Raises NotReady and Busy."""
        if not self.on:
            raise errors.NotReady("Telephoning from the browser is off: the config has no `softphone`.")
        if not self._ready():
            raise errors.NotReady("Asterisk is away.")
        asked = {"by": by, "agent": agent, "variables": variables, "allowed": allowed, "available": available}
        session = self._table.open(**asked, now=monotonic())  # type: ignore[arg-type]
        session.config = config
        self._ended[session.id] = asyncio.Event()
        try:
            if (lacking := await self._endpoints.why_not()) is not None:
                raise errors.NotReady(lacking)
            await self._endpoints.make(session.id, session.password)
        except AriError as error:
            self._close(session.id, "Asterisk does not make it")
            raise errors.NotReady(
                f"Asterisk does not make an endpoint for a browser (docs/talk.md): {error}"
            ) from error
        except BaseException:
            self._close(session.id, "Asterisk was not asked to the end")
            raise
        session.made = True
        if self._table.get(session.id) is None:  # it was ended while Asterisk was asked
            self._leftovers.add(session.id)
            raise errors.NotReady("The session was ended before it began.")
        log.info("softphone session opened", session=session.id, user=by, agent=agent)
        return session

    def find(self, id_: str, by: str) -> SoftphoneSession:
        """One that this user has opened. Raises UnknownSoftphone."""
        session = self._table.get(id_)
        if session is None or session.by != by:
            raise errors.UnknownSoftphone("No softphone session has this id, or it has ended.")
        return session

    async def close(self, session: SoftphoneSession, why: str) -> None:
        """Its call is hung up, and its credentials are removed: done at the end of this, if Asterisk is there."""
        self._close(session.id, why)
        if session.id not in self._leftovers:
            return
        try:
            await self._end(session.id)
        except AriError as error:
            log.warning("the endpoint of a browser is removed later", endpoint=session.id, reason=str(error))

    async def closed(self, session: SoftphoneSession) -> None:
        """Returns when it is over."""
        if (over := self._ended.get(session.id)) is not None:
            await over.wait()

    # ------------------------------------------------------------ ports.BrowserCalls

    def is_browser(self, channel_name: str) -> bool:
        return self._table.endpoint_of(channel_name) is not None

    def call_of(self, channel: str, channel_name: str) -> BrowserCall:
        session = self._table.get(self._table.endpoint_of(channel_name) or "")
        if session is None:
            raise errors.WrongState("The session of this browser is over.")
        if session.agent is None or session.call is None or session.channel is not None:
            raise errors.WrongState("The session of this browser is for no call, or for one that it has had.")
        session.channel = channel
        return BrowserCall(session.call, session.agent, session.variables, session.config)

    async def available(self, user: str, call: str) -> str | None:
        for session in self._table.waiting(user):
            if not session.allowed() or not await self._endpoints.registered(session.id):
                continue
            if session.call is None and self._table.get(session.id) is session:  # still, after Asterisk was asked
                session.call, session.rung_at = call, datetime.now(UTC)
                session.opened_at = monotonic()  # `max_s` is for the call, not for the wait before it
                log.info("softphone session rings", session=session.id, user=session.by, call=call)
                return f"PJSIP/{session.id}"
        return None

    # ------------------------------------------------------------ the telephone of a supervisor

    def target_of(self, session: SoftphoneSession) -> Target:
        """How it is rung. Raises WrongState."""
        if session.agent is not None or session.available or session.call is not None:
            raise errors.WrongState("This session is not for a supervisor, or it has had its call.")
        return Target(f"PJSIP/{session.id}", f"{session.by} (browser)", timeout=RING_SECONDS)

    # ------------------------------------------------------------ the end

    def observe(self, what: lifecycle.LifecycleEvent) -> None:
        """A call that is over ends the session that was in it."""
        match what:
            case lifecycle.CallOver(call=call) | lifecycle.CallerRefused(call=call) if call is not None:
                over = [each for each in self._table if each.call == call.id]
            case lifecycle.SupervisionMoved(call=id_, state="left" | "failed"):
                over = [each for each in self._table if each.call == id_ and each.agent is None and not each.available]
            case lifecycle.TransferMoved(call=id_, state="failed"):
                over = [each for each in self._table if each.call == id_ and each.available]
            case _:
                return
        for session in over:
            self._close(session.id, "its call is over")

    def compare(self) -> None:
        """Asterisk is reached again: what it has is to be compared with the sessions."""
        self._compared = False
        self._news.set()

    async def run(self) -> None:
        """Ends what is over, until it is cancelled."""
        again_at = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._news.wait()
            self._news.clear()
            for session in self._table:
                if (why := self._why_over(session)) is not None:
                    await self.close(session, why)
            await self._look_who_waits()
            if (self._leftovers or not self._compared) and self._ready() and monotonic() >= again_at:
                try:
                    await self._tidy()
                except AriError as error:
                    log.warning("endpoints of browsers can't be removed yet", reason=str(error))
                    again_at = monotonic() + RETRY_SECONDS

    async def finish(self) -> None:
        """The controller stops: nothing is left in Asterisk."""
        self.on = False
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                for session in self._table:
                    await self.close(session, "the controller stops")
                with suppress(AriError):
                    await self._tidy()

    async def _look_who_waits(self) -> None:
        """A browser that is gone without a word is available no more."""
        for session in self._table.waiting(ANYBODY):
            now = monotonic()
            if now - session.seen_at >= self.settings.unused_s and self._ready():
                with suppress(AriError):
                    if await self._endpoints.registered(session.id):
                        session.seen_at = now

    def _why_over(self, session: SoftphoneSession) -> str | None:
        if not session.allowed():
            return "who opened it may not ask any more"
        return "its time is over" if self._table.seconds_left(session, monotonic()) <= 0 else None

    def _close(self, id_: str, why: str) -> None:
        """At once: no call begins with it any more. The objects in Asterisk are removed next by `run`."""
        if self._table.close(id_) is None:
            return
        self._leftovers.add(id_)
        self._ended.pop(id_).set()
        self._news.set()
        log.info("softphone session over", session=id_, reason=why)

    async def _end(self, id_: str) -> None:
        """Hangs up what it is in, and removes it from Asterisk. Raises AriError."""
        await self._endpoints.hang_up(id_)
        await self._endpoints.remove(id_)
        self._leftovers.discard(id_)

    async def _tidy(self) -> None:
        """Removes what belongs to no session. A call of an earlier controller is hung up: its browser has lost its SIP
        with that controller. Raises AriError."""
        if not self._compared:
            made, asked = {each.id for each in self._table if each.made}, set(self._leftovers)
            self._compared = True
            try:
                there = {name for name in await self._endpoints.names() if self._table.is_ours(name)}
            except AriError:
                self._compared = False
                raise
            self._leftovers -= asked - there
            self._leftovers |= {name for name in there if self._table.get(name) is None}
            for session in self._table:
                if session.id in made - there:
                    await self.close(session, "Asterisk has lost it")
        for name in sorted(self._leftovers):
            await self._end(name)
