"""Where the websocket frames of a server begin and end (RFC 6455, 5.2). [pure]

Reads a header only as far as splitting needs it. Whether a frame is allowed, the library decides.
"""

TEXT = 0x81
"""First byte of a text frame that is a whole message."""

MASKED = 0x80
"""In the second byte: the payload is masked, as no server may send it."""

_LENGTH_BYTES = {126: 2, 127: 8}


def frame_bounds(data: bytes | bytearray) -> tuple[int, int]:
    """Where the payload of the frame at the start of `data` begins, and where it ends, whether it has come or not.
    While the header is not complete, the end is beyond `data`."""
    incomplete = len(data), len(data) + 1
    if len(data) < 2:
        return incomplete
    size = data[1] & 0x7F
    start = 2 + _LENGTH_BYTES.get(size, 0)
    if len(data) < start:
        return incomplete
    if start > 2:
        size = int.from_bytes(data[2:start], "big")
    start += 4 if data[1] & MASKED else 0
    return start, start + size
