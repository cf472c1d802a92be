"""A real Prometheus reads our metrics, our alert rules and every expression of the dashboard."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from bridge import contract
from bridge.worker.metrics import WorkerMetrics
from bridge.worker.metrics_server import MetricsServer
from bridge.worker.state import Now
from controller.api import metrics
from controller.api.auth.authenticator import Authenticator
from controller.calls.outbound.metrics import QueueMetrics
from controller.calls.outbound.queue import Queue
from controller.cluster.metrics import ClusterMetrics, ReaperMetrics
from controller.config import Token
from controller.config.models.records import Records as Settings
from controller.events.metrics import EventMetrics
from controller.events.records.repository import RecordRepository
from controller.events.records.spool import Spool
from controller.events.records.writer import RecordWriter
from controller.telemetry.canary import CanaryMetrics
from controller.telemetry.metrics import Metrics, Present
from controller.workers.worker import Worker
from deploy.grafana import dashboard
from simulator.ports import free_port
from tests.integration.api_harness import TOKENS, harness

CHECKOUT = Path(__file__).parents[2]
RULES = CHECKOUT / "deploy/prometheus/voiceai.rules.yml"
READER = "scraper-0123456789"
READY_SECONDS = 30
EVERYTHING = {"$instance": ".*", "$__rate_interval": "1m"}


@pytest.fixture(scope="module")
def programs() -> Path:
    done = subprocess.run([CHECKOUT / ".ci/unpacked", "prometheus"], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip()) / "usr/bin"


def registry() -> CollectorRegistry:
    """All that a controller tells."""
    made = Metrics(CollectorRegistry())
    load = contract.Load(sessions=3, legs=3, lateness_p99_ms=1.0, lateness_max_ms=2.0)
    worker = Worker("w1", 1, "127.0.0.1", 9092, 100, None, load)
    made.registry.register(Present(lambda: 3, lambda: {"asterisk": True, "workers": True}, lambda: [worker]))
    EventMetrics(made.registry)
    CanaryMetrics(made.registry)
    QueueMetrics(cast(Queue, None), made.registry)
    ClusterMetrics(made.registry)
    ReaperMetrics(made.registry)
    RecordWriter(cast(RecordRepository, None), Settings(), Spool(Path("nowhere")), made.registry)
    return made.registry


def expressions() -> list[str]:
    shown = [target["expr"] for panel in dashboard.panels() for target in panel.get("targets", ())]
    for name, value in EVERYTHING.items():
        shown = [expr.replace(name, value) for expr in shown]
    return shown


def test_the_rules_are_rules(programs: Path) -> None:
    subprocess.run([programs / "promtool", "check", "rules", RULES], check=True, timeout=30)


def test_each_alert_fires_when_it_should(programs: Path) -> None:
    tests = RULES.with_name("voiceai.rules.test.yml")
    done = subprocess.run([programs / "promtool", "test", "rules", tests], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    for alert in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert f'alertname="{alert}"' in tests.read_text(), f"{alert} has no test"


def test_the_dashboard_in_the_repository_is_the_one_that_is_made() -> None:
    kept = CHECKOUT / "deploy/grafana/voiceai.json"
    assert kept.read_text() == dashboard.written(), "python deploy/grafana/dashboard.py > deploy/grafana/voiceai.json"


def test_nothing_is_asked_for_that_we_do_not_tell() -> None:
    told = {sample.name for family in registry().collect() for sample in family.samples}
    told |= {  # a metric with labels has no sample before its first event
        family.name + suffix
        for family in registry().collect()
        for suffix in {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ())
    }
    asked = "\n".join([*expressions(), RULES.read_text()])
    names = set(re.findall(r"\bvoiceai_[a-z_]+", asked)) - {"voiceai_process_cpu_seconds_total"}
    assert len(names) > 20
    assert names <= told


async def test_a_real_prometheus_scrapes_and_evaluates(programs: Path, tmp_path: Path) -> None:
    token = Token.model_validate({"name": "reader", "token": READER, "scopes": TOKENS[READER]})
    route = metrics.route(registry(), Authenticator([token]), public=False)
    bridge = CollectorRegistry()
    WorkerMetrics(bridge, "w1", lambda: Now(contract.Load(sessions=2), 100, linked=True))
    async with (
        harness(route) as running,
        MetricsServer(bridge, "127.0.0.1", [0]) as worker,
        prometheus(programs, tmp_path, running.port, worker.port) as ask,
    ):
        (scraped,) = await ask("query", query='up{job="voiceai"} == 1')
        assert scraped["metric"]["job"] == "voiceai"
        (live,) = await ask("query", query="voiceai_calls_live")
        assert live["value"][1] == "3"
        (carried,) = await ask(
            "query", query="voiceai_bridge_sessions * on(instance) group_left(worker) voiceai_bridge_info"
        )
        assert (carried["metric"]["worker"], carried["value"][1]) == ("w1", "2")
        for expr in expressions():
            await ask("query", query=expr)
        groups = await ask("rules")
        health = {rule["name"]: rule["health"] for group in groups["groups"] for rule in group["rules"]}
        assert len(health) > 10
        assert "err" not in health.values()


@asynccontextmanager
async def prometheus(programs: Path, folder: Path, port: int, worker: int | None) -> AsyncIterator[Any]:
    """A Prometheus that scrapes the controller on `port` and a worker's own, once it has; yields what asks its API."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "voiceai",
                "authorization": {"credentials": READER},
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
            },
            {"job_name": "voiceai-bridge", "static_configs": [{"targets": [f"127.0.0.1:{worker}"]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    listen = f"127.0.0.1:{free_port()}"
    options = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={listen}")
    log = (folder / "log").open("w")
    with log:
        process = await asyncio.create_subprocess_exec(programs / "prometheus", *options, cwd=folder, stderr=log)
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:

                async def ask(what: str, **query: str) -> Any:
                    async with http.get(f"http://{listen}/api/v1/{what}", params=query) as answer:
                        told = await answer.json()
                        assert told["status"] == "success", f"{query}: {told.get('error')}"
                        return told["data"]["result"] if what == "query" else told["data"]

                await _scraped(ask, process)
                yield ask
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _scraped(ask: Any, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while process.returncode is None:
            try:
                rules = [rule for group in (await ask("rules"))["groups"] for rule in group["rules"]]
                seen = [await ask("query", query=each) for each in ("voiceai_calls_live", "voiceai_bridge_info")]
                if all(seen) and all(r["health"] != "unknown" for r in rules):
                    return
            except aiohttp.ClientError:
                pass  # not listening yet
            await asyncio.sleep(0.2)
    raise AssertionError("Prometheus ended; see its log in the test's folder")
