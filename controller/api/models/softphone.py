"""Sessions of telephones in the browser, as JSON. [pure]"""

from typing import Annotated, Literal

from pydantic import Field

from controller.api.models.base import Answer, Body, Name, Variables


class Talk(Body):
    agent: Name
    """A name from `agents` in the config."""
    version: Annotated[int, Field(ge=1)] | Literal["draft"] | None = None
    """The agent's draft, or one of its versions (`GET /v1/resources/agents/{name}/versions`); null: as it is published,
    as for every caller."""
    variables: Variables = Field(default_factory=dict)
    """Fill `{{name}}` in the agent's texts."""


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
