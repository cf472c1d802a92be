"""JSON of the API as typed objects. [pure]

Owns `Model`, the base of all answers and events, and `decode`. Later versions of the API add fields and values: a field
that is not known goes into `extra`, a value that is not known is kept as text, and a field that an earlier version does
not send is None, whatever its type, or empty where it holds several things.
"""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from voiceai_client.errors import UnexpectedAnswerError

M = TypeVar("M", bound="Model")
Reader = Callable[[Any], Any]


class MismatchError(Exception):
    """A value is not of its type. `path`: where it stands."""

    def __init__(self, wanted: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"{'.'.join(path) or 'the answer'} is no {wanted}")
        self.wanted, self.path = wanted, path


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Model:
    """An answer of the API, or a part of one. `dataclasses.asdict` makes a dict of it."""

    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Fields that this version of the client does not know."""

    def __repr__(self) -> str:
        """Without numbers, words and secrets: it may end up in a log."""
        shown = {name: getattr(self, name, None) for name in ("id", "type", "name", "state", "status", "outcome")}
        text = ", ".join(f"{name}={value!r}" for name, value in shown.items() if isinstance(value, str))
        return f"{type(self).__name__}({text})"


def decode(kind: type[M], value: Any) -> M:
    """Raises UnexpectedAnswerError."""
    try:
        found = _model(kind)(value)
    except MismatchError as error:
        raise UnexpectedAnswerError(f"the answer is not of the form {kind.__name__}: {error}") from None
    assert isinstance(found, kind)
    if value.keys() == found.extra.keys():
        raise UnexpectedAnswerError(f"the answer is not of the form {kind.__name__}: it has none of its fields")
    return found


def _model(kind: type[Model]) -> Reader:
    """Made once for each class: type hints take time to read."""
    if kind not in _READERS:
        _READERS[kind] = _fields(kind)
    return _READERS[kind]


_READERS: dict[type[Model], Reader] = {}


def _fields(kind: type[Model]) -> Reader:
    hints = typing.get_type_hints(kind)
    known = {each.name: each for each in fields(kind) if each.name != "extra"}
    wire = {each.metadata.get("wire", name): name for name, each in known.items()}
    readers = {name: _reader(hints[name]) for name in known}
    absent = {name: _absent(hints[name]) for name, each in known.items() if each.default is MISSING}

    def read(value: Any) -> Model:
        if not isinstance(value, dict):
            raise MismatchError("object")
        given: dict[str, Any] = {}
        for key, each in value.items():
            if key in wire:
                given[wire[key]] = _within(key, readers[wire[key]], each)
        for name, make in absent.items():
            if name not in given:
                given[name] = make()
        return kind(**given, extra={key: each for key, each in value.items() if key not in wire})

    return read


def _within(key: str, reader: Reader, value: Any) -> Any:
    try:
        return reader(value)
    except MismatchError as error:
        raise MismatchError(error.wanted, (key, *error.path)) from None


def _absent(hint: Any) -> Callable[[], Any]:
    """Makes what stands for a field that was not sent: None also where the type has no None."""
    makers: Mapping[Any, Callable[[], Any]] = {tuple: tuple, Mapping: dict}
    return makers.get(get_origin(hint), lambda: None)


def _reader(hint: Any) -> Reader:
    if hint is Any:
        return lambda value: value
    if isinstance(hint, type) and issubclass(hint, Model):
        return lambda value: _model(hint)(value)  # looked up late: a model may hold others of its kind
    if hint in _PLAIN:
        return _PLAIN[hint]
    match get_origin(hint), get_args(hint):
        case origin, options if origin is Union or origin is types.UnionType:
            return _one_of(tuple(_reader(each) for each in options if get_origin(each) is not Literal))
        case origin, _ if origin is Literal:  # of an event, chosen by it
            return _PLAIN[str]
        case origin, (each, *_) if origin is tuple:
            return _array(_reader(each))
        case origin, (_, each) if origin is Mapping:
            return _object(_reader(each))
    raise TypeError(f"no reader for {hint}")


def _one_of(readers: tuple[Reader, ...]) -> Reader:
    def read(value: Any) -> Any:
        for reader in readers[:-1]:
            try:
                return reader(value)
            except MismatchError:
                continue
        return readers[-1](value)

    return read


def _array(reader: Reader) -> Reader:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise MismatchError("array")
        return tuple(_within(str(at), reader, each) for at, each in enumerate(value))

    return read


def _object(reader: Reader) -> Reader:
    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise MismatchError("object")
        return {key: _within(key, reader, each) for key, each in value.items()}

    return read


def _plain(wanted: str, kind: type, but: type | None = None) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, kind) or (but is not None and isinstance(value, but)):
            raise MismatchError(wanted)
        return value

    return read


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MismatchError("number")
    return float(value)


def _moment(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise MismatchError("moment") from None


def _null(value: Any) -> None:
    if value is not None:
        raise MismatchError("null")


_PLAIN: Mapping[Any, Reader] = {
    str: _plain("text", str),
    int: _plain("whole number", int, bool),
    float: _number,
    bool: _plain("true or false", bool),
    datetime: _moment,
    types.NoneType: _null,
}
