"""The telephone of demo and tests, without an Asterisk: packets of an earlier call are not taken for its own."""

import socket
from pathlib import Path

from simulator.ports import free_port
from tests.peers import sip

REQUEST = (
    "{method} sip:+4930555123@127.0.0.1:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-{call}\r\n"
    "From: <sip:4930123456@127.0.0.1>;tag={call}\r\n"
    "To: <sip:+4930555123@127.0.0.1>\r\n"
    "Call-ID: {call}\r\n"
    "CSeq: 1 {method}\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n{body}"
)
SDP = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"


async def test_a_cancel_of_an_earlier_call_at_the_same_port(tmp_path: Path) -> None:
    """Asterisk sends a CANCEL again for half a minute when the telephone it was for is gone."""
    port = free_port(socket.SOCK_DGRAM)

    def send(method: str, call: str, body: str = "") -> None:
        text = REQUEST.format(method=method, port=port, call=call, length=len(body), body=body)
        carrier.sendto(text.encode(), ("127.0.0.1", port))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as carrier:
        async with sip.callee("127.0.0.1:9", tmp_path, port) as called:
            send("CANCEL", "earlier")
            send("INVITE", "own", SDP)
            await called.wait("called")
