"""The beginning of a worker's link: whose token it shows, and its hello.

Owns the refusals: HTTP 401 and 429 for a wrong token, a close frame with the reason for everything else.
"""

import asyncio
import math
from time import monotonic

import structlog
from aiohttp import WSCloseCode, hdrs, web
from pydantic import ValidationError

from bridge import contract
from controller.workers.worker_admission import Holder, WorkerAdmission

HELLO_TIMEOUT = 5.0  # seconds that a connected worker has for its hello
REASON_BYTES = 120  # a close frame has room for 123 bytes of reason (RFC 6455, 5.5)

log = structlog.get_logger()


def holder_of(admission: WorkerAdmission, request: web.Request) -> Holder:
    """Who the token of this request belongs to. Raises HTTPUnauthorized, and HTTPTooManyRequests for an address from
    which too many wrong tokens came."""
    holder = admission.holder(request.headers.get("Authorization", ""))
    wait = admission.wait(request.remote, holder, monotonic())
    if wait:
        headers = {"Retry-After": str(math.ceil(wait))}
        raise web.HTTPTooManyRequests(text="too many wrong link tokens from this address", headers=headers)
    if holder is None:
        log.warning("worker refused: wrong link token", remote=request.remote)
        shown = ', error="invalid_token"' if hdrs.AUTHORIZATION in request.headers else ""  # for the audit log
        headers = {hdrs.WWW_AUTHENTICATE: f'Bearer realm="voiceai"{shown}'}
        raise web.HTTPUnauthorized(text="wrong link token", headers=headers)
    return holder


async def hello_of(socket: web.WebSocketResponse) -> contract.Hello | None:
    """The worker's first frame. None: there was no proper one, and the socket is closed."""
    try:
        async with asyncio.timeout(HELLO_TIMEOUT):
            hello = contract.decode_event(await socket.receive_str())
    except (TimeoutError, TypeError, ValidationError) as error:
        log.warning("worker refused: no proper hello", reason=type(error).__name__)
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"hello expected")
        return None
    if not isinstance(hello, contract.Hello) or hello.version != contract.VERSION:
        log.error("worker refused: it speaks another version; run the same release everywhere")
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"wrong version")
        return None
    return hello


async def refuse(
    socket: web.WebSocketResponse, hello: contract.Hello, remote: str | None, reason: str
) -> web.WebSocketResponse:
    """Writes the reason into the log, and into the close frame."""
    log.error("worker refused", worker=hello.worker, remote=remote, reason=reason)
    told = reason.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore")  # no half of a character
    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=told.encode())
    return socket
