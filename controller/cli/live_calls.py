"""The commands of `voiceai calls` that act on a live call: one per operation of the API."""

from typing import Annotated

import typer

from controller.cli.connection import LOCAL, CallId, Json, Token, Url, connected, full_id, table, tell

app = typer.Typer()

TextArgument = Annotated[str, typer.Argument(metavar="TEXT")]
Side = Annotated[str, typer.Argument(help="caller or agent: the side that the other does not hear.")]


@app.command()
def hangup(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Hang up a call, or cancel a queued one."""
    with connected(url, token) as client:
        tell(client.hang_up(full_id(client, call)), as_json, table)


@app.command()
def transfer(
    call: CallId,
    to: Annotated[str, typer.Argument(help="A number, extension@context, sip:user@host, or a name of the config.")],
    token: Token,
    url: Url = LOCAL,
    kind: Annotated[str | None, typer.Option(help="blind, attended or refer; default: as in the config.")] = None,
    announce: Annotated[str | None, typer.Option(help="attended: what the agent says first to the target.")] = None,
    timeout: Annotated[float | None, typer.Option(help="The ring time in seconds.")] = None,
    as_json: Json = False,
) -> None:
    """Transfer a call to another party; the caller stays with the agent until that party answers."""
    with connected(url, token) as client:
        tell(
            client.transfer(full_id(client, call), to=to, kind=kind, announce=announce, timeout=timeout), as_json, table
        )


@app.command("cancel-transfer")
def cancel_transfer(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Cancel a transfer; the caller returns to the agent."""
    with connected(url, token) as client:
        tell(client.cancel_transfer(full_id(client, call)), as_json, table)


@app.command("accept-transfer")
def accept_transfer(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Accept an attended transfer for its target."""
    with connected(url, token) as client:
        tell(client.decide_transfer(full_id(client, call), accept=True), as_json, table)


@app.command("reject-transfer")
def reject_transfer(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Reject an attended transfer for its target."""
    with connected(url, token) as client:
        tell(client.decide_transfer(full_id(client, call), accept=False), as_json, table)


@app.command()
def supervise(
    call: CallId,
    token: Token,
    to: Annotated[
        str | None, typer.Argument(help="A name from supervisor.extensions; default: the supervisor in the call.")
    ] = None,
    url: Url = LOCAL,
    mode: Annotated[str, typer.Option(help="listen, whisper or take_over")] = "listen",
    as_json: Json = False,
) -> None:
    """Let a supervisor listen, whisper, or take over."""
    with connected(url, token) as client:
        tell(client.supervise(full_id(client, call), to=to, mode=mode), as_json, table)


@app.command()
def leave(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Disconnect the supervisor from a call."""
    with connected(url, token) as client:
        tell(client.leave(full_id(client, call)), as_json, table)


@app.command()
def hold(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Put the caller on hold with music; the agent is paused."""
    with connected(url, token) as client:
        tell(client.hold(full_id(client, call)), as_json, table)


@app.command()
def resume(call: CallId, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """End a hold."""
    with connected(url, token) as client:
        tell(client.resume(full_id(client, call)), as_json, table)


@app.command()
def mute(call: CallId, side: Side, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Mute one side: the other does not hear it."""
    with connected(url, token) as client:
        tell(client.mute(full_id(client, call), side=side), as_json, table)


@app.command()
def unmute(call: CallId, side: Side, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """End a mute."""
    with connected(url, token) as client:
        tell(client.unmute(full_id(client, call), side=side), as_json, table)


@app.command()
def dtmf(
    call: CallId,
    digits: Annotated[str, typer.Argument(help="0-9, A-D, *, #; w is a pause of half a second.")],
    token: Token,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Send DTMF digits to the other party."""
    with connected(url, token) as client:
        tell(client.send_digits(full_id(client, call), digits=digits), as_json, table)


@app.command()
def say(
    call: CallId,
    text: TextArgument,
    token: Token,
    url: Url = LOCAL,
    instruct: Annotated[bool, typer.Option("--instruct", help="TEXT is an instruction, not the words to say.")] = False,
    as_json: Json = False,
) -> None:
    """Make the agent say a text, or follow an instruction."""
    with connected(url, token) as client:
        tell(client.say(full_id(client, call), text=text, exact=not instruct), as_json, table)


@app.command("agent")
def switch_agent(
    call: CallId,
    token: Token,
    url: Url = LOCAL,
    agent: Annotated[str | None, typer.Option("--name", help="An agent of the config.")] = None,
    instructions: Annotated[str | None, typer.Option(help="Instructions instead of the agent's own.")] = None,
    as_json: Json = False,
) -> None:
    """Change the agent, or its instructions, during a call."""
    with connected(url, token) as client:
        tell(client.switch_agent(full_id(client, call), agent=agent, instructions=instructions), as_json, table)


@app.command()
def record(
    call: CallId,
    action: Annotated[str, typer.Argument(help="start, pause, resume or stop")],
    token: Token,
    url: Url = LOCAL,
    as_json: Json = False,
) -> None:
    """Start, pause, resume or stop the recording of a call."""
    with connected(url, token) as client:
        tell(client.record(full_id(client, call), action=action), as_json, table)


@app.command()
def add(call: CallId, to: str, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Dial another party into the call. Prints the leg, for `drop`."""
    with connected(url, token) as client:
        tell(client.add_participant(full_id(client, call), to=to), as_json, lambda found: found.leg)


@app.command()
def drop(call: CallId, leg: str, token: Token, url: Url = LOCAL, as_json: Json = False) -> None:
    """Remove a participant from the call."""
    with connected(url, token) as client:
        tell(client.drop_participant(full_id(client, call), leg), as_json, lambda found: f"{found.leg}: {found.state}")
