"""Failures of MCP servers, which the provider calls by itself: each is one warning. [pure]

Owns which item belongs to which MCP server, since the event of a failure may name only the item. The model has the
item, so it knows of the failure.
"""

from bridge.contract import SessionSpec
from bridge.realtime.conversation.ai_warnings import AiWarnings
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.protocol.server_events import McpFailed

MOST_ITEMS = 256
"""Items whose MCP server is remembered."""


class McpFailures:
    """The MCP failures of one conversation."""

    def __init__(self, spec: SessionSpec, warnings: AiWarnings) -> None:
        self._warnings = warnings
        self.apply(spec)
        self._items: dict[str, str] = {}
        """The label of the MCP server by item id."""
        self._failed = RecentIds()
        """Items whose failure was reported."""

    def apply(self, spec: SessionSpec) -> None:
        """The servers of the agent that speaks from now on."""
        self._labels = [server.server_label for server in spec.mcp]

    def item_added(self, item_id: str, label: str) -> None:
        """The provider has begun to call the server with this label, or to list its tools."""
        if label in self._labels:
            self._items[item_id] = label
            if len(self._items) > MOST_ITEMS:
                del self._items[next(iter(self._items))]

    def failed(self, failed: McpFailed) -> bool:
        """Returns whether it was a call of a tool. One failure is told by several events: only the first counts."""
        if failed.item_id in self._failed:
            return False
        if failed.item_id:
            self._failed.add(failed.item_id)
        known = failed.label if failed.label in self._labels else self._items.pop(failed.item_id, "")
        known = known or (self._labels[0] if len(self._labels) == 1 else "")
        if failed.call:
            self._warnings.warn("mcp_call_failed", (known,), "a tool of an MCP server failed")
        else:
            self._warnings.warn("mcp_list_tools_failed", (known,), "the provider could not list the server's tools")
        return failed.call
