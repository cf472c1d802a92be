"""The resources of a live call: what can be done to it while it goes on.

Owns paths, scopes and status codes, as `resources` does. Decides nothing: parse, ask `Verbs`, answer with the call.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from aiohttp import hdrs, web

from controller.api.access import Doorkeeper
from controller.api.bodies import Body, Nothing, call_json, participant_json, read
from controller.api.models_live import AddParticipant, MuteCall, RecordCall, Say, SendDigits, SwitchAgent
from controller.api.problems import USER
from controller.call import view
from controller.call.verbs import Verbs
from controller.outbound.orders import Ordering

B = TypeVar("B", bound=Body)
Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Verb(Generic[B]):
    """`POST /v1/calls/{id}/<name>` with a `body`; `ask` gets what was sent, the call's id, and who asks."""

    name: str
    body: type[B]
    ask: Callable[[Verbs, B, str, str], view.CallView]


VERBS: tuple[Verb[Any], ...] = (
    Verb("hold", Nothing, lambda verbs, _, call, by: verbs.hold(call, by=by)),
    Verb("resume", Nothing, lambda verbs, _, call, by: verbs.resume(call, by=by)),
    Verb("mute", MuteCall, lambda verbs, sent, call, by: verbs.mute(call, side=sent.side, on=True, by=by)),
    Verb("unmute", MuteCall, lambda verbs, sent, call, by: verbs.mute(call, side=sent.side, on=False, by=by)),
    Verb("dtmf", SendDigits, lambda verbs, sent, call, by: verbs.send_digits(call, digits=sent.digits, by=by)),
    Verb("say", Say, lambda verbs, sent, call, by: verbs.say(call, text=sent.text, exact=sent.exact, by=by)),
    Verb("agent", SwitchAgent, lambda verbs, sent, call, by: verbs.switch(call, **dict(sent), by=by)),
    Verb("recording", RecordCall, lambda verbs, sent, call, by: verbs.record(call, action=sent.action, by=by)),
)


class LiveResources:
    def __init__(self, calls: view.Calls, orders: Ordering) -> None:
        self._calls = calls
        self._orders = orders

    def routes(self, doorkeeper: Doorkeeper) -> list[web.RouteDef]:
        gate = doorkeeper.let_in
        return [
            *(web.post(f"/v1/calls/{{id}}/{verb.name}", gate("control", self._handler(verb))) for verb in VERBS),
            web.post("/v1/calls/{id}/participants", gate("control", self.add_participant)),
            web.delete("/v1/calls/{id}/participants/{leg}", gate("control", self.drop_participant)),
        ]

    def _handler(self, verb: Verb[Any]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            sent, call = await read(request, verb.body), request.match_info["id"]
            try:
                answer = verb.ask(self._calls.verbs, sent, call, request[USER])
            except view.UnknownCall:
                raise await self._not_live(call) from None
            return web.json_response(call_json(answer), status=HTTPStatus.ACCEPTED)

        return handle

    async def _not_live(self, call: str) -> view.WrongState:
        """Of a call that waits in the queue, or was over long ago. Raises UnknownCall."""
        found = await self._orders.find(call)
        return view.WrongState(f"This call is not up: it is {found.state}.")

    async def add_participant(self, request: web.Request) -> web.Response:
        sent, call = await read(request, AddParticipant), request.match_info["id"]
        try:
            found = self._calls.verbs.add_participant(call, to=sent.to, by=request[USER])
        except view.UnknownCall:
            raise await self._not_live(call) from None
        location = {hdrs.LOCATION: f"/v1/calls/{call}/participants/{found.leg}"}
        return web.json_response(participant_json(found), status=HTTPStatus.ACCEPTED, headers=location)

    async def drop_participant(self, request: web.Request) -> web.Response:
        await read(request, Nothing)
        call, leg = request.match_info["id"], request.match_info["leg"]
        try:
            found = self._calls.verbs.drop_participant(call, leg=leg, by=request[USER])
        except view.UnknownCall:
            raise await self._not_live(call) from None
        return web.json_response(participant_json(found), status=HTTPStatus.ACCEPTED)
