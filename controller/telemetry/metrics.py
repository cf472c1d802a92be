"""The controller's metrics of calls and workers, for Prometheus, and which event of a call changes them how.

Owns the metrics, on a registry that it is given. `observe` takes what happens in calls, `ari_request` each request to
Asterisk; the state of calls and workers is read at each scrape (`Present`). docs/metrics.md says what each one means.

No label is personal, and none holds a text that a caller or a model makes up: the number of series follows from the
models, tools and workers of the config.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge import contract
from bridge.common.request_failure import Reason
from controller.calls.reporting import lifecycle
from controller.workers.worker import Worker

NAMESPACE = "voiceai"

TURN_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
CUT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 1.0)
SETUP_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
TALK_BUCKETS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
ARI_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
TOOL_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)

_EVENTS = frozenset(str(kind.model_fields["type"].default) for kind in get_args(contract.CallEvent))


class Metrics:
    """All counters and histograms. `observe` is told what happens in calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        ProcessCollector(namespace=NAMESPACE, registry=registry)
        self._calls()
        self._conversations()
        self._ai()

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, namespace=NAMESPACE, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, what, labels, namespace=NAMESPACE, registry=self.registry, buckets=buckets)

    def _calls(self) -> None:
        self._began = self._counter("calls_started", "Calls that began.", "direction")
        self._taken = self._counter("calls_adopted", "Calls of an earlier controller that this one goes on with.")
        self._ended = self._counter("calls", "Calls that ended.", "direction", "outcome")
        self._refused = self._counter("callers_refused", "Callers for whom no call began.", "reason")
        self._answer = self._histogram(
            "call_answer_seconds", "From the beginning of the call to the answer.", SETUP_BUCKETS, "direction"
        )
        self._greet = self._histogram(
            "call_greet_seconds", "From the answer until the agent is told to greet.", SETUP_BUCKETS, "direction"
        )
        self._failed_over = self._histogram(
            "call_rehomed_seconds", "From the loss of a call's worker until another has taken over.", SETUP_BUCKETS
        )
        self._rejoined = self._counter(
            "call_legs_rejoined", "Legs that joined their bridge anew because Asterisk dropped what they sent."
        )
        self._talk = self._histogram("call_talk_seconds", "Length of answered calls.", TALK_BUCKETS, "direction")
        self._tool = self._histogram("tool_seconds", "From a tool's call to its answer.", TOOL_BUCKETS, "tool", "ok")
        self._tool_failed = self._counter("tool_failures", "Requests of tools that failed.", "tool", "reason")
        self._ari = self._histogram(
            "ari_request_seconds", "Requests to Asterisk's REST interface.", ARI_BUCKETS, "operation", "result"
        )
        self._unlinked = self._counter("ari_link_losses", "Times that Asterisk's event link broke.")
        self._refused_events = self._counter("worker_events_refused", "Events of workers that were dropped.", "event")

    def _conversations(self) -> None:
        self._told = self._histogram(
            "turn_told_seconds", "From the caller's last sound to the AI's word that the caller stopped.", TURN_BUCKETS
        )
        self._delta = self._histogram(
            "turn_first_delta_seconds", "From the caller's end of speech to the first sound from the AI.", TURN_BUCKETS
        )
        self._frame = self._histogram(
            "turn_first_frame_seconds", "From the caller's end of speech to the first frame to Asterisk.", TURN_BUCKETS
        )
        self._cut = self._histogram("barge_in_cut_seconds", "From speech_started to silence.", CUT_BUCKETS)
        self._false_cuts = self._counter("false_barge_ins", "Interruptions after which the caller said nothing.")
        self._frames = self._counter("frames", "20 ms frames of sessions that ended.", "direction")
        self._speech = self._counter("speech_frames", "Of those to Asterisk, frames with sound of the agent.")
        self._late = self._counter("frames_late", "Frames left out because they came late.", "direction")
        self._dropped = self._counter("frames_dropped", "Frames that the other side did not take in time.", "direction")
        self._recordings = self._counter("recordings", "Recordings completed.")
        self._recorded = self._counter("recorded_seconds", "Length of all completed recordings.")

    def _ai(self) -> None:
        self._setup = self._histogram(
            "ai_setup_seconds", "From the wish for an AI session until it is configured.", SETUP_BUCKETS, "model"
        )
        self._failed = self._counter("ai_failures", "AI sessions that could not be had, or were lost for good.", "kind")
        self._back = self._counter("ai_reconnects", "AI connections made anew during a call.", "provider", "planned")
        self._gap = self._histogram("ai_reconnect_gap_seconds", "From loss to ready, unplanned ones.", SETUP_BUCKETS)
        self._warned = self._counter("ai_warnings", "Problems at the AI's side after which calls went on.", "kind")
        self._tokens = self._counter("ai_tokens", "As the provider counts them.", "provider", "model", "kind")
        self._transcribed = self._counter(
            "ai_transcribed_seconds", "Audio of transcriptions billed by time.", "provider", "model"
        )
        self._dollars = self._counter("ai_cost_dollars", "By the price table.", "provider", "model")

    # ------------------------------------------------------------ what happens

    def observe(self, what: lifecycle.LifecycleEvent) -> None:
        match what:
            case lifecycle.CallBegan(direction):
                self._began.labels(direction).inc()
            case lifecycle.CallAdopted():
                self._taken.inc()
            case lifecycle.CallerRefused(reason):
                self._refused.labels(reason).inc()
            case lifecycle.CallAnswered(_, direction, after_s):
                self._answer.labels(direction).observe(after_s)
            case lifecycle.CallGreeted(direction, greet_s):
                self._greet.labels(direction).observe(greet_s)
            case lifecycle.CallFailedOver(_, gap_s):
                self._failed_over.observe(gap_s)
            case lifecycle.LegRejoined():
                self._rejoined.inc()
            case lifecycle.CallOver(direction, outcome, talked_s):
                self._ended.labels(direction, outcome).inc()
                if talked_s:
                    self._talk.labels(direction).observe(talked_s)
            case lifecycle.ToolTimed(tool, seconds, ok):
                self._tool.labels(tool, _word(ok)).observe(seconds)
            case lifecycle.UsageReported(_, used, cost):
                self._used(used, cost)
            case _:
                self._session(what)

    def ari_request(self, operation: str, seconds: float, result: str) -> None:
        """`result`: ok, or the kind of error."""
        self._ari.labels(operation, result).observe(seconds)

    def tool_failed(self, tool: str, reason: Reason) -> None:
        """`tool`: its name in the config."""
        self._tool_failed.labels(tool, reason).inc()

    def worker_event_refused(self, event: str) -> None:
        """`event`: its type, as the worker says."""
        self._refused_events.labels(event if event in _EVENTS else "unknown").inc()

    def ari_link_lost(self) -> None:
        self._unlinked.inc()

    def _session(self, event: lifecycle.LifecycleEvent) -> None:
        """What workers report. An event that is not named here is not counted."""
        match event:
            case contract.TurnMeasured():
                _observe_ms(self._told, event.endpointing_ms)
                _observe_ms(self._delta, event.first_delta_ms)
                _observe_ms(self._frame, event.first_frame_ms)
            case contract.BargedIn():
                _observe_ms(self._cut, event.latency_ms)
            case contract.Ready():
                self._setup.labels(event.model).observe(event.took_ms / 1000)
            case contract.Failed():
                self._failed.labels(event.kind).inc()
            case contract.Reconnected():
                self._back.labels(event.provider, _word(event.planned)).inc()
                if not event.planned:
                    _observe_ms(self._gap, event.gap_ms)
            case contract.AiWarning():
                self._warned.labels(event.kind).inc(event.times)
            case contract.Recorded():
                self._recordings.inc()
                self._recorded.inc(event.seconds)
            case contract.Ended(counters=counters):
                self._false_cuts.inc(counters.false_barge_ins)
                self._over(counters)

    def _over(self, counters: contract.Counters) -> None:
        self._frames.labels("in").inc(counters.frames_in)
        self._frames.labels("out").inc(counters.frames_out)
        self._speech.inc(counters.speech_frames_out)
        self._late.labels("in").inc(counters.late_frames)
        self._late.labels("out").inc(counters.late_frames_out)
        self._dropped.labels("in").inc(counters.dropped_frames)
        self._dropped.labels("out").inc(counters.dropped_frames_out)

    def _used(self, used: contract.Used, cost: float) -> None:
        for kind, tokens in used.usage.items():
            self._tokens.labels(used.provider, used.model, kind).inc(tokens)
        if used.seconds is not None:
            self._transcribed.labels(used.provider, used.model).inc(used.seconds)
        self._dollars.labels(used.provider, used.model).inc(cost)


def _word(yes: bool) -> str:
    return "yes" if yes else "no"


def _observe_ms(histogram: Histogram, milliseconds: float | None) -> None:
    if milliseconds is not None:
        histogram.observe(milliseconds / 1000)


class Present(Collector):
    """Gauges that are read at each scrape. `live`: how many calls there are; `ready`: which parts that a call needs are
    there, by name; `workers`: those registered."""

    def __init__(
        self, live: Callable[[], int], ready: Callable[[], Mapping[str, bool]], workers: Callable[[], Sequence[Worker]]
    ) -> None:
        self._live = live
        self._ready = ready
        self._workers = workers

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(f"{NAMESPACE}_calls_live", "Calls that have not ended.", value=self._live())
        yield GaugeMetricFamily(f"{NAMESPACE}_tasks", "Tasks of the controller's loop.", value=_tasks())
        ready = _gauge("ready", "1 where this part, which a call needs, is there.", "part")
        for part, there in self._ready().items():
            ready.add_metric([part], there)
        yield ready
        workers = self._workers()
        late = _gauge("worker_tick_lateness_seconds", "Of its 20 ms tick, over half a second.", "worker", "quantile")
        cpu = CounterMetricFamily(f"{NAMESPACE}_worker_cpu_seconds", "Of its process.", labels=["worker"])
        for worker in workers:
            late.add_metric([worker.name, "0.99"], worker.load.lateness_p99_ms / 1000)
            late.add_metric([worker.name, "1"], worker.load.lateness_max_ms / 1000)
            cpu.add_metric([worker.name], worker.load.cpu_s)
        for name, what, value in _OF_WORKERS:
            gauge = _gauge(name, what, "worker")
            for worker in workers:
                gauge.add_metric([worker.name], value(worker))
            yield gauge
        yield from (late, cpu)


_OF_WORKERS: tuple[tuple[str, str, Callable[[Worker], float]], ...] = (
    ("worker_up", "1 while the link to this worker stands.", lambda worker: worker.socket is not None),
    ("worker_reached", "1 while Asterisk reaches this worker's AudioSocket port.", lambda worker: worker.media.reached),
    ("worker_shared", "1: it belongs to another node.", lambda worker: worker.home is not None),
    ("worker_capacity", "Calls that this worker carries at most.", lambda worker: worker.capacity),
    ("worker_sessions_elsewhere", "Those of its calls that are other nodes'.", lambda worker: worker.load.elsewhere),
    ("worker_sessions", "Calls that it carries now.", lambda worker: worker.load.sessions),
    ("worker_legs", "AudioSocket connections that it has now.", lambda worker: worker.load.legs),
    ("worker_busy_ratio", "Of the one core that it can use, over half a second.", lambda worker: worker.load.busy),
    ("worker_memory_bytes", "Resident memory of its process.", lambda worker: worker.load.memory),
    ("worker_open_files", "Open files and sockets of its process.", lambda worker: worker.load.files),
    ("worker_tasks", "Of its event loop.", lambda worker: worker.load.tasks),
)


def _tasks() -> int:
    """0 where no loop runs."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0


def _gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", what, labels=labels)
