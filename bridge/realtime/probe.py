"""Opens and closes one session as an agent's call would open it, for `voiceai doctor`.

Tells whether the provider accepts what the agent asks for. Nothing is said and no audio is sent, so it costs nothing.
The provider asks the agent's MCP servers for their tools.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal

from bridge.contract import SessionSpec
from bridge.realtime.conversation.effects import EffectList
from bridge.realtime.conversation.turn_detection import TurnDetection
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.errors import ProviderError
from bridge.realtime.transport.client import RealtimeClient, open_client

LIST_TOOLS_S = 4.0
"""Seconds that the provider may take to ask the MCP servers."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The result. `error`: why there is no session; empty: there was one. `kind`: as in `contract.Failed`."""

    error: str = ""
    kind: Literal["config", "account", "transient"] = "transient"
    differences: tuple[str, ...] = ()
    mcp_failures: tuple[str, ...] = ()
    """Labels of MCP servers whose tools the provider could not list; `?` if it does not say which."""


async def probe(spec: SessionSpec, timeout: float) -> Probe:
    """Try a session with `spec.provider`. Raises only for faults of our own code."""
    try:
        client = await open_client(spec.provider, TurnDetection(spec, EffectList()).setup(), timeout=timeout)
    except ProviderError as error:
        key = spec.provider.api_key.get_secret_value()
        return Probe(str(error).replace(key, "…") if key else str(error), error.kind)
    try:
        failed = await _mcp_failures(client, len(spec.mcp)) if spec.mcp else ()
    finally:
        await client.close()
    return Probe(differences=tuple(map(str, client.updated.differences)), mcp_failures=failed)


async def _mcp_failures(client: RealtimeClient, servers: int) -> tuple[str, ...]:
    labels: dict[str, str] = {}
    failed: list[str] = []
    told_of: set[str] = set()
    listed = 0
    told = asyncio.Event()

    def on_event(event: server_events.Event) -> None:
        nonlocal listed
        match event:
            case server_events.ItemAdded(item_id, label):
                labels[item_id] = label
            case server_events.McpFailed(item_id, False, label) if not item_id or item_id not in told_of:
                told_of.add(item_id)
                failed.append(label or labels.get(item_id) or "?")
            case server_events.Ignored("mcp_list_tools.completed"):
                listed += 1
        if listed + len(failed) >= servers:
            told.set()

    receiving = asyncio.create_task(client.receive(on_event), name="probe")
    waiting = asyncio.create_task(told.wait(), name="probe-told")
    try:
        await asyncio.wait((receiving, waiting), timeout=LIST_TOOLS_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        receiving.cancel()
        waiting.cancel()
        with contextlib.suppress(ProviderError, asyncio.CancelledError):
            await receiving
    return tuple(failed)
