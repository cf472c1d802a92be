"""The upgrade of docs/upgrading.md with a call in progress, and the controller of the release before put back."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bridge import contract
from simulator.realtime import ToneModel
from simulator.services import Service
from tests import previous_release
from tests.e2e.installation import Installation, installation
from tests.e2e.test_events import written_down
from tests.e2e.test_failover import gap, is_answered
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers.asterisk import Asterisk

log = logging.getLogger(__name__)

NOW: Mapping[str, str] = {}
"""The environment of this release: nothing is added to it."""
WORKERS = 2
LEFT = {"shutdown": {"drain_s": 0, "worker_drain_s": 0.2, "keep_calls": True}}
"""Calls are left to the next controller; workers that are replaced hand theirs over."""


@dataclass
class Upgraded:
    """One machine whose releases change. `services`: each controller that there was."""

    running: Installation
    services: list[Service] = field(default_factory=list)

    async def restart(self, environment: Mapping[str, str]) -> None:
        """As `systemctl restart` does, with the program of another release in its place."""
        os.kill(self.running.service.pid, signal.SIGTERM)
        await self.running.service.exited()
        await self.start(self.running.service.another(environment))

    async def start(self, service: Service) -> None:
        self.running.service = await self.running.stack.enter_async_context(service)
        self.services.append(service)

    async def talks(self, call: str) -> None:
        """The controller has the call, and knows of both sides."""
        async with asyncio.timeout(10):
            while (await self.running.api("GET", f"/v1/calls/{call}"))["state"] != "talking":  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def links(self) -> set[int]:
        """The versions of the links of all workers. A release before their negotiation does not tell."""
        async with asyncio.timeout(10):
            while True:
                found = (await self.running.api("GET", "/v1/workers"))["workers"]
                if len(found) == WORKERS and {each["state"] for each in found} == {"up"}:
                    return {each.get("link_version", contract.OLDEST_VERSION) for each in found}
                await asyncio.sleep(0.05)


@asynccontextmanager
async def of_the_release_before(asterisk: Asterisk, folder: Path) -> AsyncIterator[Upgraded]:
    before = previous_release.environment()
    model = lambda: ToneModel([GREETING], forever=REPLY)  # noqa: E731
    two = {"workers": WORKERS}
    async with installation(asterisk, folder, model, bridge=two, more=LEFT, environment=before, ends=True) as running:
        machine = Upgraded(running, [running.service])
        try:
            yield machine
            await running.nothing_left()
        finally:
            for service in machine.services:  # whoever is stopped with `keep_calls` leaves them
                for line in [each for each in service.lines if each["event"] == "worker started"]:
                    with suppress(ProcessLookupError):
                        os.kill(int(line["pid"]), signal.SIGTERM)


async def test_a_call_goes_on_while_all_under_it_is_replaced_and_put_back(asterisk: Asterisk, tmp_path: Path) -> None:
    async with of_the_release_before(asterisk, tmp_path) as machine:
        running = machine.running
        async with running.caller() as phone:
            await greeted(phone)
            call = await running.call_id()
            began = phone.rtp.heard[-1].at

            await machine.restart(NOW)
            await machine.talks(call)
            spoken = await machine.links()
            assert max(spoken) <= contract.VERSION
            await is_answered(phone)
            assert len(running.realtime.sessions) == 1, "its worker is the one of before"

            await running.api("POST", "/v1/workers/replace")
            await running.service.logged("all workers are replaced", 30)
            await machine.talks(call)
            assert await machine.links() == {contract.VERSION}
            await phone.rtp.quiet(0.4)
            await is_answered(phone)

            await machine.restart(previous_release.environment())
            await machine.talks(call)
            await is_answered(phone)
            log.info("the longest gap: %.0f ms", gap(phone.rtp.heard, began) * 1000)

            await running.api("POST", "/v1/nodes/node1/drain")
            async with running.caller("5002") as late:
                await late.wait("refused")
            await is_answered(phone)
            await phone.hang_up()
            await running.ended(call)
        assert (await written_down(running, call))["outcome"] == "answered"
