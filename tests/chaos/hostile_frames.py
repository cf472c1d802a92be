"""Websocket frames as no library sends them, and answers to an upgrade that are none. [pure]

Sources: RFC 6455, 5 (framing) and 7.4 (close codes); RFC 9110, 15.4 (redirects).
"""

import base64
import random
from collections.abc import Callable

from tests.chaos import hostile_values as odd

FLOOD = 30_000
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
UPGRADES = (
    *(
        (status, [("Location", to)])
        for status in (301, 302, 307, 308)
        for to in ("http://[", "ws://a..b/", "/", "//x:y")
    ),
    *(
        (status, [("Retry-After", after)])
        for status in (429, 503)
        for after in ("-1", "9" * 99, "é", "0", "1e9", "Mon")
    ),
    (429, [("retry-after-ms", "nan")]),
    (302, [("Location", "a"), ("Location", "b")]),
    (401, [("Content-Length", "5")]),
    (200, []),
    (204, []),
)


def frame(
    opcode: int, payload: bytes = b"", *, end: bool = True, reserved: int = 0, length: int | None = None
) -> bytes:
    """One frame of a server. `length`: what it says of itself, if that is not true."""
    said = len(payload) if length is None else length
    first = bytes([(0x80 if end else 0) | reserved << 4 | opcode])
    if said < 126:
        return first + bytes([said]) + payload
    if said < 1 << 16:
        return first + b"\x7e" + said.to_bytes(2) + payload
    return first + b"\x7f" + said.to_bytes(8) + payload


def odd_frames(chance: random.Random, event: bytes) -> bytes:
    """What may come in place of one event; most of it must end the connection."""
    whole = frame(TEXT, event)
    return chance.choice(
        [
            b"".join(
                frame(TEXT if not at else 0, event[at : at + 1], end=at + 1 == len(event)) for at in range(len(event))
            ),
            frame(TEXT, event[:5], end=False) + frame(PING, b"x") + frame(0, event[5:]),
            frame(TEXT, event[:5], end=False) + whole,
            frame(0, event),
            frame(TEXT, event, reserved=4),
            frame(TEXT, event, reserved=7),
            frame(chance.choice([3, 7, 11, 15]), event),
            frame(PING, bytes(200)),
            frame(PING, b"", end=False),
            frame(CLOSE, b"\x03"),
            frame(CLOSE, chance.choice([0, 999, 1005, 1006, 1015, 2999, 65535]).to_bytes(2) + b"\xff\xfe"),
            frame(TEXT, b"\xed\xa0\xbd\xff"),
            frame(BINARY, event),
            frame(TEXT, event, length=(1 << 63) + 5),
            frame(TEXT, event, length=1 << 30),
            b"\x81\xff" + (4).to_bytes(8) + b"mask" + event,
            whole[: chance.randrange(1, len(whole))] + frame(CLOSE, b"\x03\xe8"),
            chance.randbytes(200),
        ]
    )


def flood(chance: random.Random, response: str, item: str) -> bytes:
    """As much at once as a server can send: thousands of small frames, in a few writes of the network."""
    on = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    sound = {"type": "response.output_audio.delta", **on}
    heard = {"type": "conversation.item.input_audio_transcription.completed"}
    kinds: list[Callable[[int], bytes]] = [
        lambda _: _text(sound | {"delta": base64.b64encode(bytes(48)).decode()}),
        lambda _: _text(sound | {"delta": ""}),
        lambda _: _text({"type": "response.output_audio_transcript.delta", **on, "delta": "x"}),
        lambda number: _text(heard | {"item_id": f"item_q{number}", "transcript": "Again and again."}),
        lambda number: _text({"type": "error", "error": {"code": f"c{number % 50}", "message": "Again."}}),
        lambda number: _text({"type": "response.done", "response": {"id": f"resp_q{number}"}}),
        lambda number: _text({"type": "input_audio_buffer.speech_stopped", "item_id": f"item_q{number}"}),
        lambda _: frame(TEXT, b"{}"),
        lambda _: frame(PING, b"x" * 100),
        lambda _: frame(PONG),
    ]
    made = chance.choice(kinds)
    return b"".join(made(number) for number in range(chance.choice([500, 5_000, FLOOD])))


def _text(event: object) -> bytes:
    return frame(TEXT, odd.dumps(event).encode())
