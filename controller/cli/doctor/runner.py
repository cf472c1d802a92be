"""Runs all checks in order. Checks that depend on a failed one are skipped, so that the cause is visible.

Owns the order, the time limit of each check, and the translation of exceptions into findings. Calls nobody: its two
channels connect Asterisk with this machine.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

import httpx

from bridge.common.tls import client_context
from controller.ari.errors import AriError
from controller.ari.link import Link, LinkUp
from controller.ari.rest import Ari
from controller.cli.doctor import (
    asterisk,
    asterisk_cli,
    capacity,
    command_line,
    dialplan,
    dialplan_output,
    edge,
    environment,
    host,
    inbound,
    loopback,
    provider,
    routes,
    scheduling,
    sessions,
    softphone,
    sounds,
    store,
    tls,
    trunks,
)
from controller.cli.doctor.findings import Finding, Verdict, failure, skipped
from controller.config import Config

APP = "voiceai-doctor"
"""Not the controller's app: Asterisk gives an app to the last websocket that registers it."""
CHECK_SECONDS = 30.0
LINK_SECONDS = 5.0

Check = Callable[[], list[Finding] | Awaitable[list[Finding]]]


async def examine(config: Config, *, live: bool = False, rx: str | None = None) -> AsyncIterator[Finding]:
    """Findings one by one. `live`: also asks the AI providers. `rx`: Asterisk's command line."""
    today = datetime.now(UTC).date()
    if missing := await _done("files", lambda: host.config_file_errors(config)):
        for finding in missing:
            yield finding
    local: tuple[tuple[str, Check], ...] = (
        ("advertised address", lambda: asterisk.addresses(config)),
        ("open files", lambda: host.files(config)),
        (scheduling.CHECK, lambda: scheduling.priorities(config)),
        ("disk", lambda: host.disk(config)),
        (store.CHECK, lambda: store.store(config)),
        ("api", lambda: host.api(config)),
        ("models", lambda: provider.models(config, today)),
        ("routes", lambda: routes.routes(config, datetime.now(UTC))),
    )
    for name, check in local:
        for finding in await _done(name, check):
            yield finding
    if live:
        for finding in await _done(environment.CHECK, lambda: environment.certificate_store(os.environ)):
            yield finding
        for finding in await _done("proxy", lambda: environment.proxies(os.environ)):
            yield finding
        for finding in await _done("providers", lambda: provider.live(config, today)):
            yield finding
        for finding in await _done("sessions", lambda: sessions.sessions(config)):
            yield finding
        for finding in await _done("certificates", lambda: tls.certificates(tls.providers(config))):
            yield finding
    else:
        yield skipped("providers", "not asked; `--live` does, and sends them the key")
    async for finding in _of_asterisk(config, rx):
        yield finding


async def _of_asterisk(config: Config, rx: str | None) -> AsyncIterator[Finding]:
    at = config.asterisk.ari
    for finding in await _done("certificates", lambda: tls.certificates(tls.asterisk(config))):
        yield finding
    try:
        trust = client_context(at.url, at.ca_file)
    except OSError:  # also ssl.SSLError; a finding above describes it
        yield skipped("asterisk", "can't be looked at: the certificates of `asterisk.ari.ca_file` can't be used")
        return
    async with Ari(at.url, at.username, at.password.get_secret_value(), APP, trust=trust) as ari:
        reached = await _done("ari", lambda: asterisk.reach(ari))
        for finding in reached:
            yield finding
        if any(each.verdict == Verdict.FAILURE for each in reached):
            yield skipped("asterisk", "version, modules, trunks and sound can't be looked at without ARI")
            return
        running = await _controller_ready(config)
        checks: tuple[tuple[str, Check], ...] = (
            ("clock", lambda: _clock(ari)),
            ("asterisk version", lambda: asterisk.version(ari)),
            ("modules", lambda: asterisk.modules(ari, config)),
            ("stasis app", lambda: asterisk.app(ari, at.app, controller_ready=running)),
            (sounds.CHECK, lambda: sounds.sounds(ari, config)),
            ("trunks", lambda: trunks.trunks(ari, config)),
            (softphone.CHECK, lambda: softphone.look(ari, config)),
            (command_line.CHECK, lambda: _by_command_line(ari, config, rx)),
        )
        lines_known = False
        for name, check in checks:
            for finding in await _done(name, check):
                lines_known = lines_known or finding.check == asterisk_cli.CHECK
                yield finding
        for finding in await _done(loopback.CHECK, lambda: _loopback(ari, config, lines_known)):
            yield finding


async def _done(name: str, check: Check) -> list[Finding]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            found = check()
            return found if isinstance(found, list) else await found
    except AriError as error:
        return [failure(name, f"Asterisk: {error}", "Look into Asterisk's log (`asterisk -rx 'core show channels'`).")]
    except TimeoutError:
        return [
            failure(name, f"no result within {CHECK_SECONDS:g} s", "Something hangs: look at Asterisk and the network.")
        ]
    except Exception as error:  # a check that fails must not stop the others
        fix = "Something on this machine is not as voiceai expects it: report it, with `voiceai doctor --json`."
        return [failure(name, f"could not be looked at: {type(error).__name__}", fix)]


async def _clock(ari: Ari) -> list[Finding]:
    return host.clock(await ari.time())


async def _controller_ready(config: Config) -> bool:
    """Does our controller run with a link to Asterisk?"""
    try:
        async with httpx.AsyncClient(timeout=3, trust_env=False, verify=False) as http:
            parts = (await http.get(host.readyz(config))).json()["parts"]
            return bool(parts["asterisk"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False


async def _by_command_line(ari: Ari, config: Config, rx: str | None) -> list[Finding]:
    line = await command_line.reach(rx, await ari.info())
    if isinstance(line, Finding):
        return [line]
    listed, lines = await line.run("pjsip show registrations"), await line.run("dialplan show")
    if listed is None or lines is None or not dialplan_output.complete(lines):
        fix = "Look at `pjsip show registrations` and `dialplan show` on Asterisk's command line."
        return [failure(command_line.CHECK, "Asterisk's command line gave no answer", fix)]
    front = edge.edge(lines, config.asterisk.ari.app) if config.asterisk.readiness_app else []
    contexts = await dialplan.contexts_of_trunks(ari, config)
    if contexts:
        there = await inbound.look(config, line.run, contexts, dialplan_output.read(lines))
    else:
        there = await inbound.look_at_endpoints(config, line.run, await dialplan.contexts_of_endpoints(ari))
    found = [*asterisk_cli.registrations(listed), *asterisk_cli.dialplan(lines, config), *there, *front]
    found += await trunks.identified(ari, config, await line.run("pjsip show identifies") or "")
    most = min(config.bridge.capacity, config.limits.max_calls or config.bridge.capacity)
    settings, rtp = await line.run("core show settings") or "", await line.run("rtp show settings") or ""
    found += capacity.calls_at_once(settings, rtp, most)
    return [*found, *capacity.music(await line.run("moh show classes") or "No such command")]


async def _loopback(ari: Ari, config: Config, lines_known: bool) -> list[Finding]:
    bridge = config.bridge
    ports = range(bridge.ports.first, bridge.ports.last + 1)
    lines: list[Finding] = []

    async def meanwhile(channel: str) -> None:
        contexts = await dialplan.contexts_of_trunks(ari, config)
        lines.extend(await dialplan.look(ari, channel, config, contexts, lines_known=lines_known))

    try:
        async with _registered(config):
            measured = await loopback.measure(ari, bridge.listen, bridge.advertise, ports, meanwhile)
    except OSError as error:
        return [failure(loopback.CHECK, f"can't listen on {bridge.listen}: {error.strerror}", "Fix `bridge.listen`.")]
    except AriError as error:
        if error.operation != "external_media":
            raise
        return [loopback.unreached(f"{bridge.advertise}", error.message)]
    return [*lines, *loopback.judged(measured)]


@asynccontextmanager
async def _registered(config: Config) -> AsyncIterator[None]:
    """Registers the doctor's own app. Raises TimeoutError."""
    at, up = config.asterisk.ari, asyncio.Event()

    async def listen() -> None:
        secret = at.password.get_secret_value()
        async with aclosing(
            Link(at.url, at.username, secret, APP, trust=client_context(at.url, at.ca_file)).stream()
        ) as events:
            async for event in events:
                if isinstance(event, LinkUp):
                    up.set()

    task = asyncio.create_task(listen(), name="doctor's link")
    try:
        async with asyncio.timeout(LINK_SECONDS):
            await up.wait()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
