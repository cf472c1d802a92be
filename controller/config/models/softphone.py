"""config.yaml's `softphone`: talking to agents, and supervising calls, from the browser. [pure]"""

from typing import Annotated

from pydantic import Field, StringConstraints

from controller.config.values import Name, Secret, Section, SomeText

IceUrl = Annotated[str, StringConstraints(pattern=r"^(stuns?|turns?):[^\s;,]+$", max_length=255)]
WebSocketUrl = Annotated[str, StringConstraints(pattern=r"^wss?://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9._~/-]*)?$")]


class IceServer(Section):
    """By which a browser behind NAT finds a way to Asterisk for the sound."""

    urls: tuple[IceUrl, ...] = Field(min_length=1)
    """Such as `stun:stun.example.com:3478` or `turn:turn.example.com:3478?transport=udp`."""
    username: SomeText | None = None
    credential: Secret | None = None
    """Is sent to every browser that talks."""


class Softphone(Section):
    """Needs Asterisk's websocket transport (docs/talk.md)."""

    websocket_url: WebSocketUrl | None = None
    """Where browsers reach Asterisk's websocket themselves, such as `wss://pbx.example.com:8089/ws`. None: the
    controller passes their SIP on to Asterisk, at the address and under the certificate of the console."""
    transport: Name = "transport-ws"
    """The PJSIP transport for websockets, as pjsip.conf names it."""
    context: Name = "from-browser"
    """Where in the dialplan browsers call `agent`; a line of it is `Stasis(voiceai)`, as for a trunk."""
    ice_servers: tuple[IceServer, ...] = Field((), max_length=8)
    unused_s: float = Field(60.0, ge=5, le=600)
    """Seconds after which credentials are removed that nobody has called with."""
    max_s: float = Field(3600.0, ge=60, le=86400)
    """The longest that one session may last, call included. Then it is hung up."""
    per_token: int = Field(4, ge=1, le=100)
    """Sessions of one token at once."""
    total: int = Field(32, ge=1, le=1000)
    """Sessions at once."""
