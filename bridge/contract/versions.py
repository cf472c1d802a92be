"""Versions of the link: which of them this release speaks, which one two releases have in common, and which parts of a
message an older one lacks. [pure]

A worker offers a websocket subprotocol for each version that it speaks, the newest first (RFC 6455, 1.9), and the
controller takes the first that it speaks too. Version 9 is older than this: whoever names no subprotocol speaks it.

What a version brings is marked where it is defined: a field by `Annotated[…, Since(10)]`, new values of a field by
`Annotated[…, Since(10, values=(…,))]`, a message by `SINCE: ClassVar = 10`. The codec leaves a marked field out on the
link to an older peer, and does not send it a marked message or value.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

VERSION = 10
"""The newest version of the link that this release speaks."""
OLDEST_VERSION = 9
"""The oldest one. It moves up only when no release that is in use speaks nothing newer."""
WITHOUT_SUBPROTOCOL = 9

_PREFIX = "voiceai-link-"
SUBPROTOCOLS = tuple(f"{_PREFIX}{version}" for version in range(VERSION, OLDEST_VERSION - 1, -1))
"""What this release offers and takes, the newest first."""
MOST_OFFERED = 100


@dataclass(frozen=True, slots=True)
class Since:
    """The version that brought a field; with `values`, only these values of it."""

    version: int
    values: tuple[object, ...] = ()


class Unsendable(ValueError):
    """A message that can't be put on the link. The text says why and holds nothing of it."""


class TooNew(Unsendable):
    """The other side speaks a version of the link that has no such message, or no such value of a field."""


def version_of(subprotocol: str | None) -> int:
    """Of a link with this subprotocol, which is one of `SUBPROTOCOLS` or None."""
    return int(subprotocol.removeprefix(_PREFIX)) if subprotocol else WITHOUT_SUBPROTOCOL


def versions_offered(header: str) -> tuple[int, ...]:
    """In a `Sec-WebSocket-Protocol`, in rising order. Others' subprotocols are not counted."""
    names = [name.strip() for name in header.split(",")[:MOST_OFFERED]]
    told = [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]
    return tuple(sorted({int(each) for each in told if each.isdecimal() and each.isascii() and len(each) < 6}))


def disagreement(worker: Iterable[int], controller: Iterable[int]) -> str:
    """What is said where the two have no version in common. It fits into a close frame (RFC 6455, 5.5)."""
    its, ours = list(worker), list(controller)
    first = "worker" if max(its) < min(ours) else "controller"
    return f"worker speaks link version {_span(its)}, controller {_span(ours)}: upgrade the {first} first"


def spoken() -> range:
    """By this release."""
    return range(OLDEST_VERSION, VERSION + 1)


def _span(versions: list[int]) -> str:
    low, high = min(versions), max(versions)
    return str(low) if low == high else f"{low} to {high}"


# ---------------------------------------------------------------- what an older peer lacks


@cache
def is_newer(kind: type[BaseModel], version: int) -> bool:
    """Whether a message or part of this type may hold anything that this version lacks."""
    if since(kind) > version:
        return True
    fields = kind.model_fields.values()
    marked = any(mark.version > version for mark in map(_mark, fields) if mark is not None)
    return marked or any(is_newer(part, version) for field in fields for part in _models(field.annotation))


def without_newer(message: BaseModel, told: dict[str, Any], version: int) -> dict[str, Any]:
    """`told`, which is `message` as JSON, without the fields that this version lacks; it is changed. Raises TooNew."""
    kind = type(message)
    if since(kind) > version:
        raise TooNew(f"version {version} of the link has no {kind.__name__}")
    for name, field in kind.model_fields.items():
        mark, value = _mark(field), getattr(message, name)
        if mark is not None and mark.version > version:
            if not mark.values:
                del told[name]
                continue
            if value in mark.values:
                raise TooNew(f"version {version} of the link has no such `{name}`")
        _prune(value, told[name], version)
    return told


def since(kind: type[BaseModel]) -> int:
    """The version that brought a type."""
    return int(getattr(kind, "SINCE", OLDEST_VERSION))


def _prune(value: object, told: Any, version: int) -> None:
    if isinstance(value, BaseModel):
        if is_newer(type(value), version):
            without_newer(value, told, version)
    elif isinstance(value, tuple | list):
        for each, its in zip(value, told, strict=True):
            _prune(each, its, version)


def _mark(field: FieldInfo) -> Since | None:
    return next((each for each in field.metadata if isinstance(each, Since)), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The types of parts that stand in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
