"""The faults of a plan, injected into a running installation.

Owns the injection and its record (`Struck`): what was hit, from when to when, and which callers it hit. Kills only
what the test itself started.
"""

import asyncio
import itertools
import os
import random
import signal
import time
import uuid
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx
from aiohttp import web

from simulator.realtime import Drop, Send, Stall
from simulator.realtime.session import Session
from tests.chaos.plan import FOR_ALL, Fault, Strike
from tests.e2e.installation import Installation
from tests.integration.webhook_harness import Receiver

SLOW_SECONDS = 2.5
AWAY_SECONDS = 0.5
DOWN_SECONDS = 5.0
STARVED_SECONDS = 6.0
STARVED_STOP, STARVED_RUN = 0.3, 0.1
"""Seconds, in turn, for which a starved worker stands still and runs: ticks are late, but heartbeats arrive."""
STARVED_UNNOTICED = 1.5
"""Seconds in which it may still be given calls: two heartbeats, and the delays of a busy machine."""
CLOSED_WITHIN = 4.0
KILLED_WITHIN = 6.0
"""Seconds: two, and the delays of a busy machine."""


@dataclass(slots=True)
class Struck:
    """`callers`, `calls`: numbers and ids of those who were hit; `everybody` who was there, but those who are `spared`.
    `until`: the fault itself was over then."""

    fault: Fault
    since: float
    until: float = 0.0
    callers: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    everybody: bool = False
    spared: frozenset[str] = frozenset()
    note: str = ""

    def __str__(self) -> str:
        whom = "everybody" if self.everybody else f"{len(self.callers | self.calls)} calls"
        return f"{self.fault} ({whom}) {self.note}".strip()


@dataclass
class Saboteur:
    """Faults in an installation. `hooks` is its webhook receiver; `logs` are the lines of all its controllers so far.
    `talking`: numbers of callers who hear the agent."""

    running: Installation
    hooks: Receiver
    talking: Set[str] = frozenset()
    done: list[Struck] = field(default_factory=list)
    logs: list[list[dict[str, Any]]] = field(default_factory=list)
    hooks_down: bool = False
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Only one of the large parts at a time: what is being restarted can't be killed."""

    def __post_init__(self) -> None:
        self.logs.append(self.running.service.lines)
        self.hooks.answer = self._answer

    def _answer(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        return None if self.hooks_down else web.Response(status=204)

    async def strike(self, planned: Strike) -> None:
        """Returns when the fault is over. What it did is in `done` from its beginning."""
        struck = Struck(planned.fault, time.time(), everybody=planned.fault in FOR_ALL)
        self.done.append(struck)
        await self._deeds()[planned.fault](struck, planned.whom)
        struck.until = time.time()

    def _deeds(self) -> dict[Fault, Any]:
        return {
            Fault.WORKER_KILLED: self._kill_worker,
            Fault.WORKER_FROZEN: self._freeze_worker,
            Fault.WORKER_STARVED: self._starve_worker,
            Fault.CONTROLLER_KILLED: self._kill_controller,
            Fault.ASTERISK_KILLED: self._kill_asterisk,
            Fault.AI_GONE: self._ai_gone,
            Fault.AI_DROPPED: self._ai_dropped,
            Fault.AI_SLOW: self._ai_slow,
            Fault.AI_GARBAGE: self._ai_garbage,
            Fault.MEDIA_GARBAGE: self._media_garbage,
            Fault.LINK_GARBAGE: self._link_garbage,
            Fault.HOOKS_DOWN: self._hooks_down,
        }

    # ------------------------------------------------------------ workers

    async def workers(self) -> list[dict[str, Any]]:
        """The workers that are connected; none while the controller does not answer."""
        with suppress(httpx.HTTPError, AssertionError):
            found = (await self.running.api("GET", "/v1/workers"))["workers"]
            return sorted((each for each in found if each["state"] == "up"), key=lambda each: str(each["name"]))
        return []

    async def _worker(self, struck: Struck, whom: int) -> int | None:
        """The process of one of them. Its calls are those that were given to it last."""
        up = await self.workers()
        if not up:
            struck.note = "no worker was up"
            return None
        worker = up[whom % len(up)]
        struck.note = str(worker["name"])
        struck.calls = self._given(struck.note)
        return int(worker["pid"])

    def _given(self, worker: str) -> frozenset[str]:
        """The calls that it has now."""
        latest: dict[str, str] = {}
        for line in itertools.chain(*self.logs):
            if line["event"] == "session asked for":
                latest[line["call"]] = line["worker"]
            elif line["event"] == "call ended":
                latest.pop(line["call"], None)
        return frozenset(call for call, name in latest.items() if name == worker)

    async def _kill_worker(self, struck: Struck, whom: int) -> None:
        _signal(await self._worker(struck, whom), signal.SIGKILL)

    async def _freeze_worker(self, struck: Struck, whom: int) -> None:
        """Its supervisor kills it, unless the supervisor is dead itself (docs/resilience.md)."""
        async with self._one:
            pid = await self._worker(struck, whom)
            began = time.monotonic()
            _signal(pid, signal.SIGSTOP)
            while pid is not None and lives(pid):
                assert time.monotonic() - began < KILLED_WITHIN, "a frozen worker is not killed"
                await asyncio.sleep(0.02)

    async def _starve_worker(self, struck: Struck, whom: int) -> None:
        pid = await self._worker(struck, whom)
        while pid is not None and lives(pid) and time.time() - struck.since < STARVED_SECONDS:
            _signal(pid, signal.SIGSTOP)
            await asyncio.sleep(STARVED_STOP)
            _signal(pid, signal.SIGCONT)
            await asyncio.sleep(STARVED_RUN)
            if time.time() - struck.since < STARVED_UNNOTICED:
                struck.calls |= self._given(struck.note)

    # ------------------------------------------------------------ controller, Asterisk

    async def _kill_controller(self, struck: Struck, whom: int) -> None:
        """It alone: workers go on with the calls, and the next one takes them over. Whoever was not talking yet may be
        refused, or have to wait."""
        async with self._one:
            struck.spared = frozenset(self.talking)
            killed = self.running.service
            os.kill(killed.pid, signal.SIGKILL)
            self.running.service = await self.running.stack.enter_async_context(killed.another())
            self.logs.append(self.running.service.lines)

    async def _kill_asterisk(self, struck: Struck, whom: int) -> None:
        async with self._one:
            await asyncio.to_thread(self.running.asterisk.kill)
            await asyncio.to_thread(self.running.asterisk.start_again)
            await self._ready()

    async def _ready(self) -> None:
        async with asyncio.timeout(30):
            while True:
                with suppress(httpx.HTTPError):
                    if (await self.running.service.api.get("/readyz")).is_success:
                        return
                await asyncio.sleep(0.05)

    # ------------------------------------------------------------ the AI

    def _session(self, struck: Struck, whom: int) -> Session | None:
        live = [each for each in self.running.realtime.sessions if not each.closed and each.config["instructions"]]
        if not live:
            struck.note = "nobody talked"
            return None
        session = live[whom % len(live)]
        struck.callers = frozenset([caller_of(session)])
        return session

    async def _ai_gone(self, struck: Struck, whom: int) -> None:
        live = [each for each in self.running.realtime.sessions if not each.closed]
        struck.callers = frozenset(map(caller_of, live))
        await self.running.realtime.vanish()
        await asyncio.sleep(AWAY_SECONDS)
        await self.running.realtime.listen()
        struck.everybody = True  # whoever was just about to be connected

    async def _ai_dropped(self, struck: Struck, whom: int) -> None:
        if session := self._session(struck, whom):
            await session.act(Drop())

    async def _ai_slow(self, struck: Struck, whom: int) -> None:
        if session := self._session(struck, whom):
            await session.act(Stall(SLOW_SECONDS))
            await asyncio.sleep(SLOW_SECONDS)

    async def _ai_garbage(self, struck: Struck, whom: int) -> None:
        if session := self._session(struck, whom):
            chance = random.Random(whom)
            for frame in ("{", '{"type": 7}', '{"type": "response.output_audio.delta"}', chance.randbytes(60), "[]"):
                with suppress(Exception):  # it may have been closed for the one before
                    await session.act(Send(frame))

    # ------------------------------------------------------------ the doors

    async def _media_garbage(self, struck: Struck, whom: int) -> None:
        chance = random.Random(whom)
        rubbish = [
            b"",
            chance.randbytes(300),
            b"\x01\x00\x10" + uuid.UUID(int=chance.getrandbits(128)).bytes,
            b"\x13\x03\xc0" + bytes(100),
            b"\x01\xff\xff" + bytes(65_535),
            b"GET / HTTP/1.1\r\nHost: voiceai\r\n\r\n",
        ]
        ports = [each["media"].rpartition(":")[2] for each in await self.workers()]
        await asyncio.gather(*(_talk_rubbish(int(port), each) for port in ports for each in rubbish))

    async def _link_garbage(self, struck: Struck, whom: int) -> None:
        chance = random.Random(whom)
        port = int(self.running.service.url.rpartition(":")[2])
        rubbish = [chance.randbytes(300), b"GET /link HTTP/1.1\r\n" + chance.randbytes(80) + b"\r\n\r\n", bytes(9)]
        await asyncio.gather(*(_talk_rubbish(port, each, wait=False) for each in rubbish))
        with suppress(OSError, aiohttp.ClientError):
            async with aiohttp.ClientSession() as http:
                answer = await http.get(f"http://127.0.0.1:{port}/link", headers={"Authorization": "Bearer wrong"})
                assert answer.status in (401, 429), answer

    async def _hooks_down(self, struck: Struck, whom: int) -> None:
        self.hooks_down = True
        await asyncio.sleep(DOWN_SECONDS)
        self.hooks_down = False


def caller_of(session: Session) -> str:
    """The instructions of the storms' agent name the caller, and nothing else does."""
    return str(session.config["instructions"]).partition("<")[2].partition(">")[0].lstrip("+")


def events(logs: Sequence[Sequence[dict[str, Any]]], event: str) -> list[dict[str, Any]]:
    return [line for lines in logs for line in lines if line["event"] == event]


def _signal(pid: int | None, number: signal.Signals) -> None:
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def lives(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


async def _talk_rubbish(port: int, rubbish: bytes, *, wait: bool = True) -> None:
    """Send it, and wait until the other side closes the connection."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return  # it is just being killed
    try:
        with suppress(OSError):
            writer.write(rubbish)
            await writer.drain()
            if wait:
                async with asyncio.timeout(CLOSED_WITHIN):
                    await reader.read()
    finally:
        writer.close()
