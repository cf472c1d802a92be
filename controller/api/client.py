"""A typed client of the HTTP API: one method per operation, named as in the OpenAPI document.

    with Client("http://127.0.0.1:8080", token) as voiceai:
        call = voiceai.place_call(to="+4930123", agent="reception")
        voiceai.say(call.id, text="One moment, please.")

Answers are the API's own models, problems are raised as `ApiProblem`, and what stands between as `Unreachable`. A call
is placed with an idempotency key, so that a request whose answer was lost may be sent again: this is done by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from controller.api.client_keys import KeyMethods
from controller.api.client_resources import ResourceMethods
from controller.api.client_transport import (
    TIMEOUT_SECONDS,
    ApiProblem as ApiProblem,
    StreamEvent as StreamEvent,
    Unreachable as Unreachable,
    Unusable as Unusable,
    read_answer,
)
from controller.api.models.agent_tests import AgentTestList
from controller.api.models.alerts import AlertList
from controller.api.models.audit import AuditPage
from controller.api.models.call_trace import TraceAnswer
from controller.api.models.calls import CallAnswer, CallDetailAnswer, CallPage, ParticipantAnswer
from controller.api.models.events import Discarded, LetterPage, Replayed
from controller.api.models.history import Forgotten, HistoryPage, PastCallDetail
from controller.api.models.nodes import NodeAnswer, NodePage
from controller.api.models.queue import Cancelled, QueueAnswer, QueuePage
from controller.api.models.statistics import StatisticsAnswer
from controller.api.models.system import Health, Readiness, WorkerAnswer, WorkerPage
from controller.api.models.text_sessions import TextEventPage, TextSessionAnswer, TextSessionPage

OPENING_SECONDS = 30.0
"""Until a session with the AI is there."""


class Client(KeyMethods, ResourceMethods):
    # ------------------------------------------------------------ calls

    def place_call(self, *, to: str, idempotency_key: str | None = None, **more: Any) -> CallAnswer:
        """`more` as in POST /v1/calls; None is left out."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
        return self._post(CallAnswer, "/v1/calls", {"to": to, **more}, headers=headers)

    def list_calls(self, **query: Any) -> CallPage:
        """`state`, `direction`, `agent`, `trunk`, `metadata` (of `key=value`), `limit`, `before`."""
        return self._get(CallPage, "/v1/calls", query)

    def calls(self, **query: Any) -> Iterator[CallAnswer]:
        """All pages of `list_calls`."""
        page = self.list_calls(**query)
        yield from page.calls
        while page.next is not None:
            page = self.list_calls(**query | {"before": page.next})
            yield from page.calls

    def show_call(self, call: str) -> CallDetailAnswer:
        return self._get(CallDetailAnswer, _of(call))

    def trace_call(self, call: str) -> TraceAnswer:
        return self._get(TraceAnswer, _of(call, "trace"))

    def change_call(self, call: str, *, metadata: Mapping[str, str | None]) -> CallAnswer:
        """A value replaces the one with its key, None removes it."""
        return self._ask(CallAnswer, "PATCH", _of(call), json={"metadata": dict(metadata)})

    def hang_up(self, call: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "hangup"))

    def transfer(self, call: str, *, to: str, **more: Any) -> CallAnswer:
        """`kind`: blind, attended or refer; `announce`, `timeout`, `decide_timeout` as in docs/live-control.md."""
        return self._post(CallAnswer, _of(call, "transfer"), {"to": to, **more})

    def cancel_transfer(self, call: str) -> CallAnswer:
        return self._ask(CallAnswer, "DELETE", _of(call, "transfer"))

    def decide_transfer(self, call: str, *, accept: bool) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "transfer", "decision"), {"accept": accept})

    def supervise(self, call: str, *, to: str | None = None, mode: str = "listen") -> CallAnswer:
        """`mode`: listen, whisper or take_over."""
        return self._post(CallAnswer, _of(call, "supervise"), {"to": to, "mode": mode})

    def leave(self, call: str) -> CallAnswer:
        """The supervisor goes."""
        return self._ask(CallAnswer, "DELETE", _of(call, "supervise"))

    # ------------------------------------------------------------ live calls

    def hold(self, call: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "hold"))

    def resume(self, call: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "resume"))

    def mute(self, call: str, *, side: str) -> CallAnswer:
        """`side`: caller or agent."""
        return self._post(CallAnswer, _of(call, "mute"), {"side": side})

    def unmute(self, call: str, *, side: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "unmute"), {"side": side})

    def send_digits(self, call: str, *, digits: str) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "dtmf"), {"digits": digits})

    def say(self, call: str, *, text: str, exact: bool = True) -> CallAnswer:
        return self._post(CallAnswer, _of(call, "say"), {"text": text, "exact": exact})

    def switch_agent(self, call: str, **to: Any) -> CallAnswer:
        """`agent`, `instructions`, `variables`: at least one."""
        return self._post(CallAnswer, _of(call, "agent"), to)

    def record(self, call: str, *, action: str) -> CallAnswer:
        """`action`: start, pause, resume or stop."""
        return self._post(CallAnswer, _of(call, "recording"), {"action": action})

    def add_participant(self, call: str, *, to: str) -> ParticipantAnswer:
        return self._post(ParticipantAnswer, _of(call, "participants"), {"to": to})

    def drop_participant(self, call: str, leg: str) -> ParticipantAnswer:
        return self._ask(ParticipantAnswer, "DELETE", _of(call, "participants", leg))

    # ------------------------------------------------------------ the queue

    def list_queue(self, **query: Any) -> QueuePage:
        """`status`, `trunk`, `agent`, `asked_by`, `metadata` (of `key=value`), `limit`, `before`."""
        return self._get(QueuePage, "/v1/queue", query)

    def pause_queue(self, trunk: str | None = None) -> QueueAnswer:
        return self._post(QueueAnswer, "/v1/queue/pause", {"trunk": trunk})

    def resume_queue(self, trunk: str | None = None) -> QueueAnswer:
        return self._post(QueueAnswer, "/v1/queue/resume", {"trunk": trunk})

    def cancel_queued(self, **which: Any) -> Cancelled:
        """`calls` (ids), `trunk`, `agent`, `asked_by`, `metadata`, `all`; without `calls` and `expected` they are only
        counted."""
        return self._post(Cancelled, "/v1/queue/cancel", which)

    # ------------------------------------------------------------ events and webhooks

    def stream_events(self, types: Sequence[str] = (), last_id: str | None = None) -> Iterator[StreamEvent]:
        """From now on, or from behind `last_id`. Ends when the connection does, which raises Unreachable."""
        return self._stream("/v1/events", {"type": list(types)}, last_id)

    def stream_call_events(
        self, call: str, types: Sequence[str] = (), last_id: str | None = None
    ) -> Iterator[StreamEvent]:
        """All that has happened in the call and what happens until it ends, with which the stream ends."""
        return self._stream(_of(call, "events"), {"type": list(types)}, last_id)

    def stream_live(self, call: str | None = None) -> Iterator[StreamEvent]:
        """Who speaks, and how loud, twice a second: of all live calls, or of one."""
        return self._stream("/v1/live", {} if call is None else {"call": call}, None)

    def list_dead_letters(self, **query: Any) -> LetterPage:
        """`receiver`, `call`, `after`, `limit`."""
        return self._get(LetterPage, "/v1/webhooks/dead-letters", query)

    def replay_dead_letters(self, *, receiver: str | None = None, call: str | None = None) -> Replayed:
        return self._post(Replayed, "/v1/webhooks/dead-letters/replay", {"receiver": receiver, "call": call})

    def replay_dead_letter(self, number: int) -> Replayed:
        return self._post(Replayed, f"/v1/webhooks/dead-letters/{number}/replay")

    def discard_dead_letters(self, **which: Any) -> Discarded:
        """`receiver`, `call`, or `all=True`."""
        return self._post(Discarded, "/v1/webhooks/dead-letters/discard", which)

    def discard_dead_letter(self, number: int) -> None:
        self._send("DELETE", f"/v1/webhooks/dead-letters/{number}")

    # ------------------------------------------------------------ text sessions

    def open_text_session(self, agent: str, **options: Any) -> TextSessionAnswer:
        """`draft`, `tools` (call, by_hand or none), `results`, `variables`, `instructions`: docs/testing-agents.md."""
        path = f"/v1/agents/{quote(agent, safe='')}/text-sessions"
        return self._post(TextSessionAnswer, path, options, timeout=OPENING_SECONDS)

    def list_text_sessions(self) -> TextSessionPage:
        return self._get(TextSessionPage, "/v1/text-sessions")

    def read_text_session(self, session: str, *, after: int = 0, wait_s: float = 0) -> TextEventPage:
        """What has come behind event `after`; if nothing has, it waits for so many seconds, 30 at most."""
        wait = httpx.Timeout(TIMEOUT_SECONDS, read=TIMEOUT_SECONDS + wait_s)
        query = {"after": after, "wait_s": wait_s}
        return self._ask(TextEventPage, "GET", _text(session, "events"), params=query, timeout=wait)

    def type_message(self, session: str, *, text: str) -> TextSessionAnswer:
        return self._post(TextSessionAnswer, _text(session, "messages"), {"text": text})

    def give_tool_result(self, session: str, *, tool_call: str, output: str, ok: bool = True) -> TextSessionAnswer:
        body = {"tool_call": tool_call, "output": output, "ok": ok}
        return self._post(TextSessionAnswer, _text(session, "tool-results"), body)

    def close_text_session(self, session: str) -> TextSessionAnswer:
        return self._ask(TextSessionAnswer, "DELETE", _text(session))

    def list_agent_tests(self, agent: str) -> AgentTestList:
        return self._get(AgentTestList, f"/v1/agents/{quote(agent, safe='')}/tests")

    def run_agent_tests(self, agent: str, **asked: Any) -> Iterator[StreamEvent]:
        """`tests`, `cases`, `repeat`, `instructions` as in docs/testing-agents.md. Events `result`, and `done` last."""
        body = {name: value for name, value in asked.items() if value is not None}
        return self._stream(f"/v1/agents/{quote(agent, safe='')}/tests/run", {}, None, body)

    # ------------------------------------------------------------ the rest

    def list_audit(self, **query: Any) -> AuditPage:
        """`by`, `operation`, `call`, `since`, `until`, `limit`, `before`."""
        return self._get(AuditPage, "/v1/audit", query)

    def list_history(self, **query: Any) -> HistoryPage:
        """`since`, `until`, `direction`, `agent`, `trunk`, `outcome`, `number`, `text`, `least_talked_s`,
        `most_talked_s`; `sort`, `order`, `totals`, `limit`, `before`."""
        return self._get(HistoryPage, "/v1/history", query)

    def show_past_call(self, call: str, attempt: int | None = None) -> PastCallDetail:
        return self._get(PastCallDetail, _past(call), {"attempt": attempt})

    def get_recording(self, call: str, number: int = 1, attempt: int | None = None) -> Iterator[bytes]:
        """The file, in pieces."""
        wanted = {} if attempt is None else {"attempt": attempt}
        return self._pieces(_past(call, f"recordings/{number}"), wanted)

    def export_history(self, **query: Any) -> Iterator[bytes]:
        """`format` (csv, json or cdr), and all by which `list_history` seeks. The file, in pieces."""
        return self._pieces("/v1/history/export", {name: each for name, each in query.items() if each is not None})

    def show_statistics(self, **query: Any) -> StatisticsAnswer:
        """`since`, `until`, `group` (day, agent or trunk), `zone`, `direction`, `agent`, `trunk`."""
        return self._get(StatisticsAnswer, "/v1/statistics", query)

    def forget_caller(self, number: str) -> Forgotten:
        """Deletes all that is kept of calls from and to this number."""
        return self._post(Forgotten, "/v1/history/forget", {"number": number})

    def list_alerts(self) -> AlertList:
        return self._get(AlertList, "/v1/alerts")

    def list_workers(self) -> WorkerPage:
        return self._get(WorkerPage, "/v1/workers")

    def drain_worker(self, name: str, *, seconds: float | None = None) -> WorkerAnswer:
        """It takes no new calls; after `seconds` others take over those that it has."""
        return self._post(WorkerAnswer, f"/v1/workers/{quote(name, safe='')}/drain", {"seconds": seconds})

    def replace_workers(self) -> WorkerPage:
        """Begins to replace those of the controller's machine one by one."""
        return self._post(WorkerPage, "/v1/workers/replace")

    def list_nodes(self) -> NodePage:
        return self._get(NodePage, "/v1/nodes")

    def drain_node(self, name: str) -> NodeAnswer:
        """It takes no new calls until `undrain_node`, or until it is started again."""
        return self._post(NodeAnswer, f"/v1/nodes/{quote(name, safe='')}/drain")

    def undrain_node(self, name: str) -> NodeAnswer:
        return self._post(NodeAnswer, f"/v1/nodes/{quote(name, safe='')}/undrain")

    def health(self) -> Health:
        return self._get(Health, "/healthz")

    def readiness(self) -> Readiness:
        """Also where it says no."""
        return read_answer(Readiness, self._send("GET", "/readyz", fine=(503,)))


def _of(call: str, *more: str) -> str:
    return "/v1/calls/" + "/".join(quote(each, safe="") for each in (call, *more))


def _text(session: str, *more: str) -> str:
    return "/v1/text-sessions/" + "/".join(quote(each, safe="") for each in (session, *more))


def _past(call: str, *more: str) -> str:
    return "/".join(("/v1/history", quote(call, safe=""), *more))
