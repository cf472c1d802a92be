"""Answers, and parts of requests: softphone. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass
from typing import Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConsultationLine(Model):
    who: Literal["agent", "target"] | str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IceServerAnswer(Model):
    """In the form of RTCPeerConnection."""

    urls: tuple[str, ...]
    username: str | None
    credential: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SoftphoneAnswer(Model):
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TransferOffer(Model):
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
