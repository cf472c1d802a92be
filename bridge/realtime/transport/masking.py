"""Text frames of a websocket client, ready to be written (RFC 6455, 5.2 and 5.3).

The library needs a system call for each masking key and several layers for one header, which is too slow for fifty
frames a second and call. Here random keys are fetched from the system for many frames at a time, and each is used once.
The masking itself is the library's, in C if that was built.
"""

from os import urandom

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - the library was installed without its C part
    from websockets.utils import apply_mask

_KEYS_AT_ONCE = 1024


class Masking:
    """A supply of keys. One for all connections of a process."""

    def __init__(self) -> None:
        self._keys = b""
        self._next = 0

    def text_frame(self, payload: bytes) -> bytes:
        """Header, key and masked payload of one message. `payload`: UTF-8, at most 2^63 bytes."""
        at = self._next
        if at >= len(self._keys):
            self._keys, at = urandom(4 * _KEYS_AT_ONCE), 0
        self._next = at + 4
        key = self._keys[at : at + 4]
        size = len(payload)
        if size < 126:
            header = bytes((0x81, 0x80 | size))
        elif size < 65536:
            header = b"\x81\xfe" + size.to_bytes(2, "big")
        else:
            header = b"\x81\xff" + size.to_bytes(8, "big")
        return header + key + apply_mask(payload, key)
