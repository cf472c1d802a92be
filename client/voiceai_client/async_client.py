"""`AsyncClient`, for asyncio.

    async with AsyncClient("http://127.0.0.1:8080", token) as client:
        call = await client.calls.place(to="+493012345678", agent="reception")

Owns the class that programs use. The operations are its attributes, by group (`voiceai_client.async_operations`).
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from voiceai_client.async_http import AsyncHttp
from voiceai_client.async_operations.groups import AsyncGroups
from voiceai_client.requests import TIMEOUT_SECONDS


class AsyncClient(AsyncGroups):
    """One controller and one token. It belongs to one event loop.

    `url`: such as http://127.0.0.1:8080. `token`: an API key or a token of the config. `ca_file`: PEM file of the
    certificate authority that signed the controller's certificate; default: those that httpx trusts. `timeout`: seconds
    to connect, and to wait for an answer. Raises ValueError for what can't be used of these.

    Requests raise UnreachableError, UnexpectedAnswerError and ProblemError (`voiceai_client.errors`).
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        ca_file: str | Path | None = None,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = AsyncHttp(url, token, ca_file, timeout, transport)
        super().__init__(self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.close()
