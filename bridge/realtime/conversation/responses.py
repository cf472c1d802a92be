"""Which response may run: the state of the one response that a server generates, and the requests that wait. [pure]

A server generates one response at a time and refuses a second `response.create`. It also starts responses by
itself when the caller stops speaking. This file owns the state, and the requests that wait for their turn:

    state        what happens                         next
    ----------   ----------------------------------   -----------------------------------------------
    IDLE         a request, and nothing blocks it     REQUESTED (create sent)
    IDLE         response.created                     ACTIVE (the server's own)
    REQUESTED    response.created                     ACTIVE (taken for ours until the server objects)
    REQUESTED    refused: one is already active       ACTIVE (an unknown one), the request waits again
    REQUESTED    refused otherwise, or no reaction    IDLE, the request waits again, at most `ATTEMPTS` times
    ACTIVE       our create is refused after all      ACTIVE (the server's own), the request waits again
    ACTIVE       cancel                               CANCELLING (cancel sent)
    ACTIVE       the caller interrupts                CANCELLING (the server cancels by itself)
    ACTIVE       no event of it for `STUCK_S`         CANCELLING (cancel sent)
    CANCELLING   nothing for `CANCEL_S`               CANCELLING (cancel sent), and then IDLE, given up
    any          response.done of it                  IDLE
    any          the connection is lost               IDLE, requests wait for the next one

Requests are held back while `Parts.blocked`: there is no connection, or the caller speaks, or the server is expected to
answer by itself, so that a create would collide. A response that the server starts satisfies each request whose items
it has seen (`item_added` before `created`), so that the model is not asked to answer the same thing twice.

A response that was interrupted is muted by its id, so that the next one is heard.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

from bridge.realtime.conversation.effects import CancelTimer, EffectList, EndSession, Note, Send, StartTimer, Timer
from bridge.realtime.protocol.client_events import ResponseCancel, ResponseCreate

ATTEMPTS = 3
REQUEST_S = 5.0
STUCK_S = 15.0
CANCEL_S = 3.0
RETRY_S = 1.0
UNATTRIBUTED_S = 0.5
"""Seconds after an error that names no event. If the request has had no reaction by then, the error was about it."""
REMEMBERED = 128
"""Ids of responses that are remembered as over or muted. Late events come within a second."""


Opening = Literal["", "consent", "greeting"]
"""Which of the first words of a call a request is for; empty: for none."""


class State(Enum):
    """The states of the table above."""

    IDLE = auto()
    REQUESTED = auto()
    ACTIVE = auto()
    CANCELLING = auto()


@dataclass(slots=True)
class ResponseRequest:
    """A response that we want. `items`: ids of our items that it is to answer."""

    opening: Opening = ""
    last_words: bool = False
    required: bool = False
    """A given text: a response that the server starts by itself does not satisfy it."""
    text: str = ""
    """What is to be said, word for word."""
    cuts: int = 0
    """How often the server stopped in the middle of it and was asked to go on."""
    for_tool: str = ""
    """The id of a tool call: once its answer is there, this request is not needed any more."""
    instructions: str | None = None
    tool_choice: str | None = None
    items: set[str] = field(default_factory=set)
    attempts: int = 0
    unanswered: bool = False
    """It was sent before, and had no reaction so far."""


class Responses:
    """The responses of one conversation. `now`: seconds of a monotonic clock. Ids may be "": not known."""

    def __init__(self, out: EffectList, blocked: Callable[[], bool]) -> None:
        self._out = out
        self._blocked = blocked
        """Whether no request may be sent at the moment. The code that ends that state calls `flush`."""
        self.state = State.IDLE
        self.response_id = ""
        """Of the running response; empty when none is, or when its id is not known yet."""
        self.current: ResponseRequest | None = None
        """What the requested or running response was asked for; None: it is the server's own."""
        self.stuck = ""
        """The id of the last response that was cancelled because no event of it came."""
        self._request_id = ""
        self._waiting: list[ResponseRequest] = []
        self._backing_off = False
        self._refused: ResponseRequest | None = None
        """What was refused last."""
        self._error_unattributed = False  # an error that names no event came; it may be about the request
        self._cancel_sent = False
        self._progress_at = 0.0
        self._announces = False  # this server sends `response.created`
        self._known: dict[str, None] = {}
        self._over: dict[str, None] = {}
        self._muted: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"<Responses [{self.state.name} {self.response_id}, {len(self._waiting)} waiting]>"

    def pending(self, opening: Opening) -> bool:
        """Whether these first words are requested or being generated."""
        running = [self.current] if self.current and self.state is not State.IDLE else []
        return any(request.opening == opening for request in (*running, *self._waiting))

    # ------------------------------------------------------------ requests

    def request(self, request: ResponseRequest, *, first: bool = False) -> None:
        """Send this request as soon as possible. Waiting requests without instructions are joined into one. `first`:
        if it is not joined, it goes before the others, since it goes on with what was being said."""
        last = self._waiting[-1] if self._waiting else None
        if last and not last.instructions and not request.instructions:
            last.items |= request.items
        elif first:
            self._waiting.insert(0, request)
        else:
            self._waiting.append(request)
        self.flush()

    def flush(self) -> None:
        """Send the next `response.create`, if nothing is in its way."""
        if self.state is not State.IDLE or self._backing_off or not self._waiting or self._blocked():
            return
        request = self.current = self._waiting.pop(0)
        self._refused = None
        request.attempts += 1
        self._request_id = self._out.new_id("create")
        self.state, self._error_unattributed = State.REQUESTED, False
        create = ResponseCreate(self._request_id, request.instructions, request.tool_choice)
        self._out.add(Send(create), StartTimer(Timer.REQUEST, REQUEST_S))

    def discard(self, *, for_tool: str = "", last_words: bool = False, opening: Opening = "") -> None:
        """Drop waiting requests: those for this tool call, for last words or for first words; without arguments,
        all."""
        every = not for_tool and not last_words and not opening
        self._waiting = [
            request
            for request in self._waiting
            if not (
                every
                or (for_tool and request.for_tool == for_tool)
                or (last_words and request.last_words)
                or (opening and request.opening == opening)
            )
        ]

    def extend_deadline(self, seconds: float, now: float) -> None:
        """The running response may have no event for `seconds` more, since the server waits for somebody else."""
        self._progress_at = now + seconds

    def back_off(self, seconds: float) -> None:
        """Send no request for `seconds`: the last response failed."""
        self._backing_off = True
        self._out.add(StartTimer(Timer.RETRY, seconds))

    @property
    def backing_off(self) -> bool:
        """A request waits because the server asked us to wait, and nothing is being generated."""
        return self._backing_off and self.state is State.IDLE and bool(self._waiting)

    def retry(self) -> None:
        """The pause of `back_off` is over."""
        self._backing_off = False
        self.flush()

    def item_added(self, item_id: str) -> None:
        """The server has taken an item: each response created from now on has seen it."""
        for request in self._waiting:
            request.items.discard(item_id)
        if self.current and self.state is State.REQUESTED:
            self.current.items.discard(item_id)

    # ------------------------------------------------------------ the connection

    def connection_lost(self) -> ResponseRequest | None:
        """The connection is lost, and the running response with it. Returns the request that was not fulfilled, if any.

        The next server gets the history first, so waiting requests need not wait for their items.
        """
        cut: ResponseRequest | None = None
        if self.state in (State.REQUESTED, State.ACTIVE):
            cut = self.current or ResponseRequest()
        if self.response_id:
            self._remember(self._over, self.response_id)
        self._idle()
        self.current, self._request_id, self._backing_off, self._announces = None, "", False, False
        self._out.add(CancelTimer(Timer.RETRY))
        for request in self._waiting:
            request.items.clear()
            request.attempts, request.unanswered = 0, False
        if cut is not None:
            cut.items.clear()
            cut.attempts, cut.unanswered = 0, False
        return cut

    @property
    def at_rest(self) -> bool:
        """Nothing is being said, asked for or waiting to be."""
        return self.state is State.IDLE and not self._waiting

    # ------------------------------------------------------------ the server's side

    def seen(self, response_id: str, now: float) -> str:
        """An event of this response has come. If it is not known, that is its beginning. Returns as `created` does."""
        self._remember(self._known, response_id)
        if response_id == self.response_id:
            self._progress_at = now
        elif response_id not in self._over and (self.state is State.REQUESTED or not self.response_id):
            return self.created(response_id, now, announced=False)
        return ""

    def created(self, response_id: str, now: float, *, announced: bool = True) -> str:
        """`response.created`, or the first event of a response that was not announced.

        Returns the id of the response that must have ended unannounced, since there is only one at a time; or "".
        """
        self._announces = self._announces or announced
        self._remember(self._known, response_id)
        if response_id == self.response_id or response_id in self._over:
            return ""
        lost = self.response_id
        if lost:
            self._remember(self._over, lost)
        if self.state is not State.REQUESTED and not self._begins_all_the_same():
            self.current = None
            self._waiting = [request for request in self._waiting if request.items or request.required]
        self.response_id = response_id
        self.state = State.ACTIVE
        self._progress_at = now
        self._cancel_sent = False
        self._out.add(CancelTimer(Timer.REQUEST), CancelTimer(Timer.CANCEL), StartTimer(Timer.PROGRESS, STUCK_S))
        return lost

    def done(self, response_id: str, *, failed: bool = False) -> bool:
        """`response.done`. False: the response was over already, or never began: a server may cancel a response before
        its `response.created`. A response that `failed` before it began counts as one that began."""
        fresh = response_id not in self._over
        begun = self.state in (State.ACTIVE, State.CANCELLING)
        may_be_unseen = not self.response_id if begun else failed or not self._announces
        if fresh and not may_be_unseen and response_id not in self._known:
            self._remember(self._over, response_id)
            return False
        self._remember(self._known, response_id)
        self._remember(self._over, response_id)
        unannounced = fresh and not self.response_id and self.state is not State.IDLE
        if response_id == self.response_id or unannounced:
            self._idle()
        return fresh

    def refused(self, event_id: str, *, active: bool, counts: bool = True) -> bool:
        """An `error` that names one of our events. False: that is not the last `response.create`. `active`: it was
        refused because another response runs. `counts`: this was one of the attempts."""
        if not event_id or event_id != self._request_id or not self.current:
            return False
        request, self.current, self._request_id = self.current, None, ""
        if not counts:
            request.attempts -= 1
        self._refused = None if active else request
        if self.state is State.REQUESTED:
            self.state = State.ACTIVE if active else State.IDLE
            self._out.add(CancelTimer(Timer.REQUEST))
            if active:
                self._out.add(StartTimer(Timer.PROGRESS, STUCK_S))
        elif request.unanswered and active:
            self.current = request  # the running response is the one that was asked for before
            return True
        elif not request.items and not request.required:
            return True  # the server's own response has seen all that we wanted answered
        self._again(request)
        return True

    def error_unattributed(self) -> None:
        """An error has come that names none of our events. Our request may have caused it."""
        if self.state is State.REQUESTED:
            self._error_unattributed = True
            self._out.add(StartTimer(Timer.REQUEST, UNATTRIBUTED_S))

    # ------------------------------------------------------------ interruptions

    def interrupt(self, *, server_cancels: bool) -> None:
        """The caller interrupts: mute all responses up to now; the running one is cancelled, by the server or by us."""
        for response_id in self._known:
            self._remember(self._muted, response_id)
        if self.state is not State.ACTIVE:
            return
        if not server_cancels:
            self.cancel()
            return
        self.state = State.CANCELLING
        self._out.add(CancelTimer(Timer.PROGRESS), StartTimer(Timer.CANCEL, CANCEL_S))

    def cancel(self, *, mute: bool = True) -> None:
        """Stop the running response; what still comes of it is not to be heard, if `mute`."""
        if self.state not in (State.ACTIVE, State.CANCELLING):
            return
        if mute:
            self._remember(self._muted, self.response_id)
        self.state = State.CANCELLING
        self._cancel_sent = True
        if self.response_id:
            self._out.add(Send(ResponseCancel(self._out.new_id("cancel"), self.response_id)))
        self._out.add(CancelTimer(Timer.PROGRESS), StartTimer(Timer.CANCEL, CANCEL_S))

    def is_muted(self, response_id: str) -> bool:
        """Whether nothing of this response may be played."""
        return response_id in self._muted

    def is_over(self, response_id: str) -> bool:
        """Whether it has ended or was given up."""
        return response_id in self._over

    # ------------------------------------------------------------ watchdogs

    def request_expired(self) -> None:
        """The timer `REQUEST`: no reaction to our `response.create`."""
        if self.state is not State.REQUESTED or not self.current:
            return
        request, self.current, self._request_id = self.current, None, ""
        self.state, request.unanswered = State.IDLE, True
        if self._error_unattributed:
            request.attempts -= 1
            self._again(request)
            return
        self._out.add(Note("response.create was not taken up", {"attempts": request.attempts}))
        if request.attempts >= ATTEMPTS:
            self._waiting.insert(0, request)  # for the next connection
            self._out.add(EndSession("transient", "the server does not react to response.create"))
        else:
            self._again(request)

    def progress_checked(self, now: float) -> None:
        """The timer `PROGRESS`: cancel the response if no event of it came for `STUCK_S`."""
        if self.state is not State.ACTIVE:
            return
        quiet = now - self._progress_at
        if quiet < STUCK_S and self.response_id:
            self._out.add(StartTimer(Timer.PROGRESS, max(STUCK_S - quiet, 0.1)))
            return
        self.stuck = self.response_id
        self._out.add(Note("response does not end, cancelled", {"response": self.stuck}))
        self.cancel(mute=False)  # it was not interrupted: what still comes of it is played

    def cancel_expired(self) -> str:
        """The timer `CANCEL`: a cancelled response is not over. Returns its id if it is given up and counts as done; or
        ""."""
        if self.state is not State.CANCELLING:
            return ""
        if not self._cancel_sent:
            self.cancel()
            return ""
        lost = self.response_id
        self._out.add(Note("cancelled response never ended, given up", {"response": lost}))
        self._remember(self._over, lost)
        self._remember(self._muted, lost)  # what still comes of it must not be played into the next one
        self._idle()
        return lost

    # ------------------------------------------------------------ inside

    def _begins_all_the_same(self) -> bool:
        """Whether this is the response to the request that was just refused: some servers send both."""
        if self.state is State.IDLE and self._waiting and self._waiting[0] is self._refused and not self._blocked():
            self.current = self._waiting.pop(0)
            return True
        return False

    def _again(self, request: ResponseRequest) -> None:
        if request.attempts < ATTEMPTS:
            self._waiting.insert(0, request)
            self.flush()
        else:
            self._out.add(Note("response.create was refused, given up", {"attempts": request.attempts}))

    def _idle(self) -> None:
        self.state = State.IDLE
        self.response_id = ""
        self._out.add(CancelTimer(Timer.PROGRESS), CancelTimer(Timer.CANCEL), CancelTimer(Timer.REQUEST))

    @staticmethod
    def _remember(ids: dict[str, None], response_id: str) -> None:
        ids[response_id] = None
        while len(ids) > REMEMBERED:
            del ids[next(iter(ids))]
