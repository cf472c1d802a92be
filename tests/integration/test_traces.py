"""Export of traces: a collector receives them as OTLP; one that is away costs only the traces."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr

from controller.api.server import ApiServer
from controller.config.models.traces import Traces
from controller.telemetry.call_tracing import CallTracing
from controller.telemetry.otel import SpanExporter
from controller.telemetry.spans import Span
from simulator.ports import free_port

CALL = "5f1c9f0e-8a43-4b8e-9b57-2a6f0d3f9c11"
BEGAN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SPANS = [
    Span("call", BEGAN, BEGAN + timedelta(seconds=60), {"agent": "reception", "cost": 0.25}, ok=True),
    Span("tool", BEGAN + timedelta(seconds=5), BEGAN + timedelta(seconds=7), {"tool": "look_up"}, ok=False),
]


@asynccontextmanager
async def collector(got: list[ExportTraceServiceRequest], keys: list[str]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        got.append(ExportTraceServiceRequest.FromString(body))
        keys.append(request.headers.get("X-Key", ""))
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    async with ApiServer(app, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.port}/v1/traces"


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9", "socks5h://127.0.0.1:9"])
async def test_a_call_is_a_trace_of_its_own_id(proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy is asked for this machine."""
    if proxy is not None:
        monkeypatch.setenv("ALL_PROXY", proxy)
    got: list[ExportTraceServiceRequest] = []
    keys: list[str] = []
    async with collector(got, keys) as url:
        sender = SpanExporter(url, {"X-Key": "k"}, "voiceai")
        sender.send(CALL, SPANS)
        await asyncio.to_thread(sender.close)
    resources = [each for request in got for each in request.resource_spans]
    assert {(each.key, each.value.string_value) for each in resources[0].resource.attributes} >= {
        ("service.name", "voiceai")
    }
    call, tool = sorted((span for each in resources for scope in each.scope_spans for span in scope.spans), key=_begin)
    assert call.trace_id.hex() == tool.trace_id.hex() == CALL.replace("-", "")
    assert (call.name, call.parent_span_id, tool.name, tool.parent_span_id) == ("call", b"", "tool", call.span_id)
    assert call.end_time_unix_nano - call.start_time_unix_nano == 60_000_000_000
    assert (call.status.code, tool.status.code) == (1, 2)
    told = {each.key: each.value for each in call.attributes}
    assert (told["voiceai.agent"].string_value, told["voiceai.cost"].double_value) == ("reception", 0.25)
    assert keys == ["k"]


def _begin(span: object) -> int:
    return int(getattr(span, "start_time_unix_nano"))  # noqa: B009 - protobuf's types are made at run time


async def test_a_collector_that_is_away_holds_nobody_up() -> None:
    settings = Traces(url=f"http://127.0.0.1:{free_port()}/v1/traces", headers={"X-Key": SecretStr("k")})
    tracing = CallTracing(settings)
    async with asyncio.timeout(30):
        await tracing.close()


async def test_without_a_word_in_the_config_nothing_is_loaded() -> None:
    tracing = CallTracing(None)
    assert tracing._sender is None
    await tracing.close()
