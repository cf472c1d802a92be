"""controller.telemetry.metrics: each event of a call changes what it should, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from bridge import contract
from bridge.common.background_tasks import BackgroundTasks
from bridge.worker.metrics import WorkerMetrics
from bridge.worker.state import Now
from controller.calls.outbound.metrics import QueueMetrics, SuspendedTrunks
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.trunk_breaker import TrunkBreakers
from controller.calls.reporting import lifecycle
from controller.cluster.metrics import ClusterMetrics, ReaperMetrics
from controller.config.models.records import Records as Settings
from controller.events.metrics import ClusterStreamMetrics, EventMetrics
from controller.events.records.repository import RecordRepository
from controller.events.records.spool import Spool
from controller.events.records.writer import RecordWriter
from controller.telemetry.canary import CanaryMetrics
from controller.telemetry.metrics import Metrics, Present
from controller.workers.worker import Worker
from tests.unit.controller.views import CALL_VIEW

CALL = "00000000-0000-4000-8000-000000000001"


def samples(registry: CollectorRegistry) -> dict[tuple[str, tuple[str, ...]], float]:
    """Everything but buckets, times of creation and the process's own, by name and label values."""

    def found() -> Iterator[tuple[tuple[str, tuple[str, ...]], float]]:
        for family in registry.collect():
            for each in family.samples:
                if not each.name.endswith(("_bucket", "_created")) and "_process_" not in each.name:
                    yield (each.name.removeprefix("voiceai_"), tuple(each.labels.values())), each.value

    return dict(found())


def used(**told: Any) -> lifecycle.UsageReported:
    return lifecycle.UsageReported(CALL, contract.Used(call=CALL, **told), 0.25)


class Meter:
    """`moved()` is what has changed since it was last asked."""

    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self._before = samples(self.metrics.registry)

    def moved(self) -> dict[tuple[str, tuple[str, ...]], float]:
        before, self._before = self._before, samples(self.metrics.registry)
        changed = {key: value - before.get(key, 0) for key, value in self._before.items()}
        return {key: value for key, value in changed.items() if value}


@pytest.mark.parametrize(
    ("what", "moved"),
    [
        (lifecycle.CallBegan("inbound", CALL_VIEW), {("calls_started_total", ("inbound",)): 1}),
        (lifecycle.CallerRefused("no_route"), {("callers_refused_total", ("no_route",)): 1}),
        (
            lifecycle.CallAnswered(CALL, "outbound", 4.5),
            {("call_answer_seconds_count", ("outbound",)): 1, ("call_answer_seconds_sum", ("outbound",)): 4.5},
        ),
        (
            lifecycle.CallGreeted("outbound", 0.25),
            {("call_greet_seconds_count", ("outbound",)): 1, ("call_greet_seconds_sum", ("outbound",)): 0.25},
        ),
        (
            lifecycle.CallOver("inbound", "answered", 61.5, CALL_VIEW),
            {
                ("calls_total", ("inbound", "answered")): 1,
                ("call_talk_seconds_count", ("inbound",)): 1,
                ("call_talk_seconds_sum", ("inbound",)): 61.5,
            },
        ),
        (lifecycle.CallOver("outbound", "busy", 0.0, CALL_VIEW), {("calls_total", ("outbound", "busy")): 1}),
        (
            lifecycle.ToolTimed("transfer", 2.5, False, "c"),
            {("tool_seconds_count", ("transfer", "no")): 1, ("tool_seconds_sum", ("transfer", "no")): 2.5},
        ),
        (
            contract.TurnMeasured(call=CALL, turn=1, endpointing_ms=375, first_delta_ms=250, first_frame_ms=500),
            {
                ("turn_told_seconds_count", ()): 1,
                ("turn_told_seconds_sum", ()): 0.375,
                ("turn_first_delta_seconds_count", ()): 1,
                ("turn_first_delta_seconds_sum", ()): 0.25,
                ("turn_first_frame_seconds_count", ()): 1,
                ("turn_first_frame_seconds_sum", ()): 0.5,
            },
        ),
        (contract.TurnMeasured(call=CALL, turn=1, first_delta_ms=None, first_frame_ms=None), {}),
        (
            contract.BargedIn(call=CALL, item="i", heard_ms=900, latency_ms=15.625),
            {("barge_in_cut_seconds_count", ()): 1, ("barge_in_cut_seconds_sum", ()): 0.015625},
        ),
        (
            used(provider="openai", model="m", kind="response", usage={"input_audio": 7, "output_text": 2}),
            {
                ("ai_tokens_total", ("openai", "m", "input_audio")): 7,
                ("ai_tokens_total", ("openai", "m", "output_text")): 2,
                ("ai_cost_dollars_total", ("openai", "m")): 0.25,
            },
        ),
        (
            used(provider="p", model="t", kind="transcription", usage={}, seconds=2.5),
            {("ai_transcribed_seconds_total", ("p", "t")): 2.5, ("ai_cost_dollars_total", ("p", "t")): 0.25},
        ),
        (
            contract.Ready(call=CALL, model="m", session="s", took_ms=750),
            {("ai_setup_seconds_count", ("m",)): 1, ("ai_setup_seconds_sum", ("m",)): 0.75},
        ),
        (contract.Failed(call=CALL, kind="account", message="no money"), {("ai_failures_total", ("account",)): 1}),
        (
            contract.Reconnected(call=CALL, provider="p", attempts=2, gap_ms=500, reason="1006"),
            {
                ("ai_reconnects_total", ("p", "no")): 1,
                ("ai_reconnect_gap_seconds_count", ()): 1,
                ("ai_reconnect_gap_seconds_sum", ()): 0.5,
            },
        ),
        (
            contract.Reconnected(call=CALL, provider="p", attempts=1, gap_ms=0, reason="age", planned=True),
            {("ai_reconnects_total", ("p", "yes")): 1},
        ),
        (contract.AiWarning(call=CALL, kind="rate_limited", times=3), {("ai_warnings_total", ("rate_limited",)): 3}),
        (
            contract.Recorded(call=CALL, path="/r", seconds=12.5),
            {("recordings_total", ()): 1, ("recorded_seconds_total", ()): 12.5},
        ),
        (
            contract.Ended(
                call=CALL,
                reason="",
                counters=contract.Counters(
                    false_barge_ins=2,
                    **{"frames_in": 50, "late_frames": 3, "dropped_frames": 4},
                    **{"frames_out": 60, "speech_frames_out": 20, "late_frames_out": 5, "dropped_frames_out": 6},
                ),
            ),
            {
                ("false_barge_ins_total", ()): 2,
                ("frames_total", ("in",)): 50,
                ("frames_total", ("out",)): 60,
                ("speech_frames_total", ()): 20,
                ("frames_late_total", ("in",)): 3,
                ("frames_late_total", ("out",)): 5,
                ("frames_dropped_total", ("in",)): 4,
                ("frames_dropped_total", ("out",)): 6,
            },
        ),
        (contract.Said(call=CALL, who="caller", text="hello", item="i"), {}),
        (contract.DigitPressed(call=CALL, digit="5"), {}),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, dict) else "",
)
def test_each_event(what: lifecycle.LifecycleEvent, moved: dict[tuple[str, tuple[str, ...]], float]) -> None:
    meter = Meter()
    meter.metrics.observe(what)
    assert meter.moved() == moved


def test_requests_to_asterisk() -> None:
    meter = Meter()
    meter.metrics.ari_request("answer", 0.25, "ok")
    meter.metrics.ari_request("hangup", 0.5, "notfound")
    assert meter.moved() == {
        ("ari_request_seconds_count", ("answer", "ok")): 1,
        ("ari_request_seconds_sum", ("answer", "ok")): 0.25,
        ("ari_request_seconds_count", ("hangup", "notfound")): 1,
        ("ari_request_seconds_sum", ("hangup", "notfound")): 0.5,
    }


def test_what_is_present_is_asked_for_at_each_scrape() -> None:
    registry = CollectorRegistry()
    live = [3]
    load = contract.Load(
        sessions=2,
        legs=1,
        lateness_p99_ms=4.0,
        lateness_max_ms=16.0,
        busy=0.25,
        cpu_s=7.5,
        memory=99,
        files=12,
        tasks=5,
        home=False,
        elsewhere=1,
    )
    workers = [Worker("w1", 1, "127.0.0.1", 9092, 100, None, load)]
    registry.register(Present(lambda: live[0], lambda: {"asterisk": True, "workers": False}, lambda: workers))
    assert samples(registry) == {
        ("calls_live", ()): 3,
        ("tasks", ()): 0,
        ("ready", ("asterisk",)): 1,
        ("ready", ("workers",)): 0,
        ("worker_up", ("w1",)): 0,
        ("worker_reached", ("w1",)): 1,
        ("worker_capacity", ("w1",)): 100,
        ("worker_sessions", ("w1",)): 2,
        ("worker_shared", ("w1",)): 1,
        ("worker_sessions_elsewhere", ("w1",)): 1,
        ("worker_legs", ("w1",)): 1,
        ("worker_tick_lateness_seconds", ("w1", "0.99")): 0.004,
        ("worker_tick_lateness_seconds", ("w1", "1")): 0.016,
        ("worker_busy_ratio", ("w1",)): 0.25,
        ("worker_cpu_seconds_total", ("w1",)): 7.5,
        ("worker_memory_bytes", ("w1",)): 99,
        ("worker_open_files", ("w1",)): 12,
        ("worker_tasks", ("w1",)): 5,
    }
    live[0] = 0
    workers.clear()
    left = samples(registry)
    assert left[("calls_live", ())] == 0
    assert not any("worker_" in name for name, _ in left), "a worker that is gone leaves no series"


def test_every_metric_is_documented_and_nothing_else() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    ClusterStreamMetrics(registry, EventMetrics(registry))
    registry.register(Present(lambda: 0, dict, list))
    CanaryMetrics(registry)
    QueueMetrics(cast(Queue, None), registry)
    registry.register(SuspendedTrunks(tuple, TrunkBreakers({})))
    RecordWriter(cast(RecordRepository, None), Settings(), Spool(Path("nowhere")), registry)
    BackgroundTasks(registry)
    ClusterMetrics(registry)
    ReaperMetrics(registry)
    WorkerMetrics(registry, "w1", lambda: Now(contract.Load(), 1, True))
    ours = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in registry.collect()
        if "_process_" not in family.name
    }
    text = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text()
    tables = text[: text.index("## Alerts and a dashboard")]
    assert set(re.findall(r"`(voiceai_[a-z0-9_]+[a-z])`", tables)) == ours
    for name in re.findall(r"voiceai_[a-z0-9_]+[a-z]", text[text.index("## Alerts and a dashboard") :]):
        assert name in ours | {f"{each}{part}" for each in ours for part in ("_bucket", "_count")}
