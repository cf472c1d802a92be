"""Operations of the API: calls. Made from the OpenAPI document (`make reference`)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import uuid4

from voiceai_client.continued import RECONNECT_SECONDS
from voiceai_client.models.calls import CallDetailAnswer, CallPage, TraceAnswer
from voiceai_client.models.common import CallAnswer, ParticipantAnswer
from voiceai_client.requests import Request, given, path_of, set_or_cleared
from voiceai_client.sync_http import EventStream, SyncHttp


class CallsOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def list(
        self,
        *,
        state: Literal["active", "ended"] | None = None,
        direction: Literal["inbound", "outbound"] | None = None,
        agent: str | None = None,
        trunk: str | None = None,
        metadata: Sequence[str] | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> CallPage:
        """List calls, live ones first. Scope: read.

        state: Only calls in this state.
        metadata: `key=value`: calls with this metadata. May be repeated: calls with all of it.
        limit: Calls per page. Default: 100.
        before: The `next` of the page before this one.
        """
        asked = given(
            {
                "state": state,
                "direction": direction,
                "agent": agent,
                "trunk": trunk,
                "metadata": metadata,
                "limit": limit,
                "before": before,
            }
        )
        return self._http.ask(CallPage, Request("GET", "/v1/calls", query=asked))

    def all(
        self,
        *,
        state: Literal["active", "ended"] | None = None,
        direction: Literal["inbound", "outbound"] | None = None,
        agent: str | None = None,
        trunk: str | None = None,
        metadata: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Iterator[CallAnswer]:
        """As `list`, page by page until the last one. `limit`: of a page."""
        before: str | None = None
        while True:
            page = self.list(
                state=state,
                direction=direction,
                agent=agent,
                trunk=trunk,
                metadata=metadata,
                limit=limit,
                before=before,
            )
            yield from page.calls
            if page.next is None:
                return
            before = page.next

    def place(
        self,
        *,
        to: str,
        trunk: str | None = None,
        agent: str | None = None,
        caller_id: str | None = None,
        variables: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
        answer_detection: bool | None = None,
        webhook: str | None = None,
        priority: int | None = None,
        not_before: datetime | None = None,
        expires: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> CallAnswer:
        """Place a call. Scope: call. Problems: not-allowed, unknown-name, wrong-moment, at-limit, not-ready, refused.

        to: The number to call.
        trunk: A name from `trunks` in the config. Default: the first one.
        agent: A name from `agents` in the config. Default: the first one.
        caller_id: The number that the callee sees, if the trunk allows it; default: the trunk's own.
        variables: Values for `{{name}}` in instructions and greeting.
        metadata: Data for your own use, such as an order number. It is returned with the call, in events, webhooks
            and the history. The model and the dialplan do not see it. Do not put secrets here.
        timeout: The ring time in seconds. Default: that of the trunk.
        answer_detection: Listen for a few seconds whether a machine answers; the agent gets the tool `voicemail`.
            Default: `false`.
        webhook: The URL that gets the signed events of this call; needs `call_webhooks` in the config.
        priority: Higher priorities are dialed first, equal ones in order of arrival. Default: `0`.
        not_before: RFC 3339 with offset. The call waits until then.
        expires: RFC 3339 with offset. A call that was not placed until then expires. Default:
            `outbound.expire_after_s`.
        """
        sent = given(
            {
                "to": to,
                "trunk": trunk,
                "agent": agent,
                "caller_id": caller_id,
                "variables": variables,
                "metadata": metadata,
                "timeout": timeout,
                "answer_detection": answer_detection,
                "webhook": webhook,
                "priority": priority,
                "not_before": not_before,
                "expires": expires,
            }
        )
        return self._http.ask(
            CallAnswer, Request("POST", "/v1/calls", body=sent, idempotency_key=idempotency_key or str(uuid4()))
        )

    def show(self, id: str) -> CallDetailAnswer:
        """Get a call with its words. Scope: read."""
        url = path_of("/v1/calls/{id}", id=id)
        return self._http.ask(CallDetailAnswer, Request("GET", url))

    def change(self, id: str, *, metadata: Mapping[str, str | None]) -> CallAnswer:
        """Change the metadata of a call. Scope: control.

        metadata: A value replaces that of the same key. null removes the key. Other keys do not change.
        """
        url = path_of("/v1/calls/{id}", id=id)
        sent = set_or_cleared({"metadata": metadata})
        return self._http.ask(CallAnswer, Request("PATCH", url, body=sent))

    def hang_up(self, id: str, *, idempotency_key: str | None = None) -> CallAnswer:
        """Hang up or cancel a call. Scope: control."""
        url = path_of("/v1/calls/{id}/hangup", id=id)
        return self._http.ask(CallAnswer, Request("POST", url, body={}, idempotency_key=idempotency_key))

    def hold(self, id: str, *, idempotency_key: str | None = None) -> CallAnswer:
        """Put the caller on hold. Scope: control."""
        url = path_of("/v1/calls/{id}/hold", id=id)
        return self._http.ask(CallAnswer, Request("POST", url, body={}, idempotency_key=idempotency_key))

    def resume(self, id: str, *, idempotency_key: str | None = None) -> CallAnswer:
        """End a hold. Scope: control."""
        url = path_of("/v1/calls/{id}/resume", id=id)
        return self._http.ask(CallAnswer, Request("POST", url, body={}, idempotency_key=idempotency_key))

    def mute(self, id: str, *, side: Literal["caller", "agent"], idempotency_key: str | None = None) -> CallAnswer:
        """Mute a side: the other does not hear it. Scope: control.

        side: caller: the agent hears neither the caller nor DTMF. agent: nobody hears the agent.
        """
        url = path_of("/v1/calls/{id}/mute", id=id)
        sent = given({"side": side})
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def unmute(self, id: str, *, side: Literal["caller", "agent"], idempotency_key: str | None = None) -> CallAnswer:
        """End a mute. Scope: control.

        side: caller: the agent hears neither the caller nor DTMF. agent: nobody hears the agent.
        """
        url = path_of("/v1/calls/{id}/unmute", id=id)
        sent = given({"side": side})
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def send_digits(self, id: str, *, digits: str, idempotency_key: str | None = None) -> CallAnswer:
        """Send DTMF digits to the other party. Scope: control.

        digits: 0 to 9, A to D, * and #; `w` is a pause of half a second.
        """
        url = path_of("/v1/calls/{id}/dtmf", id=id)
        sent = given({"digits": digits})
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def say(self, id: str, *, text: str, exact: bool | None = None, idempotency_key: str | None = None) -> CallAnswer:
        """Make the agent say a text or follow an instruction. Scope: control.

        text: What the agent says now, or an instruction.
        exact: true: `text` is said word for word. false: `text` is an instruction. Default: `true`.
        """
        url = path_of("/v1/calls/{id}/say", id=id)
        sent = given({"text": text, "exact": exact})
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def switch_agent(
        self,
        id: str,
        *,
        agent: str | None = None,
        instructions: str | None = None,
        variables: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> CallAnswer:
        """Change the agent or its instructions. Scope: control. Problems: unknown-name.

        agent: A name from `agents` in the config. At least one of the three fields is required.
        instructions: Instructions instead of the agent's own. They are not a template.
        variables: Values for `{{name}}` in the agent's texts, in addition to those of the call.
        """
        url = path_of("/v1/calls/{id}/agent", id=id)
        sent = given({"agent": agent, "instructions": instructions, "variables": variables})
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def record(
        self, id: str, *, action: Literal["start", "pause", "resume", "stop"], idempotency_key: str | None = None
    ) -> CallAnswer:
        """Start, pause, resume or stop the recording. Scope: control.

        action: pause: silence is recorded. stop: the file is complete; start begins a new file.
        """
        url = path_of("/v1/calls/{id}/recording", id=id)
        sent = given({"action": action})
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def transfer(
        self,
        id: str,
        *,
        to: str,
        kind: Literal["blind", "attended", "refer"] | None = None,
        announce: str | None = None,
        timeout: float | None = None,
        decide_timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> CallAnswer:
        """Transfer the call. Scope: control and call. Problems: not-allowed.

        to: A number or extension, `sip:user@host`, `extension@context`, `softphone:user` or `softphone:*`
            (somebody in the console), or a name from `transfer.targets` in the config.
        kind: blind: joined at the answer. attended: the target talks with the agent first, and accepts or refuses.
            refer: the caller's trunk does it. Default: as in the config, for the target or the agent.
        announce: attended: what the agent says first to the target, word for word. Default: a summary of the call.
        timeout: The ring time in seconds. Default: that of the trunk.
        decide_timeout: attended: seconds within which the target must accept. Default: `transfer.decide_s`.
        """
        url = path_of("/v1/calls/{id}/transfer", id=id)
        sent = given(
            {"to": to, "kind": kind, "announce": announce, "timeout": timeout, "decide_timeout": decide_timeout}
        )
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def cancel_transfer(self, id: str) -> CallAnswer:
        """Cancel a transfer: the caller returns to the agent. Scope: control."""
        url = path_of("/v1/calls/{id}/transfer", id=id)
        return self._http.ask(CallAnswer, Request("DELETE", url, body={}))

    def decide_transfer(self, id: str, *, accept: bool, idempotency_key: str | None = None) -> CallAnswer:
        """Accept or refuse an attended transfer. Scope: control."""
        url = path_of("/v1/calls/{id}/transfer/decision", id=id)
        sent = given({"accept": accept})
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def supervise(
        self,
        id: str,
        *,
        to: str | None = None,
        mode: Literal["listen", "whisper", "take_over"] | None = None,
        idempotency_key: str | None = None,
    ) -> CallAnswer:
        """Let a supervisor listen, whisper, or take over. Scope: supervise and call. Problems: not-allowed.

        to: A name from `supervisor.extensions` in the config, to be called. Default: change the mode of the
            present supervisor.
        mode: listen: hears both sides. whisper: the colleague to whom the caller was transferred also hears the
            supervisor. take_over: the agent leaves, and the supervisor talks with the caller. Default: `"listen"`.
        """
        url = path_of("/v1/calls/{id}/supervise", id=id)
        sent = given({"to": to, "mode": mode})
        return self._http.ask(CallAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def leave(self, id: str) -> CallAnswer:
        """End a supervision. Scope: supervise."""
        url = path_of("/v1/calls/{id}/supervise", id=id)
        return self._http.ask(CallAnswer, Request("DELETE", url, body={}))

    def add_participant(self, id: str, *, to: str, idempotency_key: str | None = None) -> ParticipantAnswer:
        """Dial another party into the call. Scope: control and call. Problems: not-allowed.

        to: A number or extension, `sip:user@host`, `extension@context`, or a name from `transfer.targets` in the
            config.
        """
        url = path_of("/v1/calls/{id}/participants", id=id)
        sent = given({"to": to})
        return self._http.ask(ParticipantAnswer, Request("POST", url, body=sent, idempotency_key=idempotency_key))

    def drop_participant(self, id: str, leg: str) -> ParticipantAnswer:
        """Remove a participant. Scope: control. Problems: unknown-participant."""
        url = path_of("/v1/calls/{id}/participants/{leg}", id=id, leg=leg)
        return self._http.ask(ParticipantAnswer, Request("DELETE", url, body={}))

    def events(
        self,
        id: str,
        *,
        type: Sequence[str] | None = None,
        last_event_id: str | None = None,
        reconnect_for_s: float = RECONNECT_SECONDS,
    ) -> EventStream:
        """Stream the events of one call. Scope: read. Problems: too-many-streams.

        type: Only events of this type; `call.*` matches all types with this beginning. May be given more than
            once.
        last_event_id: The id of the last event that was received: the stream continues after it.
        """
        url = path_of("/v1/calls/{id}/events", id=id)
        asked = given({"type": type})
        return self._http.events(Request("GET", url, query=asked), last_event_id, reconnect_for_s, one_call=True)

    def trace(self, id: str) -> TraceAnswer:
        """Get the trace of a call. Scope: read."""
        url = path_of("/v1/calls/{id}/trace", id=id)
        return self._http.ask(TraceAnswer, Request("GET", url))
