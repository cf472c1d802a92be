"""Shared by all commands that use a running controller: its address, the token, the output of answers and problems."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from controller.api.client import ApiProblem, Client, Unreachable, Unusable
from controller.api.models.base import Answer
from controller.api.models.calls import CallAnswer
from controller.cli import tables

out, err = Console(), Console(stderr=True)

Url = Annotated[str, typer.Option("--url", help="Where the controller's API is.", envvar="VOICEAI_URL")]
Token = Annotated[str, typer.Option("--token", help="An API token.", envvar="VOICEAI_API_TOKEN")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for other programs.")]
CallId = Annotated[str, typer.Argument(help="The call's id.", metavar="CALL")]
Trunk = Annotated[str | None, typer.Option(help="Over this trunk only.")]
Limit = Annotated[int, typer.Option(help="How many at most.")]

LOCAL = "http://127.0.0.1:8080"


@contextmanager
def connected(url: str, token: str) -> Iterator[Client]:
    """A client. Prints what went wrong and ends the command with exit status 1."""
    try:
        with Client(url, token) as client:
            yield client
    except ApiProblem as problem:
        err.print(f"{problem} [{problem.type}]", markup=False, soft_wrap=True)
        for each in problem.problem.errors or ():
            line = f" (line {each.line})" if each.line is not None else ""
            place = each.path or each.pointer or each.parameter or "the request"
            err.print(f"  {place}{line}: {each.detail}", markup=False, soft_wrap=True)
            if each.hint:
                err.print(f"      hint: {each.hint}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except Unusable as error:
        err.print(f"voiceai can't send the request: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except Unreachable as error:
        err.print(f"{error}. Is `voiceai serve` running there?", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def tell(answer: Answer, as_json: bool, show: Callable[[Any], RenderableType | str]) -> None:
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    shown = show(answer)
    if isinstance(shown, str):
        typer.echo(shown)  # as it is: wrapped to a terminal's width, YAML would be other YAML or none
    else:
        out.print(shown, highlight=False, markup=False)


def table(call: CallAnswer) -> RenderableType:
    return tables.calls_table([call])
