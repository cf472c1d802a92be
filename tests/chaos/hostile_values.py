"""Odd values: what a fuzzer makes of text, numbers and JSON. [pure]

Owns the vocabulary that the hostile actors share: `hostile_model`, `hostile_tool_server`, `hostile_caller` and
`hostile_api`. The same `random.Random` gives the same values. Does not send them.
"""

import json
import random
import string
from collections.abc import Callable
from typing import Any

LONE_SURROGATE = "\ud83d"
OTHER_HALF = "\ude00"
DEPTHS = (20, 64, 65, 210, 990, 3_000, 16_000)
SIZES = (0, 1, 255, 4_097, 65_536, 300_000)
LARGEST = 2 * 1024 * 1024 + 1

TEXTS = (
    *("", " ", "\0", "\n", "\r\nX-Evil: 1", "null", "NaN", "-1", "../../etc/passwd", "%00", "%2e%2e%2f", "é", "\u202e"),
    *(LONE_SURROGATE, f"a{OTHER_HALF}", f"{OTHER_HALF}{LONE_SURROGATE}", "\uffff", "\ufeff", "e\u0301" * 40, "😀"),
    *("${EXTEN}", "{{caller}}", "{% for a in range(9) %}", "'; DROP TABLE calls; --", '"', "\\", "\\ud83d", "\x1b[31m"),
    *("=HYPERLINK(1)", "PJSIP/1@trunk", "6000@test-targets", "*72", "112", "+49", "0" * 40, "sip:a@127.0.0.1:1;x=y"),
)
NUMBERS = (0, -1, 1, 0.5, 1e-300, 1e308, 2**31, 2**53 + 1, -(2**63), 2**64, 10**400, float("nan"), float("inf"))


def text(chance: random.Random) -> str:
    """Mostly short; now and then a long one."""
    match chance.randrange(8):
        case 0:
            return chance.choice(string.printable) * chance.choice(SIZES)
        case 1:
            return "".join(chr(chance.randrange(0x11000)) for _ in range(chance.randrange(40)))
        case 2:
            return chance.choice(TEXTS) + chance.choice(TEXTS)
        case _:
            return chance.choice(TEXTS)


def value(chance: random.Random, depth: int = 3) -> Any:
    """Any JSON value, NaN and lone surrogates among them."""
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: chance.random() < 0.5,
        lambda: chance.choice(NUMBERS),
        lambda: text(chance),
        lambda: text(chance),
    ]
    if depth:
        kinds += [
            lambda: [value(chance, depth - 1) for _ in range(chance.randrange(4))],
            lambda: {text(chance)[:50]: value(chance, depth - 1) for _ in range(chance.randrange(4))},
            lambda: nested(chance.choice(DEPTHS[:4])),
        ]
    return chance.choice(kinds)()


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    made: Any = []
    for _ in range(depth):
        made = [made]
    return made


def deep_json(chance: random.Random) -> str:
    """Text that is nested deeper than many parsers like, closed or not."""
    depth = chance.choice(DEPTHS)
    opening, closing = chance.choice([("[", "]"), ('{"a":', "}")])
    return opening * depth + chance.choice(["", "1" + closing * depth, "1" + closing * (depth // 2)])


def mutated(chance: random.Random, given: Any) -> Any:
    """The same tree with one place changed: replaced, missing, or there under another name."""
    if isinstance(given, dict) and given and chance.random() < 0.85:
        key = chance.choice(list(given))
        match chance.randrange(6):
            case 0:
                return {name: each for name, each in given.items() if name != key}
            case 1:
                return given | {text(chance)[:50]: value(chance)}
            case _:
                return given | {key: mutated(chance, given[key])}
    if isinstance(given, list) and given and chance.random() < 0.7:
        place = chance.randrange(len(given))
        return [*given[:place], mutated(chance, given[place]), *given[place + 1 :]]
    return value(chance)


def dumps(given: Any) -> str:
    """JSON in ASCII: a lone surrogate is an escape, as a careless server writes it. NaN stays NaN."""
    return json.dumps(given)


def broken(chance: random.Random, raw: str) -> str:
    """JSON text that is cut off, doubled, or has a character changed."""
    place = chance.randrange(len(raw) + 1)
    match chance.randrange(4):
        case 0:
            return raw[:place]
        case 1:
            return raw + raw
        case 2:
            return raw[:place] + chance.choice(string.printable) + raw[place:]
        case _:
            return deep_json(chance)
