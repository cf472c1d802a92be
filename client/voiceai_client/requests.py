"""One request to the API, what may be sent again, and what an answer means. [pure]

Owns the rules that the two clients, synchronous and asynchronous, have in common. Only what changes nothing
(GET) or has an idempotency key is sent again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from voiceai_client.errors import ConflictError, ProblemError, UnexpectedAnswerError, error_of
from voiceai_client.version import VERSION

TIMEOUT_SECONDS = 15.0
TRIES = 3
"""Of a request that may be sent again."""
FIRST_DELAY_SECONDS = 0.2


class NotGiven:
    """The type of `NOT_GIVEN`."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()
"""The default where None means something: that field is left as it is."""


@dataclass(frozen=True, slots=True)
class Request:
    """`query` and `body` as they are sent, without what was not given."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None
    fine: tuple[int, ...] = ()
    """Statuses other than 2xx with a good answer."""
    longest_s: float = 0.0
    """The answer may take so long, whatever the client's timeout."""

    @property
    def repeatable(self) -> bool:
        return self.method == "GET" or self.idempotency_key is not None

    @property
    def all_headers(self) -> dict[str, str]:
        """Raises ValueError for a value that can't be sent."""
        key = {} if self.idempotency_key is None else {"Idempotency-Key": self.idempotency_key}
        found = {**self.headers, **key}
        for name, value in found.items():
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"{name} must be of visible ASCII characters")
        return found


def path_of(template: str, **parts: str | int) -> str:
    """`template` with its `{name}`s replaced. Raises ValueError for a part that would name another path."""
    for name, value in parts.items():
        if str(value) in ("", ".", ".."):
            raise ValueError(f"{name} must be an id or a name, not {str(value)!r}")
    return template.format_map({name: quote(str(value), safe="") for name, value in parts.items()})


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not None, as JSON takes it. Raises ValueError for a moment without a time zone."""
    return {name: _plain(value) for name, value in values.items() if value is not None}


def set_or_cleared(values: Mapping[str, Any]) -> dict[str, Any]:
    """As `given`, but None is sent, and only `NOT_GIVEN` is left out."""
    return {name: _plain(value) for name, value in values.items() if value is not NOT_GIVEN}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a datetime needs a time zone: datetime.now(UTC), or .astimezone()")
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple | set | frozenset) else value


def checked_url(url: str) -> str:
    """Without a slash at its end. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("url must be that of a controller, such as http://127.0.0.1:8080")
    return url.rstrip("/")


def common_headers(token: str) -> dict[str, str]:
    """Raises ValueError; the text does not hold the token."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("token must be an API key or a token of voiceai: visible ASCII characters")
    return {"Authorization": f"Bearer {token}", "User-Agent": f"voiceai-client/{VERSION}"}


def is_loopback(url: str) -> bool:
    """No proxy reaches this machine's loopback."""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def problem_in(request: Request, status: int, headers: Mapping[str, str], content: bytes) -> Exception | None:
    """None: the answer is a good one."""
    if 200 <= status < 300 or status in request.fine:
        return None
    return error_of(status, headers.get("retry-after"), content)


def again(request: Request, tried: int, problem: Exception | None = None) -> float | None:
    """Seconds until the request is sent again after `tried` times; None: it is not. `problem`: what the API answered.

    After a lost connection the first request may still be in progress: then its key is in use for a moment."""
    in_use = isinstance(problem, ConflictError) and problem.type == "key-in-use" and tried > 1
    if tried >= TRIES or not request.repeatable or (problem is not None and not in_use):
        return None
    return FIRST_DELAY_SECONDS * 2.0 ** (tried - 1)


def body_of(content: bytes) -> Any:
    """Raises UnexpectedAnswerError."""
    try:
        return json.loads(content)
    except ValueError:
        raise UnexpectedAnswerError("the answer is no JSON") from None


def may_come_back(problem: Exception) -> bool:
    """Whether a stream that was refused with this is worth asking for again."""
    return isinstance(problem, ProblemError) and (problem.status == 429 or problem.status >= 500)
