"""The doctor's findings where a provider's session differs from what agents ask for."""

from typing import Any

from controller.cli.doctor import sessions
from controller.cli.doctor.findings import Finding, Verdict
from simulator.realtime.faults import Alter, Fault, Send, after, before, refuse
from simulator.realtime.server import RealtimeServer
from tests.unit.controller.configs import SMALL, config

KEY = "sk-doctor-secret"


async def looked(server: RealtimeServer, **more: Any) -> list[Finding]:
    server.api_key = KEY
    return await sessions.sessions(config(SMALL, openai__url=server.url, openai__api_key=KEY, **more))


def altered(**said: Any) -> Fault:
    return before("session.updated", Alter(lambda event: event["session"].update(said)), nth=0)


async def test_a_session_as_the_agent_asks_for() -> None:
    async with RealtimeServer() as server:
        (found,) = await looked(server)
        assert (found.check, found.verdict) == ("session of reception", Verdict.OK)
        session = await server.session()
        await session.wait_for(lambda seen: seen.closed)
        assert session.refused == []
        assert [seen.type for seen in session.received] == ["session.update"]


async def test_other_values_are_told_with_what_was_asked_for() -> None:
    async with RealtimeServer(faults=[altered(model="gpt-realtime-1.5")]) as server:
        (found,) = await looked(server)
    assert found.verdict == Verdict.WARNING
    assert "model: asked gpt-realtime-2.1-mini, in force gpt-realtime-1.5" in found.told


async def test_what_no_call_can_do_with_is_a_failure() -> None:
    async with RealtimeServer(faults=[altered(tools=[])]) as server:
        (found,) = await looked(server, agents__reception__tools=["hang_up"])
    assert found.verdict == Verdict.FAILURE
    assert "tools: asked hang_up, in force none" in found.told


async def test_each_agent_and_each_of_its_providers() -> None:
    async with RealtimeServer(faults=[altered(instructions="")]) as odd, RealtimeServer(faults=[refuse(401)]) as closed:
        more: dict[str, Any] = {
            "providers": {"second": {"url": closed.url, "api_key": "sk-x", "model": "gpt-realtime-2.1"}},
            "agents": {
                "reception": {"instructions": "Be kind.", "providers": ["openai", "second"]},
                "night": {"instructions": "Be quiet."},
            },
        }
        found = await looked(odd, **more)
    assert [(each.check, each.verdict) for each in found] == [
        ("session of reception at openai", Verdict.FAILURE),
        ("session of reception at second", Verdict.FAILURE),
        ("session of night", Verdict.FAILURE),
    ]
    assert KEY not in str(found)


async def test_mcp_servers_that_the_provider_cannot_ask_are_named() -> None:
    item = {"id": "m1", "type": "mcp_list_tools", "server_label": "crm"}
    told = (
        Send({"type": "conversation.item.added", "item": item}),
        Send({"type": "mcp_list_tools.failed", "item_id": "m1"}),
    )
    more: dict[str, Any] = {
        "mcp": {"crm": {"url": "https://example.com/mcp", "allowed_tools": ["find"], "require_approval": "never"}},
        "agents": {"reception": {"instructions": "Be kind.", "mcp": ["crm"]}},
    }
    async with RealtimeServer(faults=[after("session.updated", *told)]) as server:
        (found,) = await looked(server, **more)
    assert found.verdict == Verdict.WARNING
    assert "crm" in found.told
