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
    """`draft`, or the number of a version (`GET /v1/resources/agents/{name}/versions`). null: the published version."""
    variables: Variables = Field(default_factory=dict)
    """Values for `{{name}}` in the agent's texts."""


class SupervisorPhone(Body):
    call: Name | None = None
    """The id of the live call. Required if another node has the call, because the session is opened there."""


class PhoneQuery(Body):
    call: str | None = Field(None, max_length=128)
    """The value in the `websocket` URL of the session."""


class SuperviseHere(Body):
    call: Name
    """The id of a live call."""
    mode: Literal["listen", "whisper", "take_over"] = "listen"
    """As in `POST /v1/calls/{id}/supervise`."""


class IceServerAnswer(Answer):
    """In the form of RTCPeerConnection."""

    urls: tuple[str, ...]
    username: str | None
    credential: str | None


class SoftphoneAnswer(Answer):
    """Everything that a SIP library needs. The password is shown only in this answer."""

    id: str
    websocket: str
    """The websocket for SIP (subprotocol `sip`): a path of this API, or the URL of Asterisk's websocket."""
    uri: str
    """The SIP address of this session."""
    password: str
    target: str | None
    """The address to call. null: none, because this session is called."""
    call: str | None
    """The id of the coming call. null: a supervisor's session."""
    ice_servers: tuple[IceServerAnswer, ...]
    unused_s: float
    """Seconds after which the session ends if it has no call."""
    max_s: float
    """The longest duration of the session in seconds, from now."""


class ConsultationLine(Answer):
    who: Literal["agent", "target"]
    text: str


class TransferOffer(Answer):
    """The call that is transferred to a browser. Numbers and texts are personal."""

    id: str
    """The id of the session."""
    call: str | None = None
    """null: none yet."""
    agent: str | None = None
    person: str | None = None
    """The number of the person who is transferred: the caller, or the callee of an outbound call."""
    kind: str | None = None
    """blind or attended."""
    state: str | None = None
    """The state of the transfer: ringing, consulting, answered or failed."""
    consultation: tuple[ConsultationLine, ...] = ()
    """The consultation of agent and target, before the call is accepted."""

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
