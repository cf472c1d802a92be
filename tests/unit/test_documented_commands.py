"""Each block of commands in README and docs says whether it is run; what is not run is at least a command that exists.

Names of commands, options, make's targets and paths of the API are looked up in the program itself.
"""

import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer

from bridge.worker.options import parse as parse_worker
from controller.cli.main import app
from docs.reference.__main__ import operations
from tests.pages import PAGES, ROOT, Block, blocks, commands, shell_blocks

ALL = shell_blocks()
PLACES = ("installation",)
INLINE = re.compile(r"`((?:\.venv/bin/)?voiceai [^`]+)`")
PLACEHOLDER = re.compile(r"[A-Z_]+(\.\w+)?$|…|\.\.\.|NUMBER")
REFUSED: Any = typer.BadParameter.__base__
"""UsageError of the click that typer brings along."""

MAKE = (ROOT / "Makefile").read_text("utf-8")


def by_id(found: list[Block]) -> list[Any]:
    return [pytest.param(each, id=each.id) for each in found]


@cache
def cli() -> Any:
    return typer.main.get_command(app)


def cli_problem(words: list[str], *, whole: bool) -> str | None:
    """What is wrong with the words after `voiceai`. `whole`: arguments that are missing or too many are, too."""
    command, context, rest = cli(), None, words
    while rest and (below := getattr(command, "commands", None)) is not None:
        if rest[0].startswith("-") or PLACEHOLDER.match(rest[0]):
            break
        if rest[0] not in below:
            return f"there is no command {rest[0]}"
        command, rest = below[rest[0]], rest[1:]
    if command.name == "bridge":
        return worker_problem(rest) if whole else None
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    given = [each.partition("=")[0] for each in rest if re.match(r"--?[a-z]", each)]
    if unknown := set(given) - known:
        return f"{command.name} has no option {', '.join(sorted(unknown))}"
    if whole and command.callback is not None:
        try:
            command.make_context(command.name, [each for each in rest if each not in ("…", "...")], parent=context)
        except REFUSED as refused:
            told = refused.format_message()
            return None if told.endswith("does not exist.") else told  # a file of the reader's
    return None


def worker_problem(words: list[str]) -> str | None:
    try:
        parse_worker([each for each in words if each != "--guarded"])
    except SystemExit as refused:
        return f"bridge: exit status {refused.code}"
    return None


def make_problem(words: list[str]) -> str | None:
    for each in words:
        name, is_setting, _ = each.partition("=")
        pattern = rf"\b{name}\b" if is_setting else rf"^[\w\- ]*\b{re.escape(name)}\b[\w\- ]*:"
        if not re.search(pattern, MAKE, re.MULTILINE):
            return f"make knows no {name}"
    return None


@cache
def routes() -> list[tuple[str, re.Pattern[str]]]:
    return [
        (each.method, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(each.path)) + "$")) for each in operations()
    ]


def request_problem(words: list[str]) -> str | None:
    """Of a curl: no operation of the API has this method and path."""
    urls = [each for each in words if re.match(r"(https?://)?127\.0\.0\.1:8080|\$VOICEAI_URL", each)]
    if words[1:2] == ["()"] or not urls:
        return None
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if "-d" in words else "GET"
    path = urlsplit("//" + urls[0].partition("://")[2] if "://" in urls[0] else "//" + urls[0]).path
    if any(method == allowed and pattern.match(path) for allowed, pattern in routes()):
        return None
    return f"the API has no {method} {path}"


def script_problem(words: list[str]) -> str | None:
    """Of a script of the checkout, and of files that a tool of the checkout is given."""
    path = ROOT / words[0].removeprefix("/opt/voiceai/")
    if not path.exists():
        return f"there is no {words[0]}"
    verbs = [each for each in words[1:] if re.fullmatch(r"[a-z]+", each)]
    usage = path.read_text("utf-8")
    return None if not verbs or re.search(rf"\b{verbs[0]}\b", usage) else f"{words[0]} has no {verbs[0]}"


def pytest_problem(words: list[str]) -> str | None:
    lost = [each for each in words[1:] if each.startswith("tests/") and not (ROOT / each).exists()]
    return f"there is no {lost[0]}" if lost else None


CHECKS: dict[str, Callable[[list[str]], str | None]] = {
    "voiceai": lambda words: cli_problem(words[1:], whole=True),
    "make": lambda words: make_problem(words[1:]),
    "curl": request_problem,
    "api": request_problem,
    "asterisk/asterisk": script_problem,
    "deploy/kamailio/kamailio": script_problem,
    "pytest": pytest_problem,
}


def problems(found: Block) -> Iterator[str]:
    for words in commands(found.commands):
        if "--" in words:
            words = words[words.index("--") + 1 :]
        elif words[:3] == ["docker", "compose", "exec"]:
            words = words[4:]
        name = words[0].removeprefix("/opt/voiceai/").removeprefix(".venv/bin/").removeprefix("bin/")
        if check := CHECKS.get(name):
            words = words if check is not script_problem else [name, *words[1:]]
            if told := check(words):
                yield f"{' '.join(words)}: {told}"


def test_every_fence_names_its_language() -> None:
    """`text` for what is none: so no commands can hide in a block without a language."""
    assert [each.id for page in PAGES for each in blocks(page) if not each.language] == []


@pytest.mark.parametrize("block", by_id(ALL))
def test_a_block_of_commands_says_whether_it_is_run(block: Block) -> None:
    assert block.mark is not None, "a line before it: <!-- run: installation --> or <!-- not run: needs … -->"
    assert block.mark[0] == "not run" or block.mark[1] in PLACES


@pytest.mark.parametrize("block", by_id(ALL))
def test_the_commands_exist(block: Block) -> None:
    assert list(problems(block)) == []


def test_all_scripts_can_be_parsed() -> None:
    """One bash for each would take seconds."""
    wrong = {}
    for each in ALL:
        done = subprocess.run(["bash", "-n"], input=each.commands, capture_output=True, text=True, timeout=10)
        if done.returncode:
            wrong[each.id] = done.stderr
    assert wrong == {}


def test_commands_in_sentences_exist() -> None:
    wrong = {}
    for page in PAGES:
        for line in INLINE.findall(page.read_text("utf-8")):
            words = line.split()[1:]
            if told := cli_problem(words, whole=False):
                wrong[f"{page.name}: {line}"] = told
    assert wrong == {}


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("voiceai cals", "no command cals"),
        ("voiceai calls place --agentt x +49", "no option --agentt"),
        ("voiceai calls transfer 3f0c", "Missing argument"),
        ("voiceai bridge --name", "bridge: exit status 2"),
        ("make instal PREFIX=/opt", "make knows no instal"),
        ("make install PREFX=/opt", "make knows no PREFX"),
        ("curl 127.0.0.1:8080/v1/cals", "no GET /v1/cals"),
        ("curl http://127.0.0.1:8080/v1/calls/$CALL/hangup", "no GET /v1/calls/$CALL/hangup"),
        ("asterisk/asterisk begin", "has no begin"),
        (".venv/bin/pytest tests/e2e/test_gone.py", "no tests/e2e/test_gone.py"),
        ("kubectl exec voiceai-0 -- voiceai wrkers", "no command wrkers"),
    ],
)
def test_what_does_not_exist_would_be_seen(script: str, told: str) -> None:
    (problem,) = problems(Block("page.md", 1, "sh", None, script + "\n"))
    assert told in problem
