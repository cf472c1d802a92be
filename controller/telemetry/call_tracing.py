"""Spans of calls, from what happens to the collector, if the config has `traces`.

The SDK of OpenTelemetry is an optional dependency (an extra): it is imported only if it is needed.
"""

import asyncio
from datetime import datetime

from controller.calls.reporting import lifecycle
from controller.config.models.traces import Traces
from controller.telemetry.spans import Spans


class CallTracing:
    """`observe` takes what `lifecycle` tells; `close` sends what is left."""

    def __init__(self, settings: Traces | None) -> None:
        self._spans = Spans()
        self._sender = None
        if settings is not None:
            from controller.telemetry.otel import SpanExporter

            headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
            self._sender = SpanExporter(settings.url, headers, settings.service)

    def observe(self, what: lifecycle.LifecycleEvent, at: datetime) -> None:
        if self._sender is not None and (done := self._spans.observe(what, at)) is not None:
            self._sender.send(*done)

    async def close(self) -> None:
        if self._sender is not None:
            await asyncio.to_thread(self._sender.close)
