"""What to do about responses that fail, and about errors. [pure]

Owns which response has spoken or acted, how many in a row have not, and when that is the end of the connection. A
response that failed is asked for again after a pause, one without sound or tool once; whatever the request was for is
asked for again, not something else.
"""

from bridge.realtime import events
from bridge.realtime.failures import AccountRefused, ModelRefused, SessionExpired, from_codes, is_benign
from bridge.responses import ATTEMPTS, RETRY_S, Responses, Wish
from bridge.signals import EndSession, Note, Outbox


class Setbacks:
    """See the module."""

    def __init__(self, out: Outbox, responses: Responses) -> None:
        self._out = out
        self._responses = responses
        self.benign_errors = 0
        self.productive: set[str] = set()
        """Responses that spoke or called a tool."""
        self._failures = 0
        """Responses in a row that did neither."""

    def failed(self, done: events.ResponseDone) -> None:
        """The server could not generate it."""
        self._failures += 1
        error = from_codes(done.error_code, done.error_type, done.error_message)
        self._out.add(Note("response failed", {"code": done.error_code, "in_a_row": self._failures}))
        hopeless = isinstance(error, AccountRefused | ModelRefused)
        if hopeless or self._failures >= ATTEMPTS:
            self._out.add(EndSession(error.kind if hopeless else "transient", str(error)))
        else:
            self._responses.back_off(RETRY_S * self._failures)
        self._ask_again()  # here, or on the next line

    def check(self, response_id: str) -> None:
        """A response that neither spoke nor acted leaves the caller in silence: ask once more."""
        if response_id in self.productive:
            self._failures = 0
            return
        self._failures += 1
        self._out.add(Note("response without sound", {"response": response_id}))
        if self._failures == 1:
            self._ask_again()

    def error(self, error: events.ServerError) -> None:
        """A race that is counted, a refused request that is repeated, or the end."""
        active = error.code == "conversation_already_has_active_response"
        refused = self._responses.refused(error.event_id, active=active)
        if is_benign(error.code, error.message):
            self.benign_errors += 1
            return
        failure = from_codes(error.code, error.type, error.message)
        if isinstance(failure, AccountRefused | ModelRefused | SessionExpired):
            self._out.add(EndSession(failure.kind, str(failure)))
            return
        text = "response.create was refused" if refused else "error event from the server"
        code = error.code or error.type
        self._out.add(Note(text, {"code": code, "param": error.param, "message_pii": error.message}))

    def _ask_again(self) -> None:
        """Of the last response's kind: what was to be said has not been said."""
        self._responses.want(self._responses.granted or Wish())
