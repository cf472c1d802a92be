"""Passes SIP on between the websocket of a browser and Asterisk's.

So a browser needs only the console's address: Asterisk's HTTP server stays on loopback or a private network, and the
console's certificate (or that of a proxy in front) is the only one. Sound does not come along here. The websocket
belongs to its session: when one ends, so does the other.
"""

import asyncio
import time

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from bridge.common.tls import client_context
from bridge.common.token_bucket import TokenBucket
from controller.config.models.root import Ari as AriSettings
from controller.softphone.service import Softphones
from controller.softphone.sessions import SoftphoneSession
from controller.softphone.sip_frames import LARGEST, passes

log = structlog.get_logger()

SIP = Subprotocol("sip")
"""RFC 7118."""
OPEN_SECONDS = 5.0
SEND_SECONDS = 5.0
CLOSE_SECONDS = 1.0
LARGEST_OF_ASTERISK = 2**20
"""Bytes of a message."""
OVER = "the session is over"
"""Then the websocket is closed in order, which tells the browser that nothing went wrong."""
HEARTBEAT_SECONDS = 15.0
PER_SECOND, AT_ONCE = 10.0, 60
"""Messages of a browser."""


def websocket_of(ari_url: str) -> str:
    """Where Asterisk serves SIP, beside ARI: ws://127.0.0.1:8088/ws for http://127.0.0.1:8088/ari."""
    return "ws" + ari_url.rstrip("/").removesuffix("/ari").removeprefix("http") + "/ws"


class Relay:
    def __init__(self, asterisk: AriSettings, softphones: Softphones) -> None:
        self._url = websocket_of(asterisk.url)
        self._trust = client_context(self._url, asterisk.ca_file)
        self._softphones = softphones

    async def serve(self, request: web.Request, session: SoftphoneSession) -> web.StreamResponse:
        """Until one side is gone, or the session is over."""
        browser = web.WebSocketResponse(
            protocols=(SIP,), heartbeat=HEARTBEAT_SECONDS, timeout=CLOSE_SECONDS, max_msg_size=LARGEST, compress=False
        )
        why, code = "the browser is gone", WSCloseCode.GOING_AWAY
        try:
            await browser.prepare(request)
            async with asyncio.timeout(OPEN_SECONDS):
                asterisk = await self._connected()
            async with asterisk:
                why = await self._pass_on(browser, asterisk, session)
                code = WSCloseCode.OK if why == OVER and self._softphones.on else code
                await self._softphones.close(session, why)  # now: who does not answer can make the closing last
        except (OSError, TimeoutError, WebSocketException) as error:
            log.warning("Asterisk's websocket for SIP can't be reached", reason=type(error).__name__)
            why, code = "Asterisk's websocket can't be reached", WSCloseCode.TRY_AGAIN_LATER
        finally:
            await self._softphones.close(session, why)
        await browser.close(code=code, message=why.encode())
        return browser

    async def _connected(self) -> ClientConnection:
        return await connect(
            self._url,
            subprotocols=[SIP],
            ssl=self._trust,
            compression=None,
            proxy=None,
            close_timeout=CLOSE_SECONDS,
            max_size=LARGEST_OF_ASTERISK,
        )

    async def _pass_on(
        self, browser: web.WebSocketResponse, asterisk: ClientConnection, session: SoftphoneSession
    ) -> str:
        """Returns why it has ended."""
        ways = {
            asyncio.create_task(self._from_browser(browser, asterisk, session)): "the browser is gone",
            asyncio.create_task(_from_asterisk(browser, asterisk)): "Asterisk has closed its websocket",
            asyncio.create_task(self._softphones.closed(session)): OVER,
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
            return next(ways[each] for each in done)
        except (ConnectionClosed, ConnectionError, TimeoutError):
            return "a side does not answer"
        finally:
            for each in ways:
                each.cancel()
            await asyncio.wait(ways)

    async def _from_browser(
        self, browser: web.WebSocketResponse, asterisk: ClientConnection, session: SoftphoneSession
    ) -> None:
        pace = TokenBucket(PER_SECOND, AT_ONCE)
        async for message in browser:
            if message.type is not WSMsgType.TEXT or pace.take(time.monotonic()):
                log.warning("a browser sends what is not SIP, or too much", session=session.id)
                return
            if not passes(message.data, session.id):
                log.warning("a SIP message of a browser was not passed on", session=session.id)
                return
            async with asyncio.timeout(SEND_SECONDS):
                await asterisk.send(message.data)


async def _from_asterisk(browser: web.WebSocketResponse, asterisk: ClientConnection) -> None:
    async for message in asterisk:
        async with asyncio.timeout(SEND_SECONDS):
            await browser.send_str(message if isinstance(message, str) else message.decode("utf-8", "replace"))
