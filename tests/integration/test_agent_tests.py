"""Tests of agents through the whole product but Asterisk: stand-ins for the agent's model, the caller and the judge."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio
import yaml

from simulator.chat.server import ChatServer
from simulator.realtime.instruction_model import InstructionModel
from tests.integration.text_service import TextInstallation, text_installation, voiceai

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


SIMULATED = {
    "simulated": {
        "caller": {
            "goal": "Find out when the office is open, then ask to be connected to a person.",
            "persona": "brief",
        },
        "checks": [
            {"transferred_to": "colleague"},
            {"said": {"question": "Does the agent say that the office is open from nine to five?"}},
            {"not_said": {"question": "Does the agent mention prices?"}},
            {"language": "English"},
            {"latency_ms": 5000},
        ],
    }
}


async def test_a_simulated_caller_and_a_judge_20_of_20(running: Any) -> None:
    results, done = await run(running, cases=SIMULATED, repeat=20)
    assert [each for each in results if not each["passed"]] == []
    assert {each["ended_by"] for each in results} == {"agent"}
    said = [each["text"] for each in results[0]["conversation"] if each["who"] == "caller"]
    assert said == ["I would like to know when the office is open.", "I would like to speak to a person, please."]
    results, done = await run(running, cases=SIMULATED, instructions=BROKEN["other hours"])
    assert [each["passed"] for each in results[0]["verdicts"]] == [True, False, True, True, True]


async def test_a_simulated_caller_says_goodbye_and_hangs_up(running: Any) -> None:
    case = {"bye": {"caller": {"goal": "Find out the opening hours"}, "checks": [{"ended_by": "caller"}]}}
    results, _ = await run(running, cases=case, instructions=BROKEN["does not hang up"])
    assert results[0]["passed"], results


@pytest.mark.parametrize(
    ("status", "replies", "error"),
    [(500, [], "HTTP 500"), (200, ["no JSON", '{"say": 5}'], "does not answer in the form")],
    ids=["refused", "nonsense"],
)
async def test_a_model_that_fails_is_an_error_of_the_test(
    running: Any, status: int, replies: list[str], error: str
) -> None:
    chat = running[1]
    chat.status, chat.replies[:] = status, replies
    try:
        results, done = await run(running, cases=SIMULATED)
    finally:
        chat.status, chat.replies[:] = 200, []
    assert error in results[0]["error"]
    assert done["failed"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"tests": ["opening-hours", "nothing"]}, "/tests/1"),
        (
            {"cases": {"a": {"says": ["x"], "checks": [{"transferred_to": "nobody"}]}}},
            "/cases/a/checks/0/transferred_to",
        ),
        ({"cases": {"a": {"says": ["x"], "checks": [{"tool_called": "order"}]}}}, "/cases/a/checks/0/tool_called"),
        ({"cases": {"a": {"says": ["x"], "checks": []}}}, "/cases/a/checks"),
        ({"cases": {"a": {"checks": [{"max_turns": 1}]}}}, "/cases/a"),
        ({"cases": {"a": {"says": ["x"], "checks": [{"said": {"regex": "("}}]}}}, "/cases/a/checks/0/said/regex"),
        ({"repeat": 0}, "/repeat"),
    ],
)
async def test_bad_input_is_named(running: Any, body: dict[str, Any], pointer: str) -> None:
    answer = await running[0].service.api.post("/v1/agents/reception/tests/run", json=body)
    assert answer.status_code == 400, answer.text
    assert pointer in [each["pointer"] for each in answer.json()["errors"]], answer.text


async def test_who_leaves_ends_the_run(running: Any) -> None:
    api = running[0].service.api
    async with api.stream("POST", "/v1/agents/reception/tests/run", json={"repeat": 100}) as answer:
        assert answer.status_code == 200
    async with asyncio.timeout(10):
        while True:
            open_ones = [
                each for each in (await api.get("/v1/text-sessions")).json()["sessions"] if each["state"] != "ended"
            ]
            workers = (await api.get("/v1/workers")).json()["workers"]
            if not open_ones and [each["calls"] for each in workers] == [0]:
                return
            await asyncio.sleep(0.05)


async def test_voiceai_test(running: Any, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    told = await voiceai(running[0], "test", "reception", "--repeat", "2", "--junit", str(report))
    assert "opening-hours" in told
    assert f"{2 * len(RECEPTION['tests'])} of {2 * len(RECEPTION['tests'])} passed" in told
    suite = ElementTree.parse(report).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("8", "0", "0")
    prompt, file = tmp_path / "prompt.txt", tmp_path / "tests.yaml"
    prompt.write_text(BROKEN["other hours"])
    file.write_text(yaml.safe_dump({"tests": {"hours": RECEPTION["tests"]["opening-hours"]}}))
    options = ("--file", str(file), "--instructions", str(prompt), "--junit", str(report))
    told = await voiceai(running[0], "test", "reception", *options, status=3)
    assert "hours" in told
    assert "the agent said" in told
    assert ElementTree.parse(report).getroot()[0][0][0].tag == "failure"
    file.write_text("tests: {a: {says: [x], checks: [{said: a, not_said: b}]}}")
    told = await voiceai(running[0], "test", "reception", "--file", str(file), status=2)
    assert "tests.a.checks[0]" in told
