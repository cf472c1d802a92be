"""Operations of the API: nodes. Made from the OpenAPI document (`make reference`)."""

from voiceai_client.async_http import AsyncHttp
from voiceai_client.models.nodes import NodeAnswer, NodePage
from voiceai_client.requests import Request, path_of


class AsyncNodesOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self) -> NodePage:
        """Nodes, their state and load. Scope: read."""
        return await self._http.ask(NodePage, Request("GET", "/v1/nodes"))

    async def drain(self, name: str, *, idempotency_key: str | None = None) -> NodeAnswer:
        """Drain a node. Scope: admin. Problems: unknown-node, refused."""
        url = path_of("/v1/nodes/{name}/drain", name=name)
        return await self._http.ask(NodeAnswer, Request("POST", url, body={}, idempotency_key=idempotency_key))

    async def undrain(self, name: str, *, idempotency_key: str | None = None) -> NodeAnswer:
        """Undrain a node. Scope: admin. Problems: unknown-node, refused."""
        url = path_of("/v1/nodes/{name}/undrain", name=name)
        return await self._http.ask(NodeAnswer, Request("POST", url, body={}, idempotency_key=idempotency_key))
