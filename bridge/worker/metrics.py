"""The Prometheus metrics of a worker, counted from the events that go to the controller.

Gauges are read at each scrape. docs/metrics.md says what each metric means. No label has a value that a caller or a
model could choose.
"""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge import contract
from bridge.worker.state import Linked, Now

NAMESPACE = "voiceai_bridge"

TURN_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
CUT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 1.0)
SETUP_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)


class WorkerMetrics:
    """Registers the metrics of one worker, and updates them."""

    def __init__(self, registry: CollectorRegistry, worker: str, now: Callable[[], Now]) -> None:
        self._registry = registry
        ProcessCollector(namespace=NAMESPACE, registry=registry)
        registry.register(_Present(worker, now))
        self._ended = self._counter("sessions_ended", "Calls that this worker has carried to their end.")
        self._failed = self._counter("ai_failures", "AI sessions that could not be had, or were lost for good.", "kind")
        self._setup = self._histogram("ai_setup_seconds", "Until an AI session is configured.", SETUP_BUCKETS)
        self._back = self._counter("ai_reconnects", "AI connections made anew during a call.", "planned")
        self._gap = self._histogram("ai_reconnect_gap_seconds", "From loss to ready, unplanned ones.", SETUP_BUCKETS)
        self._warned = self._counter("ai_warnings", "Problems at the AI's side after which calls went on.", "kind")
        self._told = self._histogram(
            "turn_told_seconds", "From the caller's last sound to the AI's word that the caller stopped.", TURN_BUCKETS
        )
        self._delta = self._histogram("turn_first_delta_seconds", "From that word to the AI's sound.", TURN_BUCKETS)
        self._frame = self._histogram("turn_first_frame_seconds", "From that word to Asterisk's frame.", TURN_BUCKETS)
        self._cut = self._histogram("barge_in_cut_seconds", "From speech_started to silence.", CUT_BUCKETS)
        self._false_cuts = self._counter("false_barge_ins", "Interruptions after which the caller said nothing.")
        self._tools = self._counter("tool_calls", "Tools that the AI asked for.")
        self._tokens = self._counter("ai_tokens", "As the provider counts them.", "kind")
        self._frames = self._counter("frames", "20 ms frames of calls that ended, from and to Asterisk.", "direction")
        self._speech = self._counter("speech_frames", "Of those to Asterisk, frames with sound of the agent.")
        self._late = self._counter("frames_late", "Frames left out because they came late.", "direction")
        self._dropped = self._counter("frames_dropped", "Frames that the other side did not take in time.", "direction")

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, namespace=NAMESPACE, registry=self._registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(name, what, namespace=NAMESPACE, registry=self._registry, buckets=buckets)

    def observe(self, event: contract.CallEvent) -> None:
        """One event of a call, on its way to the controller."""
        match event:
            case contract.TurnMeasured():
                _observe(self._told, event.endpointing_ms)
                _observe(self._delta, event.first_delta_ms)
                _observe(self._frame, event.first_frame_ms)
            case contract.BargedIn():
                _observe(self._cut, event.latency_ms)
            case contract.Used():
                for kind, tokens in event.usage.items():
                    self._tokens.labels(kind).inc(tokens)
            case contract.Ready():
                _observe(self._setup, event.took_ms)
            case contract.Failed():
                self._failed.labels(event.kind).inc()
            case contract.Reconnected():
                self._back.labels("yes" if event.planned else "no").inc()
                _observe(self._gap, None if event.planned else event.gap_ms)
            case contract.AiWarning():
                self._warned.labels(event.kind).inc(event.times)
            case contract.ToolCalled():
                self._tools.inc()
            case contract.Ended():
                self._over(event.counters)

    def _over(self, counters: contract.Counters) -> None:
        self._ended.inc()
        self._frames.labels("in").inc(counters.frames_in)
        self._frames.labels("out").inc(counters.frames_out)
        self._speech.inc(counters.speech_frames_out)
        self._late.labels("in").inc(counters.late_frames)
        self._late.labels("out").inc(counters.late_frames_out)
        self._dropped.labels("in").inc(counters.dropped_frames)
        self._dropped.labels("out").inc(counters.dropped_frames_out)
        self._false_cuts.inc(counters.false_barge_ins)


def _observe(histogram: Histogram, milliseconds: float | None) -> None:
    if milliseconds is not None:
        histogram.observe(milliseconds / 1000)


class _Present(Collector):
    def __init__(self, worker: str, now: Callable[[], Now]) -> None:
        self._worker = worker
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked before the first scrape."""
        return ()

    def collect(self) -> Iterable[Metric]:
        now = self._now()
        load = now.load
        info = GaugeMetricFamily(f"{NAMESPACE}_info", "1, and which worker this is.", labels=["worker"])
        info.add_metric([self._worker], 1)
        yield info
        refused = f"{NAMESPACE}_link_refused"
        yield CounterMetricFamily(refused, "Events and commands that were dropped at the link.", value=now.refused)
        for name, what, value in (
            ("capacity", "Calls that it carries at most.", now.capacity),
            ("sessions", "Calls that it carries now.", load.sessions),
            ("legs", "AudioSocket connections that it has now.", load.legs),
            ("draining", "1: it takes no new call, and ends with its last one.", load.draining),
            ("linked", "1 while its link to the controller stands.", now.linked),
            ("tick_lateness_p99_seconds", "Of the 20 ms tick, over the last half second.", load.lateness_p99_ms / 1000),
            ("tick_lateness_max_seconds", "Likewise, the largest.", load.lateness_max_ms / 1000),
            ("busy_ratio", "Of the one core that its event loop can use.", load.busy),
            ("tasks", "Of its event loop.", load.tasks),
        ):
            yield GaugeMetricFamily(f"{NAMESPACE}_{name}", what, value=value)
        linked = f"{NAMESPACE}_controller_linked", "1 while the link to this controller stands, of a shared worker."
        sessions = f"{NAMESPACE}_controller_sessions", "Calls of this controller, of a shared worker."
        for (family, what), value_of in ((linked, _up), (sessions, _sessions)):
            gauge = GaugeMetricFamily(family, what, labels=["controller"])
            for each in now.shared_by:
                gauge.add_metric([each.address], value_of(each))
            yield gauge


def _up(linked: Linked) -> float:
    return linked.up


def _sessions(linked: Linked) -> float:
    return linked.sessions
