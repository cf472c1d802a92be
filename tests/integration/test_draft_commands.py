"""The shell against a real controller whose store has the agents: a draft is tried and tested, routes are asked."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from typer.testing import CliRunner

from controller.cli import connection
from controller.cli.main import app
from simulator.realtime.instruction_model import InstructionModel
from tests.integration.text_service import TextInstallation, text_installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOURS = "You are the receptionist. The office is open from {}, Monday to Friday."
AGENT: dict[str, Any] = {
    "instructions": HOURS.format("nine to five"),
    "greeting": "Good day.",
    "tests": {"hours": {"says": ["When are you open?"], "checks": [{"said": "nine to five"}]}},
}
ROUTES = [
    {"to": "5001", "agent": "reception"},
    {"to": "5002", "caller": "+49*", "agent": "reception"},
    {"to": "5003", "agent": {"reception": 3, "sales": 1}},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TextInstallation]:
    agents = {"reception": AGENT, "sales": {"instructions": "You sell.", "greeting": "Hi."}}
    more: dict[str, Any] = {"resources": {"source": "store"}, "routes": ROUTES, "agents": agents}
    more["text_sessions"] = {"max_turns": 3}
    async with text_installation(tmp_path_factory.mktemp("drafts"), InstructionModel(), **more) as installation:
        yield installation


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.out, "width", 200)


async def voiceai(running: TextInstallation, *words: str, typed: str = "", status: int = 0) -> str:
    env = {"VOICEAI_URL": running.service.url, "VOICEAI_API_TOKEN": running.token}
    done = await asyncio.to_thread(lambda: CliRunner().invoke(app, [*words], env=env, input=typed))
    assert done.exit_code == status, (done.output, done.exception)
    return done.output


async def drafted(running: TextInstallation, folder: Path, **changes: Any) -> None:
    file = folder / "agent.yaml"
    file.write_text(yaml.safe_dump({**AGENT, **changes}))
    await voiceai(running, "config", "draft", "agents", "reception", str(file))


async def test_a_draft_is_tried_and_tested_and_nobody_else_has_it(running: TextInstallation, tmp_path: Path) -> None:
    asked = "When are you open?\n\n"
    for command in ("try", "test"):
        assert "has no draft" in await voiceai(running, command, "reception", "--draft", status=1)
    await drafted(running, tmp_path, instructions=HOURS.format("ten to four"))
    assert "from ten to four" in await voiceai(running, "try", "reception", "--draft", typed=asked)
    assert "from nine to five" in await voiceai(running, "try", "reception", typed=asked)
    failed = await voiceai(running, "test", "reception", "--draft", status=3)
    assert "0 of 1 passed" in failed
    assert "from ten to four" in failed
    for options in ((), ("--version", "1")):
        assert "1 of 1 passed" in await voiceai(running, "test", "reception", *options)
    file = tmp_path / "tests.yaml"
    await voiceai(running, "try", "reception", "--draft", "--save-test", "a", "--to", str(file), typed=asked)
    assert "1 of 1 passed" in await voiceai(running, "test", "reception", "--draft", "--file", str(file))


async def test_a_long_prompt_is_taken_and_a_conversation_that_a_limit_ends_has_not_been_tested(
    running: TextInstallation, tmp_path: Path
) -> None:
    file, prompt = tmp_path / "tests.yaml", tmp_path / "prompt.txt"
    prompt.write_text(HOURS.format("nine to five") + "\nBe friendly – always." * 2900)
    asked = "When are you open?\n\n"
    assert "nine to five" in await voiceai(running, "try", "reception", "--instructions", str(prompt), typed=asked)
    file.write_text(yaml.safe_dump({"tests": {"long": {"says": ["Hello."] * 5, "checks": [{"ended_by": "caller"}]}}}))
    told = await voiceai(running, "test", "reception", "--file", str(file), "--instructions", str(prompt), status=3)
    assert "a limit ended the conversation: max_turns" in told
    assert "0 of 1 passed, 1 could not be run" in told


async def test_tests_of_a_draft_are_the_drafts(running: TextInstallation, tmp_path: Path) -> None:
    own = {"new": {"says": ["When are you open?"], "checks": [{"said": "nine"}]}}
    await drafted(running, tmp_path, tests=own)
    assert "new" in await voiceai(running, "test", "reception", "--draft", "new")
    assert "/tests/0" in await voiceai(running, "test", "reception", "new", status=1)


async def test_a_draft_with_errors_is_not_tried(running: TextInstallation, tmp_path: Path) -> None:
    await drafted(running, tmp_path, greeting=["x"], voise="marin")
    for command in ("try", "test"):
        told = await voiceai(running, command, "reception", "--draft", status=1)
        assert "agents.reception.greeting: must be text" in told
        assert "agents.reception.voise" in told


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--draft", "--version", "1"), "exclude each other"),
        (("--voice", "--draft"), "in force"),
        (("--replay", "x", "--repeat", "2"), "one conversation"),
        (("--real-tools",), "--replay"),
        (("--junit", "/nowhere/report.xml"), "no folder"),
        (("--instructions", __file__.removesuffix("test_draft_commands.py")), "can't be read"),
    ],
)
async def test_what_can_not_be_asked_for_together(
    running: TextInstallation, options: tuple[str, ...], why: str
) -> None:
    told = await voiceai(running, "test", "reception", *options, status=2)
    assert why in " ".join(told.replace("│", " ").split())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("5001",), "reception (routes[0])"),
        (("5002", "--caller", "+49301"), "reception (routes[1])"),
        (("5002", "--caller", "+1212"), "nobody: the call is declined. Nearest: routes[1] (5002), of which"),
        (("5003",), "reception 75 %, sales 25 % (routes[2])"),
        (("5001", "--trunk", "main", "--at", "2026-12-24T18:00:00+01:00"), "reception (routes[0])"),
        (("5001", "--json"), '"agent":"reception"'),
    ],
)
async def test_who_would_answer(running: TextInstallation, asked: tuple[str, ...], told: str) -> None:
    assert told in await voiceai(running, "config", "route", *asked)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("5001", "--trunk", "none"), "There is no trunk none."),
        (("5001", "--at", "at six"), "/at: must be a moment such as"),
        (("",), "/to"),
    ],
)
async def test_a_question_for_routes_that_makes_no_sense(
    running: TextInstallation, asked: tuple[str, ...], told: str
) -> None:
    assert told in await voiceai(running, "config", "route", *asked, status=1)
