"""Sends spans of calls to a collector (OTLP over HTTP) with OpenTelemetry's SDK, an optional dependency.

Owns the sending: in a thread of the SDK, with a bounded queue. While the collector is away spans are lost, and nothing
else happens. The id of the trace is the id of the call, so that one leads to the other.

Source: OpenTelemetry specification, trace SDK and OTLP 1.x.
"""

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Status, StatusCode, set_span_in_context

from bridge.common.proxies import is_socks
from bridge.common.tls import LOOPBACK
from controller.telemetry.spans import Span

WAITING = 4096
"""Spans that may wait for the collector; beyond them new ones are dropped."""
PATIENCE = 5.0
"""Seconds that a request to the collector may take."""


class SpanExporter:
    """`send` never waits; `close` does, until the collector has what is left, or for `PATIENCE`: not in the loop."""

    def __init__(self, url: str, headers: Mapping[str, str], service: str) -> None:
        exporter = OTLPSpanExporter(url, headers=dict(headers), timeout=PATIENCE, session=_Session())
        self._ids = _Ids()
        self._provider = TracerProvider(
            id_generator=self._ids, resource=Resource.create({"service.name": service}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=WAITING))
        self._tracer = self._provider.get_tracer("voiceai")

    def send(self, call: str, spans: list[Span]) -> None:
        """The first one is the call; the others are within it."""
        self._ids.trace = UUID(call).int
        parent = Context()
        for number, span in enumerate(spans):
            attributes = {"voiceai.call": call, **{f"voiceai.{name}": value for name, value in span.facts.items()}}
            made = self._tracer.start_span(
                span.name, parent, attributes=attributes, start_time=_nanoseconds(span.begin)
            )
            if span.ok is not None:
                made.set_status(Status(StatusCode.OK if span.ok else StatusCode.ERROR))
            made.end(_nanoseconds(span.end))
            if number == 0:
                parent = set_span_in_context(made)

    def close(self) -> None:
        self._provider.shutdown()


class _Session(requests.Session):
    """Without SOCKS proxies, for which requests lacks a package and fails, and without any proxy to this machine."""

    def merge_environment_settings(self, url: Any, *given: Any, **named: Any) -> dict[str, Any]:
        """requests' own, at each request."""
        settings = super().merge_environment_settings(url, *given, **named)
        here = urlsplit(str(url)).hostname in LOOPBACK
        used = {} if here else {scheme: by for scheme, by in settings["proxies"].items() if not is_socks(by)}
        return {**settings, "proxies": used}


class _Ids(IdGenerator):
    trace = 0
    """Of the call whose spans are being made."""

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return random.getrandbits(64) or 1


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e9)
