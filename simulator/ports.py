"""Ports for the parts of a demo or a test, which must be known before anybody listens on them.

Owns the claims of this process. The ports lie below those that the kernel gives to whoever asks for any, so that no
socket gets one of them by chance between our look and its use; and a claim is a name in the kernel (unix(7), abstract
sockets), so that processes that look at the same moment find different ports. A claim ends with its process.
"""

import random
import socket
from contextlib import ExitStack

RANGE = range(11_000, 15_000)
_claims: list[socket.socket] = []


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody listens on and nobody else of us will. Raises OSError when all are taken."""
    for port in random.sample(RANGE, len(RANGE)):
        if _claim(port) and _unused(port, kind):
            return port
    raise OSError(f"no free port from {RANGE.start} to {RANGE.stop - 1}: are processes of an earlier run left over?")


def _claim(port: int) -> bool:
    with ExitStack() as unless_kept:
        claim = unless_kept.enter_context(socket.socket(socket.AF_UNIX))
        try:
            claim.bind(f"\0voiceai-port-{port}")
        except OSError:
            return False
        _claims.append(claim)
        unless_kept.pop_all()
    return True


def _unused(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
