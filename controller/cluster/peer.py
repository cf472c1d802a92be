"""Requests of a node to another one, over HTTP: whether it lives, and what is carried to it, by which token.

A request is carried once: the node that it reaches answers for itself or refuses. Nothing is carried without
`cluster.token`, and no redirect is followed.
"""

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx
from pydantic import SecretStr

PATH = "/cluster/v1/nodes/{name}/{verb}"
TIMEOUT_S, PROBE_S = 5.0, 2.0
"""Seconds for what is carried, and for the question whether a node lives."""
MOST_BYTES = 16_384
"""Of an answer."""


class PeerError(Exception):
    """The other node can't be reached, or does not do it: nothing is done there."""


class PeerTimeout(PeerError):
    """No answer in time: it may have been done."""


@dataclass(frozen=True, slots=True)
class PeerState:
    """What a node answers of itself."""

    state: Literal["accepting", "draining"]
    calls: int


def is_token(secret: SecretStr, authorization: str) -> bool:
    """Whether this header has the token. In constant time."""
    kind, _, given = authorization.partition(" ")
    right = hmac.compare_digest(_digest(secret.get_secret_value()), _digest(given.strip()))
    return right and kind.lower() == "bearer"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


class Peers:
    """`token`: `cluster.token`; None: nothing is carried."""

    def __init__(self, token: SecretStr | None, timeout_s: float = TIMEOUT_S) -> None:
        self._token, self._timeout_s = token, timeout_s

    async def set_drained(self, name: str, url: str, drained: bool, *, by: str, request_id: str) -> PeerState:
        """`by`: who asks; `request_id`: for the log of that node. Raises PeerError, PeerTimeout."""
        if self._token is None:
            raise PeerError("`cluster.token` is not set on this node: it carries nothing to other nodes.")
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}", "X-Request-Id": request_id}
        path = PATH.format(name=quote(name, safe=""), verb="drain" if drained else "undrain")
        try:
            async with asyncio.timeout(self._timeout_s):
                status, told = await _post(url.rstrip("/") + path, headers, {"by": by[:128] or "(nobody)"})
        except (TimeoutError, httpx.TimeoutException):
            raise PeerTimeout(f"{name} gave no answer within {self._timeout_s:g} s. It may have done it.") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise PeerError(f"{name} can't be reached at its `cluster.api_url`: {type(error).__name__}.") from None
        return _read(name, status, told)


async def answers(url: str) -> bool:
    """Whether a controller lives there: 200 for `/healthz`, or a certificate that we don't trust."""
    try:
        async with _client(url) as http, asyncio.timeout(PROBE_S):
            return (await http.get(f"{url.rstrip('/')}/healthz")).status_code == 200
    except httpx.ConnectError as error:
        return "CERTIFICATE_VERIFY_FAILED" in str(error)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
        return False


def _client(url: str) -> httpx.AsyncClient:
    """Whoever asks sets a time limit. Over plain HTTP there is nothing to verify, and reading the authorities takes
    30 ms."""
    return httpx.AsyncClient(verify=not url.startswith("http:"), trust_env=False, timeout=None, follow_redirects=False)


async def _post(url: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, bytes]:
    async with _client(url) as http, http.stream("POST", url, headers=headers, json=body) as response:
        told = b""
        async for piece in response.aiter_raw():
            told += piece
            if len(told) > MOST_BYTES:
                break
        return response.status_code, told


def _read(name: str, status: int, told: bytes) -> PeerState:
    if status in (401, 403):
        raise PeerError(f"{name} refuses requests of this node: its `cluster.token` is another one, or not set.")
    if status == 404:
        raise PeerError(f"At the `cluster.api_url` of {name} another node answers, or a release without this.")
    try:
        answer = json.loads(told)
        if status == 200:
            return PeerState("draining" if answer["state"] == "draining" else "accepting", int(answer["calls"]))
        detail = str(answer["detail"])[:200]
    except (ValueError, TypeError, KeyError):
        detail = "with nothing that can be read"
    raise PeerError(f"{name} answered {status}: {detail}")
