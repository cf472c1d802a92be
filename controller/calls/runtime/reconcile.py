"""Compares what Asterisk has with the calls that we know: after each link-up, on request, and every EVERY seconds.

Asterisk does not repeat events that nobody has received. Owns the comparison and what follows from it: a call is told
of legs that are gone and of legs that have entered our app meanwhile; a caller who came meanwhile is received; a
channel or bridge of ours that belongs to no call is removed. What belongs to which call is asked of `ReconcileCalls`.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Set as AbstractSet
from contextlib import suppress
from itertools import chain
from typing import Protocol

import structlog

from controller.ari.errors import BadAnswer
from controller.ari.events import ChannelHold, ChannelUnhold, Event
from controller.ari.resources import Application, Bridge, Channel
from controller.ari.rest import Ari, AriError, NotFound
from controller.calls.machine.ids import Ids

log = structlog.get_logger()

EVERY = 30.0
"""Seconds between two comparisons without a request: finds what a request to Asterisk that timed out has made."""
AT_ONCE = 16
"""Requests at once, where channels are asked for one by one."""
ORPHAN_GRACE = 2.0
"""Seconds for which a channel or bridge that belongs to no call is left alone: its event may still be in our queue."""

HOLDS = "CHANNEL(rtp,hold)"
"""Whether the far end has put the call on hold: 1 or 0."""

_NO_CALLERS = ("Snoop/", "Recorder/", "Announcer/", "AudioSocket/", "UnicastRTP/", "WebSocket/", "CBAnn/", "Surrogate/")
_ARGUMENT = re.compile(r'(?:\\.|"(?:\\.|[^"\\])*"|[^,\\"]|["\\])*')


def is_caller(channel: Channel) -> bool:
    """Only what entered by the dialplan is a call. Of a Local channel that is its ;2 half: the ;1 half is put into
    our app by Asterisk itself when somebody is transferred by REFER."""
    if Ids.call_of(channel.id) is not None or channel.name.startswith(_NO_CALLERS):
        return False
    return not channel.name.startswith("Local/") or channel.name.endswith(";2")


def stasis_arguments(channel: Channel) -> tuple[str, ...]:
    """Those of `Stasis(app,…)` in which the channel is, as its StasisStart told them."""
    _, _, rest = channel.app_data.partition(",")
    if channel.app_name != "Stasis" or not rest:
        return ()
    found, at = [], 0
    while at <= len(rest):
        part = _ARGUMENT.match(rest, at)
        assert part is not None, "it matches the empty text too"
        found.append(re.sub(r'\\(.)|"', r"\1", part[0]).strip())
        at = part.end() + 1
    return tuple(found)


class ReconcileCalls(Protocol):
    """What a comparison asks of and tells call control (`asterisk_events.AsteriskEvents`)."""

    def owned_resources(self) -> Mapping[str, frozenset[str]]:
        """Ids of channels and bridges, by live call."""

    def owned(self, name: str) -> bool:
        """Whether this channel or bridge belongs to a call, or to a caller who will get one."""

    def left(self, call: str, channel: str) -> None:
        """A leg of it is gone."""

    def holds(self) -> Mapping[str, bool]:
        """By the leg of each live call's person: whether the telephone is known to hold the call."""

    def take(self, event: Event) -> None:
        """As if Asterisk had told it."""

    def entered(self, channel: Channel, arguments: tuple[str, ...]) -> None:
        """A leg of ours is in our app; it may have been told before."""

    def is_fresh(self, channel: str) -> bool:
        """A caller of an earlier controller, to be received as if they had just come."""

    def receive(self, channel: Channel, arguments: tuple[str, ...]) -> None:
        """A caller without a call."""

    def all_owned(self) -> None:
        """All channels and bridges of ours in Asterisk belong to calls now."""


class Reconciler:
    """`request()` whenever there may be a difference; `run()` until cancelled. `up`: Asterisk can be asked."""

    def __init__(self, ari: Ari, calls: ReconcileCalls, up: Callable[[], bool]) -> None:
        self._ari = ari
        self._calls = calls
        self._up = up
        self._wanted = asyncio.Event()
        self.listing_fails = False
        """Asterisk refused the last list of channels."""
        self._first_seen: dict[str, float] = {}
        """The time at which a channel or bridge that belongs to no call was first found, by id."""

    def request(self) -> None:
        """At once; if one is under way, once more after it."""
        self._wanted.set()

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wanted.wait()
            missed = self._wanted.is_set()
            self._wanted.clear()
            if self._up():
                await self.reconcile(missed=missed)
            else:
                self._first_seen.clear()

    def _pause(self) -> float:
        """Seconds until the next comparison without a request."""
        if not self._first_seen:
            return EVERY
        return min(EVERY, max(min(self._first_seen.values()) + ORPHAN_GRACE - _now(), 0.0))

    async def reconcile(self, *, missed: bool = False) -> None:
        """Compares once. `missed`: events may have been missed, so Asterisk is asked too who holds a call."""
        before = self._calls.owned_resources()
        try:
            bridges = await self._ari.bridges()
            mine = await self._ari.application(self._ari.app)
            channels, unreadable = await self._channels({*mine.channel_ids, *chain.from_iterable(before.values())})
        except AriError as error:
            self._first_seen.clear()
            log.warning("reconcile failed; the next one tries again", reason=str(error))
            return
        self._tell_of_legs(before, channels.keys() | unreadable, channels, mine)
        ours = [channels[id] for id in mine.channel_ids if id in channels]
        await self._receive(each for each in ours if is_caller(each))
        names = {each.id for each in ours if Ids.call_of(each.id) or is_caller(each)}
        names |= unreadable & set(mine.channel_ids)  # nobody has been told that they are there, and nobody will be
        await self._remove_orphans(names, self._our_bridges(bridges))
        if missed:
            await self._ask_who_holds(channels)

    async def _ask_who_holds(self, channels: Mapping[str, Channel]) -> None:
        for leg in self._calls.holds():
            channel = channels.get(leg)
            if channel is None or not channel.name.startswith("PJSIP/"):
                continue  # nothing else can tell
            for _ in range(2):  # an answer may be older than the event that came meanwhile: it has to be given twice
                held = await self._holds(leg)
                if held is None or held == self._calls.holds().get(leg, held):
                    break
            else:
                self._calls.take(ChannelHold(channel) if held else ChannelUnhold(channel))

    async def _holds(self, leg: str) -> bool | None:
        """None: it can't be told."""
        try:
            return await self._ari.get_variable(leg, HOLDS) == "1"
        except AriError as error:
            log.info("asterisk does not say whether a caller holds the call", channel=leg, reason=str(error))
            return None

    async def _channels(self, known: set[str]) -> tuple[dict[str, Channel], set[str]]:
        """All that there are, and ids of those that Asterisk has and can't describe.

        One channel whose number called is not UTF-8 makes the list an error for everybody, while it lives: then those
        are asked for one by one that may be ours.
        """
        try:
            found = {channel.id: channel for channel in await self._ari.channels()}
        except AriError as error:
            if not _untellable(error):
                raise
            if not self.listing_fails:
                log.error(
                    "Asterisk can't list its channels: the number called in one of them may not be UTF-8; ours are "
                    "asked for one by one (docs/asterisk.md: refuse such calls in the dialplan)",
                    reason=str(error),
                )
            self.listing_fails = True
            return await self._one_by_one(sorted(each for each in known if not Ids.is_bridge(each)))
        self.listing_fails = False
        return found, set()

    async def _one_by_one(self, ids: list[str]) -> tuple[dict[str, Channel], set[str]]:
        found: dict[str, Channel] = {}
        unreadable: set[str] = set()

        async def ask(id: str) -> None:
            with suppress(NotFound):
                try:
                    found[id] = await self._ari.channel(id)
                except AriError as error:
                    if not _untellable(error):
                        raise
                    unreadable.add(id)

        for start in range(0, len(ids), AT_ONCE):
            await asyncio.gather(*map(ask, ids[start : start + AT_ONCE]))
        return found, unreadable

    def _our_bridges(self, bridges: Iterable[Bridge]) -> set[str]:
        """Not the application's bridge_ids: an app does not hear of a bridge that no channel of its has ever joined."""
        by_name = f"{self._ari.app} "
        return {each.id for each in bridges if Ids.call_of(each.id) and each.name.startswith(by_name)}

    def _tell_of_legs(
        self,
        before: Mapping[str, frozenset[str]],
        there: AbstractSet[str],
        channels: Mapping[str, Channel],
        mine: Application,
    ) -> None:
        now = self._calls.owned_resources()
        for call, ids in before.items():
            for gone in sorted((ids & now.get(call, frozenset())) - there):
                if not Ids.is_bridge(gone):
                    log.info("leg gone while nobody watched", call=call, channel=gone)
                    self._calls.left(call, gone)
        for name in sorted(mine.channel_ids):
            channel = channels.get(name)
            if channel and Ids.call_of(name) and channel.state == "Up" and channel.app_name == "Stasis":
                self._calls.entered(channel, stasis_arguments(channel))

    async def _receive(self, callers: Iterable[Channel]) -> None:
        """Receives callers who came while nobody listened, and so have never had a call."""
        for channel in callers:
            if self._calls.owned(channel.id):
                continue
            try:
                fresh = self._calls.is_fresh(channel.id) or not await self._ari.get_variable(channel.id, "VOICEAI_CALL")
            except NotFound:
                continue
            except AriError as error:
                log.warning("a caller may have no call; the next reconcile looks", reason=str(error))
                continue
            if fresh and not self._calls.owned(channel.id):
                log.warning("a caller who has no call is received now", channel=channel.id)
                self._calls.receive(channel, stasis_arguments(channel))

    async def _remove_orphans(self, channels: set[str], bridges: set[str]) -> None:
        nobodys = {name for name in channels | bridges if not self._calls.owned(name)}
        if not nobodys:
            self._calls.all_owned()
        now = _now()
        self._first_seen = {name: self._first_seen.get(name, now) for name in nobodys}
        for name in sorted(nobodys):
            if now - self._first_seen[name] >= ORPHAN_GRACE and not self._calls.owned(name):
                await self._remove(name, bridge=name in bridges)

    async def _remove(self, name: str, *, bridge: bool) -> None:
        del self._first_seen[name]  # if the channel is still there later, the next comparison finds it again
        try:
            if bridge:
                log.warning("orphan bridge removed", bridge=name)
                await self._ari.destroy_bridge(name)
            elif await self._ari.hangup(name, reason="normal"):
                # A channel that is listed but not found was hung up in the middle of a REFER: docs/transfers.md.
                log.warning("orphan channel removed", channel=name)
        except AriError as error:
            self._first_seen[name] = _now()
            log.warning("an orphan could not be removed; it is tried again", what=name, reason=str(error))


def _untellable(error: AriError) -> bool:
    """Asterisk has it, and can't write it down as JSON."""
    return isinstance(error, BadAnswer) or error.status == 500


def _now() -> float:
    return asyncio.get_running_loop().time()
