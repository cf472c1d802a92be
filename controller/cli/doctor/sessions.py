"""Sessions as the agents' calls would have them, opened with each provider if the doctor may ask (`live`).

Owns what is made of a session that does not come about, or is not the one that was asked for.
"""

import asyncio
from collections.abc import Iterator

from bridge.contract.spec import SessionSpec
from bridge.realtime.probe import Probe, probe
from controller.calls.planning.session_spec import session_spec
from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.config import Config

TIMEOUT = 8.0
AT_ONCE = 12
MOST = 24
"""Sessions: each is a connection, and a provider counts them."""

FIX = {
    "account": "Key, quota or rights at the provider.",
    "config": "Change what the agent asks for (model, voice, turn detection, tools), or its provider.",
    "transient": "The provider or the way there: its status page, firewall, proxy.",
}


async def sessions(config: Config) -> list[Finding]:
    """One for each agent and provider of it."""
    wanted = list(_wanted(config))
    slots = asyncio.Semaphore(AT_ONCE)
    asked = await asyncio.gather(*(_asked(check, spec, slots) for check, spec in wanted[:MOST]))
    found = [finding for each in asked for finding in each]
    if len(wanted) > MOST:
        found.append(skipped("sessions", f"the first {MOST} of {len(wanted)} were opened"))
    return found


def _wanted(config: Config) -> Iterator[tuple[str, SessionSpec]]:
    for name in config.agents:
        spec = session_spec(config, name, {})
        for provider in (spec.provider, *spec.fallbacks):
            at = f" at {provider.name}" if spec.fallbacks else ""
            yield f"session of {name}{at}", spec.model_copy(update={"provider": provider})


async def _asked(check: str, spec: SessionSpec, slots: asyncio.Semaphore) -> list[Finding]:
    async with slots:
        return list(_told(check, await probe(spec, TIMEOUT)))


def _told(check: str, found: Probe) -> Iterator[Finding]:
    if found.error:
        yield failure(check, f"there is none: {found.error}", FIX[found.kind])
        return
    if found.differences:
        fix = "Calls work, but not as configured: does this model, and this server, know these settings?"
        yield warning(check, f"is not as asked for: {'; '.join(found.differences)}", fix)
    if found.mcp_failures:
        fix = "`mcp`: url, authorization and allowed_tools; the server must be reachable from the internet."
        yield warning(check, f"tools of MCP servers could not be listed: {', '.join(found.mcp_failures)}", fix)
    if not (found.differences or found.mcp_failures):
        yield ok(check, "is as the agent asks for")
