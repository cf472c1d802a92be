"""MCP servers that fail, and events that are none: told with a label, and not one by one."""

from bridge.contract import AiWarning, McpServer
from bridge.realtime import events
from bridge.signals import Closing
from tests.unit.bridge.stage import Stage


def server(label: str) -> McpServer:
    return McpServer(server_label=label, server_url="https://example.com/mcp", allowed_tools=("find",))


def test_a_server_that_fails_is_named_and_the_model_goes_on() -> None:
    stage = Stage(mcp=(server("crm"), server("shop")))
    stage.feed(events.ItemAdded("m1", "shop"), events.McpFailed("m1", call=False))
    stage.feed(events.ItemAdded("m2", "crm"), events.McpFailed("m2", call=True), events.McpFailed("m3", call=True))
    told = [(each.kind, each.code) for each in stage.told_of(AiWarning)]
    assert told == [("mcp_list_tools_failed", "shop"), ("mcp_call_failed", "crm"), ("mcp_call_failed", "")]
    stage.reply("r1", "i1", 200, "I am here.")
    assert stage.ended == []


def test_failures_are_read_off_the_wire() -> None:
    found = events.parse('{"type": "mcp_list_tools.failed", "item_id": "m1"}')
    assert found == events.McpFailed("m1", call=False)
    assert events.parse('{"type": "response.mcp_call.failed", "item_id": "m"}') == events.McpFailed("m", call=True)


def test_malformed_events_are_told_once_and_as_a_total() -> None:
    stage = Stage()
    for _ in range(500):
        stage.feed(events.Malformed("response.output_audio.delta", "no item_id"))
    stage.feed(Closing())
    assert [(each.kind, each.times) for each in stage.told_of(AiWarning)] == [
        ("malformed_event", 1),
        ("malformed_event", 499),
    ]
