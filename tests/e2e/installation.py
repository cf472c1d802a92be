"""A whole installation for one test: the session's Asterisk, a simulated Realtime server, and `voiceai serve`.

`async with installation(asterisk, folder, model) as running:`; at the end it checks that nothing is left behind: no
channel, no bridge, no session, no live call. `shared` is the same for tests that end nothing of it: those of a file
that follow each other with equal settings use one, because the start takes most of a short test's time.
"""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from simulator.audio.sound import RATE, Samples
from simulator.phone.phone import CALLER, Phone
from simulator.phone.rtp import Codec
from simulator.ports import free_port
from simulator.realtime import Model, RealtimeServer
from simulator.realtime.faults import Faults
from simulator.services import Service
from tests.peers import sip as telephones
from tests.peers.asterisk import Asterisk
from tests.peers.stores import store_at

KEY = "sk-test"
PORTS = range(19140, 19180)
"""For workers. Below the range from which the kernel takes ports of its own accord."""

SIP_ALLOWED = {"allow": [r"\+?[0-9]{4,15}", r"sip:[a-z]+@127\.0\.0\.1:[0-9]{4,5}"]}
"""For `trunk`: telephones on ports of their own may be dialled, several at a time."""

CLEAN_SECONDS = 2.0
SETTLE_SECONDS = 8.0  # beyond the two, so that a failure tells late from never


@dataclass
class Installation:
    """What a test acts on."""

    asterisk: Asterisk
    realtime: RealtimeServer
    service: Service
    folder: Path
    stack: AsyncExitStack
    earlier: set[str] = field(default_factory=set)
    """Calls of the tests that shared it before."""

    @property
    def sip(self) -> str:
        return self.asterisk.sip

    def caller(self, number: str = "5001", *, codec: Codec = "PCMU", scenario: Path = CALLER) -> Phone:
        return telephones.caller(self.sip, self.folder, number, codec=codec, scenario=scenario)

    def callee(self, port: int | None = None, codec: Codec = "PCMU") -> Phone:
        """At the carrier's port, or at another, which is dialled as `sip:…@127.0.0.1:port` (`SIP_ALLOWED`)."""
        return telephones.callee(self.sip, self.folder, port or self.asterisk.trunk_port, codec)

    def refusing(self, status: str) -> Phone:
        return telephones.refusing(self.sip, self.folder, self.asterisk.trunk_port, status)

    def referred(self, outcome: str) -> Phone:
        return telephones.referred(self.sip, self.folder, outcome)

    async def kill_and_start_again(self) -> None:
        """The service ends as in a crash, its workers with it, and comes back on the same store."""
        killed = self.service
        os.kill(killed.pid, signal.SIGKILL)
        for line in [line for line in killed.lines if line["event"] == "worker started"]:
            with suppress(ProcessLookupError):
                os.kill(int(line["pid"]), signal.SIGKILL)
        self.service = await self.stack.enter_async_context(killed.another())

    async def kill_the_controller(self) -> None:
        """It alone, as in a crash; its workers live on."""
        os.kill(self.service.pid, signal.SIGKILL)

    async def start_again(self) -> None:
        """One that was killed, on the same store."""
        self.service = await self.stack.enter_async_context(self.service.another())

    async def api(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """An answer of the API; anything but 2xx is an error."""
        answer = await self.service.api.request(method, path, json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json()
        return found

    async def asterisk_is(self, *, ready: bool, seconds: float) -> dict[str, Any]:
        """The answer of /readyz, once it says so of Asterisk."""
        async with asyncio.timeout(seconds):
            while True:
                told: dict[str, Any] = (await self.service.api.get("/readyz")).json()
                if told["parts"]["asterisk"] is ready:
                    return told
                await asyncio.sleep(0.1)

    async def only_call(self) -> dict[str, Any]:
        """The one call there has been."""
        calls = await self.calls()
        assert len(calls) == 1, calls
        found: dict[str, Any] = calls[0]
        return found

    async def calls(self) -> list[dict[str, Any]]:
        """Of this test, live and ended."""
        return [each for each in (await self.api("GET", "/v1/calls"))["calls"] if each["id"] not in self.earlier]

    async def begin(self, folder: Path, model: Model | Callable[[], Model], faults: Faults) -> None:
        """For another test, as if it had just been started."""
        self.folder = folder
        self.realtime.model, self.realtime.faults, self.realtime.attempts = model, faults, 0
        self.realtime.sessions.clear()
        self.earlier |= {each["id"] for each in await self.calls()}
        self.service.lines[:] = [line for line in self.service.lines if line.get("event") == "worker started"]

    async def end(self) -> None:
        """Asserts that the test has left nothing, and that nothing has failed unexpectedly."""
        await self.nothing_left()
        assert self.service.running
        self.assert_no_traceback()

    def assert_no_traceback(self) -> None:
        assert not [line for line in self.service.lines if "Traceback" in str(line.get("exception", ""))]

    async def call_id(self, timeout: float = 10.0) -> str:
        """Of the first call that arrives or arrived."""
        return str((await self.service.logged("call arrived", timeout))["call"])

    async def ended(self, call: str, timeout: float = 10.0) -> dict[str, Any]:
        """The call as the API shows it once it is over."""
        await self.service.logged("call ended", timeout, call=call)
        found = await self.api("GET", f"/v1/calls/{call}")
        assert found["state"] == "ended"
        return found

    async def nothing_left(self) -> None:
        """Asserts that Asterisk, the service and the simulator hold nothing any more, within two seconds."""
        began = time.monotonic()
        while left := await self._left():
            waited = time.monotonic() - began
            assert waited < SETTLE_SECONDS, f"{waited:.1f} s after the call there still are: {left}"
            await asyncio.sleep(0.05)
        waited = time.monotonic() - began
        assert waited < CLEAN_SECONDS, f"all is gone, but only after {waited:.1f} s"

    async def _left(self) -> list[str]:
        async with self.asterisk.ari() as ari:
            channels, bridges = (await ari.get("/channels")).json(), (await ari.get("/bridges")).json()
        calls = (await self.api("GET", "/v1/calls?state=active"))["calls"]
        return [
            *(f"channel {each['name']}" for each in channels),
            *(f"bridge {each['id']}" for each in bridges),
            *(f"call {each['id']} {each['state']}" for each in calls),
            *(f"session {each.number}" for each in self.realtime.sessions if not each.closed),
        ]


@asynccontextmanager
async def installation(
    asterisk: Asterisk,
    folder: Path,
    model: Model | Callable[[], Model],
    *,
    faults: Faults = (),
    bridge: Mapping[str, Any] | None = None,
    agent: Mapping[str, Any] | None = None,
    trunk: Mapping[str, Any] | None = None,
    provider: Mapping[str, Any] | None = None,
    routes: Sequence[Mapping[str, Any]] = ({"to": "*", "agent": "reception"},),
    api_key: str = KEY,
    more: Mapping[str, Any] | None = None,
    api: Mapping[str, Any] | None = None,
    tokens: Sequence[Mapping[str, Any]] = (),
    environment: Mapping[str, str] | None = None,
    ends: bool = False,
    keep: bool = True,
    home: Path | None = None,
    program: Path | None = None,
) -> AsyncIterator[Installation]:
    """`bridge`, `agent`, `trunk`, `api`, `provider` (that is `openai`) change keys of the config, `more` adds sections;
    `api_key` is what the service shows the simulator. `tokens`: of the API, besides the test's own. `environment`: of
    the service. `ends`: the test ends the service itself. `keep` False: the simulator remembers nothing that passed.
    `home`: the folder that the service runs in. `program`: an installed `voiceai`."""
    await end_shared()
    token = secrets.token_urlsafe(16)
    async with RealtimeServer(model, faults=faults, api_key=KEY, keep=keep) as realtime:
        settings = {
            "asterisk": {"ari": asterisk.ari_keys},
            "openai": {"url": realtime.url, "api_key": api_key, **(provider or {})},
            "bridge": {"workers": 1, "ports": f"{PORTS[0]}-{PORTS[-1]}", **(bridge or {})},
            "api": {
                "listen": f"127.0.0.1:{free_port()}",
                "tokens": [{"name": "test", "token": token, "scopes": ["admin"]}, *map(dict, tokens)],
                **(api or {}),
            },
            "trunks": {
                "main": {
                    "endpoint": "PJSIP/{number}@trunk",
                    "caller_id": "+493055501",
                    "allow": [r"\+?[0-9]{4,15}"],
                    "country_code": "49",
                    **(trunk or {}),
                }
            },
            "agents": {"reception": {"instructions": "Be brief.", "greeting": "Hello.", **(agent or {})}},
            "routes": [dict(route) for route in routes],
            "transfer": {"contexts": ["test-targets"], "any_number": True},
            "shutdown": {"drain_s": 0},
            "store": {"url": store_at(folder)},
            **(more or {}),
        }
        async with AsyncExitStack() as stack:
            made = Service(settings, folder, token=token, environment=environment, home=home, program=program)
            service = await stack.enter_async_context(made)
            running = Installation(asterisk, realtime, service, folder, stack)
            yield running
            if not ends:
                await running.end()
            running.assert_no_traceback()


@dataclass
class _Shared:
    key: str
    running: Installation
    stack: AsyncExitStack


_idle: list[_Shared] = []
"""At most one: an Asterisk has one controller."""


@asynccontextmanager
async def shared(
    asterisk: Asterisk, folder: Path, model: Model | Callable[[], Model], *, faults: Faults = (), **settings: Any
) -> AsyncIterator[Installation]:
    """The one of the test before if its settings were the same. A test that fails takes it along."""
    key = f"{asterisk.name} {settings!r}"
    if not _idle or _idle[0].key != key:
        await end_shared()
        stack = AsyncExitStack()
        started = installation(asterisk, folder, model, faults=faults, **settings)
        _idle.append(_Shared(key, await stack.enter_async_context(started), stack))
    running = _idle[0].running
    await running.begin(folder, model, faults)
    try:
        yield running
        await running.end()
    except BaseException as error:
        await _idle.pop().stack.__aexit__(type(error), error, error.__traceback__)
        raise


async def end_shared() -> None:
    """Before another controller needs this Asterisk, and at the end of a file."""
    while _idle:
        await _idle.pop().stack.aclose()


def caller_heard(pcm: bytes | bytearray) -> Samples:
    """What reached the Realtime server, 24 kHz, as 8 kHz samples for the measures of simulator/audio/sound.py."""
    return np.asarray(soxr.resample(np.frombuffer(pcm, "<i2"), 24000, RATE), np.int16)
