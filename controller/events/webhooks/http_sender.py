"""One attempt to deliver one event to one receiver, bounded in time and reach (`bridge.common.guarded_http`).

Owns the signature and what an answer means. Reads nothing of an answer but its status and Retry-After, and never logs a
URL.
"""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from bridge.common.guarded_http import GuardedHttp, Request
from bridge.common.request_failure import RequestFailed, of_status
from controller.events.webhooks import signing
from controller.events.webhooks.receivers import Receiver
from controller.events.webhooks.retry_policy import Attempt


class HttpSender:
    """`send` may be called any number of times at once."""

    def __init__(self) -> None:
        self._http = GuardedHttp()

    async def send(self, receiver: Receiver, event_id: str, body: bytes) -> Attempt:
        """Within the receiver's timeout. Whatever goes wrong is told by the attempt."""
        headers = signing.headers(receiver.keys, event_id, body, time.time())
        request = Request("POST", receiver.url, headers, body, receiver.allowed_hosts, receiver.timeout_s)
        try:
            async with self._http.send(request) as response:
                status, again = response.status_code, _retry_after(response.headers)
        except RequestFailed as error:
            return Attempt(None, str(error), failed=error.failure.reason)
        failure = of_status(status)
        return Attempt(status, f"answered {status}", again, failure.reason if failure else None)


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds, from a number or a date (RFC 9110 §10.2.3); None: there is none that can be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError, IndexError):  # what `parsedate_to_datetime` raises for other text
        return None
