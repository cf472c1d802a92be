"""`voiceai test AGENT --replay CALL`: asks for the call and for the test run, and shows then and now side by side.

Exit status 1: the call, or what the caller said, is not there, or the conversation could not be held.
"""

from typing import Any, NoReturn

import typer
from rich.table import Table
from rich.text import Text

from controller.api.client import Client
from controller.api.models.agent_tests import AgentTestRun
from controller.api.models.history import PastCallDetail
from controller.cli import replay
from controller.cli.connection import err, out


def replay_call(client: Client, agent: str, call: str, asked: dict[str, Any], *, real_tools: bool, json: bool) -> None:
    """`asked`: of which agent (`instructions`, `draft`, `version`)."""
    past = client.show_past_call(call)
    lines = replay.lines_of(replay.exchanges_of_call(past))
    if not lines:
        _fail(f"The caller's words are not there: {_why_none(past)}.")
    if missed := replay.not_transcribed(past):
        err.print(f"{missed} of the caller's utterances were not transcribed: they are left out.", markup=False)
    if past.ended_at is None:
        err.print("The call is live, or its end is not written down yet.")
    says = [{"text": each} for each in lines]
    case = {"says": says, "checks": [{"max_turns": len(lines)}], "max_turns": len(lines), "real_tools": real_tools}
    run: AgentTestRun | None = None
    for event in client.run_agent_tests(agent, cases={"replay": case}, **asked):
        if event.type == "result":
            run = AgentTestRun.model_validate(event.data)
    if run is None:
        _fail("The controller ended the run without a result.")
    if json:
        typer.echo(run.model_dump_json())
    elif run.conversation:
        _show(past, run)
    if run.error is not None:
        _fail(run.error)


def _why_none(past: PastCallDetail) -> str:
    if past.transcript is None:
        return "the token lacks the scope `recordings`"
    if replay.not_transcribed(past):
        return "what the caller said was not transcribed"
    return "the call has no transcript of the caller (`transcription` of the agent, `records.transcript_days`)"


def _show(past: PastCallDetail, run: AgentTestRun) -> None:
    table = Table("the caller said", "the agent said then", "it says now", show_lines=True)
    for row in replay.rows(past, run):
        table.add_row(*map(Text, row))  # no markup: these are words of others
    out.print(table)
    out.print(f"{run.cost:.4f} USD", highlight=False)


def _fail(why: str) -> NoReturn:
    err.print(why, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
