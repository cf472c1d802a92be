"""Operations of the API: events. Made from the OpenAPI document (`make reference`)."""

from collections.abc import AsyncIterator, Sequence

from voiceai_client.async_http import AsyncEventStream, AsyncHttp
from voiceai_client.continued import RECONNECT_SECONDS
from voiceai_client.requests import Request, given
from voiceai_client.server_sent_events import StreamEvent


class AsyncEventsOperations:
    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    def __call__(
        self,
        *,
        type: Sequence[str] | None = None,
        last_event_id: str | None = None,
        reconnect_for_s: float = RECONNECT_SECONDS,
    ) -> AsyncEventStream:
        """Stream the events of all calls. Scope: read. Problems: too-many-streams.

        type: Only events of this type; `call.*` matches all types with this beginning. May be given more than
            once.
        last_event_id: The id of the last event that was received: the stream continues after it.
        """
        asked = given({"type": type})
        return self._http.events(Request("GET", "/v1/events", query=asked), last_event_id, reconnect_for_s)

    def live(self, *, call: str | None = None) -> AsyncIterator[StreamEvent]:
        """Who speaks, how loud, and the agent's words, twice a second. Scope: read. Problems: too-many-streams.

        call: Only this call.
        """
        asked = given({"call": call})
        return self._http.stream(Request("GET", "/v1/live", query=asked))
