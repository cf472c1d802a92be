"""GET /metrics on a real socket, read as Prometheus reads it; and the metrics of ARI requests."""

import asyncio

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from bridge import contract
from controller.api import metrics as exposition
from controller.api.auth.authenticator import Authenticator
from controller.ari.rest import Ari, NotFound, TimedOut, Unavailable
from controller.calls.reporting import lifecycle
from controller.config import Token
from controller.telemetry.metrics import Metrics, Present
from tests.integration.api_harness import ADMIN, TOKENS, call_view, harness
from tests.peers.http_server import http_server


def routed(metrics: Metrics, *, public: bool = False) -> web.RouteDef:
    tokens = [Token.model_validate({"name": t[:5], "token": t, "scopes": scopes}) for t, scopes in TOKENS.items()]
    return exposition.route(metrics.registry, Authenticator(tokens), public=public)


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics(CollectorRegistry())
    made.registry.register(Present(lambda: 2, lambda: {"asterisk": True}, lambda: []))
    made.observe(lifecycle.CallBegan("inbound", call_view()))
    made.observe(lifecycle.CallAnswered("c", "inbound", 1.2))
    made.observe(contract.TurnMeasured(call="c", turn=1, first_delta_ms=250.0, first_frame_ms=290.0))
    made.ari_request("answer", 0.003, "ok")
    return made


async def test_a_scrape(metrics: Metrics) -> None:
    async with harness(routed(metrics)) as running, running.request("GET", "/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        families = {each.name: each for each in classic(await answer.text())}
    ours = {name for name in families if not name.startswith("voiceai_process_")}
    assert all(name.startswith("voiceai_") for name in ours)
    assert all(families[name].documentation for name in families)
    assert families["voiceai_calls_live"].samples[0].value == 2
    (started,) = [each for each in families["voiceai_calls_started"].samples if each.name.endswith("_total")]
    assert (started.labels, started.value) == ({"direction": "inbound"}, 1)
    delta = families["voiceai_turn_first_delta_seconds"]
    assert delta.type == "histogram"
    buckets = {each.labels["le"]: each.value for each in delta.samples if each.name.endswith("_bucket")}
    assert (buckets["0.2"], buckets["0.3"], buckets["+Inf"]) == (0, 1, 1)


async def test_openmetrics_where_it_is_asked_for(metrics: Metrics) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with harness(routed(metrics)) as running, running.request("GET", "/metrics", headers=accept) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        parse = openmetrics.text_string_to_metric_families
        names = {each.name for each in parse(await answer.text())}  # type: ignore[no-untyped-call]
    assert "voiceai_calls_started" in names


@pytest.mark.parametrize(
    ("token", "public", "status"),
    [
        ("reader-0123456789", False, 200),
        ("scraper-0123456789", False, 200),
        (ADMIN, False, 200),
        ("caller-0123456789", False, 403),
        ("nobody-0123456789", False, 401),
        (None, False, 401),
        (None, True, 200),
        ("nobody-0123456789", True, 200),
    ],
)
async def test_who_may_scrape(metrics: Metrics, token: str | None, public: bool, status: int) -> None:
    async with harness(routed(metrics, public=public)) as running:
        async with running.request("GET", "/metrics", token) as answer:
            assert answer.status == status
        async with running.request("GET", "/v1/calls", token) as answer:
            assert public is False or answer.status == 401, "only this path is public"


async def test_the_ari_client_tells_each_request() -> None:
    told: list[tuple[str, float, str]] = []

    async def take(request: web.Request) -> web.Response:
        if request.path.endswith("/hang/answer"):
            await asyncio.sleep(5)
        if "gone" in request.path:
            return web.json_response({"message": "Channel not found"}, status=404)
        return web.Response(status=204)

    async with http_server(take) as at:
        url = f"http://{at}/ari"
        async with Ari(url, "user", "password", "app", timeout=0.5, observe=lambda *each: told.append(each)) as ari:
            await ari.answer("here")
            with pytest.raises(NotFound):
                await ari.answer("gone")
            await ari.hangup("gone")
            with pytest.raises(TimedOut):
                await ari.answer("hang")
            cancelled = asyncio.create_task(ari.answer("hang"))
            await asyncio.sleep(0.05)
            cancelled.cancel()
            await asyncio.wait({cancelled})
    async with Ari(url, "user", "password", "app", observe=lambda *each: told.append(each)) as ari:
        with pytest.raises(Unavailable):
            await ari.answer("here")
    assert [(operation, result) for operation, _, result in told] == [
        ("answer", "ok"),
        ("answer", "notfound"),
        ("hangup", "notfound"),
        ("answer", "timedout"),
        ("answer", "cancelled"),
        ("answer", "unavailable"),
    ]
    assert all(seconds > 0 for _, seconds, _ in told)
    assert told[3][1] >= 0.4


async def test_nothing_of_a_scrape_is_personal(metrics: Metrics) -> None:
    """A number, a word or a made-up tool name has no label to be in."""
    metrics.observe(contract.Said(call="c", who="caller", text="my number is 4930123456", item="i"))
    metrics.observe(contract.ToolCalled(call="c", tool_call="t", name="made-up-tool", arguments={"to": "4930123456"}))
    metrics.observe(contract.Failed(call="c", kind="transient", message="4930123456"))
    async with harness(routed(metrics)) as running, running.request("GET", "/metrics") as answer:
        text = await answer.text()
    assert "4930123456" not in text
    assert "made-up" not in text
