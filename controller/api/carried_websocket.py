"""A websocket that concerns a call of another node: passed on between whoever has asked this node, and that node.

It ends when one side is gone or silent, in both directions, and with the reason of the side that has ended it.
"""

import asyncio

from aiohttp import WSCloseCode, WSMsgType, hdrs, web
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import EXTERNAL_CLOSE_CODES

from controller.cluster.peer import CLOSE_S, LARGEST_MESSAGE, PeerNode, PeerRequest, Peers

SEND_SECONDS = 5.0
HEARTBEAT_SECONDS = 15.0


def is_websocket(request: web.Request) -> bool:
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


async def pass_on(request: web.Request, peers: Peers, node: PeerNode, asked: PeerRequest) -> web.StreamResponse:
    """Raises PeerError, PeerTimeout, and PeerRefusal for what the node answers instead."""
    protocols = [each.strip() for each in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",") if each]
    async with await peers.websocket(node, asked, protocols) as there:
        here = web.WebSocketResponse(
            protocols=(there.subprotocol,) if there.subprotocol else (),
            heartbeat=HEARTBEAT_SECONDS,
            timeout=CLOSE_S,
            max_msg_size=LARGEST_MESSAGE,
            compress=False,
        )
        await here.prepare(request)
        await _both_ways(here, there)
    ours = there.close_code not in EXTERNAL_CLOSE_CODES  # the node is gone without a word
    code = WSCloseCode.GOING_AWAY if ours or there.close_code is None else there.close_code
    await here.close(code=code, message=(there.close_reason or "").encode())
    return here


async def _both_ways(here: web.WebSocketResponse, there: ClientConnection) -> None:
    ways = {asyncio.create_task(_from_here(here, there)), asyncio.create_task(_from_there(here, there))}
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    except (ConnectionClosed, ConnectionError, TimeoutError):
        pass  # a side does not answer
    finally:
        for each in ways:
            each.cancel()
        await asyncio.wait(ways)


async def _from_here(here: web.WebSocketResponse, there: ClientConnection) -> None:
    async for message in here:
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return
        async with asyncio.timeout(SEND_SECONDS):
            await there.send(message.data)


async def _from_there(here: web.WebSocketResponse, there: ClientConnection) -> None:
    async for message in there:
        async with asyncio.timeout(SEND_SECONDS):
            await (here.send_str(message) if isinstance(message, str) else here.send_bytes(message))
