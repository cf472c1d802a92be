"""A server of the simulator as a process of its own."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import typer


class Server(AbstractAsyncContextManager["Server"], Protocol):
    @property
    def url(self) -> str: ...


async def serve(server: Server) -> None:
    """Says where it listens. Until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        typer.echo(f"listening on {server.url}")
        await stop.wait()
