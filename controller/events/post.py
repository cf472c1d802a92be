"""One attempt to deliver one event to one receiver, bounded in time and reach.

Owns the connections to receivers. A host with private addresses is sent to only where the config lists it; the address
is looked up and checked at each attempt, and connected to as checked. Refuses redirects, cookies, compression and the
environment's proxies, reads nothing of an answer but its status and Retry-After, and never logs a URL.
"""

import asyncio
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from controller import reach
from controller.events import signing
from controller.events.patience import Attempt
from controller.events.receivers import Receiver

_LIMITS = httpx.Limits(max_keepalive_connections=0)  # kept by address, so another host's event could get on this one's


class Post:
    """`send` may be called any number of times at once; `close` when nothing is being sent any more."""

    def __init__(self, *, encrypted: bool = True) -> None:
        self._transport = httpx.AsyncHTTPTransport(verify=encrypted, trust_env=False, limits=_LIMITS)

    async def close(self) -> None:
        await self._transport.aclose()

    async def send(self, receiver: Receiver, event_id: str, body: bytes) -> Attempt:
        """Within the receiver's timeout. Whatever goes wrong is told by the attempt."""
        try:
            async with asyncio.timeout(receiver.timeout_s):
                return await self._reach(receiver, event_id, body)
        except TimeoutError:
            return Attempt(None, f"did not answer within {receiver.timeout_s:g} s")
        except reach.PrivateAddress:
            return Attempt(None, "has a private address and is not in allowed_hosts")
        except httpx.ConnectError:
            return Attempt(None, "can't be connected to")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Attempt(None, "broke the connection")
        except (OSError, UnicodeError):
            return Attempt(None, "has no address")

    async def _reach(self, receiver: Receiver, event_id: str, body: bytes) -> Attempt:
        host, parts = receiver.host, urlsplit(receiver.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        unreached: httpx.ConnectError | None = None
        for address in await reach.addresses(host, port, listed=host in receiver.allowed_hosts):
            try:
                return await self._send(receiver, event_id, body, address)
            except httpx.ConnectError as error:  # nothing was sent yet: the next address may do
                unreached = error
        raise unreached or httpx.ConnectError("no address")

    async def _send(self, receiver: Receiver, event_id: str, body: bytes, address: str) -> Attempt:
        url = httpx.URL(receiver.url)
        headers = {
            "Host": url.netloc.decode(),
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "voiceai",
            **signing.headers(receiver.keys, event_id, body, time.time()),
        }
        limits = httpx.Timeout(receiver.timeout_s).as_dict()
        extensions = {"sni_hostname": receiver.host, "timeout": limits}
        request = httpx.Request(
            "POST", url.copy_with(host=address), headers=headers, content=body, extensions=extensions
        )
        response = await self._transport.handle_async_request(request)
        try:
            return Attempt(response.status_code, f"answered {response.status_code}", _retry_after(response.headers))
        finally:
            await response.aclose()


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds. RFC 9110 §10.2.3: a number of them, or a date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, IndexError):  # digits without end, and what else a parser stumbles over
        return None
