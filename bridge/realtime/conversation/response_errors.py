"""What to do about responses that fail or stop in the middle, and about errors. [pure]

Owns which responses had audio or called a tool, how many in a row did not, and when the connection is given up for it.
A failed response is requested again after a pause, one without audio or tool call once; always the same request.

    response                                  what follows
    ---------------------------------------   -----------------------------------------------------------------
    stopped in the middle, a given text       its rest is asked for, at most `MOST_CUTS` times
    stopped in the middle, the model's own    the model is asked to go on, once
    failed without audio                      asked for again after a pause; `ATTEMPTS` in a row end the connection
    refused by a rate limit                   asked for again after the wait that the server names, on this connection;
                                              more than `RATE_WAIT_S` in all ends it, and another provider is taken
    a rate limit that names no request        the same, if nothing comes of our request or of the server's own answer
"""

from bridge.contract import SessionSpec
from bridge.realtime.conversation import prompts
from bridge.realtime.conversation.ai_warnings import AiWarnings
from bridge.realtime.conversation.continuation import rest_of
from bridge.realtime.conversation.effects import EffectList, EndSession
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.conversation.responses import ATTEMPTS, RETRY_S, ResponseRequest, Responses
from bridge.realtime.conversation.tool_calls import ToolCalls
from bridge.realtime.conversation.turns import Turns
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.errors import (
    AccountRefused,
    ModelRefused,
    RateLimited,
    SessionExpired,
    from_codes,
    is_benign,
)

MOST_CUTS = 5
RATE_WAIT_S = 30.0
RATE_MARGIN_S = 0.1
"""Added to the wait that the server names, for the time that its message took."""
RATE_UNTOLD_S = 1.0
"""The first wait if the server names none; each following one is twice as long."""
RATE_AGAIN_S = 0.5
"""The least wait after one that was named and was too short; each following one is twice as long."""


class ResponseErrors:
    """The failures of one conversation. `now`: seconds of a monotonic clock."""

    def __init__(
        self,
        spec: SessionSpec,
        out: EffectList,
        responses: Responses,
        tools: ToolCalls,
        turns: Turns,
        warnings: AiWarnings,
    ) -> None:
        self._turns = turns
        self._out = out
        self._responses = responses
        self._tools = tools
        self._warnings = warnings
        self.apply(spec)
        self.benign_errors = 0
        self.productive = RecentIds()
        """Responses that had audio or called a tool."""
        self._failures = 0
        """Responses in a row that did neither."""
        self._limited_since: float | None = None
        self._limits = 0
        """Refusals by a rate limit in a row."""

    def apply(self, spec: SessionSpec) -> None:
        """The agent that goes on."""
        self._spec = spec

    def connected(self) -> None:
        """Another connection: its provider may have other limits."""
        self._limited_since, self._limits = None, 0

    def failed(self, done: server_events.ResponseDone, said: str, now: float) -> ResponseRequest | None:
        """A response failed. `said`: what it had said by then. Returns the request for the rest of it, if there is
        one."""
        error = from_codes(done.error_code, done.error_type, done.error_message)
        codes = done.error_code, done.error_type, done.reason
        if isinstance(error, RateLimited):
            self._warnings.warn("rate_limited", codes, str(error), again=self._limits > 0)
            self._limited(error, now)
        else:
            self._failures += 1
            self._warnings.warn("response_failed", codes, str(error), again=self._failures > 1)
            hopeless = isinstance(error, AccountRefused | ModelRefused)
            if hopeless or self._failures >= ATTEMPTS:
                self._out.add(EndSession(error.kind if hopeless else "transient", str(error)))
            else:
                self._responses.back_off(RETRY_S * self._failures)
        if said:
            return self._go_on(said)
        self._ask_again()  # here, or on the next connection
        return None

    def incomplete(self, done: server_events.ResponseDone, said: str) -> ResponseRequest | None:
        """A response is incomplete. `said`: what it had said; empty: nothing, or it was interrupted. Returns the
        request for the rest of it, if there is one."""
        self._warnings.warn("response_incomplete", (done.reason,), "the reply is not complete")
        if not said and not self._responses.is_muted(done.response_id):
            self.check(done.response_id)
            return None
        self._worked()
        return self._go_on(said) if said else None

    def check(self, response_id: str) -> None:
        """A response is over. If it had neither audio nor a tool call, the caller hears silence: request it once
        more."""
        if response_id in self.productive:
            self._worked()
            return
        self._failures += 1
        self._warnings.warn("response_silent", detail="a response had neither sound nor a tool")
        if self._failures == 1:
            self._ask_again()

    def error(self, error: server_events.ServerError, now: float) -> None:
        """A race that is counted, a refused request that is repeated, or the end."""
        failure = from_codes(error.code, error.type, error.message)
        limited = failure if isinstance(failure, RateLimited) else None
        if limited:
            self._warnings.warn("rate_limited", (error.code, error.type), str(failure), again=self._limits > 0)
            self._limited(limited, now)
            if not error.event_id:  # perhaps our request, or the server's own answer, is what it refuses
                self._responses.error_unattributed()
                self._turns.error_unattributed()
        active = error.code == "conversation_already_has_active_response"
        refused = self._responses.refused(error.event_id, active=active, counts=limited is None)
        if limited:
            return
        if is_benign(error.code, error.message):
            self.benign_errors += 1
            return
        if isinstance(failure, AccountRefused | ModelRefused | SessionExpired):
            self._out.add(EndSession(failure.kind, str(failure)))
            return
        what = "response.create was refused: " if refused else ""
        where = f" ({error.param})" if error.param else ""
        self._warnings.warn("server_error", (error.code, error.type), f"{what}{failure}{where}")

    # ------------------------------------------------------------ inside

    def _worked(self) -> None:
        self._failures = self._limits = 0
        self._limited_since = None

    def _limited(self, error: RateLimited, now: float) -> None:
        """Wait as long as the server wants, on this connection; or give it up, if that is too long for a caller."""
        self._limits += 1
        since = self._limited_since = now if self._limited_since is None else self._limited_since
        doubled = 2 ** min(self._limits - 1, 10)
        again_s = RATE_AGAIN_S * doubled / 2 if self._limits > 1 else 0.0
        told_s = RATE_UNTOLD_S * doubled if error.retry_s is None else max(error.retry_s, again_s)
        wait_s = told_s + RATE_MARGIN_S
        if now + wait_s - since > RATE_WAIT_S + RATE_MARGIN_S:
            self._out.add(EndSession("transient", str(error), again=False))
        else:
            self._responses.back_off(wait_s)

    def _go_on(self, said: str) -> ResponseRequest | None:
        """Ask for the rest of what was stopped after these words."""
        request = self._responses.current or ResponseRequest()
        most = MOST_CUTS if request.text else 1
        if request.cuts >= most or self._tools.unsettled:  # a tool's answer is reacted to anyway
            return None
        rest = rest_of(request.text, said)
        if request.text and not rest:
            return None
        words = prompts.exactly(rest) if rest else prompts.go_on(self._spec)
        more = ResponseRequest(
            instructions=words, tool_choice="none" if rest else None, text=rest, cuts=request.cuts + 1
        )
        more.required, more.last_words, more.for_tool = request.required, request.last_words, request.for_tool
        more.opening = request.opening
        self._responses.request(more, first=True)
        return more

    def _ask_again(self) -> None:
        """Request the last response again."""
        self._responses.request(self._responses.current or ResponseRequest(), first=True)
