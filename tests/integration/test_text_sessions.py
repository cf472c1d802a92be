"""Text sessions through the whole product but Asterisk: API, controller, a worker process, a Realtime server."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from simulator.realtime.faults import Delivery, Refuse
from simulator.realtime.model import ToneModel
from simulator.realtime.reply import CallTool, Say
from tests.integration.text_service import TextInstallation, text_installation, voiceai

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = {
    "description": "Looks up an order.",
    "url": "http://127.0.0.1:9/{number}",
    "parameters": {
        "type": "object",
        "properties": {"number": {"type": "string", "pattern": "^[0-9]{6}$"}},
        "required": ["number"],
    },
    "allowed_hosts": ["127.0.0.1"],
}


KEYS = {name: f"key-of-{name}-0123456789" for name in ("caller", "reader", "listener")}
SCOPES = {"caller": ["call"], "reader": ["read"], "listener": ["call", "recordings"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TextInstallation]:
    folder = tmp_path_factory.mktemp("text")
    more: dict[str, Any] = {
        "http_tools": {"order": ORDER},
        "text_sessions": {"max_sessions": 2, "max_turns": 3, "idle_s": 5},
    }
    agent = {"tools": ["transfer", "hang_up", "wait_for_user", "order"]}
    tokens = [{"name": name, "token": KEYS[name], "scopes": SCOPES[name]} for name in KEYS]
    async with text_installation(folder, ToneModel(), agent=agent, tokens=tokens, **more) as installation:
        yield installation


def replies(running: TextInstallation, *parts: Any) -> None:
    running.realtime.model = ToneModel([Say("Good day."), *parts])


class Typing:
    """One session, through plain HTTP."""

    def __init__(self, api: httpx.AsyncClient, opened: dict[str, Any]) -> None:
        self.api, self.id = api, opened["id"]
        self.events: list[dict[str, Any]] = []

    async def next(self, type_: str) -> dict[str, Any]:
        """The next event of this type; all until then are kept."""
        before = len(self.events)
        async with asyncio.timeout(20):
            while not any(each["type"] == type_ for each in self.events[before:]):
                path = f"/v1/text-sessions/{self.id}/events?after={len(self.events)}&wait_s=5"
                self.events += (await self.api.get(path)).json()["events"]
        return self.events[-1]

    async def say(self, text: str) -> httpx.Response:
        return await self.api.post(f"/v1/text-sessions/{self.id}/messages", json={"text": text})

    async def result(self, **body: Any) -> httpx.Response:
        return await self.api.post(f"/v1/text-sessions/{self.id}/tool-results", json=body)

    async def close(self) -> None:
        await self.api.delete(f"/v1/text-sessions/{self.id}")
        await self.next("ended")

    def told(self, *types: str) -> list[Any]:
        return [each["text"] for each in self.events if each["type"] in types]


async def opened(running: TextInstallation, *parts: Any, **options: Any) -> Typing:
    """A session whose agent has said its greeting; then it answers with these."""
    running.realtime.model = ToneModel([Say("Good day."), *parts])
    answer = await running.service.api.post("/v1/agents/reception/text-sessions", json=options)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/text-sessions/{answer.json()['id']}"
    typing = Typing(running.service.api, answer.json())
    await typing.next("turn")
    return typing


async def test_a_conversation_that_the_agent_ends(running: TextInstallation) -> None:
    bye = Say("Goodbye."), CallTool("hang_up", {"reason": "done"})
    typing = await opened(running, Say("From nine to five."), bye, instructions="You know the hours.")
    assert running.realtime.sessions[-1].config["instructions"] == "You know the hours."
    assert (await typing.say("When are you open?")).status_code == 202
    turn = await typing.next("turn")
    assert turn["latency_ms"] >= 0
    assert turn["cost"] > 0
    await typing.say("Bye.")
    ended = await typing.next("ended")
    assert (ended["by"], ended["text"]) == ("agent", "hang_up")
    assert ended["cost"] > turn["cost"]
    assert typing.told("user", "agent") == ["Good day.", "When are you open?", "From nine to five.", "Bye.", "Goodbye."]
    assert [each["number"] for each in typing.events] == list(range(1, len(typing.events) + 1))
    late = await typing.say("Hello?")
    assert (late.status_code, late.json()["type"]) == (409, "/problems/wrong-state")
    workers = (await running.service.api.get("/v1/workers")).json()["workers"]
    assert [each["calls"] for each in workers] == [0]


async def test_a_transfer_is_checked_as_in_a_call_and_told(running: TextInstallation) -> None:
    wrong = CallTool("transfer", {"to": "+49900123456"})
    typing = await opened(running, wrong, (Say("Connecting."), CallTool("transfer", {"to": "colleague"})))
    await typing.say("A person, please.")
    ended = await typing.next("ended")
    assert (ended["by"], ended["to"]) == ("agent", "colleague")
    assert "blind transfer" in ended["text"]
    refused = next(each for each in typing.events if each["type"] == "tool_result")
    assert (refused["ok"], refused["by"]) == (False, "check")


async def test_a_tool_is_answered_by_hand_and_its_arguments_are_checked(running: TextInstallation) -> None:
    calls = CallTool("order", {"number": "12"}), CallTool("order", {"number": "123456"})
    typing = await opened(running, *calls, Say("It is on its way."), tools="by_hand")
    await typing.say("Where is my order?")
    while not typing.events[-1]["awaits_result"]:
        await typing.next("tool_call")
    refused = next(each for each in typing.events if each["type"] == "tool_result")
    assert (refused["by"], refused["ok"]) == ("check", False)
    call = typing.events[-1]
    assert (call["tool"], call["arguments"]) == ("order", {"number": "123456"})
    assert (await typing.say("Hello?")).status_code == 409
    assert (await typing.result(tool_call="other", output="x")).status_code == 409
    assert (await typing.result(tool_call=call["tool_call"], output="sent")).status_code == 202
    await typing.next("turn")
    assert typing.told("agent")[-1] == "It is on its way."
    read = running.realtime.sessions[-1].history.items
    assert [each.frame["output"] for each in read if each.frame["type"] == "function_call_output"][-1] == "sent"
    await typing.close()


@pytest.mark.parametrize(
    ("options", "by", "ok"),
    [
        ({"results": {"order": "given"}}, "test", True),
        ({"tools": "none"}, "nobody", False),
        ({"tools": "call"}, "tool", False),  # nobody listens there
    ],
    ids=["given", "none", "called"],
)
async def test_who_answers_a_tool(running: TextInstallation, options: dict[str, Any], by: str, ok: bool) -> None:
    typing = await opened(running, CallTool("order", {"number": "123456"}), Say("Well."), **options)
    await typing.say("Where is my order?")
    await typing.next("turn")
    result = next(each for each in typing.events if each["type"] == "tool_result")
    assert (result["by"], result["ok"]) == (by, ok)
    await typing.close()


async def test_a_transfer_with_a_given_result_fails_and_the_conversation_goes_on(running: TextInstallation) -> None:
    transfer = Say("Connecting."), CallTool("transfer", {"to": "colleague"})
    typing = await opened(running, transfer, Say("Nobody is there."), results={"transfer": "no_answer"})
    await typing.say("A person, please.")
    await typing.next("turn")
    assert typing.told("agent")[-1] == "Nobody is there."
    await typing.close()


async def test_bounds_of_messages_and_of_sessions(running: TextInstallation) -> None:
    typing = await opened(running)
    another = await opened(running)
    third = await running.service.api.post("/v1/agents/reception/text-sessions", json={})
    assert (third.status_code, third.json()["type"]) == (429, "/problems/at-limit")
    await another.close()
    for number in range(3):
        assert (await typing.say(f"message {number}")).status_code == 202
        await typing.next("turn")
    if typing.events[-1]["type"] != "ended":
        await typing.next("ended")
    assert (typing.events[-1]["by"], typing.events[-1]["text"]) == ("limit", "max_turns")


async def test_a_session_that_nobody_uses_ends(running: TextInstallation) -> None:
    typing = await opened(running)
    await typing.next("ended")  # idle_s is 5, and so is the long poll
    assert (typing.events[-1]["by"], typing.events[-1]["text"]) == ("limit", "idle")


async def test_a_worker_that_dies_ends_its_sessions_and_no_other_part(running: TextInstallation) -> None:
    typing = await opened(running)
    worker = (await running.service.api.get("/v1/workers")).json()["workers"][0]
    os.kill(worker["pid"], signal.SIGKILL)
    ended = await typing.next("ended")
    assert (ended["by"], ended["text"]) == ("error", "its worker is gone")
    await running.service.logged("worker registered", nth=2)
    await (await opened(running)).close()


async def test_a_provider_that_refuses_is_told(running: TextInstallation) -> None:
    running.realtime.faults = (Refuse(401),)
    try:
        answer = await running.service.api.post("/v1/agents/reception/text-sessions", json={})
    finally:
        running.realtime.faults = (Delivery(pace=0),)
    assert (answer.status_code, answer.json()["type"]) == (502, "/problems/no-ai-session")
    assert "text mode" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/agents/nobody/text-sessions", {}, 422),
        ("/v1/agents/reception/text-sessions", {"tools": "maybe"}, 400),
        ("/v1/agents/reception/text-sessions", {"results": {"a b": "x"}}, 400),
        ("/v1/text-sessions/none/messages", {"text": "x"}, 404),
        ("/v1/text-sessions/none/messages", {"text": ""}, 400),
        ("/v1/text-sessions/none/tool-results", {"tool_call": "a", "output": "x"}, 404),
    ],
)
async def test_bad_input(running: TextInstallation, path: str, body: dict[str, Any], status: int) -> None:
    answer = await running.service.api.post(path, json=body)
    assert answer.status_code == status, answer.text


async def test_who_may_see_a_session(running: TextInstallation) -> None:
    typing = await opened(running)
    url, path = running.service.url, f"/v1/text-sessions/{typing.id}/events"
    for key, status in (("caller", 404), ("reader", 403), ("listener", 200)):
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {KEYS[key]}"}) as api:
            assert (await api.get(path)).status_code == status, key
            if status == 404:
                assert (await api.get("/v1/text-sessions")).json() == {"sessions": []}
    await typing.close()


async def test_voiceai_try(running: TextInstallation) -> None:
    running.realtime.model = ToneModel([Say("Good day."), CallTool("order", {"number": "123456"}), Say("It is sent.")])
    command = ("try", "reception", "--dry-run", "--save-test", "order")
    told = await voiceai(running, *command, typed="Where is 123456?\n{state: sent}\n\n")
    assert "agent: Good day." in told
    assert 'tool: order {"number": "123456"}' in told
    assert "result: {state: sent} (hand)" in told
    assert "agent: It is sent." in told
    assert "cost: 0.0" in told
    saved = yaml.safe_load(told[told.index("tests:\n") :])["tests"]
    assert saved["order"]["says"] == ["Where is 123456?"]
    assert saved["order"]["results"] == {"order": "{state: sent}"}
    assert {"tool_called": {"name": "order", "arguments": {"number": "123456"}}} in saved["order"]["checks"]


async def test_voiceai_try_takes_what_is_not_utf_8(running: TextInstallation) -> None:
    running.realtime.model = ToneModel([Say("Good day."), Say("Pardon?")])
    told = await voiceai(running, "try", "reception", typed="caf\udce9\n\n")
    assert "agent: Pardon?" in told


async def test_voiceai_try_says_what_is_wrong(running: TextInstallation) -> None:
    assert "There is no agent of that name" in await voiceai(running, "try", "nobody", status=1)
