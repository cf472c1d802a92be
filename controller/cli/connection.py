"""Shared by all commands that use a running controller: its address, the token, the output of answers and problems."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType

from controller.api.client import ApiProblem, Client, Unreachable, Unusable
from controller.api.models.base import Answer
from controller.api.models.calls import CallAnswer, CallPage
from controller.api.models.history import HistoryPage
from controller.api.models.queue import QueuePage
from controller.cli import tables

out, err = Console(), Console(stderr=True)

Url = Annotated[str, typer.Option("--url", help="The URL of the controller's API.", envvar="VOICEAI_URL")]
Token = Annotated[
    str,
    typer.Option("--token", help="An API token.", envvar="VOICEAI_API_TOKEN", default_factory=str, show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]
CallId = Annotated[str, typer.Argument(help="The id of the call, or its first characters.", metavar="CALL")]
Trunk = Annotated[str | None, typer.Option(help="Only calls over this trunk.")]
MetadataOption = Annotated[
    list[str] | None, typer.Option("--metadata", help="key=value to find the call by; may be repeated.")
]
MetadataFilter = Annotated[
    list[str] | None, typer.Option("--metadata", help="Only calls with this key=value; may be repeated.")
]
Limit = Annotated[int, typer.Option(help="The maximum number of entries.")]

LOCAL = "http://127.0.0.1:8080"

SET_UP, CALLS, AGENTS, ADMINISTRATION = "Set up and run", "Calls", "Agents", "Administration"
"""The groups of commands in the help."""

_NO_TOKEN = "No API token is given. Set VOICEAI_API_TOKEN, or use --token."
_WRONG_TOKEN = (
    "The controller does not know this API token (VOICEAI_API_TOKEN, --token). It is wrong, revoked or expired."
)
_ID_LENGTH = 36
"""Characters of a call's id, a UUID."""
_SEARCHED = 1000
"""Of so many calls the beginning of an id is looked for."""


@contextmanager
def connected(url: str, token: str) -> Iterator[Client]:
    """A client. Prints what went wrong and ends the command with exit status 1."""
    try:
        with Client(url, token) as client:
            yield client
    except ApiProblem as problem:
        if problem.type == "unauthorized":
            err.print(_WRONG_TOKEN if token else _NO_TOKEN, markup=False, soft_wrap=True)
            raise typer.Exit(1) from None
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


def pairs(given: Iterable[str] | None) -> dict[str, str]:
    """Of arguments key=value. Ends the command with exit status 2 for one without `=`."""
    for each in given or ():
        if "=" not in each:
            raise typer.BadParameter(f"{each!r} is not of the form key=value")
    return {key: value for key, _, value in (each.partition("=") for each in given or ())}


def full_id(client: Client, given: str) -> str:
    """The id of the one call, live or queued, whose id begins with `given`. What no call begins with is left to the API
    to refuse.

    Prints the calls and ends the command with exit status 1 if there are several.
    """
    return _full(given, client.list_calls, client.list_queue)


def full_past_id(client: Client, given: str) -> str:
    """Likewise, of the calls in the history."""
    return _full(given, client.list_history)


def _full(given: str, *pages: Callable[..., CallPage | HistoryPage | QueuePage]) -> str:
    given = given.lower()  # as in every id
    if len(given) >= _ID_LENGTH or not given:
        return given
    found = {each.id for page in pages for each in page(limit=_SEARCHED).calls}
    several = sorted(each for each in found if each.startswith(given))
    if len(several) > 1:
        err.print(f"Several calls begin with {given}:", *several, sep="\n  ", markup=False, highlight=False)
        raise typer.Exit(1)
    return several[0] if several else given


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
