"""`voiceai test`: runs the tests of an agent, shows how they came out, writes JUnit XML.

Exit status 0: all passed; 3: some failed; 1 and 2 as of other commands.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from controller import config as configs
from controller.api.client import Client, Unreachable
from controller.api.models.agent_tests import AgentTestRun
from controller.cli import junit
from controller.cli.connection import AGENTS, LOCAL, Json, Token, Url, connected, err, out
from controller.cli.replayed_call import replay_call
from controller.config.models.agent_tests import AgentTest, AgentTests
from controller.config.test_file import load_tests

app = typer.Typer()

FAILED = 3
SHOWN = 5
"""Conversations of tests that failed, one of each test."""


@dataclass(frozen=True, slots=True)
class Account:
    """Of the telephone that calls."""

    sip: str
    number: str
    user: str
    password: str = field(repr=False)


@app.command("test", rich_help_panel=AGENTS)
def run_tests(
    agent: Annotated[str, typer.Argument(help="The name of the agent.")],
    token: Token,
    names: Annotated[list[str] | None, typer.Argument(help="Only these tests.")] = None,
    url: Url = LOCAL,
    repeat: Annotated[int, typer.Option(help="How often each test is run.", min=1, max=100)] = 1,
    file: Annotated[Path | None, typer.Option(help="Run the tests of this file (`tests:`).")] = None,
    instructions: Annotated[
        Path | None, typer.Option(help="A file with instructions instead of the agent's own.", exists=True)
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Use the draft of the agent.")] = False,
    version: Annotated[int | None, typer.Option(help="This version of the agent.", min=1)] = None,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="CALL", help="Repeat what the caller said in this past call.")
    ] = None,
    real_tools: Annotated[bool, typer.Option("--real-tools", help="With --replay: call the tools.")] = False,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write the results as JUnit XML.")] = None,
    voice: Annotated[bool, typer.Option("--voice", help="By a telephone call through Asterisk.")] = False,
    sip: Annotated[str, typer.Option(help="With --voice: host:port of Asterisk's SIP.")] = "127.0.0.1:5060",
    number: Annotated[str, typer.Option(help="With --voice: the agent's number.")] = "5001",
    user: Annotated[str, typer.Option(help="With --voice: the SIP account of the phone.")] = "phone1",
    password: Annotated[str, typer.Option(help="With --voice: its password.", envvar="VOICEAI_TEST_SIP_PASSWORD")] = "",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="With --voice: the config with agent_tests.", exists=True)
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the tests of an agent by text, or with --voice by telephone.

    The agent speaks with scripted or simulated callers, and what came of it is checked. Exit status 3: a test failed.
    """
    asked: dict[str, Any] = {"instructions": _prompt(instructions), "draft": draft or None, "version": version}
    whole = names or file or junit_file or repeat > 1
    _refuse(draft and version is not None, "--draft and --version exclude each other")
    _refuse(voice and any(asked.values()), "a call by --voice has the agent that is in force: no other can be tested")
    _refuse(replay and (whole or voice), "--replay is one conversation by text: without tests, --repeat, --junit")
    _refuse(real_tools and not replay, "--real-tools is for --replay; a test has `real_tools` for itself")
    _refuse(junit_file and not junit_file.parent.is_dir(), f"there is no folder for {junit_file}")
    with connected(url, token) as client:
        if replay is not None:
            replay_call(client, agent, replay, asked, real_tools=real_tools, json=as_json)
            return
        asked |= {
            "repeat": repeat,
            **({"tests": names or None} if file is None else {"cases": _cases(file, names or ())}),
        }
        if voice:
            folder = file.parent if file is not None else Path()
            results = _by_voice(client, agent, asked, Account(sip, number, user, password), config, folder)
        else:
            results = _by_text(client, agent, asked, as_json)
        runs, lost = _collected(results, as_json)
    if not as_json:
        _tell(runs)
    if junit_file is not None:
        _write(junit_file, junit.report(agent, runs))
    if lost is not None:
        err.print(f"Some tests were not run: {lost}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    if not all(each.passed for each in runs):
        raise typer.Exit(FAILED)


def _refuse(wrong: object, why: str) -> None:
    if wrong:
        raise typer.BadParameter(why)


def _prompt(file: Path | None) -> str | None:
    try:
        return file.read_text(encoding="utf-8") if file is not None else None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise typer.BadParameter(f"{file} can't be read: {reason}") from None


def _write(file: Path, report: str) -> None:
    try:
        file.write_text(report, encoding="utf-8")
    except OSError as error:
        err.print(f"{file} can't be written: {error.strerror}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


def _collected(results: Iterator[AgentTestRun], as_json: bool) -> tuple[list[AgentTestRun], Unreachable | None]:
    """All results, and what kept the rest from being run. Raises Unreachable if there are none."""
    runs: list[AgentTestRun] = []
    try:
        for run in results:
            runs.append(run)
            if as_json:
                typer.echo(run.model_dump_json())
    except Unreachable as lost:
        if not runs:
            raise
        return runs, lost
    return runs, None


def _cases(file: Path, names: Sequence[str]) -> dict[str, Any]:
    try:
        tests = load_tests(file, os.environ)
    except configs.ConfigErrors as errors:
        err.print(configs.render(errors), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if unknown := [name for name in names if name not in tests]:
        err.print(f"{file} has no test {', '.join(unknown)}; there are: {', '.join(tests)}.", markup=False)
        raise typer.Exit(2)
    chosen = {name: tests[name] for name in names} or tests
    return {name: each.model_dump(mode="json", exclude_unset=True) for name, each in chosen.items()}


def _by_text(client: Client, agent: str, asked: dict[str, Any], as_json: bool) -> Iterator[AgentTestRun]:
    """The results as they come, with progress on the terminal's error output. Raises Unreachable."""
    total: int | None = None
    if not asked["draft"] and asked["version"] is None:
        known = asked.get("cases") or asked.get("tests") or client.list_agent_tests(agent).tests
        total = len(known) * asked["repeat"]
    with Progress(console=err, transient=True, disable=as_json or not err.is_terminal) as progress:
        task = progress.add_task(f"testing {agent}", total=total)
        for event in client.run_agent_tests(agent, **asked):
            if event.type == "done":
                return
            if event.type == "result":
                progress.advance(task)
                yield AgentTestRun.model_validate(event.data)
    raise Unreachable("the controller ended the run before its end")


def _by_voice(
    client: Client, agent: str, asked: dict[str, Any], account: Account, config: Path | None, folder: Path
) -> Iterator[AgentTestRun]:
    """The results as they come. `folder`: of the tests' WAV files."""
    try:
        from controller.cli.voice_call import Telephone
        from controller.cli.voice_tests import run_all
    except ImportError as missing:
        err.print(f"Tests by voice work in a checkout with all its packages: there is no {missing.name}.", markup=False)
        raise typer.Exit(2) from None
    listed = asked.get("cases") or client.list_agent_tests(agent).tests
    names = asked.get("tests") or list(listed)
    if unknown := [name for name in names if name not in listed]:
        err.print(f"The agent has no test {', '.join(unknown)}; there are: {', '.join(listed)}.", markup=False)
        raise typer.Exit(2)
    tests = {name: AgentTest.model_validate(listed[name]) for name in names}
    models = AgentTests()
    if config is not None:
        try:
            models = configs.load(config, os.environ).agent_tests
        except configs.ConfigErrors as errors:
            err.print(configs.render(errors), markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(2) from None
    telephone = Telephone(account.sip, account.number, account.user, account.password)
    for run in run_all(client, telephone, models, agent, tests, repeat=asked["repeat"], folder=folder):
        if err.is_terminal:
            err.print(f"{run.test} [{run.number}]: {'passed' if run.passed else 'failed'}", markup=False)
        yield run


def _tell(runs: Sequence[AgentTestRun]) -> None:
    table = Table("test", "passed", "longest s", "what is wrong", box=None)
    for name in sorted({each.test for each in runs}):
        mine = [each for each in runs if each.test == name]
        passed = sum(each.passed for each in mine)
        style = "" if passed == len(mine) else "red"
        cells = name, f"{passed}/{len(mine)}", f"{max(e.seconds for e in mine):.1f}", _wrong(mine)
        table.add_row(*map(Text, cells), style=style)  # no markup: these are words of others
    out.print(table)
    told = [each for each in reversed(runs) if not each.passed and each.conversation]
    failed = {each.test: each for each in told}  # the first of each test
    for run in sorted(failed.values(), key=lambda each: each.test)[:SHOWN]:
        out.print(f"\n{run.test} [{run.number}]:", style="bold", highlight=False, markup=False)
        for each in run.conversation:
            out.print(f"  {junit.line(each)}", highlight=False, markup=False)
    passed, not_run = sum(each.passed for each in runs), sum(each.error is not None for each in runs)
    more = f", {not_run} could not be run" if not_run else ""
    out.print(f"{passed} of {len(runs)} passed{more}, {sum(each.cost for each in runs):.4f} USD", highlight=False)


def _wrong(runs: Sequence[AgentTestRun]) -> str:
    """Each fault once, and how often."""
    found: dict[str, int] = {}
    for run in runs:
        faults = [f"{each.check}: {each.why}" for each in run.verdicts if not each.passed]
        for each in faults if run.error is None else [run.error]:
            found[each] = found.get(each, 0) + 1
    return "\n".join(f"{text}{f' ({times} times)' if times > 1 else ''}" for text, times in found.items())
