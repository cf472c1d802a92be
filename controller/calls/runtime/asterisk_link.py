"""The controller's connection to Asterisk: its events, and whether Asterisk accepts our requests.

Owns the event link, the lease on our Stasis app, and the checks whether Asterisk is there, lets us in and acts. If
Asterisk refuses our requests (the password has changed, the user may only read, ARI is switched off), the app is given
up, so that callers get what the dialplan has for them; it is registered again when Asterisk lets us in.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from bridge.common.tls import client_context
from controller.ari.events import ApplicationReplaced, Event
from controller.ari.health import PATIENCE, AsteriskHealth
from controller.ari.lease import RENEW_SECONDS, Lease
from controller.ari.link import Link, LinkDown, LinkUp
from controller.ari.process import AsteriskProcess
from controller.ari.process_signs import Media, started_later
from controller.ari.resources import AsteriskInfo
from controller.ari.rest import Ari, AriError, TimedOut, Unavailable
from controller.store.instance import AlreadyRunning

log = structlog.get_logger()


class Listener(Protocol):
    """Whoever is told what Asterisk tells, and whether it can be asked at present."""

    link_up: bool
    frozen: bool

    def take(self, event: Event) -> None: ...

    def media(self) -> Media:
        """What workers tell of media legs."""

    def calls_in_asterisk(self) -> frozenset[str]:
        """The calls that have anything there."""

    def process_ended(self, since: datetime, calls: AbstractSet[str] | None = None) -> None:
        """Asterisk's process, which was last heard of at `since`. `calls`: of another one, which runs; None: all."""


class AsteriskLink:
    """`replaced`: called when another program serves our app; `compare`: when events may have been missed; `lost`: each
    time the link breaks."""

    def __init__(
        self,
        settings: Any,
        ari: Ari,
        lease: Lease,
        listener: Listener,
        *,
        compare: Callable[[], None],
        replaced: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._ari = ari
        self._lease = lease
        self._listener = listener
        self._compare = compare
        self._replaced = replaced
        self._lost = lost
        self._doubt = asyncio.Event()
        self._asterisk: AsteriskInfo | None = None
        """The one of the latest link."""
        self._found: AsteriskInfo | None = None
        """The one that lets us in."""
        self._lost_at, self._had = datetime.now(UTC), frozenset[str]()
        """When the link was lost, and the calls that Asterisk had then."""
        self._process = AsteriskProcess(settings.url, listener.media, listener.process_ended)
        secret, trust = settings.password.get_secret_value(), client_context(settings.url, settings.ca_file)
        at = (settings.url, settings.username, secret, settings.app)
        self._link = Link(*at, trust=trust, admit=self._admit, requests=ari.websocket)

    def observe(self, _: str, __: float, result: str) -> None:
        """Told of each request. One that is refused as unauthorized is a reason to check at once."""
        if result == "unauthorized":
            self._doubt.set()

    async def follow(self) -> None:
        """Every event, in order, to the registry. Without events there is no call control: no broad catch here."""
        listener = self._listener
        try:
            async with contextlib.aclosing(self._link.stream()) as stream:
                async for what in stream:
                    match what:
                        case LinkUp():
                            listener.link_up = True
                            self._process.link_up()
                            self._identify()
                            self._compare()
                        case LinkDown(closed=closed):
                            listener.link_up = False
                            self._process.link_lost(closed=closed)
                            self._lost_at, self._had = datetime.now(UTC), listener.calls_in_asterisk()
                            self._lost()
                        case ApplicationReplaced():
                            self._replaced("another program has registered it")
                            return
                        case _:
                            listener.take(what)
        finally:
            listener.link_up = False

    def _identify(self) -> None:
        """Before any event of it."""
        before, found = self._asterisk, self._found
        if before is not None and found is not None and started_later(before, found):
            self._listener.process_ended(self._lost_at, self._had)
        self._asterisk = found or before

    async def watch(self) -> None:
        """Checks again and again that Asterisk lets us in and that our app is registered, and renews the lease."""
        while True:
            self._doubt.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS):
                    await self._doubt.wait()
            if self._listener.link_up:
                await self._check()

    async def watch_health(self) -> None:
        """Whether Asterisk acts, and not only answers (`ari.health`)."""
        at = self._settings
        secret, trust = at.password.get_secret_value(), client_context(at.url, at.ca_file)
        async with Ari(at.url, at.username, secret, at.app, timeout=PATIENCE, trust=trust) as ari:
            await AsteriskHealth(ari, lambda: self._listener.link_up, self._frozen).run()

    async def watch_process(self) -> None:
        """Whether Asterisk is there at all (`ari.process`)."""
        await self._process.run()

    def _frozen(self, frozen: bool) -> None:
        self._listener.frozen = frozen
        if not frozen:
            self._compare()  # removes at once what teardowns have left meanwhile

    async def _admit(self) -> None:
        """Before our app is registered. Raises AriError."""
        other = await self._lease.holder()
        if other is not None:
            self._replaced(told(other))
            raise Unavailable("lease", None, "another controller serves our app")
        await self._lease.renew()
        self._found = None
        with contextlib.suppress(AriError):
            self._found = await self._ari.info()

    async def _check(self) -> None:
        try:
            await self._ari.application()
            if await self._lease.is_ours():
                await self._lease.renew()
        except TimedOut:
            pass  # whether Asterisk answers is checked by `AsteriskHealth`
        except AriError as error:
            if self._listener.link_up:
                log.error("asterisk refuses what we ask: callers get what the dialplan has for them", reason=str(error))
                await self._link.drop(f"asterisk refuses what we ask: {error}")


async def claim(lease: Lease, app: str, *, takeover: bool) -> None:
    """Takes the lease, before any call is taken over. Raises AlreadyRunning. If Asterisk can't be asked yet,
    `AsteriskLink` takes it later."""
    try:
        if not takeover and (other := await lease.holder()) is not None:
            raise AlreadyRunning(
                f"the Stasis app {app} is served: {told(other)}. Nothing was touched. Stop that one first, give this"
                " one its own `asterisk.ari.app`, or start it with --takeover (live calls of that one end)"
            )
        await lease.renew()
    except AriError as error:
        log.warning("asterisk can't be asked yet who serves our app", app=app, reason=str(error))


def told(other: Mapping[str, Any]) -> str:
    """The holder of a lease, in words."""
    known = ", ".join(f"{each} {other[each]}" for each in ("pid", "host", "since", "api") if each in other)
    return f"another voiceai serve has it ({known or 'unknown'})"
