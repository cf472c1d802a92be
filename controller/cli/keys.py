"""The commands of `voiceai keys`: make, list, change and revoke API keys; console sessions."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from controller.api.client import Client
from controller.api.models.keys import ConsoleSessionPage, KeyAnswer, KeyPage
from controller.cli.connection import LOCAL, Json, Token, Url, connected, err, tell

keys = typer.Typer(no_args_is_help=True, help="API keys: create, list, change, revoke; console sessions.")

Key = Annotated[str, typer.Argument(help="The name or id of the key.", metavar="KEY")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="read, call, …; may be repeated.")]
Agents = Annotated[list[str] | None, typer.Option("--agent", help="Only calls of this agent; may be repeated.")]
Trunks = Annotated[list[str] | None, typer.Option("--trunk", help="Only calls over this trunk; may be repeated.")]
Sources = Annotated[
    list[str] | None, typer.Option("--source", help="Only from this address or network; may be repeated.")
]
Expires = Annotated[str | None, typer.Option("--expires", help="When it ends: 90d, 12h, or 2027-01-31T12:00:00+01:00.")]
Comment = Annotated[str | None, typer.Option("--comment", help="The purpose of the key.")]

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def _moment(text: str | None) -> datetime | None:
    """Raises typer.BadParameter."""
    if text is None:
        return None
    if span := re.fullmatch(r"([0-9]{1,5})([dhm])", text):
        return datetime.now(UTC) + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise typer.BadParameter("write 90d, 12h, 30m or a moment such as 2027-01-31T12:00:00+01:00") from None


def _id_of(client: Client, key: str) -> str:
    """The id of the key of that name, or what was given."""
    return next((each.id for each in client.list_keys().keys if each.id and key in (each.name, each.id)), key)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="The name of the token.")],
    token: Token,
    url: Url = LOCAL,
    scope: Scopes = None,
    agent: Agents = None,
    trunk: Trunks = None,
    source: Sources = None,
    expires: Expires = None,
    comment: Comment = None,
    as_json: Json = False,
) -> None:
    """Create a key. It is shown once, on standard output."""
    until = _moment(expires)
    with connected(url, token) as client:
        limits: dict[str, Any] = {"agents": agent, "trunks": trunk, "sources": source, "expires_at": until}
        made = client.create_key(name, scopes=scope or ["read"], **limits, comment=comment)
        if as_json:
            typer.echo(made.model_dump_json())
            return
        err.print("The key, which is not shown again:", markup=False)
        typer.echo(made.key)


@keys.command("list")
def list_(token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """List keys and tokens of the configuration, with their latest use."""
    with connected(url, token) as client:
        tell(client.list_keys(), as_json, _table)


@keys.command()
def change(
    key: Key,
    token: Token,
    url: Url = LOCAL,
    scope: Scopes = None,
    agent: Agents = None,
    trunk: Trunks = None,
    source: Sources = None,
    expires: Expires = None,
    comment: Comment = None,
    as_json: Json = False,
) -> None:
    """Change a key. Only the given options are changed."""
    until = _moment(expires)
    given: dict[str, Any] = {"scopes": scope, "agents": agent, "trunks": trunk, "sources": source}
    given |= {"expires_at": until, "comment": comment}
    with connected(url, token) as client:
        changed = client.change_key(
            _id_of(client, key), **{name: each for name, each in given.items() if each is not None}
        )
        tell(changed, as_json, lambda found: _table(KeyPage(keys=(found,))))


@keys.command()
def revoke(key: Key, token: Token, url: Url = LOCAL) -> None:
    """Revoke a key: its next request fails, its streams and sessions end."""
    with connected(url, token) as client:
        client.revoke_key(_id_of(client, key))


@keys.command()
def sessions(token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """List console sessions."""
    with connected(url, token) as client:
        tell(client.list_sessions(), as_json, _sessions)


@keys.command("end-session")
def end_session(
    session: Annotated[str, typer.Argument(help="The id, as `voiceai keys sessions` shows it.")],
    token: Token,
    url: Url = LOCAL,
) -> None:
    """End a console session."""
    with connected(url, token) as client:
        client.end_session(session)


def _table(page: KeyPage) -> RenderableType:
    table = Table("name", "id", "scopes", "limits", "expires", "last use", "from", box=None)
    for each in page.keys:
        where = each.id or "config"
        cells = (each.name, where, " ".join(each.scopes), _limits(each), _when(each.expires_at), _when(each.used_at))
        table.add_row(*map(Text, cells), Text(each.used_from or ""))
    return table


def _limits(key: KeyAnswer) -> str:
    return "; ".join(" ".join(each) for each in (key.agents, key.trunks, key.sources) if each)


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone():%F %R}"


def _sessions(page: ConsoleSessionPage) -> RenderableType:
    table = Table(Column("id", no_wrap=True, overflow="fold"), "user", "since", "last use", "from", box=None)
    for each in page.sessions:
        cells = (each.id, each.name, _when(each.began_at), _when(each.used_at), each.source or "")
        table.add_row(*map(Text, cells))
    return table
