"""The resources of telephones in the browser: talk to an agent, supervise a call, answer a transfer, without another
telephone.

Owns paths, scopes and answers; `softphone.service` has the sessions, `softphone.relay` their SIP.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from controller.api import ports
from controller.api.auth.authenticator import Authenticator
from controller.api.models.base import Nothing
from controller.api.models.calls import CallAnswer
from controller.api.models.softphone import (
    IceServerAnswer,
    PhoneQuery,
    SoftphoneAnswer,
    SuperviseHere,
    SupervisorPhone,
    Talk,
    TransferOffer,
)
from controller.api.models.transfers import DecideTransfer
from controller.api.operation import ApiRequest, Operation
from controller.api.problems import Problem, malformed
from controller.api.resources.configuration import invalid
from controller.calls import errors
from controller.config import Config, ConfigErrors, CurrentConfig
from controller.config.models.api import Scope
from controller.config.models.softphone import IceServer
from controller.softphone.relay import SIP, Relay
from controller.softphone.service import Softphones
from controller.softphone.sessions import SoftphoneSession
from controller.versions.editor import Which
from controller.versions.edits import NoSuchResource

TALKS, SUPERVISORS = "/v1/softphone/talks", "/v1/softphone/supervisors"
AVAILABLE = "/v1/softphone/available"
DOMAIN = "voiceai.invalid"
"""Asterisk looks at the user only."""
_OPENING = ("at-limit", "not-ready")


VersionOf = Callable[[str, Which], Awaitable[Config]]
"""The configuration in force with that version of an agent. Raises NoSuchResource, ConfigErrors."""


class SoftphoneResources:
    def __init__(
        self,
        current: CurrentConfig,
        softphones: Softphones,
        relay: Relay,
        calls: ports.Calls,
        authenticator: Authenticator,
        version_of: VersionOf,
        node: str = "node1",
    ) -> None:
        self._node = node
        self._version_of = version_of
        self._current = current
        self._softphones = softphones
        self._relay = relay
        self._calls = calls
        self._authenticator = authenticator

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("open_talk", "POST", TALKS, "Create SIP credentials for a call to an agent", self.talk),
                SoftphoneAnswer,
                scopes=("call",),
                idempotency=False,
                body=Talk,
                status=HTTPStatus.CREATED,
                problems=(*_OPENING, "unknown-name", "unknown-resource", "invalid-config", "store-away"),
                limited=True,
                tag="softphone",
            ),
            Operation(
                *("open_supervisor_phone", "POST", SUPERVISORS, "Create SIP credentials for a supervisor"),
                self.supervisor,
                SoftphoneAnswer,
                scopes=("supervise",),
                idempotency=False,
                body=SupervisorPhone,
                status=HTTPStatus.CREATED,
                problems=_OPENING,
                limited=True,
                of_call="body",
                tag="softphone",
            ),
            Operation(
                *("supervise_here", "POST", SUPERVISORS + "/{id}/supervise", "Supervise a call, or change the mode"),
                self.supervise,
                CallAnswer,
                scopes=("supervise",),
                body=SuperviseHere,
                status=HTTPStatus.ACCEPTED,
                problems=("unknown-softphone", "unknown-call", "wrong-state"),
                limited=True,
                of_call="body",
                tag="softphone",
            ),
            *self._of_available(),
            *(each for kind, path, scope in _KINDS for each in self._of_all(kind, path, scope)),
        )

    def _of_available(self) -> tuple[Operation, ...]:
        """Not for keys that are limited to agents or trunks: any call may be transferred."""
        return (
            Operation(
                *("open_available_phone", "POST", AVAILABLE, "Create SIP credentials for transfers"),
                self.available,
                SoftphoneAnswer,
                scopes=("supervise",),
                idempotency=False,
                body=Nothing,
                status=HTTPStatus.CREATED,
                problems=_OPENING,
                tag="softphone",
            ),
            Operation(
                *("read_available_phone", "GET", AVAILABLE + "/{id}", "Get the call that is transferred"),
                self.offer,
                TransferOffer,
                scopes=("supervise",),
                problems=("unknown-softphone",),
                tag="softphone",
            ),
            Operation(
                *("decide_transfer_here", "POST", AVAILABLE + "/{id}/decision", "Accept or reject the call"),
                self.decide,
                TransferOffer,
                scopes=("supervise",),
                body=DecideTransfer,
                status=HTTPStatus.ACCEPTED,
                problems=("unknown-softphone", "wrong-state"),
                tag="softphone",
            ),
        )

    def _of_all(self, kind: str, path: str, scope: Scope) -> tuple[Operation, ...]:
        limited, supervises = path != AVAILABLE, path == SUPERVISORS
        return (
            Operation(
                *(f"close_{kind}", "DELETE", path + "/{id}", "End the session", self.close),
                scopes=(scope,),
                status=HTTPStatus.NO_CONTENT,
                limited=limited,
                tag="softphone",
            ),
            Operation(
                *(f"{kind}_websocket", "GET", path + "/{id}/sip", "SIP over a websocket (RFC 7118)", self.sip),
                scopes=(scope,),
                status=HTTPStatus.SWITCHING_PROTOCOLS,
                query=PhoneQuery if supervises else None,
                problems=("unknown-softphone",),
                limited=limited,
                of_call="query" if supervises else None,
                tag="softphone",
            ),
        )

    async def talk(self, asked: ApiRequest) -> SoftphoneAnswer:
        """With the draft of an agent, too, that was never published."""
        body: Talk = asked.body
        if body.version is None and body.agent not in self._current.config.agents:
            raise errors.UnknownName("There is no agent of that name.")
        if not asked.limits.reaches(body.agent, None):
            raise Problem("forbidden", "This key is limited to some agents, or to calls over some trunks.")
        config = await self._with(body.agent, body.version) if body.version is not None else None
        return await self._open(asked, TALKS, body.agent, body.variables, config)

    async def _with(self, agent: str, version: Which) -> Config:
        """Raises Problem."""
        try:
            return await self._version_of(agent, version)
        except NoSuchResource as reason:
            raise Problem("unknown-resource", str(reason)) from None
        except ConfigErrors as found:
            raise invalid(found) from None

    async def supervisor(self, asked: ApiRequest) -> SoftphoneAnswer:
        answer = await self._open(asked, SUPERVISORS, None, {})
        if asked.body.call is None or self._softphones.settings.websocket_url is not None:
            return answer
        return answer.model_copy(update={"websocket": f"{answer.websocket}?call={quote(asked.body.call, safe='')}"})

    async def supervise(self, asked: ApiRequest) -> CallAnswer:
        """Rings it. Once it is in the call, another mode is all that can be asked."""
        session = self._softphones.find(asked.part("id"), asked.by)
        call, mode = asked.body.call, asked.body.mode
        asked.reached(self._calls.get(call))
        target = None if session.call == call else self._softphones.target_of(session)
        seen = self._calls.verbs.supervise(call, target=target, mode=mode, by=asked.by)
        session.call = call
        return CallAnswer.of(seen, self._node)

    async def available(self, asked: ApiRequest) -> SoftphoneAnswer:
        return await self._open(asked, AVAILABLE, None, {}, available=True)

    async def offer(self, asked: ApiRequest) -> TransferOffer:
        session = self._softphones.find(asked.part("id"), asked.by)
        with suppress(errors.UnknownCall):
            if session.available and session.call is not None and session.rung_at is not None:
                return TransferOffer.of(session.id, self._calls.detail(session.call), session.rung_at)
        return TransferOffer(id=session.id)

    async def decide(self, asked: ApiRequest) -> TransferOffer:
        session = self._softphones.find(asked.part("id"), asked.by)
        if not session.available or session.call is None:
            raise errors.WrongState("No call is transferred to this browser.")
        self._calls.verbs.decide_transfer(session.call, accept=asked.body.accept, by=asked.by)
        return await self.offer(asked)

    async def close(self, asked: ApiRequest) -> web.StreamResponse:
        """Also where it is over already: both ends may hang up."""
        with suppress(errors.UnknownSoftphone):
            await self._softphones.close(self._softphones.find(asked.part("id"), asked.by), "it was hung up")
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def sip(self, asked: ApiRequest) -> web.StreamResponse:
        if not web.WebSocketResponse(protocols=(SIP,)).can_prepare(asked.request):
            raise malformed("This is a websocket (RFC 6455) with the subprotocol `sip`.")
        return await self._relay.serve(asked.request, self._softphones.find(asked.part("id"), asked.by))

    async def _open(
        self,
        asked: ApiRequest,
        path: str,
        agent: str | None,
        variables: Mapping[str, str],
        config: Config | None = None,
        *,
        available: bool = False,
    ) -> SoftphoneAnswer:
        # the node that was asked cuts its SIP off when they may not ask any more
        allowed = (lambda: True) if asked.carried else self._authenticator.watch(asked.request)
        session = await self._softphones.open(
            by=asked.by, agent=agent, variables=variables, allowed=allowed, available=available, config=config
        )
        return self._answer(session, path)

    def _answer(self, session: SoftphoneSession, path: str) -> SoftphoneAnswer:
        settings = self._softphones.settings
        return SoftphoneAnswer(
            id=session.id,
            websocket=settings.websocket_url or f"{path}/{session.id}/sip",
            uri=f"sip:{session.id}@{DOMAIN}",
            password=session.password,
            target=f"sip:agent@{DOMAIN}" if session.agent is not None else None,
            call=session.call,
            ice_servers=tuple(map(_ice_server, settings.ice_servers)),
            unused_s=settings.unused_s,
            max_s=settings.max_s,
        )


def _ice_server(found: IceServer) -> IceServerAnswer:
    secret = found.credential
    credential = secret.get_secret_value() if secret is not None else None
    return IceServerAnswer(urls=found.urls, username=found.username, credential=credential)


_KINDS: tuple[tuple[str, str, Scope], ...] = (
    ("talk", TALKS, "call"),
    ("supervisor_phone", SUPERVISORS, "supervise"),
    ("available_phone", AVAILABLE, "supervise"),
)
