"""`Client`, which waits for each answer.

    with Client("http://127.0.0.1:8080", token) as client:
        call = client.calls.place(to="+493012345678", agent="reception")

Owns the class that programs use. The operations are its attributes, by group (`voiceai_client.operations`).
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from voiceai_client.operations.groups import Groups
from voiceai_client.requests import TIMEOUT_SECONDS
from voiceai_client.sync_http import SyncHttp


class Client(Groups):
    """One controller and one token. It may be used by several threads.

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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = SyncHttp(url, token, ca_file, timeout, transport)
        super().__init__(self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()
