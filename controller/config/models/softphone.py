"""config.yaml's `softphone`: talking to agents, and supervising calls, from the browser. [pure]"""

from typing import Annotated

from pydantic import Field, StringConstraints

from controller.config.values import Name, Secret, Section, SomeText

IceUrl = Annotated[str, StringConstraints(pattern=r"^(stuns?|turns?):[^\s;,]+$", max_length=255)]
WebSocketUrl = Annotated[str, StringConstraints(pattern=r"^wss?://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9._~/-]*)?$")]


class IceServer(Section):
    """A STUN or TURN server, with which a browser behind NAT reaches Asterisk."""

    urls: tuple[IceUrl, ...] = Field(min_length=1)
    """Such as `stun:stun.example.com:3478` or `turn:turn.example.com:3478?transport=udp`."""
    username: SomeText | None = None
    credential: Secret | None = None
    """It is sent to every browser that calls."""


class Softphone(Section):
    """Calls from the browser (docs/talk.md). Needs Asterisk's websocket transport."""

    websocket_url: WebSocketUrl | None = None
    """The URL of Asterisk's websocket, if browsers connect to it directly, such as `wss://pbx.example.com:8089/ws`.
    None: the controller forwards SIP between browser and Asterisk, under the address and certificate of the console."""
    transport: Name = "transport-ws"
    """The PJSIP transport for websockets in pjsip.conf."""
    context: Name = "from-browser"
    """The dialplan context for calls of browsers, which dial `agent`. It needs `Stasis(voiceai)`, as for a trunk."""
    ice_servers: tuple[IceServer, ...] = Field((), max_length=8)
    unused_s: float = Field(60.0, ge=5, le=600)
    """Seconds after which unused credentials are removed."""
    max_s: float = Field(3600.0, ge=60, le=86400)
    """The longest duration of a session in seconds, with its call. Then the call is hung up."""
    per_token: int = Field(4, ge=1, le=100)
    """Concurrent sessions of one token."""
    total: int = Field(32, ge=1, le=1000)
    """Concurrent sessions."""
