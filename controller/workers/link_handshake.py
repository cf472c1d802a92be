"""The beginning of a worker's link: whose token it shows, the version of the link that both speak, and its hello.

Owns the refusal of wrong tokens, HTTP 401 and 429. Everything else is refused in a close frame (`refusals`).
"""

import asyncio
import math
from time import monotonic

import structlog
from aiohttp import hdrs, web
from pydantic import ValidationError

from bridge import contract
from controller.workers.worker_admission import Holder, WorkerAdmission

HELLO_TIMEOUT = 5.0  # seconds that a connected worker has for its hello

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


async def hello_of(socket: web.WebSocketResponse, request: web.Request) -> contract.Hello | str:
    """The worker's first frame. A text: why it is not taken."""
    try:
        async with asyncio.timeout(HELLO_TIMEOUT):
            hello = contract.decode_event(await socket.receive_str(), _ignored)
    except (TimeoutError, TypeError, ValidationError) as error:
        return _version_refusal(request) or f"hello expected ({type(error).__name__})"
    if not isinstance(hello, contract.Hello):
        return "hello expected"
    agreed = contract.version_of(socket.ws_protocol) if socket.ws_protocol else hello.version
    if refusal := _version_refusal(request):
        return refusal
    if agreed not in contract.spoken():
        return contract.disagreement([agreed], contract.spoken())
    return hello if hello.version == agreed else f"its hello is of link version {hello.version}, not {agreed}"


def _version_refusal(request: web.Request) -> str | None:
    """None: the worker names no versions of the link, or one that this release speaks."""
    offered = contract.versions_offered(",".join(request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ())))
    if not offered or set(offered) & set(contract.spoken()):
        return None
    return contract.disagreement(offered, contract.spoken())


def _ignored(fields: tuple[str, ...]) -> None:
    log.warning("a newer worker says more in its hello than this controller knows: it is ignored", fields=fields)
