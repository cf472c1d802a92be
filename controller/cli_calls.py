"""The commands of `voiceai` that use a running controller: calls, the queue, webhooks, the audit log.

Each asks the API through the typed client and shows the answer, as a table or, with --json, as the API gave it.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.live import Live

from controller import cli_show
from controller.api.answers import Answer, CallAnswer
from controller.client import ApiProblem, Client, StreamEvent, Unreachable

app = typer.Typer()
queue = typer.Typer(invoke_without_command=True, help="Calls that wait to be placed.")
webhooks = typer.Typer(no_args_is_help=True, help="Messages to webhooks that no receiver took.")
app.add_typer(queue, name="queue")
app.add_typer(webhooks, name="webhooks")
out, err = Console(), Console(stderr=True)

Url = Annotated[str, typer.Option("--url", help="Where the controller's API is.", envvar="VOICEAI_URL")]
Token = Annotated[str, typer.Option("--token", help="An API token.", envvar="VOICEAI_API_TOKEN")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for other programs.")]
CallId = Annotated[str, typer.Argument(help="The call's id.", metavar="CALL")]
Words = Annotated[str, typer.Argument(metavar="TEXT")]
Side = Annotated[str, typer.Argument(help="caller or agent: who is not heard by the other.")]
Trunk = Annotated[str | None, typer.Option(help="Over this trunk only.")]
Limit = Annotated[int, typer.Option(help="How many at most.")]

LOCAL = "http://127.0.0.1:8080"
REFRESH_SECONDS, POLL_SECONDS = 0.5, 2.0


@contextmanager
def connected(url: str, token: str) -> Iterator[Client]:
    """Says what went wrong and ends the command with 1."""
    try:
        with Client(url, token) as client:
            yield client
    except ApiProblem as problem:
        err.print(f"{problem} [{problem.type}]", markup=False, soft_wrap=True)
        for each in problem.problem.errors or ():
            err.print(f"  {each.pointer or each.parameter or 'the request'}: {each.detail}", markup=False)
        raise typer.Exit(1) from None
    except Unreachable as error:
        err.print(f"{error}. Is `voiceai serve` running there?", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def tell(answer: Answer, as_json: bool, show: Callable[[Any], RenderableType | str]) -> None:
    if as_json:
        typer.echo(answer.model_dump_json())
    else:
        out.print(show(answer), highlight=False, markup=False)


def _table(call: CallAnswer) -> RenderableType:
    return cli_show.calls_table([call])


# ---------------------------------------------------------------- placing and looking


@app.command()
def call(
    to: Annotated[str, typer.Argument(help="The number to call.")],
    token: Token,
    url: Url = LOCAL,
    trunk: Annotated[str | None, typer.Option(help="Which trunk; the first one if not given.")] = None,
    agent: Annotated[str | None, typer.Option(help="Which agent talks.")] = None,
    caller_id: Annotated[str | None, typer.Option(help="Shown to who is called.")] = None,
    var: Annotated[list[str] | None, typer.Option(help="name=text for the agent's {{name}}; may be repeated.")] = None,
    detect: Annotated[bool, typer.Option("--detect", help="Find out whether a machine answers.")] = False,
    priority: Annotated[int, typer.Option(help="Higher comes first.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show what happens, until the call ends.")] = False,
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
        tell(page, as_json, lambda _: cli_show.calls_table(page.calls))


@app.command()
def show(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """One call with all that is kept of it."""
    with connected(url, token) as client:
        tell(client.show_call(call), as_json, cli_show.call_detail)


@app.command()
def watch(
    token: Token,
    call: Annotated[str | None, typer.Argument(help="Until this one ends; without it all live calls.")] = None,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """See what happens while it happens."""
    with connected(url, token) as client, suppress(KeyboardInterrupt):
        if call is not None:
            _follow(client.stream_call_events(call), as_json)
        elif as_json:
            _follow(client.stream_events(), as_json)
        else:
            _board(client)


def _follow(events: Iterator[StreamEvent], as_json: bool) -> None:
    for event in events:
        if as_json:
            typer.echo(json.dumps(event.data, ensure_ascii=False))
        else:
            out.print(cli_show.event_line(event), soft_wrap=True)


def _board(client: Client) -> None:
    """Drawn anew at each event; without events (no scope, a broken stream) every few seconds."""
    news = threading.Event()

    def listen() -> None:
        with suppress(ApiProblem, Unreachable), Client(client.url, client.token) as second:
            for _ in second.stream_events():
                news.set()

    threading.Thread(target=listen, daemon=True).start()
    with Live(console=out, auto_refresh=False) as live:
        while True:
            page = client.list_calls(state="active", limit=50)
            live.update(cli_show.calls_table(page.calls, title=f"{len(page.calls)} live calls"), refresh=True)
            news.wait(POLL_SECONDS)
            news.clear()
            time.sleep(REFRESH_SECONDS)


# ---------------------------------------------------------------- live calls


@app.command()
def hangup(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """End a call, or cancel one that waits in the queue."""
    with connected(url, token) as client:
        tell(client.hang_up(call), as_json, _table)


@app.command()
def transfer(
    call: CallId,
    to: Annotated[str, typer.Argument(help="A number, extension@context, sip:user@host, or a name of the config.")],
    token: Token,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Connect a caller with somebody else; the caller is kept until they answer."""
    with connected(url, token) as client:
        tell(client.transfer(call, to=to), as_json, _table)


@app.command()
def hold(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Music for the caller; the agent pauses."""
    with connected(url, token) as client:
        tell(client.hold(call), as_json, _table)


@app.command()
def resume(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """End a hold."""
    with connected(url, token) as client:
        tell(client.resume(call), as_json, _table)


@app.command()
def mute(call: CallId, side: Side, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """One side is not heard by the other."""
    with connected(url, token) as client:
        tell(client.mute(call, side=side), as_json, _table)


@app.command()
def unmute(call: CallId, side: Side, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """It is heard again."""
    with connected(url, token) as client:
        tell(client.unmute(call, side=side), as_json, _table)


@app.command()
def dtmf(
    call: CallId,
    digits: Annotated[str, typer.Argument(help="0-9, A-D, *, #; w is a pause of half a second.")],
    token: Token,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Press keys for the telephone at the other end."""
    with connected(url, token) as client:
        tell(client.send_digits(call, digits=digits), as_json, _table)


@app.command()
def say(
    call: CallId,
    text: Words,
    token: Token,
    url: Url = LOCAL,
    instruct: Annotated[bool, typer.Option("--instruct", help="TEXT is what to do, not the words to say.")] = False,
    as_json: Json = False,
) -> None:
    """The agent says this, or does as it is told."""
    with connected(url, token) as client:
        tell(client.say(call, text=text, exact=not instruct), as_json, _table)


@app.command("agent")
def switch_agent(
    call: CallId,
    token: Token,
    url: Url = LOCAL,
    agent: Annotated[str | None, typer.Option("--name", help="An agent of the config.")] = None,
    instructions: Annotated[str | None, typer.Option(help="Instead of the agent's own.")] = None,
    as_json: Json = False,
) -> None:
    """Another agent, or other instructions, in the middle of a call."""
    with connected(url, token) as client:
        tell(client.switch_agent(call, agent=agent, instructions=instructions), as_json, _table)


@app.command()
def record(
    call: CallId,
    action: Annotated[str, typer.Argument(help="start, pause, resume or stop")],
    token: Token,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Record the call, or stop doing so."""
    with connected(url, token) as client:
        tell(client.record(call, action=action), as_json, _table)


@app.command()
def add(call: CallId, to: str, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Dial somebody into the call; prints the leg, by which `drop` lets them go."""
    with connected(url, token) as client:
        tell(client.add_participant(call, to=to), as_json, lambda found: found.leg)


@app.command()
def drop(call: CallId, leg: str, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Let a participant go."""
    with connected(url, token) as client:
        tell(client.drop_participant(call, leg), as_json, lambda found: f"{found.leg}: {found.state}")


# ---------------------------------------------------------------- the queue, webhooks, the audit log


@queue.callback()
def queue_list(
    context: typer.Context,
    token: Token,
    url: Url = LOCAL,
    status: Annotated[str | None, typer.Option(help="queued, dialling or ended")] = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """Calls that wait to be placed, and whether any are at present."""
    if context.invoked_subcommand is not None:
        return
    with connected(url, token) as client:
        page = client.list_queue(status=status, limit=limit)
        tell(page, as_json, cli_show.queue_table)
        if not as_json and page.calls:
            out.print(cli_show.calls_table(page.calls))


@queue.command()
def pause(token: Token, url: Url = LOCAL, trunk: Trunk = None, as_json: Json = False) -> None:
    """Call nobody any more; calls under way go on."""
    with connected(url, token) as client:
        tell(client.pause_queue(trunk), as_json, cli_show.queue_table)


@queue.command("resume")
def resume_queue(token: Token, url: Url = LOCAL, trunk: Trunk = None, as_json: Json = False) -> None:
    """Go on calling."""
    with connected(url, token) as client:
        tell(client.resume_queue(trunk), as_json, cli_show.queue_table)


@webhooks.command("list")
def letters(token: Token, url: Url = LOCAL, limit: Limit = 100, as_json: Json = False) -> None:
    """What was sent in vain."""
    with connected(url, token) as client:
        tell(client.list_dead_letters(limit=limit), as_json, cli_show.letters_table)


@webhooks.command()
def replay(
    token: Token,
    number: Annotated[int | None, typer.Argument(help="One of those listed; without it all of them.")] = None,
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
    """Forget one."""
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
        tell(client.list_audit(by=by, call=call, limit=limit), as_json, cli_show.audit_table)


@app.command()
def ready(token: Annotated[str, typer.Option(envvar="VOICEAI_API_TOKEN")] = "", url: Url = LOCAL) -> None:
    """Could a call be carried now? Exit status 1 if not."""
    with connected(url, token) as client:
        found = client.readiness()
    for part, there in found.parts.items():
        out.print(f"{part}: {'there' if there else 'away'}")
    raise typer.Exit(0 if found.ready else 1)
