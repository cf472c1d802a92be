"""Metrics of events, for Prometheus. docs/metrics.md says what each one means.

Labels are types of events and names in the config. Receivers that calls were placed with have the label `call`.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge

from bridge.common.request_failure import Reason
from controller.events.webhooks.receivers import OF_CALL
from controller.events.webhooks.retry_policy import Delivered, GiveUp, Retry, Verdict

NAMESPACE = "voiceai"


class EventMetrics:
    """On a registry that it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(name, what, labels, namespace=NAMESPACE, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(name, what, namespace=NAMESPACE, registry=registry)

        self.made = counter("events", "Events of calls.", "type")
        self.dropped = counter("events_dropped", "Events that a full queue could not take.", "queue")
        self.subscribers = gauge("event_readers", "Open streams of events.")
        self.overflows = counter("event_readers_overflowed", "Streams closed because their reader fell behind.")
        self._attempts = counter("webhook_attempts", "Requests to webhooks.", "receiver", "result")
        self._failures = counter("webhook_failures", "Requests to webhooks that failed.", "receiver", "reason")
        self.pending = gauge("webhook_pending", "Events that wait in the outbox.")
        self.dead = gauge("webhook_dead_letters", "Events that were given up and are kept.")

    def failure(self, receiver: str, reason: Reason) -> None:
        self._failures.labels(_label(receiver), reason).inc()

    def attempt(self, receiver: str, verdict: Verdict) -> None:
        match verdict:
            case Delivered():
                result = "delivered"
            case Retry():
                result = "failed"
            case GiveUp():
                result = "given_up"
        self._attempts.labels(_label(receiver), result).inc()


class ClusterStreamMetrics:
    """Of `cluster_stream`. Only where there is a cluster."""

    def __init__(self, registry: CollectorRegistry, events: EventMetrics) -> None:
        self._events = events
        self._there = Gauge(
            "voiceai_cluster_events_up",
            "1: readers are told the events of all nodes; 0: Valkey or Redis is away, and they are told this node's.",
            registry=registry,
        )
        self._there.set(1)

    def dropped(self) -> None:
        self._events.dropped.labels("cluster").inc()

    def there(self, there: bool) -> None:
        self._there.set(there)

    def overflowed(self) -> None:
        self._events.overflows.inc()


def _label(receiver: str) -> str:
    return "call" if receiver.startswith(OF_CALL) else receiver
