"""Operations of the API: recordings. Made from the OpenAPI document (`make reference`)."""

from collections.abc import Iterator

from voiceai_client.requests import Request, given, path_of
from voiceai_client.sync_http import SyncHttp


class RecordingsOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def get(self, id: str, number: str | int, *, attempt: int | None = None) -> Iterator[bytes]:
        """Get a recording. Scope: recordings. Problems: not-found, too-many-streams.

        attempt: The number of the attempt to place the call, from 1; default: the latest one.
        """
        url = path_of("/v1/history/{id}/recordings/{number}", id=id, number=number)
        asked = given({"attempt": attempt})
        return self._http.pieces(Request("GET", url, query=asked))
