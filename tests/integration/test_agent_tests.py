"""Tests of agents through the whole product but Asterisk: stand-ins for the agent's model, the caller and the judge."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from simulator.chat.server import ChatServer
from simulator.realtime.instruction_model import InstructionModel
from tests.integration.text_service import TextInstallation, text_installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text())
RECEPTION = SHIPPED["agents"]["reception"]
PROMPT = RECEPTION["instructions"]
BROKEN = {
    "other hours": PROMPT.replace("nine to five", "ten to four"),
    "no hours": PROMPT.replace("The office is open from nine to five, Monday to Friday.", ""),
    "no transfers": PROMPT.replace("If the caller wants a person, connect them to a colleague.", "Never transfer."),
    "does not hang up": PROMPT.replace("say goodbye and hang up", "say goodbye"),
    "another language": PROMPT + "\nAnswer in German.",
    "a pirate": "You are a pirate. You know nothing of offices.",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[TextInstallation, ChatServer]]:
    folder = tmp_path_factory.mktemp("tests")
    async with ChatServer() as chat:
        model = {"url": chat.url, "api_key": chat.api_key, "model": "gpt-stand-in"}
        more: dict[str, Any] = {"agent_tests": {"caller": model, "judge": model, "parallel": 6}}
        agent = {name: RECEPTION[name] for name in ("instructions", "greeting", "tools", "tests")}
        async with text_installation(folder, InstructionModel(), agent=agent, **more) as installation:
            yield installation, chat


async def run(running: tuple[TextInstallation, ChatServer], **body: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The results, and what the stream says last."""
    results: list[dict[str, Any]] = []
    api = running[0].service.api
    async with api.stream("POST", "/v1/agents/reception/tests/run", json=body, timeout=60) as answer:
        assert answer.status_code == 200, await answer.aread()
        event = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: ") and event == "result":
                results.append(json.loads(line.removeprefix("data: ")))
            elif line.startswith("data: "):
                return results, json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream has no end")


async def test_the_shipped_tests_pass_20_of_20_with_the_shipped_prompt(running: Any) -> None:
    results, done = await run(running, repeat=20)
    assert [each for each in results if not each["passed"]] == []
    assert done["failed"] == 0
    assert done["runs"] == 20 * len(RECEPTION["tests"])
    assert done["cost"] > 0


@pytest.mark.parametrize("how", BROKEN)
async def test_a_broken_prompt_fails_them(running: Any, how: str) -> None:
    results, done = await run(running, instructions=BROKEN[how])
    assert done["failed"] >= 1, results
    assert all(each["error"] is None for each in results)
