"""Opens a session as for a call, for each agent and provider (`live` only).

Owns the findings about sessions that fail, or that differ from the configuration.
"""

import asyncio
from collections.abc import Iterator

from bridge.contract.spec import SessionSpec
from bridge.realtime.probe import Probe, probe
from controller.calls.planning.session_spec import session_spec
from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.config import Config

TIMEOUT = 8.0
MAX_PARALLEL = 12
MAX_SESSIONS = 24
"""Each is a connection, and providers limit their number."""

FIX = {
    "account": "Check key, quota and rights at the provider.",
    "config": "Change what the agent asks for (model, voice, turn detection, tools), or its provider.",
    "transient": "Check the provider's status page, the firewall and the proxy.",
}


async def sessions(config: Config) -> list[Finding]:
    """One session for each agent and each of its providers."""
    specs = list(_specs(config))
    slots = asyncio.Semaphore(MAX_PARALLEL)
    results = await asyncio.gather(*(_check(check, spec, slots) for check, spec in specs[:MAX_SESSIONS]))
    found = [finding for each in results for finding in each]
    if len(specs) > MAX_SESSIONS:
        found.append(skipped("sessions", f"the first {MAX_SESSIONS} of {len(specs)} were opened"))
    return found


def _specs(config: Config) -> Iterator[tuple[str, SessionSpec]]:
    for name in config.agents:
        spec = session_spec(config, name, {})
        for provider in (spec.provider, *spec.fallbacks):
            at = f" at {provider.name}" if spec.fallbacks else ""
            yield f"session of {name}{at}", spec.model_copy(update={"provider": provider})


async def _check(check: str, spec: SessionSpec, slots: asyncio.Semaphore) -> list[Finding]:
    async with slots:
        return list(_findings(check, await probe(spec, TIMEOUT)))


def _findings(check: str, found: Probe) -> Iterator[Finding]:
    if found.error:
        yield failure(check, f"could not be opened: {found.error}", FIX[found.kind])
        return
    if found.differences:
        fix = "Calls work, but not as configured: does this model, and this server, know these settings?"
        yield warning(check, f"is not as asked for: {'; '.join(found.differences)}", fix)
    if found.mcp_failures:
        fix = "`mcp`: url, authorization and allowed_tools; the server must be reachable from the internet."
        yield warning(check, f"tools of MCP servers could not be listed: {', '.join(found.mcp_failures)}", fix)
    if not (found.differences or found.mcp_failures):
        yield ok(check, "is as the agent asks for")
