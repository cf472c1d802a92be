"""`python -m simulator.chat --port N`: the chat completions as a process of their own, until interrupted."""

import asyncio
import signal
from typing import Annotated

import typer

from simulator.chat.server import ChatServer


def main(
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one")] = 8766,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    key: Annotated[str, typer.Option(help="The API key that clients must show")] = "sk-test",
) -> None:
    """Play callers and judge without OpenAI."""
    asyncio.run(_serve(ChatServer(api_key=key, host=host, port=port)))


async def _serve(server: ChatServer) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        typer.echo(f"listening on {server.url}")
        await stop.wait()


if __name__ == "__main__":
    typer.run(main)
