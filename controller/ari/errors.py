"""The errors of ARI operations; all are `AriError`. [pure]

Owns the translation of Asterisk's refusals. Messages name the operation and quote Asterisk, never the request: it can
hold telephone numbers.
"""

import re


class AriError(Exception):
    """An operation that did not succeed. `status` is the HTTP status, None when there was no answer."""

    def __init__(self, operation: str, status: int | None, message: str) -> None:
        super().__init__(f"{operation}: {status or 'no answer'}: {message}")
        self.operation = operation
        self.status = status
        self.message = message


class BadArgument(AriError, ValueError):
    """The request must not be sent, for example because of a control character. Nothing was sent. It is an AriError, so
    that callers handle it like a refusal by Asterisk."""

    def __init__(self, message: str) -> None:
        super().__init__("not sent", None, message)

    def __str__(self) -> str:
        return f"not sent to Asterisk: {self.message}"


class NotFound(AriError):
    """The object does not exist (any more). Expect it at any time: callers hang up when they want."""


class Refused(AriError):
    """Asterisk understood and refuses: wrong state, not in our app, the id is taken, a parameter is wrong."""


class Unauthorized(AriError):
    """Wrong user or password, a user that may only read, or an address that ARI's access list does not allow."""


class Unavailable(AriError):
    """Asterisk can't be reached, is not ready, or had an internal error. For external media also: no connection."""


class TimedOut(AriError):
    """No answer in time. Asterisk may still carry the request out."""


class BadAnswer(AriError):
    """An answer of status 2xx that is not of the documented form."""


_ABSENT = ("Channel not found", "Provided channel was not found")
"""Messages of status 400 (addChannel, removeChannel) that mean 404."""

_DENIED = ("Write access denied", "Access denied by ACL")
"""Messages of status 403 about our user. Others are about the request, such as RTP statistics of a Local channel."""

_NOT_READY = "Resource not found"
"""Message of status 404 about the path (res_ari.c): while Asterisk starts, that part of ARI is not loaded yet."""


def refusal(operation: str, status: int, message: str | None) -> AriError:
    """The error for an HTTP status and ARI's `message`. None: the answer does not come from ARI."""
    # Asterisk quotes the request ("Endpoint parameter '%s' ..."), which may be a telephone number.
    shown = re.sub(r"'.*'", "'...'", message) if message else f"HTTP {status}, not by ARI"
    if status == 401 or (status == 403 and message in _DENIED):
        return Unauthorized(operation, status, shown)
    if status == 404 and (message is None or message == _NOT_READY):
        return Unavailable(operation, status, shown)
    if status == 404 or (status == 400 and message in _ABSENT):
        return NotFound(operation, status, shown)
    if status >= 500:
        return Unavailable(operation, status, shown)
    return Refused(operation, status, shown)
