"""`voiceai try`: a chat with an agent in the terminal, through the API's text sessions.

Tool calls are shown. With --dry-run whoever types answers them. The conversation can be kept as a test.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from controller.api.client import ApiProblem, Client
from controller.api.models.text_sessions import TextEventAnswer
from controller.cli.connection import AGENTS, LOCAL, Token, Url, connected, err, out
from controller.cli.saved_test import saved_test

app = typer.Typer()

WAIT_S = 20.0
"""Seconds of one long poll."""


@app.command("try", rich_help_panel=AGENTS)
def try_agent(
    agent: Annotated[str, typer.Argument(help="The name of the agent.")],
    token: Token,
    url: Url = LOCAL,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Answer HTTP tools yourself.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="Use the draft of the agent.")] = False,
    var: Annotated[list[str] | None, typer.Option(help="name=text for the agent's {{name}}; may be repeated.")] = None,
    instructions: Annotated[
        Path | None, typer.Option(help="A file with instructions instead of the agent's own.", exists=True)
    ] = None,
    save_test: Annotated[str | None, typer.Option(help="Save the conversation as a test with this name.")] = None,
    to: Annotated[Path | None, typer.Option(help="The file for --save-test; default: print it.")] = None,
) -> None:
    """Talk to an agent by typing. An empty line or Ctrl-D ends it.

    Transfers and hang-ups are shown, not carried out. Tools over HTTP are really asked, unless --dry-run is given.
    """
    variables = dict(each.partition("=")[::2] for each in var or ())
    prompt = instructions.read_text(encoding="utf-8") if instructions else None
    with suppress(ImportError):
        import readline  # noqa: F401 - from here on `input` edits lines and has a history
    with connected(url, token) as client:
        tools, more = "by_hand" if dry_run else "call", {"draft": True} if draft else {}
        opened = client.open_text_session(agent, tools=tools, variables=variables or None, instructions=prompt, **more)
        out.print(f"{opened.agent}, {opened.model}. An empty line ends it.", style="dim", markup=False, highlight=False)
        chat = Chat(client, opened.id)
        try:
            chat.run()
        except KeyboardInterrupt:
            out.print()
        finally:
            chat.finish()
        if save_test is not None:
            _save(save_test, chat.events, to)


class Chat:
    """One conversation. `events`: all of it so far."""

    def __init__(self, client: Client, session: str) -> None:
        self._client = client
        self._session = session
        self.events: list[TextEventAnswer] = []
        self._over = False

    def run(self) -> None:
        """Until the agent or the user ends it."""
        while self._listen():
            text = _typed("you: ")
            if not text:
                return
            self._client.type_message(self._session, text=text)

    def finish(self) -> None:
        """Closes the session, and shows what it has cost."""
        if not self._over:
            with suppress(ApiProblem):
                self._client.close_text_session(self._session)
                self._listen()
        cost = next((each.cost for each in reversed(self.events) if each.cost is not None), 0.0)
        out.print(f"cost: {cost:.4f} USD", style="dim", highlight=False)

    def _listen(self) -> bool:
        """Shows what comes until it is the user's turn. False: the session is over."""
        while True:
            page = self._client.read_text_session(self._session, after=len(self.events), wait_s=WAIT_S)
            for event in page.events:
                self.events.append(event)
                _show(event)
                if event.awaits_result:
                    self._give_result(event)
            if page.events and page.events[-1].type == "turn":
                return True
            if page.events and page.events[-1].type == "ended":
                self._over = True
                return False

    def _give_result(self, event: TextEventAnswer) -> None:
        output = _typed(f"result of {event.tool} (empty: it fails): ")
        text = output or "The tool failed."
        with suppress(ApiProblem):  # it took too long: the model was told that no result came
            self._client.give_tool_result(self._session, tool_call=event.tool_call or "", output=text, ok=bool(output))


def _show(event: TextEventAnswer) -> None:
    match event.type:
        case "agent":
            _line("agent", event.text or "", "bold")
        case "tool_call":
            _line("tool", f"{event.tool} {json.dumps(event.arguments, ensure_ascii=False)}", "cyan")
        case "tool_result":
            _line("result" if event.ok else "failed", f"{event.text} ({event.by})", "cyan" if event.ok else "red")
        case "ended":
            to = f" to {event.to}" if event.to else ""
            _line("ended", f"by {event.by}{to}: {event.text}", "dim")
        case "turn" if event.latency_ms is not None:
            _line("", f"{event.latency_ms} ms, {event.cost or 0:.4f} USD", "dim")


def _line(name: str, text: str, style: str) -> None:
    """What comes from elsewhere is printed as it is, without control characters."""
    shown = "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)
    out.print(f"{name + ': ' if name else ''}{shown}", style=style, markup=False, highlight=False, soft_wrap=True)


def _typed(prompt: str) -> str:
    """One line; empty at the end of the input."""
    try:
        text = input(prompt)
    except EOFError:
        out.print()
        return ""
    if not sys.stdin.isatty():
        out.print(text, markup=False, highlight=False)
    return text.strip()


def _save(name: str, events: list[TextEventAnswer], to: Path | None) -> None:
    text = saved_test(name, events)
    if to is None:
        typer.echo(text)
        return
    more = to.exists() and bool(to.read_text(encoding="utf-8").strip())
    with to.open("a", encoding="utf-8") as file:
        file.write(text.removeprefix("tests:\n") if more else text)
    err.print(f"The test {name} is in {to}: run it with `voiceai test AGENT --file {to}`.", markup=False)
