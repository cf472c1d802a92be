"""Versions of the link: what an older peer lacks is not sent to it, and no version changes once it is in use."""

import ast
import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from bridge import contract
from bridge.contract import versions
from bridge.contract.codec import frame_of
from bridge.contract.spec import StrictModel

RECORDED = Path(__file__).parent
ROOT = RECORDED.parents[3]
Color = Literal["red", "green", "blue"]


class Part(StrictModel):
    old: int = 1
    new: Annotated[int, contract.Since(12)] = 2


class Message(StrictModel):
    type: Literal["message"] = "message"
    one: Part = Part()
    some: tuple[Part, ...] = (Part(), Part())
    perhaps: Part | None = None
    named: Annotated[str, contract.Since(11)] = ""
    color: Annotated[Color, contract.Since(11, values=("blue",))] = "red"
    anything: dict[str, Any] = {}


class Later(StrictModel):
    SINCE: ClassVar = 11
    type: Literal["later"] = "later"


def sent(message: BaseModel, version: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(frame_of(message, 10_000, version))
    return told


def test_a_peer_is_sent_the_fields_of_its_version() -> None:
    new, old = {"old": 1, "new": 2}, {"old": 1}
    whole = {"type": "message", "one": new, "some": [new, new], "perhaps": None, "named": "", "color": "red"}
    whole["anything"] = {"new": 1}
    message = Message(anything={"new": 1})
    assert sent(message, 12) == whole
    assert sent(message, 11) == whole | {"one": old, "some": [old, old]}
    assert sent(message, 10) == {
        name: value for name, value in (whole | {"one": old, "some": [old, old]}).items() if name != "named"
    }
    assert sent(Message(perhaps=Part()), 11)["perhaps"] == old


def test_a_peer_is_not_sent_what_it_can_make_nothing_of() -> None:
    assert sent(Message(color="blue"), 11)["color"] == "blue"
    with pytest.raises(contract.TooNew, match="`color`"):
        sent(Message(color="blue"), 10)
    with pytest.raises(contract.TooNew, match="Later"):
        sent(Later(), 10)
    with pytest.raises(contract.Unsendable):
        contract.encode(contract.NotUnderstood(command="dance"), 9)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", ()),
        ("voiceai-link-10, voiceai-link-9", (9, 10)),
        ("chat,voiceai-link-12 ,voiceai-link-x,voiceai-link-²,voiceai-link-", (12,)),
        ("voiceai-link-9" * 100, ()),
        (",".join(["voiceai-link-9"] * 1000), (9,)),
    ],
)
def test_versions_in_a_header(header: str, found: tuple[int, ...]) -> None:
    assert contract.versions_offered(header) == found


@given(st.text(max_size=200))
def test_no_header_is_an_error(header: str) -> None:
    assert all(isinstance(each, int) for each in contract.versions_offered(header))


@pytest.mark.parametrize(
    ("worker", "controller", "text"),
    [
        ([9], [10, 11], "worker speaks link version 9, controller 10 to 11: upgrade the worker first"),
        ([11, 12], [9, 10], "worker speaks link version 11 to 12, controller 9 to 10: upgrade the controller first"),
    ],
)
def test_both_versions_are_named_and_what_to_do(worker: list[int], controller: list[int], text: str) -> None:
    assert contract.disagreement(worker, controller) == text
    assert len(contract.disagreement([9999, 99999], [99998, 99999])) <= 120, "a close frame has room for 123 bytes"


def test_what_is_offered_is_what_is_spoken() -> None:
    assert sorted(map(contract.version_of, contract.SUBPROTOCOLS)) == list(contract.spoken())
    assert contract.versions_offered(",".join(contract.SUBPROTOCOLS)) == tuple(contract.spoken())


def test_whoever_sends_says_for_which_version_of_the_link() -> None:
    """A default would be the newest one, and the other side may be older."""
    wanted = {"encode": 2, "encode_numbered": 3}
    for path in (each for folder in ("bridge", "controller") for each in (ROOT / folder).rglob("*.py")):
        if "contract." not in (text := path.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in wanted:
                of_contract = isinstance(node.func.value, ast.Name) and node.func.value.id == "contract"
                assert not of_contract or len(node.args) == wanted[node.func.attr], f"{path}:{node.lineno}"


# ---------------------------------------------------------------- the versions that are in use


TEXTS = ("title", "description", "default", "discriminator")


def shape(version: int) -> dict[str, Any]:
    """Fields of all messages and their parts in this version, without texts about them and without defaults."""
    found: dict[str, Any] = {}
    messages: tuple[Any, ...] = (contract.Command, contract.Event)
    for message in messages:
        definitions = TypeAdapter[Any](message).json_schema(mode="serialization")["$defs"]
        for kind in _parts(message, version):
            schemas = definitions[kind.__name__]["properties"]
            found[kind.__name__] = {
                name: _plain(schemas[name], newer) for name, (_, newer) in _fields(kind, version).items()
            }
    return found


def _parts(message: Any, version: int) -> set[type[BaseModel]]:
    known: set[type[BaseModel]] = set()
    waiting = list(versions._models(message))
    while waiting:
        kind = waiting.pop()
        if kind not in known and versions.since(kind) <= version:
            known.add(kind)
            fields = _fields(kind, version).values()
            waiting += [part for field, _ in fields for part in versions._models(field.annotation)]
    return known


def _fields(kind: type[BaseModel], version: int) -> dict[str, tuple[FieldInfo, tuple[object, ...]]]:
    """Those that this version has, and which values of each it lacks."""
    found = {}
    for name, field in kind.model_fields.items():
        mark = versions._mark(field)
        newer = mark is not None and mark.version > version
        if mark is None or not newer or mark.values:
            found[name] = field, mark.values if mark is not None and newer else ()
    return found


def _plain(schema: Any, without: tuple[object, ...] = ()) -> Any:
    if isinstance(schema, dict):
        told = {name: _plain(value, without) for name, value in schema.items() if name not in TEXTS}
        if "enum" in told:
            told["enum"] = [each for each in told["enum"] if each not in without]
        return told
    return [_plain(each, without) for each in schema] if isinstance(schema, list) else schema


def record() -> None:
    """Of the newest version that is spoken. `tests.previous_release` calls it in the release that has landed."""
    lines = (f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in sorted(shape(contract.VERSION).items()))
    (RECORDED / f"link_{contract.VERSION}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


@pytest.mark.parametrize("version", range(contract.OLDEST_VERSION, contract.VERSION))
def test_a_version_that_is_in_use_does_not_change(version: int) -> None:
    """What is new is of the next version: mark it with `Since` or `SINCE` (bridge/contract/versions.py)."""
    recorded = json.loads((RECORDED / f"link_{version}.json").read_text())
    now = json.loads(json.dumps(shape(version)))
    assert now.keys() == recorded.keys()
    for name, fields in now.items():
        assert fields == recorded[name], name
