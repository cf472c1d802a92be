"""The commands of the rendered chart, run as local processes: a pod that is deleted while somebody talks.

The test does what a kubelet does: it starts the containers, asks the probes, and at the end runs preStop and sends
SIGTERM. Only paths of the images differ.
"""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.ports import free_port
from simulator.realtime import RealtimeServer, Say, ToneModel
from simulator.services import SCRIPT, end
from tests.e2e.installation import end_shared
from tests.peers import sip as telephones
from tests.peers.asterisk import Asterisk
from tests.peers.stores import store_at

pytest.importorskip("helm_python", reason="Helm's library is there for Linux on x86-64 only")
chart = pytest.importorskip("tests.peers.helm")

VOICEAI = str(Path(sys.executable).with_name("voiceai"))
START_S, END_S = 30.0, 10.0


@dataclass
class Pod:
    """The processes of one pod, by container; Asterisk itself is the test's."""

    containers: dict[str, dict[str, Any]]
    environment: dict[str, str]
    folder: Path
    stack: AsyncExitStack
    processes: dict[str, asyncio.subprocess.Process]

    async def start(self, name: str) -> None:
        arguments = [each.replace("/etc/voiceai", str(self.folder)) for each in self.containers[name]["args"]]
        await self._run(name, VOICEAI, *arguments)

    async def pre_stop(self, name: str, **seconds: str) -> None:
        """`seconds`: replaced texts."""
        shell, option, script = self.containers[name]["lifecycle"]["preStop"]["exec"]["command"]
        for old, new in {"/opt/voiceai/asterisk/asterisk": str(SCRIPT), **seconds}.items():
            assert old in script
            script = script.replace(old, new)
        await self._run("preStop", shell, option, script)

    async def _run(self, name: str, *command: str) -> None:
        log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=self.environment, stderr=log, stdout=log, start_new_session=True
        )
        self.stack.push_async_callback(end, process)
        self.processes[name] = process

    def terminate(self) -> None:
        """SIGTERM to all that has no preStop, as soon as the pod is deleted."""
        for name, process in self.processes.items():
            if name != "preStop":
                process.send_signal(signal.SIGTERM)

    async def ended(self, name: str) -> int:
        async with asyncio.timeout(END_S):
            return await self.processes[name].wait()

    async def probe(self, kind: str) -> int:
        """The status that a kubelet would see; 0: no connection."""
        asked = self.containers["controller"][kind]["httpGet"]
        async with httpx.AsyncClient(timeout=5) as client:
            with suppress(httpx.TransportError):
                return (await client.get(f"http://{asked['host']}:{asked['port']}{asked['path']}")).status_code
        return 0

    async def until(self, kind: str, status: int) -> None:
        async with asyncio.timeout(START_S):
            while await self.probe(kind) != status:  # noqa: ASYNC110 - nothing else tells of it
                await asyncio.sleep(0.05)


@asynccontextmanager
async def pod_of(
    asterisk: Asterisk, folder: Path, realtime: str = "wss://127.0.0.1:9/v1/realtime"
) -> AsyncIterator[Pod]:
    values = chart.merged(
        chart.shipped("values-three-nodes.yaml"),
        {
            "cluster": {"valkey": False},
            "nodes": {"replicas": 1},
            "controller": {"port": free_port(), "expose": False},
            "bridge": {"workers": 1, "firstPort": free_port()},
            "asterisk": {"ariPort": int(asterisk.settings["HTTP_PORT"])},
            "config": {"openai": {"url": realtime, "api_key": "${OPENAI_API_KEY}"}},
        },
    )
    found = chart.manifests(chart.render(values))
    (folder / "config.yaml").write_text(found["ConfigMap", "voiceai"]["data"]["config.yaml"])
    environment = {
        **os.environ,
        "VOICEAI_NODE": "voiceai-0",
        "ARI_PASSWORD": asterisk.ari_password,
        "VOICEAI_API_TOKEN": secrets.token_hex(24),
        "VOICEAI_BRIDGE_TOKEN": secrets.token_hex(24),
        "OPENAI_API_KEY": "sk-test",
        "VOICEAI_STORE": store_at(folder),
        "ASTERISK_NAME": asterisk.name,
    }
    async with AsyncExitStack() as stack:
        yield Pod(chart.containers(chart.pod(found)), environment, folder, stack, {})


async def test_a_pod_that_is_deleted_ends_with_its_last_call(asterisk: Asterisk, tmp_path: Path) -> None:
    await end_shared()
    model = ToneModel([Say("Hello.", 1.0, 440)])
    async with RealtimeServer(model, api_key="sk-test") as realtime, pod_of(asterisk, tmp_path, realtime.url) as pod:
        for name in ("controller", "bridge-1"):
            await pod.start(name)
        await pod.until("readinessProbe", 200)
        async with telephones.caller(asterisk.sip, tmp_path, "5001") as phone:
            await phone.answered()
            await pod.pre_stop("asterisk")
            pod.terminate()
            await pod.until("readinessProbe", 503)
            assert await pod.probe("livenessProbe") == 200  # or Kubernetes would kill what drains
            async with telephones.caller(asterisk.sip, tmp_path, "5002") as late:
                await late.wait("refused")
            assert [each.returncode for each in pod.processes.values()] == [None] * 3
            await phone.hang_up()
        assert [await pod.ended(name) for name in ("controller", "bridge-1", "preStop")] == [0, 0, 0]


async def test_without_a_controller_asterisk_stays_until_there_is_no_call(asterisk: Asterisk, tmp_path: Path) -> None:
    await end_shared()
    async with pod_of(asterisk, tmp_path) as pod:
        asterisk.rx("channel originate Local/6001@test-targets application Wait 60")
        await pod.pre_stop("asterisk")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await pod.processes["preStop"].wait()
        asterisk.rx("channel request hangup all")
        assert await pod.ended("preStop") == 0


async def test_pre_stop_does_not_wait_for_ever(asterisk: Asterisk, tmp_path: Path) -> None:
    async with pod_of(asterisk, tmp_path) as pod:
        port = pod.containers["controller"]["ports"][0]["hostPort"]
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
        async with server:
            await pod.pre_stop("asterisk", **{"SECONDS + 3750": "SECONDS + 1"})
            assert await pod.ended("preStop") == 0
