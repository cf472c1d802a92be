"""Workers that Asterisk does not reach, and a port that is flooded: every caller hears an agent."""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge import contract
from controller.telemetry.media_checks import LOOK
from controller.workers.reachability import FIRST_DELAY
from simulator.audio.sound import is_tone
from simulator.phone.phone import PhoneError
from simulator.ports import free_port
from simulator.realtime import Say, ToneModel
from simulator.services import end
from tests.e2e.doctor_harness import examined, settings_of
from tests.e2e.installation import Installation, installation, shared
from tests.e2e.test_inbound import greeted
from tests.peers.asterisk import Asterisk

TOKEN = "the-token-of-edge-1-for-tests"
GREETING = Say("Hello, this is the reception.", 0.6, 440)
FRONT = "127.0.0.2"
"""What the worker advertises; it listens on 127.0.0.1."""
AGENT = {"greeting": GREETING.text}
BRIDGE = {"workers": 1, "tokens": [{"name": "edge-1", "token": TOKEN}], "allowed_hosts": [FRONT]}


class Front:
    """What Asterisk finds at the advertised address: the worker, nobody, or somebody else."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._stack = AsyncExitStack()

    async def becomes(self, what: str) -> None:
        await self._stack.aclose()
        if what != "refused":
            listening = socket.socket()
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((FRONT, self.port))
            self._stack.callback(listening.close)
            if what == "dropped":
                await self._fill(listening)
            else:
                await self._serve(listening, what)

    async def close(self) -> None:
        await self._stack.aclose()

    async def _fill(self, listening: socket.socket) -> None:
        """A queue that is full: the kernel drops who comes next."""
        listening.listen(0)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            self._stack.callback(filler.close)
            with contextlib.suppress(BlockingIOError):
                filler.connect((FRONT, self.port))
        await asyncio.sleep(0.1)

    async def _serve(self, listening: socket.socket, what: str) -> None:
        tasks: set[asyncio.Task[Any]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
                if what == "closes":
                    await reader.read(1)
                elif what == "silent":
                    await asyncio.sleep(60)
                else:
                    await self._pass_on(reader, writer)

        def stop() -> None:
            for task in tasks:
                task.cancel()

        server = await asyncio.start_server(serve, sock=listening)
        self._stack.callback(stop)
        self._stack.callback(server.close)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        with contextlib.closing(back):
            back.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
    target.close()


@asynccontextmanager
async def edge(running: Installation, front: Front, *options: str) -> AsyncIterator[None]:
    url = str(running.service.api.base_url).replace("http", "ws", 1).rstrip("/") + contract.LINK_PATH
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.worker", "--name", "edge-1", "--controller", url),
        *("--listen", "127.0.0.1", "--ports", str(front.port), "--advertise", FRONT, *options),
        env=os.environ | {contract.TOKEN_ENV: TOKEN},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await running.service.logged("worker registered", worker="edge-1")
        yield
    finally:
        await end(process)
        await front.close()


async def state(running: Installation) -> dict[str, Any]:
    workers = (await running.api("GET", "/v1/workers"))["workers"]
    return next(each for each in workers if each["name"] == "edge-1")


async def until_it_is(running: Installation, wanted: str, seconds: float = 20.0) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while (found := await state(running))["state"] != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def worker_of(running: Installation, nth: int) -> list[str]:
    """The workers of the nth call, one after the other."""
    call = (await running.service.logged("call arrived", nth=nth))["call"]
    lines = running.service.lines
    return [str(line["worker"]) for line in lines if line["event"] == "session asked for" and line["call"] == call]


async def test_a_worker_that_asterisk_does_not_reach_costs_no_call(asterisk: Asterisk, tmp_path: Path) -> None:
    front = Front(free_port())
    async with (
        installation(asterisk, tmp_path, lambda: ToneModel([GREETING]), bridge=BRIDGE, agent=AGENT) as running,
        edge(running, front),
    ):
        found = await until_it_is(running, "unreached")
        assert "can't connect" in found["reason"]
        ready = await running.service.api.get("/readyz")
        warning = "Asterisk does not reach 1 of 2 workers: voiceai workers"
        assert (ready.status_code, ready.json()["warnings"]) == (200, [warning])
        assert 'voiceai_worker_reached{worker="edge-1"} 0.0' in (await running.service.api.get("/metrics")).text
        line = await running.service.logged("worker gets no calls", worker="edge-1")
        assert "--advertise" in line["fix"]
        async with running.caller() as one, running.caller() as two:
            await asyncio.gather(greeted(one, 0.6), greeted(two, 0.6))
            await asyncio.gather(one.hang_up(), two.hang_up())
        assert [await worker_of(running, n) for n in (1, 2)] == [["w1"], ["w1"]]
        await front.becomes("the worker")
        await until_it_is(running, "up", 40)


async def test_the_only_worker_is_not_reached_any_more(asterisk: Asterisk, tmp_path: Path) -> None:
    """After the first such call the log says an error with the fix, /readyz says it, and callers get what their route
    says."""
    routes: list[dict[str, Any]] = [
        {"to": "5001", "agent": "reception", "overflow": [{"context": "6001@test-targets"}]},
        {"to": "*", "agent": "reception"},
    ]
    front, model = Front(free_port()), lambda: ToneModel([GREETING])
    bridge = {"workers": 1, "advertise": FRONT, "ports": str(front.port)}
    await front.becomes("the worker")
    async with installation(asterisk, tmp_path, model, bridge=bridge, agent=AGENT, routes=routes) as running:
        await front.becomes("refused")
        async with running.caller("5001") as first:
            await first.answered()
            await first.rtp.hears(lambda samples: is_tone(samples, 620))
            call = await running.ended(await running.call_id())
            assert (call["outcome"], "worker" in call["detail"]) == ("failed", True)
            await first.hang_up()
        line = await running.service.logged("worker gets no calls")
        assert (line["level"], "bridge.advertise" in line["fix"]) == ("error", True)
        ready = await running.service.api.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["workers"]) == (503, False)
        assert ready.json()["warnings"] == ["Asterisk does not reach 1 of 1 workers: voiceai workers"]
        await asyncio.sleep(FIRST_DELAY + 2 * LOOK)  # the second check, which nothing tells of
        async with running.caller("5001") as second:
            await second.answered()
            await second.rtp.hears(lambda samples: is_tone(samples, 620))
            await second.hang_up()
        async with running.caller("5002") as third:
            with pytest.raises(PhoneError, match="486"):
                await third.answered()
        folder = tmp_path / "doctor"
        folder.mkdir()
        settings = settings_of(asterisk, folder)
        settings["bridge"] |= bridge
        settings["api"]["listen"] = str(running.service.api.base_url).removeprefix("http://").rstrip("/")
        report = await examined(settings, folder)
        report.names("api", "failure", "Asterisk does not reach 1 of 1 workers", "The findings below name the cause")
        report.names("audio loop-back", "failure", f"can't connect to {FRONT}", "bridge.advertise")


@pytest.mark.parametrize("what", ["refused", "dropped", "closes", "silent"])
async def test_a_worker_that_is_lost_from_sight_between_two_calls(
    asterisk: Asterisk, tmp_path: Path, what: str
) -> None:
    """It was reached when it came; the first caller who is given to it hears an agent all the same."""
    front, model = Front(free_port()), lambda: ToneModel([GREETING])
    async with shared(asterisk, tmp_path, model, bridge=BRIDGE, agent=AGENT) as running:
        await front.becomes("the worker")
        async with edge(running, front, "--capacity", "50"):
            await until_it_is(running, "up")
            async with running.caller() as one:
                await greeted(one, 0.6)
                await front.becomes(what)
                async with running.caller() as two:
                    await greeted(two, 0.6)
                    assert await worker_of(running, 2) == ["edge-1", "w1"]
                    async with running.caller() as three:
                        await greeted(three, 0.6)
                        assert await worker_of(running, 3) == ["w1"]
                        await asyncio.gather(one.hang_up(), two.hang_up(), three.hang_up())
            await until_it_is(running, "unreached")


async def test_a_flood_of_nameless_connections_keeps_no_call_out(asterisk: Asterisk, tmp_path: Path) -> None:
    """Some 300 a second for as long as five callers come, talk and go."""
    model = lambda: ToneModel([GREETING])  # noqa: E731
    async with installation(asterisk, tmp_path, model, agent=AGENT) as running:
        media = (await running.api("GET", "/v1/workers"))["workers"][0]["media"]
        host, port = media.rsplit(":", 1)
        flood = asyncio.create_task(_flood(host, int(port), 300))
        try:
            for _ in range(5):
                async with running.caller() as phone:
                    await greeted(phone, 0.6)
                    await phone.hang_up()
        finally:
            flood.cancel()
            made = (await asyncio.gather(flood, return_exceptions=True))[0]
        assert isinstance(made, Flooded), made
        assert made.connections > 500
        refused = [line for line in running.service.lines if line["event"].startswith("AudioSocket connection over")]
        assert len(refused) < 60, "the flood does not fill the log"


class Flooded(Exception):
    def __init__(self, connections: int, seconds: float) -> None:
        super().__init__(f"{connections} connections in {seconds:.1f} s")
        self.connections = connections


async def _flood(host: str, port: int, per_second: int) -> None:
    """Connections that say nothing, each held for as long as the other side bears it."""
    held: list[socket.socket] = []
    began, made = time.monotonic(), 0
    try:
        while True:
            while made < (time.monotonic() - began) * per_second:
                each = socket.socket()
                each.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    each.connect((host, port))
                held.append(each)
                made += 1
                if len(held) > 600:
                    held.pop(0).close()
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        raise Flooded(made, time.monotonic() - began) from None
    finally:
        for each in held:
            each.close()
