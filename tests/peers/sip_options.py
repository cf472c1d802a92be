"""Whether a SIP server answers OPTIONS over UDP, as a carrier's qualify asks: a frozen Asterisk does not.

Source: RFC 3261 section 11.
"""

import asyncio
import secrets
import time


class _Waiter(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens at the port: the same as no answer."""


async def options(server: str, timeout: float = 1.0) -> float | None:
    """Seconds until any answer; None: there was none in time. `server`: host:port."""
    host, _, port = server.rpartition(":")
    transport, waiter = await asyncio.get_running_loop().create_datagram_endpoint(
        _Waiter, local_addr=("127.0.0.1", 0), remote_addr=(host, int(port))
    )
    own, mark = transport.get_extra_info("sockname")[1], secrets.token_hex(8)
    lines = (
        f"OPTIONS sip:ping@{server} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{mark};rport",
        f"From: <sip:ping@127.0.0.1:{own}>;tag={mark}",
        f"To: <sip:ping@{server}>",
        f"Call-ID: {mark}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:ping@127.0.0.1:{own}>",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    began = time.monotonic()
    try:
        transport.sendto("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(timeout):
            await waiter.answer
    except TimeoutError:
        return None
    finally:
        transport.close()
    return time.monotonic() - began


async def silences(server: str, found: list[float], every: float = 0.1) -> None:
    """Until cancelled: asks again and again, and notes for how long there was no answer, each time that there was."""
    answered = time.monotonic()
    while True:
        if await options(server, 0.5) is not None:
            found.append(time.monotonic() - answered)
            answered = time.monotonic()
        await asyncio.sleep(every)
