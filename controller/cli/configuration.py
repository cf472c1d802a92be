"""The commands that change the configuration of a running controller: its file, and resources with versions."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.table import Table

from controller.api.models.history import ComparisonAnswer
from controller.api.models.resources import (
    DiffAnswer,
    Imported,
    ResourceAnswer,
    ResourceInfo,
    ResourcePage,
    VersionInfo,
    VersionPage,
)
from controller.api.models.routes import RouteAnswer
from controller.api.models.system import ReloadAnswer
from controller.api.models.tool_tries import ToolTried
from controller.cli.connection import AGENTS, LOCAL, Json, Limit, Token, Url, connected, err, tell
from controller.config.differences import as_yaml
from controller.config.resources import plain

app = typer.Typer()
config = typer.Typer(help="Agents, routes, tools, webhooks, trunk limits: versions, drafts, publish.")
app.add_typer(config, name="config", rich_help_panel=AGENTS)

Kind = Annotated[str, typer.Argument(help="agents, routes, http_tools, mcp, webhooks or trunk-limits.")]
Name = Annotated[str, typer.Argument(help="The name; for routes: routes.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="What was changed.")]
Yaml = Annotated[Path, typer.Argument(help="A YAML file; - is the standard input.", allow_dash=True)]


@app.command(rich_help_panel=AGENTS)
def reload(token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Reload the config file of the controller. If it has an error, nothing changes."""
    with connected(url, token) as client:
        tell(client.reload_config(), as_json, _reloaded)


@config.command("list")
def list_(kind: Kind, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """List the resources of a kind."""
    with connected(url, token) as client:
        tell(client.list_resources(kind), as_json, _resources)


@config.command()
def show(
    kind: Kind,
    name: Name,
    token: Token,
    url: Url = LOCAL,
    version: Annotated[int | None, typer.Option(help="A version; default: the published one.")] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Show the draft.")] = False,
    as_json: Json = False,
) -> None:
    """Print a resource as YAML."""
    with connected(url, token) as client:
        if version is not None:
            tell(client.show_version(kind, name, version), as_json, lambda found: as_yaml(found.content).rstrip())
            return
        found = client.show_resource(kind, name)
        part = found.draft if draft else found.published
        if part is None:
            err.print(f"It has no {'draft' if draft else 'published version'}.")
            raise typer.Exit(1)
        tell(part, as_json, lambda told: as_yaml(told.content).rstrip())


@config.command()
def versions(kind: Kind, name: Name, token: Token, url: Url = LOCAL, limit: Limit = 20, as_json: Json = False) -> None:
    """List the versions of a resource, newest first."""
    with connected(url, token) as client:
        tell(client.list_versions(kind, name, limit=limit), as_json, _versions)


@config.command()
def diff(
    kind: Kind,
    name: Name,
    token: Token,
    url: Url = LOCAL,
    before: Annotated[str, typer.Option("--from", help="A version, `published` or `draft`.")] = "published",
    after: Annotated[str, typer.Option("--to", help="As for the other version.")] = "draft",
    as_json: Json = False,
) -> None:
    """Show what differs between two versions."""
    with connected(url, token) as client:
        tell(client.diff_versions(kind, name, before, after), as_json, _diff)


@config.command()
def draft(kind: Kind, name: Name, file: Yaml, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Save a YAML file as the draft. An older draft is replaced."""
    content = _content(_text(file))
    with connected(url, token) as client:
        there = [each.etag for each in client.list_resources(kind).resources if each.name == name]
        tell(client.put_draft(kind, name, content, etag=there[0] if there else None), as_json, _one)


@config.command()
def publish(
    kind: Kind, name: Name, token: Token, url: Url = LOCAL, comment: Comment = "", as_json: Json = False
) -> None:
    """Publish the draft for new calls."""
    with connected(url, token) as client:
        etag = client.show_resource(kind, name).etag
        tell(client.publish_draft(kind, name, etag=etag, comment=comment), as_json, _one)


@config.command()
def rollback(
    kind: Kind, name: Name, version: int, token: Token, url: Url = LOCAL, comment: Comment = "", as_json: Json = False
) -> None:
    """Publish an older version again."""
    with connected(url, token) as client:
        etag = client.show_resource(kind, name).etag
        tell(client.roll_back(kind, name, version, etag=etag, comment=comment), as_json, _one)


@config.command()
def delete(kind: Kind, name: Name, token: Token, url: Url = LOCAL) -> None:
    """Delete a resource to which nothing refers."""
    with connected(url, token) as client:
        client.delete_resource(kind, name, etag=client.show_resource(kind, name).etag)


@config.command()
def trial(
    name: Name,
    version: int,
    token: Token,
    share: Annotated[int, typer.Option(help="Percent of the new calls.")],
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Give a version of an agent a share of its new calls."""
    with connected(url, token) as client:
        etag = client.show_resource("agents", name).etag
        tell(client.set_trial("agents", name, version, share, etag=etag), as_json, _one)


@config.command("end-trial")
def end_trial(name: Name, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """End a trial: all new calls get the published version."""
    with connected(url, token) as client:
        tell(client.end_trial("agents", name, etag=client.show_resource("agents", name).etag), as_json, _one)


@config.command()
def compare(name: Name, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Compare the versions of an agent by their calls."""
    with connected(url, token) as client:
        tell(client.compare_versions(name), as_json, _compared)


@config.command("try-tool")
def try_tool(
    name: Name,
    token: Token,
    url: Url = LOCAL,
    arguments: Annotated[
        str, typer.Option("--arguments", "-a", help="A JSON object, as the model would send it.")
    ] = "{}",
    draft: Annotated[bool, typer.Option("--draft", help="Show the draft.")] = False,
    as_json: Json = False,
) -> None:
    """Try an HTTP tool with one real request, as in a call."""
    try:
        given = json.loads(arguments)
    except ValueError as error:
        err.print(f"--arguments is no JSON: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if not isinstance(given, dict):
        err.print('--arguments has to be a JSON object, such as {"id": "17"}', markup=False, soft_wrap=True)
        raise typer.Exit(2)
    with connected(url, token) as client:
        found = client.try_http_tool(name, given, draft=draft)
        tell(found, as_json, _tried)
        if not found.ok:
            raise typer.Exit(1)


@config.command()
def route(
    to: Annotated[str, typer.Argument(help="The called number.")],
    token: Token,
    url: Url = LOCAL,
    caller: Annotated[str, typer.Option(help="The number of the caller; default: withheld.")] = "",
    trunk: Annotated[str | None, typer.Option(help="The trunk of the inbound call.")] = None,
    at: Annotated[str | None, typer.Option(help="When, such as 2026-12-24T18:00:00+01:00; default: now.")] = None,
    as_json: Json = False,
) -> None:
    """Show which agent would answer a call."""
    with connected(url, token) as client:
        tell(client.test_route(to, caller=caller, trunk=trunk, at=at), as_json, _routed)


@config.command("import")
def import_(
    file: Yaml,
    token: Token,
    url: Url = LOCAL,
    comment: Comment = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Import a config file or an export and publish it. Its sections replace those in the database."""
    text = _text(file)
    with connected(url, token) as client:
        tell(client.import_config(text, comment=comment, dry_run=dry_run), as_json, _imported)


@config.command()
def export(token: Token, url: Url = LOCAL) -> None:
    """Print the published resources as part of a config file, for `import`."""
    with connected(url, token) as client:
        typer.echo(client.export_config(), nl=False)


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        err.print(f"{file} can't be read: {reason}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


def _content(text: str) -> Any:
    try:
        return plain(yaml.safe_load(text))
    except yaml.YAMLError as error:
        err.print(f"This is not YAML: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


def _reloaded(told: ReloadAnswer) -> str:
    lines = [f"changed: {', '.join(told.changed)}" if told.changed else "nothing has changed"]
    if told.restart:
        lines.append(f"after a restart only: {', '.join(told.restart)}")
    if told.ignored:
        lines.append(f"ignored, because the store has it: {', '.join(told.ignored)}")
    return "\n".join(lines)


def _resources(page: ResourcePage) -> Table:
    table = Table("name", "version", "by", "at", "comment", "draft", "tried", box=None)
    for each in page.resources:
        tried = f"{each.trial.version}: {each.trial.share} %" if each.trial else ""
        table.add_row(each.name, *_row(each.published), each.draft.by if each.draft else "", tried)
    table.caption = "from the config file" if page.source == "file" else None
    return table


def _tried(found: ToolTried) -> str:
    asked = f"{found.method} {found.url}" if found.url is not None else "nothing was sent"
    status = f"status {found.status}" if found.status is not None else found.reason or ""
    detail = f" ({found.detail})" if found.detail else ""
    return f"{asked}\n{status}, {found.duration_ms} ms{detail}\n{found.output}"


def _routed(found: RouteAnswer) -> str:
    if not found.agents:
        return "nobody: the call is declined" + (f". Nearest: {found.nearest}" if found.nearest else "")
    whole = sum(found.agents.values())
    who = found.agent or ", ".join(f"{name} {share * 100 // whole} %" for name, share in found.agents.items())
    return f"{who} (no routes: the first agent)" if found.route is None else f"{who} (routes[{found.route}])"


def _row(version: VersionInfo | None) -> tuple[str, str, str, str]:
    if version is None:
        return "", "", "", ""
    return str(version.version), version.by, f"{version.at:%Y-%m-%d %H:%M}", version.comment


def _versions(page: VersionPage) -> Table:
    table = Table("version", "by", "at", "comment", box=None)
    for each in page.versions:
        table.add_row(*_row(each))
    return table


def _compared(told: ComparisonAnswer) -> Table:
    columns = "version", "calls", "talked s", "turns", "interruptions", "transfers", "response ms", "cost", "outcomes"
    table = Table(*columns, box=None)
    for each in told.versions:
        outcomes = ", ".join(f"{name} {count}" for name, count in each.outcomes.items())
        figures = each.calls, each.mean_talked_s, each.turns, each.interruptions, each.transfers, each.first_frame_ms
        shown = ["" if figure is None else str(figure) for figure in (each.version, *figures)]
        table.add_row(*shown, f"{each.cost:.4f}", outcomes)
    return table


def _one(found: ResourceAnswer) -> Table:
    info = ResourceInfo.model_validate(found)
    return _resources(ResourcePage(source="store", resources=(info,)))


def _diff(told: DiffAnswer) -> str:
    return "\n".join(told.lines) if told.lines else "They are the same."


def _imported(told: Imported) -> str:
    return "\n".join(told.changed) if told.changed else "Nothing differs."
