"""MCP servers that fail, and events that are none: told with a label, and not one by one."""

import json
from typing import Any

import pytest

from bridge.contract import AiWarning, McpServer
from bridge.realtime.conversation.ai_warnings import EACH
from bridge.realtime.conversation.inputs import Closing
from bridge.realtime.conversation.mcp_failures import MOST_ITEMS
from bridge.realtime.conversation.turns import ANSWER_S
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage

ERROR = {"type": "http_error", "code": 502, "message": "Bad gateway"}


def item(item_id: str, label: str, **more: Any) -> dict[str, Any]:
    return {"id": item_id, "type": "mcp_call", "server_label": label, "name": "find", "arguments": "{}"} | more


def server(label: str) -> McpServer:
    return McpServer(server_label=label, server_url="https://example.com/mcp", allowed_tools=("find",))


def test_a_server_that_fails_is_named_and_the_model_goes_on() -> None:
    stage = Stage(mcp=(server("crm"), server("shop")))
    stage.feed(server_events.ItemAdded("m1", "shop"), server_events.McpFailed("m1", call=False))
    stage.feed(
        server_events.ItemAdded("m2", "crm"),
        server_events.McpFailed("m2", call=True),
        server_events.McpFailed("m3", call=True),
    )
    told = [(each.kind, each.code) for each in stage.told_of(AiWarning)]
    assert told == [("mcp_list_tools_failed", "shop"), ("mcp_call_failed", "crm"), ("mcp_call_failed", "")]
    stage.reply("r1", "i1", 200, "I am here.")
    assert stage.ended == []


def test_each_failure_is_told_once_however_many_events_tell_it() -> None:
    """Some servers tell a failed call by an event, some by its item, OpenAI by both."""
    stage = Stage(mcp=(server("crm"), server("shop")))
    wire = [
        {"type": "response.created", "response": {"id": "r1"}},
        {"type": "response.output_item.added", "response_id": "r1", "item": item("m1", "shop")},
        {"type": "mcp_call.failed", "item_id": "m1"},
        {"type": "response.mcp_call.failed", "item_id": "m1"},
        {"type": "response.output_item.done", "response_id": "r1", "item": item("m1", "shop", error=ERROR)},
        {"type": "response.output_item.done", "response_id": "r1", "item": item("m2", "crm", error=ERROR)},
        {"type": "response.output_item.done", "response_id": "r1", "item": item("m3", "crm", output="fine")},
        {"type": "response.done", "response": {"id": "r1", "status": "completed"}},
    ]
    stage.feed(*(server_events.parse(json.dumps(each)) for each in wire))
    assert [(each.kind, each.code) for each in stage.told_of(AiWarning)] == [
        ("mcp_call_failed", "shop"),
        ("mcp_call_failed", "crm"),
    ]
    stage.wait(ANSWER_S)
    assert len(stage.creates) == 1  # the model goes on


@pytest.mark.parametrize("moment", ["added", "created", "done"])
@pytest.mark.parametrize(("kind", "told"), [("mcp_list_tools", "list_tools_failed"), ("mcp_call", "call_failed")])
@pytest.mark.parametrize("failed", [{"error": ERROR}, {"error": "no"}, {"status": "failed"}])
def test_a_failure_that_only_an_item_of_the_conversation_tells(
    moment: str, kind: str, told: str, failed: dict[str, Any]
) -> None:
    stage = Stage(mcp=(server("crm"), server("shop")))
    whole = {"type": f"conversation.item.{moment}", "item": item("m1", "shop", **failed) | {"type": kind}}
    stage.feed(server_events.parse(json.dumps(whole)), server_events.parse(json.dumps(whole)))
    assert [(each.kind, each.code) for each in stage.told_of(AiWarning)] == [(f"mcp_{told}", "shop")]


def test_thousands_of_items_cost_no_memory() -> None:
    stage = Stage(mcp=(server("crm"), server("shop")))
    for number in range(5000):
        stage.feed(server_events.ItemAdded(f"m{number}", "crm"), server_events.McpFailed(f"x{number}", call=True))
    assert len(stage.conversation.parts.mcp._items) <= MOST_ITEMS
    assert len(stage.told_of(AiWarning)) == EACH


def test_failures_are_read_off_the_wire() -> None:
    found = server_events.parse('{"type": "mcp_list_tools.failed", "item_id": "m1"}')
    assert found == server_events.McpFailed("m1", call=False)
    assert server_events.parse('{"type": "response.mcp_call.failed", "item_id": "m"}') == server_events.McpFailed(
        "m", call=True
    )


def test_malformed_events_are_told_once_and_as_a_total() -> None:
    stage = Stage()
    for _ in range(500):
        stage.feed(server_events.Malformed("response.output_audio.delta", "no item_id"))
    stage.feed(Closing())
    assert [(each.kind, each.times) for each in stage.told_of(AiWarning)] == [
        ("malformed_event", 1),
        ("malformed_event", 499),
    ]
