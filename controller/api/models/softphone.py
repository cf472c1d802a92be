"""Sessions of telephones in the browser, as JSON. [pure]"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from controller.api.models.base import Answer, Body, Name, Variables
from controller.calls.reporting.view import CallDetail


class Talk(Body):
    agent: Name
    """A name from `agents` in the config."""
    version: Annotated[int, Field(ge=1)] | Literal["draft"] | None = None
    """The agent's draft, or one of its versions (`GET /v1/resources/agents/{name}/versions`); null: as it is published,
    as for every caller."""
    variables: Variables = Field(default_factory=dict)
    """Fill `{{name}}` in the agent's texts."""


class SupervisorPhone(Body):
    call: Name | None = None
    """The id of the live call that it is for. Needed where another of several nodes has the call: the session is opened
    there."""


class PhoneQuery(Body):
    call: str | None = Field(None, max_length=128)
    """As it stands in the session's `websocket`."""


class SuperviseHere(Body):
    call: Name
    """The id of a live call."""
    mode: Literal["listen", "whisper", "take_over"] = "listen"
    """As in `POST /v1/calls/{id}/supervise`."""


class IceServerAnswer(Answer):
    """As RTCPeerConnection takes it."""

    urls: tuple[str, ...]
    username: str | None
    credential: str | None


class SoftphoneAnswer(Answer):
    """All that a SIP library needs. The password is shown this once."""

    id: str
    websocket: str
    """Where SIP goes: a path of this API, or the URL of Asterisk's own websocket. Subprotocol `sip`."""
    uri: str
    """The SIP address of this session."""
    password: str
    target: str | None
    """What to call; null: nothing, it is rung."""
    call: str | None
    """The id that its call will have; null: it is a supervisor's."""
    ice_servers: tuple[IceServerAnswer, ...]
    unused_s: float
    """Seconds after which it is over if there is no call by then."""
    max_s: float
    """The longest that it may last, from now."""


class ConsultationLine(Answer):
    who: Literal["agent", "target"]
    text: str


class TransferOffer(Answer):
    """The call that is transferred to a browser. Numbers and words are personal."""

    id: str
    """Of the session."""
    call: str | None = None
    """null: none yet."""
    agent: str | None = None
    person: str | None = None
    """Who is transferred: the caller, or the callee of a call that we placed."""
    kind: str | None = None
    """blind or attended."""
    state: str | None = None
    """Of the transfer: ringing, consulting, answered, failed."""
    consultation: tuple[ConsultationLine, ...] = ()
    """What agent and target have said to each other, before the call is taken."""

    @classmethod
    def of(cls, session: str, found: CallDetail, since: datetime) -> "TransferOffer":
        """`since`: when it was rung; the talk with a target before it is nobody else's business."""
        call, transfer = found.call, found.call.transfer
        return cls(
            id=session,
            call=call.id,
            agent=call.agent,
            person=call.caller if call.direction == "inbound" else call.callee,
            kind=transfer.kind if transfer is not None else None,
            state=transfer.state if transfer is not None else None,
            consultation=tuple(
                ConsultationLine(who="agent" if said.who == "agent" else "target", text=said.text)
                for said in found.transcript
                if said.consultation and said.at >= since
            ),
        )
