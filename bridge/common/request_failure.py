"""Why an HTTP request to a server of the config failed: one word for the metrics, a sentence for the log.

Owns the list of causes, and which exception of httpx, OpenSSL or the system is which cause. No message quotes the
request, the answer or the path of a URL.
"""

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import httpx

Reason = Literal[
    "dns",  # the host's name has no address, or nobody says it in time
    "private_address",  # the host is not listed in `allowed_hosts`
    "refused",  # nobody listens at the port
    "unreachable",  # no way to the address, or nobody there answers
    "proxy",  # the SOCKS proxy of the environment does not let us through
    "tls",  # the certificate is not trusted, or no TLS is spoken
    "timeout",  # connected, and no answer in time
    "reset",  # the connection ended before the answer did
    "invalid_answer",  # it is no HTTP
    "redirect",  # a status from 300 to 399
    "client_error",  # from 400 to 499
    "server_error",  # from 500 on, or one that does not exist
    "content_type",  # the answer is no text, or compressed
    "too_large",  # the answer is cut
    "arguments",  # what the model wrote does not fit: nothing was sent
    "internal",  # an internal error
]
Phase = Literal["dns", "connect", "tls", "answer"]


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """A cause, as a label of metrics and as a text."""

    reason: Reason
    detail: str = ""
    """For people. Nothing personal."""
    status: int | None = None
    """Of the answer, if there was one."""

    def __str__(self) -> str:
        return self.detail or self.reason


class RequestFailed(Exception):
    """There is no answer, or none that can be used. `failure`: why."""

    def __init__(self, failure: RequestFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


def of_status(status: int) -> RequestFailure | None:
    """None for 200 to 299."""
    if 200 <= status < 300:
        return None
    reason: Reason = "server_error"
    if 300 <= status < 400:
        reason = "redirect"
    elif 400 <= status < 500:
        reason = "client_error"
    return RequestFailure(reason, f"answered with status {status}", status)


def of_timeout(phase: Phase, seconds: float) -> RequestFailure:
    """`phase`: what was under way when the time was over. `seconds`: the limit."""
    match phase:
        case "dns":
            return RequestFailure("dns", f"its name was not resolved within {seconds:g} s")
        case "connect":
            return RequestFailure("unreachable", f"no connection within {seconds:g} s")
        case "tls":
            return RequestFailure("tls", f"no TLS handshake within {seconds:g} s")
        case "answer":
            return RequestFailure("timeout", f"no answer within {seconds:g} s")


def of_error(error: Exception, phase: Phase) -> RequestFailure:
    """`error`: of httpx, or of the look-up of the name."""
    causes = list(_causes(error))
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return RequestFailure("tls", f"its certificate is not trusted: {each.verify_message}")
        if isinstance(each, ssl.SSLEOFError):
            return RequestFailure("tls", "in the TLS handshake: the connection was closed")
        if isinstance(each, ssl.SSLError):
            return RequestFailure("tls", f"no TLS: {(each.reason or type(each).__name__).lower().replace('_', ' ')}")
        if isinstance(each, socket.gaierror | UnicodeError):
            return RequestFailure("dns", "has no address")
    if isinstance(error, httpx.RemoteProtocolError) and not _cut_off(error):
        return RequestFailure("invalid_answer", "the answer is no HTTP")
    number = next((each.errno for each in causes if isinstance(each, OSError) and each.errno), None)
    words = os.strerror(number).lower() if number else "the connection was closed"
    if phase == "answer":
        return RequestFailure("reset", f"before the answer was complete: {words}")
    if phase == "tls":
        return RequestFailure("tls", f"in the TLS handshake: {words}")
    refused = any(isinstance(each, ConnectionRefusedError) for each in causes)
    return RequestFailure("refused" if refused else "unreachable", words)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and its causes; of a group the first member."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.exceptions[0] if isinstance(at, BaseExceptionGroup) else at.__cause__ or at.__context__


def _cut_off(error: httpx.RemoteProtocolError) -> bool:
    """The connection was closed. httpx raises the same exception for an answer that breaks the protocol."""
    return "disconnected" in str(error) or "closed connection" in str(error)
