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

from controller import config as configs
from controller.api.client import Client
from controller.api.models.agent_tests import AgentTestRun
from controller.cli import junit, replay
from controller.cli.connection import LOCAL, Json, Token, Url, connected, err, out
from controller.config.models.agent_tests import AgentTest, AgentTests
from controller.config.test_file import load_tests

app = typer.Typer()

FAILED = 3


@dataclass(frozen=True, slots=True)
class Account:
    """Of the telephone that calls."""

    sip: str
    number: str
    user: str
    password: str = field(repr=False)


@app.command("test")
def run_tests(
    agent: Annotated[str, typer.Argument(help="The agent's name in the config.")],
    token: Token,
    names: Annotated[list[str] | None, typer.Argument(help="Only these tests.")] = None,
    url: Url = LOCAL,
    repeat: Annotated[int, typer.Option(help="How often each is run.", min=1, max=100)] = 1,
    file: Annotated[Path | None, typer.Option(help="Tests in a file instead (`tests:`).")] = None,
    instructions: Annotated[
        Path | None, typer.Option(help="A file with instructions to test instead of the agent's own.", exists=True)
    ] = None,
    replay_call: Annotated[
        str | None, typer.Option("--replay", metavar="CALL", help="Say again what the caller of this past call said.")
    ] = None,
    real_tools: Annotated[bool, typer.Option("--real-tools", help="With --replay: tools are really asked.")] = False,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="Write the results as JUnit XML.")] = None,
    voice: Annotated[bool, typer.Option("--voice", help="By a telephone call through Asterisk.")] = False,
    sip: Annotated[str, typer.Option(help="With --voice: host:port of Asterisk's SIP.")] = "127.0.0.1:5060",
    number: Annotated[str, typer.Option(help="With --voice: the agent's number.")] = "5001",
    user: Annotated[str, typer.Option(help="With --voice: the telephone's account.")] = "phone1",
    password: Annotated[str, typer.Option(help="With --voice: its password.", envvar="VOICEAI_TEST_SIP_PASSWORD")] = "",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="With --voice: the config with agent_tests.", exists=True)
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the tests of an agent by text, or with --voice by telephone.

    The agent speaks with scripted or simulated callers, and what came of it is checked. Exit status 3: a test failed.
    """
    prompt = instructions.read_text(encoding="utf-8") if instructions else None
    with connected(url, token) as client:
        if replay_call is not None:
            _replay(client, agent, replay_call, prompt, real_tools=real_tools)
            return
        asked: dict[str, Any] = {"repeat": repeat, "instructions": prompt}
        asked |= {"tests": names or None} if file is None else {"cases": _cases(file, names or ())}
        if voice:
            account = Account(sip, number, user, password)
            runs = list(_by_voice(client, agent, asked, account, config, as_json))
        else:
            runs = list(_shown(client, agent, asked, as_json))
    if junit_file is not None:
        junit_file.write_text(junit.report(agent, runs), encoding="utf-8")
    if not as_json:
        _tell(runs)
    if not all(each.passed for each in runs):
        raise typer.Exit(FAILED)


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


def _shown(client: Client, agent: str, asked: dict[str, Any], as_json: bool) -> Iterator[AgentTestRun]:
    """The results as they come, with progress on the terminal's error output."""
    known = asked.get("cases") or asked.get("tests") or client.list_agent_tests(agent).tests
    with Progress(console=err, transient=True, disable=as_json or not err.is_terminal) as progress:
        task = progress.add_task(f"testing {agent}", total=len(known) * asked["repeat"])
        for event in client.run_agent_tests(agent, **asked):
            if event.type != "result":
                continue
            run = AgentTestRun.model_validate(event.data)
            if as_json:
                typer.echo(run.model_dump_json())
            progress.advance(task)
            yield run


def _by_voice(
    client: Client, agent: str, asked: dict[str, Any], account: Account, config: Path | None, as_json: bool
) -> Iterator[AgentTestRun]:
    """The results, once all calls are over; each is told when it is there."""
    try:
        from controller.cli.voice_tests import Telephone, run_all
    except ImportError as missing:
        err.print(f"Tests by voice work in a checkout with all its packages: there is no {missing.name}.", markup=False)
        raise typer.Exit(2) from None
    if asked["instructions"] is not None:
        err.print("A call has the instructions that are in force: --instructions is for tests by text.", markup=False)
        raise typer.Exit(2)
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
    for run in run_all(client, telephone, models, agent, tests, asked["repeat"]):
        if as_json:
            typer.echo(run.model_dump_json())
        elif err.is_terminal:
            err.print(f"{run.test} [{run.number}]: {'passed' if run.passed else 'failed'}", markup=False)
        yield run


def _tell(runs: Sequence[AgentTestRun]) -> None:
    table = Table("test", "passed", "seconds", "what is wrong", box=None)
    for name in sorted({each.test for each in runs}):
        mine = [each for each in runs if each.test == name]
        passed = sum(each.passed for each in mine)
        style = "" if passed == len(mine) else "red"
        table.add_row(name, f"{passed}/{len(mine)}", f"{max(e.seconds for e in mine):.1f}", _wrong(mine), style=style)
    out.print(table, highlight=False, markup=False)
    for run in [each for each in runs if not each.passed][:5]:
        out.print(f"\n{run.test} [{run.number}]:", style="bold", highlight=False, markup=False)
        for each in run.conversation:
            out.print(f"  {junit.line(each)}", highlight=False, markup=False)
    failed, cost = sum(not each.passed for each in runs), sum(each.cost for each in runs)
    out.print(f"{len(runs) - failed} of {len(runs)} passed, {cost:.4f} USD", highlight=False)


def _wrong(runs: Sequence[AgentTestRun]) -> str:
    """Each fault once, and how often."""
    found: dict[str, int] = {}
    for run in runs:
        faults = [f"{each.check}: {each.why}" for each in run.verdicts if not each.passed]
        for each in faults if run.error is None else [run.error]:
            found[each] = found.get(each, 0) + 1
    return "\n".join(f"{text}{f' ({times} times)' if times > 1 else ''}" for text, times in found.items())


def _replay(client: Client, agent: str, call: str, prompt: str | None, *, real_tools: bool) -> None:
    past = client.show_past_call(call)
    then = replay.exchanges_of_call(past.transcript or ())
    lines = replay.lines_of(then)
    if not lines:
        why = (
            "the token lacks the scope `recordings`" if past.transcript is None else "nothing is kept of what was said"
        )
        err.print(f"The caller's words are not there: {why}.", markup=False)
        raise typer.Exit(1)
    case = {"says": lines, "checks": [{"max_turns": len(lines)}], "max_turns": len(lines), "real_tools": real_tools}
    for event in client.run_agent_tests(agent, cases={"replay": case}, instructions=prompt):
        if event.type == "result":
            run = AgentTestRun.model_validate(event.data)
            if run.error is not None:
                err.print(run.error, markup=False)
                raise typer.Exit(1)
            table = Table("the caller said", "the agent said then", "it says now", show_lines=True)
            for row in replay.rows(then, replay.exchanges_of_run(run.conversation), run):
                table.add_row(*row)
            out.print(table, highlight=False, markup=False)
            out.print(f"{run.cost:.4f} USD", highlight=False)
