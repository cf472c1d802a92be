"""`python -m simulator.chat --port N`: the chat completions as a process of their own, until interrupted."""

import asyncio
from typing import Annotated

import typer

from simulator.chat.server import ChatServer
from simulator.until_stopped import serve


def main(
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one")] = 8766,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    key: Annotated[str, typer.Option(help="The API key that clients must show")] = "sk-test",
) -> None:
    """Play callers and judge without OpenAI."""
    asyncio.run(serve(ChatServer(api_key=key, host=host, port=port)))


if __name__ == "__main__":
    typer.run(main)
