"""The commands of `voiceai` that use a running controller: calls, the queue, webhooks, the audit log.

Each asks the API through the typed client and shows the answer, as a table or, with --json, as the API gave it.
Owns also the former names of the commands of `voiceai calls`, which work and are not listed.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from typing import Annotated

import typer
from rich.live import Live

from controller.api.client import ApiProblem, Client, StreamEvent, Unreachable
from controller.api.models.calls import CallAnswer
from controller.cli import alerts, history, keys, live_calls, nodes, queue_tables, statistics, tables, workers
from controller.cli.connection import (
    ADMINISTRATION,
    CALLS,
    LOCAL,
    SET_UP,
    CallId,
    Json,
    Limit,
    MetadataFilter,
    MetadataOption,
    Token,
    Trunk,
    Url,
    connected,
    full_id,
    out,
    pairs,
    tell,
)

app = typer.Typer()
calls = typer.Typer(invoke_without_command=True, help="Calls: list, place, show, watch; hold, transfer, hang up, …")
calls.add_typer(live_calls.app)
queue = typer.Typer(invoke_without_command=True, help="Outbound queue: list, show, cancel, pause, resume.")
webhooks = typer.Typer(no_args_is_help=True, help="Webhook messages that were not delivered: list, replay, discard.")
for group, name in ((calls, "calls"), (queue, "queue"), (history.history, "history")):
    app.add_typer(group, name=name, rich_help_panel=CALLS)
app.add_typer(statistics.statistics)
app.add_typer(alerts.alerts)
for group, name in ((keys.keys, "keys"), (workers.workers, "workers"), (nodes.nodes, "nodes"), (webhooks, "webhooks")):
    app.add_typer(group, name=name, rich_help_panel=ADMINISTRATION)

AskedBy = Annotated[str | None, typer.Option(help="Only calls that this token has placed.")]
REFRESH_SECONDS, POLL_SECONDS = 0.5, 2.0


# ---------------------------------------------------------------- placing and looking


@calls.command("place")
def place_call(
    to: Annotated[str, typer.Argument(help="The number to call.")],
    token: Token,
    url: Url = LOCAL,
    trunk: Annotated[str | None, typer.Option(help="The trunk; default: the first one.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent; default: the first one.")] = None,
    caller_id: Annotated[str | None, typer.Option(help="The caller ID that the callee sees.")] = None,
    var: Annotated[list[str] | None, typer.Option(help="name=text for the agent's {{name}}; may be repeated.")] = None,
    metadata: MetadataOption = None,
    detect: Annotated[bool, typer.Option("--detect", help="Detect answering machines.")] = False,
    priority: Annotated[int, typer.Option(help="A higher priority is dialed first.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show the events of the call until it ends.")] = False,
    as_json: Json = False,
) -> None:
    """Place a call."""
    variables = dict(each.partition("=")[::2] for each in var or ())
    with connected(url, token) as client:
        placed = client.place_call(
            to=to,
            trunk=trunk,
            agent=agent,
            caller_id=caller_id,
            variables=variables or None,
            metadata=pairs(metadata) or None,
            answer_detection=detect or None,
            priority=priority or None,
        )
        if not follow:
            return tell(placed, as_json, lambda _: placed.id)
        _follow(client.stream_call_events(placed.id), as_json)
        last = client.show_call(placed.id)
        if last.outcome not in ("answered", "machine"):
            raise typer.Exit(3)
        return None


@calls.command("list")
@calls.callback()
def list_calls(
    context: typer.Context,
    token: Token,
    url: Url = LOCAL,
    state: Annotated[str | None, typer.Option(help="active or ended")] = None,
    agent: Annotated[str | None, typer.Option(help="Only calls of this agent.")] = None,
    trunk: Trunk = None,
    metadata: MetadataFilter = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """List live and recent calls, live ones first."""
    if context.invoked_subcommand is not None:
        return
    with connected(url, token) as client:
        page = client.list_calls(state=state, agent=agent, trunk=trunk, metadata=metadata or (), limit=limit)
        tell(page, as_json, lambda _: tables.calls_page(page))


@calls.command()
def show(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Show a call with everything that is stored about it."""
    with connected(url, token) as client:
        tell(client.show_call(full_id(client, call)), as_json, tables.call_detail)


@calls.command("metadata")
def change_metadata(
    call: CallId,
    token: Token,
    values: Annotated[list[str] | None, typer.Argument(help="key=value: set a key.", metavar="KEY=VALUE")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Remove this key; may be repeated.")] = None,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Show the metadata of a call, or change it."""
    changes: dict[str, str | None] = {**pairs(values), **dict.fromkeys(remove or ())}
    with connected(url, token) as client:
        id_ = full_id(client, call)
        shown: CallAnswer = client.change_call(id_, metadata=changes) if changes else client.show_call(id_)
        tell(shown, as_json, lambda _: "\n".join(f"{key}={value}" for key, value in shown.metadata.items()))


@calls.command()
def watch(
    token: Token,
    call: Annotated[str | None, typer.Argument(help="Show this call until it ends; default: all live calls.")] = None,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Show events as they happen."""
    with connected(url, token) as client, suppress(KeyboardInterrupt):
        if call is not None:
            _follow(client.stream_call_events(full_id(client, call)), as_json)
        elif as_json:
            _follow(client.stream_events(), as_json)
        else:
            _show_live_calls(client)


def _follow(events: Iterator[StreamEvent], as_json: bool) -> None:
    for event in events:
        if as_json:
            typer.echo(json.dumps(event.data, ensure_ascii=False))
        else:
            out.print(tables.event_line(event), soft_wrap=True)


def _show_live_calls(client: Client) -> None:
    """A table, updated at each event; without events (no scope, a broken stream) every POLL_SECONDS."""
    changed = threading.Event()

    def listen() -> None:
        with suppress(ApiProblem, Unreachable), Client(client.url, client.token) as second:
            for _ in second.stream_events():
                changed.set()

    threading.Thread(target=listen, daemon=True).start()
    with Live(console=out, auto_refresh=False) as live:
        while True:
            page = client.list_calls(state="active", limit=50)
            live.update(tables.calls_page(page, title=f"{len(page.calls)} live calls"), refresh=True)
            changed.wait(POLL_SECONDS)
            changed.clear()
            time.sleep(REFRESH_SECONDS)


# ---------------------------------------------------------------- the queue, webhooks, the audit log


@queue.command("list")
@queue.callback()
def queue_list(
    context: typer.Context,
    token: Token,
    url: Url = LOCAL,
    status: Annotated[str, typer.Option(help="active (queued and dialing), queued, dialing, ended or all")] = "active",
    trunk: Trunk = None,
    agent: Annotated[str | None, typer.Option(help="Only calls of this agent.")] = None,
    asked_by: AskedBy = None,
    metadata: MetadataFilter = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List outbound calls: when each is due and why it waits; and whether dialing is paused."""
    if context.invoked_subcommand is not None:
        return
    wanted = {"status": None if status == "all" else status, "trunk": trunk, "agent": agent, "asked_by": asked_by}
    with connected(url, token) as client:
        page = client.list_queue(**wanted, metadata=metadata or (), limit=limit)
        tell(page, as_json, queue_tables.queue_table)
        if not as_json and page.calls:
            out.print(queue_tables.queued_calls(page))


@queue.command("show")
def queue_show(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Show one outbound call: when it is due, why it waits, and its attempts."""
    with connected(url, token) as client:
        tell(client.show_call(full_id(client, call)), as_json, tables.call_detail)


@queue.command()
def cancel(
    token: Token,
    call: Annotated[list[str] | None, typer.Argument(help="Ids of calls; default: selected by the options.")] = None,
    url: Url = LOCAL,
    trunk: Trunk = None,
    agent: Annotated[str | None, typer.Option(help="Only calls of this agent.")] = None,
    asked_by: AskedBy = None,
    metadata: MetadataFilter = None,
    all_: Annotated[bool, typer.Option("--all", help="All queued calls.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Cancel queued calls. Shows how many there are, and asks first."""
    with connected(url, token) as client:
        calls = [full_id(client, each) for each in call or ()] or None
        same = dict(each.partition("=")[::2] for each in metadata or ())
        which = {"calls": calls, "trunk": trunk, "agent": agent, "asked_by": asked_by, "metadata": same, "all": all_}
        count = client.cancel_queued(**which).matching if calls is None else len(set(calls))
        if count and not yes:
            typer.confirm(f"{count} calls that wait will be cancelled. Continue?", abort=True)
        done = client.cancel_queued(**which, expected=count)
        tell(done, as_json, lambda found: f"{found.cancelled} calls cancelled")


@queue.command()
def pause(token: Token, url: Url = LOCAL, trunk: Trunk = None, as_json: Json = False) -> None:
    """Pause dialing; live calls continue."""
    with connected(url, token) as client:
        tell(client.pause_queue(trunk), as_json, queue_tables.queue_table)


@queue.command("resume")
def resume_queue(token: Token, url: Url = LOCAL, trunk: Trunk = None, as_json: Json = False) -> None:
    """Resume dialing."""
    with connected(url, token) as client:
        tell(client.resume_queue(trunk), as_json, queue_tables.queue_table)


@webhooks.command("list")
def letters(token: Token, url: Url = LOCAL, limit: Limit = 100, as_json: Json = False) -> None:
    """List messages that were not delivered (dead letters)."""
    with connected(url, token) as client:
        tell(client.list_dead_letters(limit=limit), as_json, tables.letters_table)


@webhooks.command()
def replay(
    token: Token,
    number: Annotated[int | None, typer.Argument(help="A number from the list; default: all.")] = None,
    url: Url = LOCAL,
    receiver: Annotated[str | None, typer.Option(help="Only those for this receiver.")] = None,
    as_json: Json = False,
) -> None:
    """Send dead letters again."""
    with connected(url, token) as client:
        done = client.replay_dead_letter(number) if number else client.replay_dead_letters(receiver=receiver)
        tell(done, as_json, lambda found: f"{found.replayed} will be sent again")


@webhooks.command()
def discard(
    token: Token,
    number: Annotated[int | None, typer.Argument(help="A number from the list.")] = None,
    url: Url = LOCAL,
    receiver: Annotated[str | None, typer.Option(help="All for this receiver.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    as_json: Json = False,
) -> None:
    """Delete one dead letter, those for a receiver, or all."""
    if [number is not None, receiver is not None, everything].count(True) != 1:
        raise typer.BadParameter("Give a number, --receiver or --all.")
    with connected(url, token) as client:
        if number is not None:
            client.discard_dead_letter(number)
            return
        done = client.discard_dead_letters(receiver=receiver, all=True if everything else None)
        tell(done, as_json, lambda found: f"{found.discarded} discarded")


@app.command(rich_help_panel=ADMINISTRATION)
def audit(
    token: Token,
    url: Url = LOCAL,
    by: Annotated[str | None, typer.Option(help="The name of a token.")] = None,
    operation: Annotated[str | None, typer.Option(help="An operationId, such as hang_up.")] = None,
    call: Annotated[str | None, typer.Option(help="The id of a call.")] = None,
    since: history.Since = None,
    until: history.Until = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List the audit log, newest first."""
    with connected(url, token) as client:
        found = client.list_audit(by=by, operation=operation, call=call, limit=limit, **history.times(since, until))
        tell(found, as_json, tables.audit_table)


@app.command(rich_help_panel=SET_UP)
def ready(token: Annotated[str, typer.Option(envvar="VOICEAI_API_TOKEN")] = "", url: Url = LOCAL) -> None:
    """Check whether the controller can take a call now. Exit status 1 if not."""
    with connected(url, token) as client:
        found = client.readiness()
    for part, ready_ in found.parts.items():
        out.print(f"{part}: {'there' if ready_ else 'away'}")
    raise typer.Exit(0 if found.ready else 1)


# ---------------------------------------------------------------- former names

_FORMER = {
    "place": "call",
    "cancel-transfer": "transfer-cancel",
    "accept-transfer": "transfer-accept",
    "reject-transfer": "transfer-refuse",
}


def _add_former_names() -> None:
    """`voiceai hangup CALL` and the like, as before the commands were grouped."""
    for command in (*calls.registered_commands, *live_calls.app.registered_commands):
        name = command.name or (command.callback.__name__ if command.callback else "")
        if name != "list":
            former = copy(command)
            former.name, former.hidden = _FORMER.get(name, name), True
            app.registered_commands.append(former)


_add_former_names()
