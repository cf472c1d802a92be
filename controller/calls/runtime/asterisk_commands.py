"""The commands of one call that Asterisk carries out.

Owns the requests: which operation of the REST interface each command is, and that whatever is made is known as the
call's own before Asterisk is asked to make it (`owned_resources`).
"""

from collections.abc import Callable
from dataclasses import replace

import structlog

from bridge.common.limited_warnings import LimitedWarnings
from controller.ari.bridges import join
from controller.ari.rest import Ari, AriError
from controller.calls.admission.trunk_usage import TrunkUsage
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.reporting import lifecycle
from controller.calls.runtime import dialplan, rtp
from controller.calls.runtime.media_leg import open_media
from controller.calls.runtime.owned_resources import Owned
from controller.calls.runtime.ports import BrowserCalls, LegLimits, OutboundAttempt, dialling
from controller.workers.pool import WorkerPool

ABSENT = 20
"""Q.850: subscriber absent."""


class AsteriskCommands:
    """`put`: into the call's queue. `attempt`: on whose behalf the call's own leg is dialled."""

    def __init__(
        self,
        call: Call,
        ari: Ari,
        workers: WorkerPool,
        owned: Owned,
        legs: TrunkUsage,
        attempt: OutboundAttempt | None,
        put: Callable[[inputs.Input], None],
        observe: lifecycle.Observe,
        warnings: LimitedWarnings,
        browsers: BrowserCalls,
        limits: LegLimits,
    ) -> None:
        self._call = call
        self._ari = ari
        self._workers = workers
        self._owned = owned
        self._legs = legs
        self._attempt = attempt
        self._put = put
        self._observe = observe
        self._warnings = warnings
        self._browsers = browsers
        self._limits = limits
        self._log = structlog.get_logger().bind(call=call.plan.call)

    async def carry_out(self, command: commands.Command) -> None:
        """Raises AriError, and `errors.Busy` where a trunk has no room for one more leg."""
        ari = self._ari
        match command:
            case commands.Ring(channel):
                await ari.ring(channel)
                self._observe(lifecycle.CallRang(self._call.plan.call))
            case commands.Answer(channel):
                await ari.answer(channel)
            case commands.SetVariables(channel, variables):
                await ari.set_variables(channel, variables)
            case commands.Play(channel, playback, media):
                self._log.info("sound for the caller", sounds=list(media))
                await ari.play(channel, *media, playback_id=playback)
            case commands.StartTone(channel, playback, tone):
                await ari.play(channel, tone, playback_id=playback)
            case commands.StopTone(playback):
                await ari.stop_playback(playback)
            case commands.SendAway(channel, context, extension):
                await dialplan.send_on(ari, channel, self._call.origin, context, extension)
                self._owned.release(channel)
            case commands.StartMusic(channel) | commands.StopMusic(channel):
                await (ari.start_moh if isinstance(command, commands.StartMusic) else ari.stop_moh)(channel)
            case commands.Detect(channel, context, extension):
                await dialplan.detect(ari, channel, context, extension)
            case commands.SendDigits(channel, digits):
                await ari.send_dtmf(channel, digits)
            case commands.Join(bridge, channels, instead):
                await join(ari, bridge, channels, instead)
            case commands.CountRtp() | commands.Rejoin() | commands.RestoreBridge():
                await rtp.carry_out(ari, command, self._put, self._warnings)
            case commands.Dial(channel, target) if target.browser is not None:
                await self._ring_browser(command, target.browser)
            case _ if isinstance(command, commands.Making):
                await self._make(command)
            case commands.Refer(channel, to, leg, trunk):
                await self._limits.claim_leg(leg, trunk)
                self._legs.refer(leg, trunk, to)
                await dialplan.refer(ari, channel, to)
            case commands.DestroyBridge(bridge):
                await self._owned.destroy_bridge(bridge)
            case commands.HangUp(channel, reason):
                await self._owned.hang_up(channel, reason)

    async def _ring_browser(self, command: commands.Dial, user: str) -> None:
        """Who it is is settled now. If nobody is available, that is as a telephone that is switched off."""
        dial = await self._browsers.available(user, self._call.plan.call)
        if dial is None:
            self._log.info("nobody is available in the console")
            self._put(inputs.LegGone(command.channel, ABSENT))
        else:
            await self._make(replace(command, target=replace(command.target, dial=dial)))

    async def _make(self, command: commands.Making) -> None:
        own = isinstance(command, commands.Dial) and command.channel == self._call.plan.leg
        async with dialling(self._attempt if own else None):
            await self._make_now(command)

    async def _make_now(self, command: commands.Making) -> None:
        if isinstance(command, commands.Dial):
            if command.channel != self._call.plan.leg:
                await self._limits.claim_leg(command.channel, command.target.trunk)
            self._legs.dial(command.channel, command.target)
        self._owned.attempt(made := commands.made(command))
        try:
            await self._ask_for(command)
        except AriError as error:
            self._owned.refused(made, error)
            raise
        self._owned.made(made)

    async def _ask_for(self, command: commands.Making) -> None:
        ari, leg, before = self._ari, self._call.plan.leg, self._call.origin
        match command:
            case commands.CreateBridge(bridge):
                await ari.create_bridge(bridge, name=f"{ari.app} {self._call.plan.call}")
            case commands.Dial(channel, target, variables):
                await ari.originate(
                    target.dial,
                    channel_id=channel,
                    caller_id=target.caller_id,
                    timeout=target.timeout,
                    variables={**variables, **dialplan.marks(self._legs.origin_of(channel, before), target.dial)},
                    **dialplan.formats_of(target.dial, channel, leg),
                )
            case commands.Snoop(channel, snoop, whisper):
                await ari.snoop(channel, snoop_id=snoop, spy="both", whisper="out" if whisper else "none")
            case commands.OpenMedia(channel):
                await open_media(ari, self._workers, self._call.plan.call, channel)
