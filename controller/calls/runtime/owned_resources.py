"""What one call has on Asterisk: its channels and bridges, from the request that makes them until they are gone.

Hanging up is repeated until Asterisk confirms that the channel is gone; the same for bridges. Owns which they are, and
for how long "no such channel" is not believed: if Asterisk was asked to make a channel and has not answered, the answer
may only mean "not yet" (an Asterisk that stood still makes it afterwards).
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog

from controller.ari.rest import Ari, AriError, BadArgument
from controller.calls.machine import commands, inputs
from controller.calls.machine.ids import Ids

NOT_FOUND_GRACE_S = 10.0
"""Seconds after Asterisk's first "no such channel" in which that answer is not believed: Asterisk may still make a
channel that it was asked for before. After this time it does not make it any more."""
RETRY_SECONDS = (0.25, 0.5, 1.0, 2.0)
"""Pauses between two tries; the last one repeats."""


class Owned:
    """`acts`: whether Asterisk can be asked at present. `released` is called with each id that is gone."""

    def __init__(
        self, call: str, ari: Ari, existing: Iterable[str], released: Callable[[str], None], acts: Callable[[], bool]
    ) -> None:
        self._ari = ari
        self._released = released
        self._acts = acts
        self._log = structlog.get_logger().bind(call=call)
        self._existing = set(existing)
        self._attempted = set(self._existing)
        """All ids of the call, also of what Asterisk is about to be asked for."""
        self._unsure: set[str] = set()
        """Ids of what Asterisk was asked to make and has not answered for."""
        self._unconfirmed: dict[str, float] = {}
        """Channels to be hung up, and until when (the loop's time) "no such channel" is not believed."""
        self._gone: set[str] = set()
        self._all_gone = False
        """Asterisk has ended: nothing is there to be removed."""
        self._retries: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._gave_up = False

    @property
    def existing(self) -> frozenset[str]:
        """Ids of what is known to have existed and was not removed by us."""
        return frozenset(self._existing)

    @property
    def any(self) -> bool:
        """Whether there is anything, or may be."""
        return bool(self._attempted)

    @property
    def unconfirmed(self) -> frozenset[str]:
        """Channels and bridges that were to be removed and may still be there."""
        return frozenset(self._unconfirmed)

    def claims(self, name: str) -> bool:
        """It is this call's, or is about to be."""
        return name in self._attempted

    # ------------------------------------------------------------ made

    def attempt(self, name: str) -> None:
        """Before the request: one that times out may still take effect."""
        self._attempted.add(name)
        self._unsure.add(name)

    def made(self, name: str) -> None:
        self._existing.add(name)
        self._unsure.discard(name)

    def refused(self, name: str, error: AriError) -> None:
        if error.status is not None:
            self._unsure.discard(name)

    def happened(self, what: inputs.Input) -> None:
        """Takes note of what an input says about a channel."""
        match what:
            case inputs.LegEntered(channel):
                self.entered(channel)
            case inputs.LegGone(channel, in_dialplan=False):
                self.gone(channel)
            case inputs.AsteriskEnded():
                self._all_gone = True
                for each in sorted(self._attempted):
                    self.release(each)

    def entered(self, channel: str) -> None:
        """The channel exists: its StasisStart came."""
        self._attempted.add(channel)
        self.made(channel)
        if channel in self._unconfirmed:
            self._again(channel)

    # ------------------------------------------------------------ gone

    async def destroy_bridge(self, bridge: str) -> None:
        """Raises AriError, as `hang_up`."""
        if bridge not in self._attempted:
            return
        try:
            await self._ari.destroy_bridge(bridge)
        except AriError:
            self._again(bridge)
            raise
        self.release(bridge)

    async def hang_up(self, channel: str, reason: str) -> None:
        """Raises AriError: it could not be done, and is tried again."""
        if channel not in self._attempted:
            return
        try:
            found = await self._ari.hangup(channel, reason=reason)
        except BadArgument:
            self.release(channel)  # its id can't be put into a request
            raise
        except AriError:
            self._again(channel)
            raise
        if found is False and channel in self._unsure:
            self._again(channel)
        else:
            self.release(channel)

    def release(self, name: str) -> None:
        self._existing.discard(name)
        self._attempted.discard(name)
        self._unsure.discard(name)
        self._unconfirmed.pop(name, None)
        self._news.set()
        self._released(name)

    def gone(self, channel: str) -> None:
        """Asterisk says so."""
        self._gone.add(channel)
        if channel in self._unconfirmed:
            self.release(channel)

    # ------------------------------------------------------------ the end

    def late(self, what: inputs.Input) -> None:
        """An input after the end of the call: only what it says of a channel counts."""
        self.happened(what)
        if isinstance(what, inputs.LegEntered):
            self._again(what.channel)

    def left(self) -> list[commands.Command]:
        """What removes all that is still there."""
        names = sorted(self._attempted)
        channels: list[commands.Command] = [commands.HangUp(each) for each in names if not Ids.is_bridge(each)]
        return [*channels, *(commands.DestroyBridge(each) for each in names if Ids.is_bridge(each))]

    def hang_up_later(self) -> None:
        """Hangs up, in a task of its own, what could not be tried in time."""
        for each in sorted(self._attempted):
            self._again(each)

    async def finish(self) -> None:
        """Waits until each hang-up is confirmed, or `give_up` is called."""
        if self._retries is not None:
            await self._retries

    def give_up(self) -> None:
        """The process stops: the next controller's reconcile hangs up what is left."""
        self._gave_up = True
        self._news.set()

    def _again(self, channel: str) -> None:
        if self._all_gone or channel in self._gone:
            self.release(channel)
            return
        self._unconfirmed.setdefault(channel, 0.0)
        self._news.set()
        if self._retries is None or self._retries.done():
            self._retries = asyncio.create_task(self._retry(), name="hang-ups that were not confirmed")

    async def _retry(self) -> None:
        tries = 0
        while self._unconfirmed and not self._gave_up:
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]):
                    await self._news.wait()
            if self._acts() and not self._gave_up:
                tries += 1
                for channel in sorted(self._unconfirmed):
                    await self._try(channel)

    async def _try(self, channel: str) -> None:
        try:
            found = await self._removed(channel)
        except AriError as error:
            self._log.debug("a hang-up has failed and is tried again", channel=channel, reason=str(error))
            return
        now, until = asyncio.get_running_loop().time(), self._unconfirmed.get(channel)
        if found is False and channel in self._unsure and until is not None:
            if until == 0.0:
                self._unconfirmed[channel] = now + NOT_FOUND_GRACE_S
                return
            if now < until:
                return
        elif until is not None:
            self._log.warning("a hang-up that had failed is done", channel=channel)
        if channel in self._attempted:
            self.release(channel)

    async def _removed(self, name: str) -> bool | None:
        """False: there is no such channel. Raises AriError."""
        if Ids.is_bridge(name):
            await self._ari.destroy_bridge(name)
            return None
        return await self._ari.hangup(name)
