"""GET /metrics: the registry in Prometheus's text form, or in OpenMetrics where the scraper asks for it.

Owns the path and who may read it. Refuses to know what is counted.
"""

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from controller.api.auth.authenticator import Authenticator

PATH = "/metrics"


def route(registry: CollectorRegistry, authenticator: Authenticator, *, public: bool) -> web.RouteDef:
    """`public`: without a token. Otherwise it takes one with the scope `metrics`."""

    async def scrape(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=encode(registry), headers={hdrs.CONTENT_TYPE: content_type})

    return web.get(PATH, scrape if public else authenticator.require(("metrics",), scrape))
