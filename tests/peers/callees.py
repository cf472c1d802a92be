"""Telephones behind one carrier's port: each rings for a moment, answers, listens a moment, and hangs up.

Those with an odd number are busy instead. Speaks as much SIP as Asterisk needs (RFC 3261), without sound of its own.
Knows how often each number was called.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

RINGS, LISTENS = 0.3, 0.2  # seconds

_INVITE = re.compile(r"INVITE sip:([^@;>]+)@")
_CONTACT = re.compile(r"sip:[^>;]+")
_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"

Headers = dict[str, str]
Step = Callable[[str, Headers, tuple[str, int]], None]


def busy(number: str) -> bool:
    return int(number[-1]) % 2 == 1


class Callees(asyncio.DatagramProtocol):
    """`async with Callees(port) as callees:` listens on 127.0.0.1."""

    def __init__(
        self,
        port: int,
        *,
        ringing: str = "180 Ringing",
        refusal: str = "",
        rings: float = RINGS,
        listens: float = LISTENS,
    ) -> None:
        """`ringing`: the provisional response; 183 has early media. `refusal`: the final response of all calls."""
        self._port = port
        self.ringing, self.refusal, self.rings, self._listens = ringing, refusal, rings, listens
        self._calls: dict[str, tuple[str, Headers]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.cancelled, self.left = 0, 0
        """CANCEL and BYE requests."""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", self._port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._transport.close()

    def called(self) -> Counter[str]:
        """How often each number was called. An INVITE that was sent again is the same call."""
        return Counter(number for number, _ in self._calls.values())

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        first, *lines = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        headers: Headers = {}
        for name, _, value in (line.partition(":") for line in lines):
            found = headers.get(name.strip().lower())
            headers[name.strip().lower()] = f"{found}, {value.strip()}" if found else value.strip()
        call = headers["call-id"]
        match first.split(" ")[0]:
            case "INVITE":
                self._invited(call, first, headers, addr)
            case "CANCEL" | "BYE" as request:
                if call in self._timers:
                    self._timers.pop(call).cancel()
                self._answer("200 OK", headers, addr)
                self.left += request == "BYE"
                if request == "CANCEL":
                    self.cancelled += 1
                    self._answer("487 Request Terminated", self._calls[call][1], addr)
            case "OPTIONS":
                self._answer("200 OK", headers, addr)

    def _invited(self, call: str, first: str, headers: Headers, addr: tuple[str, int]) -> None:
        number = _INVITE.match(first)
        assert number is not None
        again = call in self._calls
        self._calls[call] = (number[1], headers)
        self._answer(self.ringing, headers, addr, _SDP if self.ringing.startswith("183") else "")
        if not again:
            self._later(self.rings, call, self._pick_up, headers, addr)

    def _pick_up(self, call: str, headers: Headers, addr: tuple[str, int]) -> None:
        if self.refusal or busy(self._calls[call][0]):
            self._answer(self.refusal or "486 Busy Here", headers, addr)
            return
        self._answer("200 OK", headers, addr, _SDP)
        self._later(self._listens, call, self._hang_up, headers, addr)

    def _hang_up(self, call: str, headers: Headers, addr: tuple[str, int]) -> None:
        contact = _CONTACT.search(headers["contact"])
        assert contact is not None
        lines = [
            f"BYE {contact[0]} SIP/2.0",
            *([f"Route: {headers['record-route']}"] if "record-route" in headers else []),
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK-bye-{call}",
            f"From: {headers['to']};tag=callees",
            f"To: {headers['from']}",
            f"Call-ID: {call}",
            "CSeq: 1 BYE",
            "Max-Forwards: 70",
        ]
        self._send(lines, addr)

    def _later(self, seconds: float, call: str, what: Step, headers: Headers, addr: tuple[str, int]) -> None:
        self._timers[call] = asyncio.get_running_loop().call_later(seconds, what, call, headers, addr)

    def _answer(self, status: str, headers: Headers, addr: tuple[str, int], body: str = "") -> None:
        to = headers["to"] if ";tag=" in headers["to"] else f"{headers['to']};tag=callees"
        lines = [
            f"SIP/2.0 {status}",
            f"Via: {headers['via']}",
            *([f"Record-Route: {headers['record-route']}"] if "record-route" in headers else []),
            f"From: {headers['from']}",
            f"To: {to}",
            f"Call-ID: {headers['call-id']}",
            f"CSeq: {headers['cseq']}",
            f"Contact: <sip:callees@127.0.0.1:{self._port}>",
            *(["Content-Type: application/sdp"] if body else []),
        ]
        self._send(lines, addr, body)

    def _send(self, lines: list[str], addr: tuple[str, int], body: str = "") -> None:
        self._transport.sendto("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode(), addr)
