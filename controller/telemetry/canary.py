"""The canary: a test call at intervals, to see whether an agent is heard, from the dialplan to the AI and back.

Owns the canary's Stasis app (`<ours>-canary`), while one of its calls lasts, and the metrics. Asterisk dials a Local
channel. Its far half runs the dialplan as a caller does and becomes a call of ours. Its near half is the canary, on
which Asterisk detects speech (TALK_DETECT): no sound comes to this process, and no part of what is tested takes part in
the test. The call ends because its caller hangs up.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from bridge.common.tls import client_context
from controller.ari import events
from controller.ari.errors import AriError
from controller.ari.link import Link, LinkUp
from controller.ari.rest import Ari
from controller.config import Ari as Access, Config
from controller.config.models.canary import Canary as Settings

log = structlog.get_logger()

CALLER_ID = "voiceai canary <canary>"
TALKING = "ChannelTalkingStarted"
RESULTS = ("heard", "silent", "refused", "unreachable")
"""The agent was heard; answered, but nothing was heard; ended before that; Asterisk did not answer or refused."""
SETTLE_S = 5.0
"""Seconds until the next look, while calls can't be carried."""


class CanaryMetrics:
    """Metrics of the canary, registered only if the config has one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ok = Gauge("voiceai_canary_ok", "1 if the last canary call was answered and heard.", registry=registry)
        self.ok.set(1)  # nothing is known to be wrong
        self.seconds = Gauge(
            "voiceai_canary_seconds", "From dialling until the agent was heard, the last time.", registry=registry
        )
        self.at = Gauge("voiceai_canary_timestamp_seconds", "When the last canary call ended.", registry=registry)
        self.calls = Counter("voiceai_canary_calls", "Canary calls.", ("result",), registry=registry)
        for result in RESULTS:
            self.calls.labels(result)


def canary_of(config: Config, registry: CollectorRegistry, ready: Callable[[], bool]) -> "Canary | None":
    if config.canary is None:
        return None
    return Canary(config.canary, config.asterisk.ari, CanaryMetrics(registry), ready)


class Canary:
    """`run()` is a task of the controller's. `ready`: whether a call could be carried; if not, none is made."""

    def __init__(self, settings: Settings, access: Access, metrics: CanaryMetrics, ready: Callable[[], bool]) -> None:
        self._settings = settings
        self._access = access
        self._metrics = metrics
        self._ready = ready
        self._app = f"{access.app}-canary"

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            ready = self._ready()  # if not, the metric `voiceai_ready` says so
            if ready:
                await self.once()
            await asyncio.sleep(self._settings.every_s if ready else SETTLE_S)

    async def once(self) -> str:
        """One call. Returns one of `RESULTS`."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.wait_s):
                result = await self._call()
        except TimeoutError:
            result = "silent"
        except AriError as error:
            log.warning("the canary could not be sent: Asterisk refuses", reason=str(error))
            result = "unreachable"
        took = time.monotonic() - began
        self._tell(result, took)
        return result

    def _tell(self, result: str, took: float) -> None:
        metrics = self._metrics
        metrics.ok.set(result == "heard")
        metrics.calls.labels(result).inc()
        metrics.at.set(time.time())
        if result == "heard":
            metrics.seconds.set(took)
            log.info("canary heard the agent", ms=round(1000 * took))
        else:
            log.error("the canary call failed: callers may not hear an agent", result=result, to=self._settings.to)

    async def _call(self) -> str:
        at = self._access
        secret = at.password.get_secret_value()
        channel = f"canary-{uuid4()}"
        async with (
            Ari(at.url, at.username, secret, self._app, trust=client_context(at.url, at.ca_file)) as ari,
            aclosing(
                Link(at.url, at.username, secret, self._app, trust=client_context(at.url, at.ca_file)).stream()
            ) as stream,
        ):
            try:
                async for event in stream:
                    match event:
                        case LinkUp():
                            await self._dial(ari, channel)
                        case events.StasisStart():
                            await ari.set_variable(channel, "TALK_DETECT(set)", "")
                        case events.Other(type=kind) if kind == TALKING:
                            return "heard"
                        case events.ChannelDestroyed(channel=gone) if gone.id == channel:
                            return "refused"
            finally:
                with suppress(AriError):
                    await asyncio.shield(ari.hangup(channel))
        return "unreachable"

    async def _dial(self, ari: Ari, channel: str) -> None:
        """`/n`: Asterisk must not optimise the Local channel away, as the canary is one half of it."""
        timeout = self._settings.wait_s
        await ari.originate(f"Local/{self._settings.to}/n", channel_id=channel, caller_id=CALLER_ID, timeout=timeout)
