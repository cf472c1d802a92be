"""A worker's own /metrics: off, on, with the port taken, and its figures of a call."""

import asyncio
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from bridge import contract
from bridge.worker.metrics import WorkerMetrics
from bridge.worker.process import Worker
from bridge.worker.state import Linked, Now
from simulator.ports import free_port
from tests.integration.test_worker_link import OPTIONS, PATIENCE, arrived, at, prepared, running
from tests.peers.controller import ControllerPeer

CHECKOUT = Path(__file__).parents[2]


async def scraped(port: int, path: str = "/metrics", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http:
        return await http.get(path, headers=headers)


def value(text: str, series: str) -> float:
    return float(next(line for line in text.splitlines() if line.startswith(series + " ")).rpartition(" ")[2])


async def test_a_call_is_counted_and_promtool_has_nothing_to_say() -> None:
    port = free_port()
    async with ControllerPeer() as controller:
        options = replace(OPTIONS, controller=controller.url, metrics=("127.0.0.1", (port,)))
        async with running(options) as worker:
            await arrived(controller)
            call = await prepared(controller)
            async with at(controller, call):
                await controller.event(contract.MediaConnected, call)
                during = (await scraped(port)).text
                assert value(during, "voiceai_bridge_sessions") == value(during, "voiceai_bridge_legs") == 1
                assert value(during, "voiceai_bridge_linked") == 1
                assert value(during, 'voiceai_bridge_info{worker="w1"}') == 1
                assert value(during, "voiceai_bridge_sessions_ended_total") == 0
            await controller.say(contract.Close(call=call, reason="over"))
            await controller.event(contract.Ended, call)
            after = await scraped(port)
            assert value(after.text, "voiceai_bridge_sessions_ended_total") == 1
            assert value(after.text, "voiceai_bridge_ai_setup_seconds_count") == 1
            assert value(after.text, "voiceai_bridge_process_resident_memory_bytes") > 1e6
            assert call not in after.text
            assert after.headers["content-type"].startswith("text/plain; version=")
            await no_complaint(after.text)
            assert worker.address[1] != port


def test_a_shared_worker_tells_of_each_controller() -> None:
    registry, home, other = CollectorRegistry(), Linked("10.0.0.11:8080", True, 3), Linked("10.0.0.12:8080", False, 0)
    WorkerMetrics(registry, "w1", lambda: Now(contract.Load(), 9, True, 0, (home, other)))
    told = {
        (name, each.address): registry.get_sample_value(f"voiceai_bridge_{name}", {"controller": each.address})
        for name in ("controller_linked", "controller_sessions")
        for each in (home, other)
    }
    assert list(told.values()) == [1, 0, 3, 0]


def test_frames_are_counted_by_direction() -> None:
    registry = CollectorRegistry()
    counts = WorkerMetrics(registry, "w1", lambda: Now(contract.Load(), 1, True))
    inwards = {"frames_in": 50, "late_frames": 3, "dropped_frames": 4}
    outwards = {"frames_out": 60, "speech_frames_out": 20, "late_frames_out": 5, "dropped_frames_out": 6}
    counts.observe(contract.Ended(call="c", reason="", counters=contract.Counters.model_validate(inwards | outwards)))
    told = {
        (name, way): registry.get_sample_value(f"voiceai_bridge_{name}_total", {"direction": way})
        for name in ("frames", "frames_late", "frames_dropped")
        for way in ("in", "out")
    }
    assert list(told.values()) == [50, 60, 3, 5, 4, 6]
    assert registry.get_sample_value("voiceai_bridge_speech_frames_total") == 20


async def no_complaint(text: str) -> None:
    def check() -> subprocess.CompletedProcess[str]:
        found = subprocess.run([CHECKOUT / ".ci/unpacked", "prometheus"], check=True, capture_output=True, text=True)
        promtool = Path(found.stdout.strip()) / "usr/bin/promtool"
        return subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)

    checked = await asyncio.to_thread(check)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


async def test_nothing_else_is_there_and_openmetrics_is_for_who_asks() -> None:
    port = free_port()
    async with (
        ControllerPeer() as controller,
        running(replace(OPTIONS, controller=controller.url, metrics=("127.0.0.1", (port,)))),
    ):
        await arrived(controller)
        assert (await scraped(port, "/")).status_code == 404
        assert (await scraped(port, "/metrics/x")).status_code == 404
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http:
            assert {(await http.request(verb, "/metrics")).status_code for verb in ("HEAD", "DELETE", "OPTIONS")} == {
                404
            }
        asked = await scraped(port, Accept="application/openmetrics-text; version=1.0.0")
        assert asked.text.endswith("# EOF\n")
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        assert (await scraped(port, **upgrade, **{"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})).status_code == 200


async def test_without_a_controller_it_still_tells() -> None:
    port = free_port()
    async with running(
        replace(OPTIONS, controller=f"ws://127.0.0.1:{free_port()}/link", metrics=("127.0.0.1", (port,)))
    ):
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    told = (await scraped(port)).text
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.01)
        assert value(told, "voiceai_bridge_linked") == 0
        assert value(told, "voiceai_bridge_tasks") > 0


@pytest.mark.parametrize("spare", [False, True])
async def test_a_port_that_is_taken_costs_no_call(spare: bool) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken, free = other.getsockname()[1], free_port()
        ports = (taken, free) if spare else (taken,)
        async with ControllerPeer() as controller:
            with capture_logs() as lines:
                async with running(replace(OPTIONS, controller=controller.url, metrics=("127.0.0.1", ports))):
                    await arrived(controller)
                    await prepared(controller)
                    if spare:
                        assert (await scraped(free)).status_code == 200
            warned = [line["event"] for line in lines if line["log_level"] == "warning"]
            assert ("no metrics: nowhere to serve them, calls go on" in warned) is not spare


async def test_it_is_off_unless_it_is_asked_for() -> None:
    async with ControllerPeer() as controller:
        with capture_logs() as lines:
            async with running(replace(OPTIONS, controller=controller.url)) as worker:
                await arrived(controller)
                assert isinstance(worker, Worker)
        assert "metrics are served" not in [line["event"] for line in lines]
