"""How an ARI operation can fail: each way is an `AriError`; our own mistakes are `BadArgument` among them. [pure]

Owns the reading of Asterisk's refusals. Messages name the operation and Asterisk's words, never what was sent: a
request can hold telephone numbers.
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
    """We asked for something that must not be sent, such as an id that Asterisk can't have made. Found before anything
    went out. An AriError, because whoever asks for a thing must live with a refusal, whoever refuses it."""

    def __init__(self, message: str) -> None:
        super().__init__("not sent", None, message)

    def __str__(self) -> str:
        return f"not sent to Asterisk: {self.message}"


class NotFound(AriError):
    """What it acted on is gone, or never was: an answer rather than an error, since callers hang up at any time."""


class Refused(AriError):
    """Asterisk understood and will not: wrong state, not in our app, the id is taken, a parameter is wrong."""


class Unauthorized(AriError):
    """Wrong user or password, a user that may only read, or an address that ARI's access list does not allow."""


class Unavailable(AriError):
    """Asterisk is not there, not ready, or failed inside. For external media also: nobody accepts the connection."""


class TimedOut(AriError):
    """No answer in time. What was asked for may still come to pass."""


class BadAnswer(AriError):
    """Asterisk said yes in a form that we do not understand."""


_ABSENT = ("Channel not found", "Provided channel was not found")
"""Answers of status 400 (addChannel, removeChannel) that say 404."""

_DENIED = ("Write access denied", "Access denied by ACL")
"""Answers of status 403 about who asks; others are about what is asked, such as RTP statistics of a Local channel."""

_NOT_READY = "Resource not found"
"""Status 404 about the path itself (res_ari.c): while Asterisk boots, that part of ARI is not loaded yet."""


def refusal(operation: str, status: int, message: str | None) -> AriError:
    """The error that an HTTP status and ARI's `message` mean. No message: the answer is not from ARI at all."""
    # Asterisk quotes what was sent ("Endpoint parameter '%s' ..."), which may be somebody's number.
    words = re.sub(r"'.*'", "'...'", message) if message else f"HTTP {status}, not by ARI"
    if status == 401 or (status == 403 and message in _DENIED):
        return Unauthorized(operation, status, words)
    if status == 404 and (message is None or message == _NOT_READY):
        return Unavailable(operation, status, words)
    if status == 404 or (status == 400 and message in _ABSENT):
        return NotFound(operation, status, words)
    if status >= 500:
        return Unavailable(operation, status, words)
    return Refused(operation, status, words)
