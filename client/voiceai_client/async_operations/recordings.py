"""Operations of the API: recordings. Made from the OpenAPI document (`make reference`)."""

from collections.abc import AsyncIterator

from voiceai_client.async_http import AsyncHttp
from voiceai_client.requests import Request, given, path_of


class AsyncRecordingsOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    def get(self, id: str, number: str | int, *, attempt: int | None = None) -> AsyncIterator[bytes]:
        """Get a recording. Scope: recordings. Problems: not-found, too-many-streams.

        attempt: The number of the attempt to place the call, from 1; default: the latest one.
        """
        url = path_of("/v1/history/{id}/recordings/{number}", id=id, number=number)
        asked = given({"attempt": attempt})
        return self._http.pieces(Request("GET", url, query=asked))
