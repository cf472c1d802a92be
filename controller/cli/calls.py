"""The commands of `voiceai` that use a running controller: calls, the queue, webhooks, the audit log.

Each asks the API through the typed client and shows the answer, as a table or, with --json, as the API gave it.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

import typer
from rich.live import Live

from controller.api.client import ApiProblem, Client, StreamEvent, Unreachable
from controller.cli import history, keys, live_calls, nodes, tables, workers
from controller.cli.connection import LOCAL, CallId, Json, Limit, Token, Trunk, Url, connected, out, tell

app = typer.Typer()
app.add_typer(live_calls.app)
queue = typer.Typer(invoke_without_command=True, help="Calls that wait to be placed.")
webhooks = typer.Typer(no_args_is_help=True, help="Messages that a webhook's receiver did not accept.")
app.add_typer(workers.workers, name="workers")
app.add_typer(nodes.nodes, name="nodes")
app.add_typer(keys.keys, name="keys")
app.add_typer(queue, name="queue")
app.add_typer(history.history, name="history")
app.add_typer(webhooks, name="webhooks")

REFRESH_SECONDS, POLL_SECONDS = 0.5, 2.0


# ---------------------------------------------------------------- placing and looking


@app.command()
def call(
    to: Annotated[str, typer.Argument(help="The number to call.")],
    token: Token,
    url: Url = LOCAL,
    trunk: Annotated[str | None, typer.Option(help="Which trunk; default: the first one.")] = None,
    agent: Annotated[str | None, typer.Option(help="Which agent talks; default: the first one.")] = None,
    caller_id: Annotated[str | None, typer.Option(help="The number that the callee sees.")] = None,
    var: Annotated[list[str] | None, typer.Option(help="name=text for the agent's {{name}}; may be repeated.")] = None,
    detect: Annotated[bool, typer.Option("--detect", help="The agent finds out whether a machine answers.")] = False,
    priority: Annotated[int, typer.Option(help="Higher comes first.")] = 0,
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


@app.command()
def calls(
    token: Token,
    url: Url = LOCAL,
    state: Annotated[str | None, typer.Option(help="active or ended")] = None,
    agent: Annotated[str | None, typer.Option(help="Only of this agent.")] = None,
    trunk: Trunk = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """List the calls, live ones first."""
    with connected(url, token) as client:
        page = client.list_calls(state=state, agent=agent, trunk=trunk, limit=limit)
        tell(page, as_json, lambda _: tables.calls_table(page.calls))


@app.command()
def show(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Show one call with everything that is stored about it."""
    with connected(url, token) as client:
        tell(client.show_call(call), as_json, tables.call_detail)


@app.command()
def watch(
    token: Token,
    call: Annotated[str | None, typer.Argument(help="Show this call until it ends; default: all live calls.")] = None,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Show events as they happen."""
    with connected(url, token) as client, suppress(KeyboardInterrupt):
        if call is not None:
            _follow(client.stream_call_events(call), as_json)
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
            live.update(tables.calls_table(page.calls, title=f"{len(page.calls)} live calls"), refresh=True)
            changed.wait(POLL_SECONDS)
            changed.clear()
            time.sleep(REFRESH_SECONDS)


# ---------------------------------------------------------------- the queue, webhooks, the audit log


@queue.callback()
def queue_list(
    context: typer.Context,
    token: Token,
    url: Url = LOCAL,
    status: Annotated[str | None, typer.Option(help="queued, dialing or ended")] = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List calls that wait to be placed, and whether the queue is paused."""
    if context.invoked_subcommand is not None:
        return
    with connected(url, token) as client:
        page = client.list_queue(status=status, limit=limit)
        tell(page, as_json, tables.queue_table)
        if not as_json and page.calls:
            out.print(tables.calls_table(page.calls))


@queue.command()
def pause(token: Token, url: Url = LOCAL, trunk: Trunk = None, as_json: Json = False) -> None:
    """Place no more calls; live calls continue."""
    with connected(url, token) as client:
        tell(client.pause_queue(trunk), as_json, tables.queue_table)


@queue.command("resume")
def resume_queue(token: Token, url: Url = LOCAL, trunk: Trunk = None, as_json: Json = False) -> None:
    """Place calls again."""
    with connected(url, token) as client:
        tell(client.resume_queue(trunk), as_json, tables.queue_table)


@webhooks.command("list")
def letters(token: Token, url: Url = LOCAL, limit: Limit = 100, as_json: Json = False) -> None:
    """List messages that were given up."""
    with connected(url, token) as client:
        tell(client.list_dead_letters(limit=limit), as_json, tables.letters_table)


@webhooks.command()
def replay(
    token: Token,
    number: Annotated[int | None, typer.Argument(help="One of the list; default: all of them.")] = None,
    url: Url = LOCAL,
    receiver: Annotated[str | None, typer.Option(help="Only those for this receiver.")] = None,
    as_json: Json = False,
) -> None:
    """Send them again."""
    with connected(url, token) as client:
        done = client.replay_dead_letter(number) if number else client.replay_dead_letters(receiver=receiver)
        tell(done, as_json, lambda found: f"{found.replayed} will be sent again")


@webhooks.command()
def discard(number: int, token: Token, url: Url = LOCAL) -> None:
    """Delete one."""
    with connected(url, token) as client:
        client.discard_dead_letter(number)


@app.command()
def audit(
    token: Token,
    url: Url = LOCAL,
    by: Annotated[str | None, typer.Option(help="A token's name.")] = None,
    call: Annotated[str | None, typer.Option(help="A call's id.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Who did what, newest first."""
    with connected(url, token) as client:
        tell(client.list_audit(by=by, call=call, limit=limit), as_json, tables.audit_table)


@app.command()
def ready(token: Annotated[str, typer.Option(envvar="VOICEAI_API_TOKEN")] = "", url: Url = LOCAL) -> None:
    """Could a call be carried now? Exit status 1 if not."""
    with connected(url, token) as client:
        found = client.readiness()
    for part, ready_ in found.parts.items():
        out.print(f"{part}: {'there' if ready_ else 'away'}")
    raise typer.Exit(0 if found.ready else 1)
