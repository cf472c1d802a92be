"""The resources that act on a live call.

Owns paths, scopes and status codes. `CallControl` does the work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, Literal, TypeVar

from aiohttp import hdrs

from controller.api import ports
from controller.api.models.base import Body, Nothing
from controller.api.models.calls import CallAnswer, ParticipantAnswer
from controller.api.models.live_calls import AddParticipant, MuteCall, RecordCall, Say, SendDigits, SwitchAgent
from controller.api.models.transfers import DecideTransfer, SuperviseCall, TransferCall
from controller.api.operation import ApiRequest, ApiResponse, Handle, Operation
from controller.api.ports import OutboundPort
from controller.api.problems import Problem
from controller.calls import errors
from controller.calls.reporting import view
from controller.calls.runtime.call_control import CallControl
from controller.config.models.api import Scope

B = TypeVar("B", bound=Body)

_OF_LIVE = ("unknown-call", "wrong-state", "store-away")


@dataclass(frozen=True, slots=True)
class Verb(Generic[B]):
    """`<method> /v1/calls/{id}/<path>` with a `body`; `ask` gets the body, the call's id, and the token's name."""

    name: str
    path: str
    summary: str
    body: type[B]
    ask: Callable[[CallControl, B, str, str], view.CallView]
    problems: tuple[str, ...] = ()
    method: Literal["POST", "DELETE"] = "POST"
    scopes: tuple[Scope, ...] = ("control",)


VERBS: tuple[Verb[Any], ...] = (
    Verb("hold", "hold", "Put the caller on hold", Nothing, lambda verbs, _, call, by: verbs.hold(call, by=by)),
    Verb("resume", "resume", "End a hold", Nothing, lambda verbs, _, call, by: verbs.resume(call, by=by)),
    Verb(
        *("mute", "mute", "Mute a side: the other does not hear it", MuteCall),
        lambda verbs, sent, call, by: verbs.mute(call, side=sent.side, on=True, by=by),
    ),
    Verb(
        *("unmute", "unmute", "End a mute", MuteCall),
        lambda verbs, sent, call, by: verbs.mute(call, side=sent.side, on=False, by=by),
    ),
    Verb(
        *("send_digits", "dtmf", "Send DTMF digits to the other party", SendDigits),
        lambda verbs, sent, call, by: verbs.send_digits(call, digits=sent.digits, by=by),
    ),
    Verb(
        *("say", "say", "Make the agent say a text or follow an instruction", Say),
        lambda verbs, sent, call, by: verbs.say(call, text=sent.text, exact=sent.exact, by=by),
    ),
    Verb(
        *("switch_agent", "agent", "Change the agent or its instructions", SwitchAgent),
        lambda verbs, sent, call, by: verbs.switch(call, **dict(sent), by=by),
        ("unknown-name",),
    ),
    Verb(
        *("record", "recording", "Start, pause, resume or stop the recording", RecordCall),
        lambda verbs, sent, call, by: verbs.record(call, action=sent.action, by=by),
    ),
    Verb(
        *("transfer", "transfer", "Transfer the call", TransferCall),
        lambda verbs, sent, call, by: verbs.transfer(call, **dict(sent), by=by),
        ("not-allowed",),
        scopes=("control", "call"),
    ),
    Verb(
        *("cancel_transfer", "transfer", "Cancel a transfer: the caller returns to the agent", Nothing),
        lambda verbs, _, call, by: verbs.cancel_transfer(call, by=by),
        method="DELETE",
    ),
    Verb(
        *("decide_transfer", "transfer/decision", "Accept or refuse an attended transfer", DecideTransfer),
        lambda verbs, sent, call, by: verbs.decide_transfer(call, accept=sent.accept, by=by),
    ),
    Verb(
        *("supervise", "supervise", "Let a supervisor listen, whisper, or take over", SuperviseCall),
        lambda verbs, sent, call, by: verbs.supervise(call, to=sent.to, mode=sent.mode, by=by),
        ("not-allowed",),
        scopes=("supervise", "call"),
    ),
    Verb(
        *("leave", "supervise", "End a supervision", Nothing),
        lambda verbs, _, call, by: verbs.leave(call, by=by),
        method="DELETE",
        scopes=("supervise",),
    ),
)


class LiveResources:
    """`node`: the name of this one."""

    def __init__(self, calls: ports.Calls, orders: OutboundPort, node: str = "node1") -> None:
        self._calls = calls
        self._orders = orders
        self._node = node

    def operations(self) -> tuple[Operation, ...]:
        return (
            *map(self._operation, VERBS),
            Operation(
                *("add_participant", "POST", "/v1/calls/{id}/participants", "Dial another party into the call"),
                self.add_participant,
                ParticipantAnswer,
                scopes=("control", "call"),
                body=AddParticipant,
                status=HTTPStatus.ACCEPTED,
                problems=(*_OF_LIVE, "not-allowed"),
                headers={hdrs.LOCATION: "The participant's URL."},
                limited=True,
                of_call="path",
            ),
            Operation(
                *("drop_participant", "DELETE", "/v1/calls/{id}/participants/{leg}", "Remove a participant"),
                self.drop_participant,
                ParticipantAnswer,
                scopes=("control",),
                body=Nothing,
                status=HTTPStatus.ACCEPTED,
                problems=(*_OF_LIVE, "unknown-participant"),
                limited=True,
                of_call="path",
            ),
        )

    def _operation(self, verb: Verb[Any]) -> Operation:
        return Operation(
            *(verb.name, verb.method, f"/v1/calls/{{id}}/{verb.path}", verb.summary, self._handle(verb), CallAnswer),
            scopes=verb.scopes,
            body=verb.body,
            status=HTTPStatus.ACCEPTED,
            problems=(*_OF_LIVE, *verb.problems),
            limited=True,
            of_call="path",
        )

    def _handle(self, verb: Verb[Any]) -> Handle:
        async def handle(asked: ApiRequest) -> CallAnswer:
            call = asked.part("id")
            try:
                self._reached(asked, call)
                return CallAnswer.of(verb.ask(self._calls.verbs, asked.body, call, asked.by), self._node)
            except errors.UnknownCall:
                raise await self._not_live(asked, call) from None

        return handle

    def _reached(self, asked: ApiRequest, call: str) -> None:
        """Raises UnknownCall for a live call that a limited key does not reach, and Problem 403 for an agent."""
        if not asked.limits.of_calls:
            return
        asked.reached(self._calls.get(call))
        agents, agent = asked.limits.agents, getattr(asked.body, "agent", None)
        if agents is not None and agent is not None and agent not in agents:
            wrong = {"pointer": "/agent", "detail": "names one that this key does not reach"}
            raise Problem("forbidden", "This key is limited to some agents.", (wrong,))

    async def _not_live(self, asked: ApiRequest, call: str) -> errors.WrongState:
        """The error for a call that waits in the queue, or has ended. Raises UnknownCall."""
        found = asked.reached(await self._orders.find(call))
        return errors.WrongState(f"This call is not live: it is {found.state}.")

    async def add_participant(self, asked: ApiRequest) -> ApiResponse:
        call = asked.part("id")
        try:
            self._reached(asked, call)
            found = self._calls.verbs.add_participant(call, to=asked.body.to, by=asked.by)
        except errors.UnknownCall:
            raise await self._not_live(asked, call) from None
        location: dict[str, str] = {hdrs.LOCATION: f"/v1/calls/{call}/participants/{found.leg}"}
        return ApiResponse(ParticipantAnswer.model_validate(found), location)

    async def drop_participant(self, asked: ApiRequest) -> ParticipantAnswer:
        call = asked.part("id")
        try:
            self._reached(asked, call)
            found = self._calls.verbs.drop_participant(call, leg=asked.part("leg"), by=asked.by)
        except errors.UnknownCall:
            raise await self._not_live(asked, call) from None
        return ParticipantAnswer.model_validate(found)
