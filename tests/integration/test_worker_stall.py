"""A worker stands still while the caller speaks: what waits in its sockets is heard, with no silence before it."""

import asyncio
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from uuid import uuid4

import numpy as np
import pytest
import uvloop
from pydantic import SecretStr

from bridge.audiosocket import wire
from bridge.audiosocket.server import AudioSocketServer
from bridge.audiosocket.ticker import Ticker
from bridge.contract import CallEvent, MediaConnected, Provider, SessionSpec
from bridge.realtime.session import RealtimeSession
from simulator.realtime.server import RealtimeServer

FRAME = 960
SPEAKS_S = 3.0
Loops = Callable[[], asyncio.AbstractEventLoop]


class Caller(threading.Thread):
    """Asterisk with a caller, on a thread of its own: it goes on while the worker's loop stands still.

    Each frame holds its own number, from 1 on, so that what arrives tells what is missing.
    """

    def __init__(self, host: str, port: int, call: str) -> None:
        super().__init__(daemon=True)
        self._address, self._call = (host, port), call
        self.frames = int(SPEAKS_S * 50)

    def run(self) -> None:
        with socket.create_connection(self._address) as sock:
            sock.sendall(wire.encode_uuid(self._call))
            due = time.monotonic()
            for number in range(1, self.frames + 1):
                sock.sendall(wire.encode_audio(24_000, np.full(FRAME // 2, number, "<i2").tobytes()))
                sock.setblocking(False)
                try:
                    while sock.recv(1 << 16):
                        pass
                except BlockingIOError:
                    sock.setblocking(True)
                due += 0.02
                time.sleep(max(0.0, due - time.monotonic()))


class Worker:
    """A session, its media leg and the simulator, on one loop."""

    async def run(self, speak: Callable[[str, int, str], Awaitable[None]]) -> tuple[list[int], int]:
        """The numbers of the frames that the server heard, and how much silence it was sent, in frames."""
        call, ready = str(uuid4()), asyncio.Event()

        def emit(event: CallEvent) -> None:
            ready.set()
            if isinstance(event, MediaConnected):
                session.greet()

        legs = AudioSocketServer(Ticker())
        host, port = await legs.start("127.0.0.1", [0])
        async with RealtimeServer() as server:
            provider = Provider(url=server.url, api_key=SecretStr("sk-test"))
            session = RealtimeSession(SessionSpec(agent="a", provider=provider, instructions="i"), call, emit)
            legs.expect(call, call, session, 10)
            task = asyncio.create_task(session.run())
            await asyncio.wait_for(ready.wait(), 5)
            await speak(host, port, call)
            served = await server.session()
            await asyncio.sleep(0.1)
            session.close("done")
            await asyncio.wait_for(task, 5)
            sent = np.frombuffer(bytes(served.caller_audio), "<i2")[:: FRAME // 2]
        await legs.close()
        return [int(each) for each in sent if each], int(np.count_nonzero(sent == 0))


def assert_all_heard(heard: list[int], silence: int) -> None:
    assert heard == list(range(heard[0], heard[-1] + 1))
    assert heard[-1] - heard[0] > SPEAKS_S * 50 - 15
    assert silence <= 15  # before the first word and after the last one


@pytest.mark.parametrize("loops", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_that_is_busy_costs_the_caller_no_word(loops: Loops) -> None:
    """In the place where sockets are read, so that the clock's turn comes before the other sockets'."""

    async def speak(host: str, port: int, call: str) -> None:
        caller = Caller(host, port, call)
        caller.start()
        ours, theirs = socket.socketpair()
        stalls = iter((0.25, 0.5, 1.0))
        asyncio.get_running_loop().add_reader(ours, lambda: time.sleep(next(stalls, 0)) if ours.recv(1) else None)
        for _ in range(3):
            await asyncio.sleep(0.25)
            theirs.send(b"x")
        await asyncio.to_thread(caller.join)
        asyncio.get_running_loop().remove_reader(ours)
        ours.close()
        theirs.close()

    with asyncio.Runner(loop_factory=loops) as runner:
        assert_all_heard(*runner.run(Worker().run(speak)))


def _worker_process(pipe: Connection) -> None:
    async def speak(host: str, port: int, call: str) -> None:
        pipe.send((host, port, call))
        await asyncio.to_thread(pipe.recv)

    pipe.send(uvloop.run(Worker().run(speak)))


def test_a_process_that_is_stopped_costs_the_caller_no_word() -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_worker_process, args=(theirs,))
    process.start()
    try:
        assert ours.poll(20)
        caller = Caller(*ours.recv())
        caller.start()
        for stall in (0.25, 0.5, 1.0):
            time.sleep(0.25)
            os.kill(process.pid or 0, signal.SIGSTOP)
            time.sleep(stall)
            os.kill(process.pid or 0, signal.SIGCONT)
        caller.join()
        ours.send("spoken")
        assert ours.poll(10)
        assert_all_heard(*ours.recv())
    finally:
        process.kill()
        process.join()
