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
    """As RTCPeerConnection takes it."""

    urls: tuple[str, ...]
    username: str | None
    credential: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SoftphoneAnswer(Model):
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TransferOffer(Model):
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
