"""The fuzz targets: each parser of foreign bytes, what must hold for any bytes, and a few seeds.

A target raises for a defect only: an error that a parser documents is no defect. Who may send the bytes is said
at each of them.
"""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bridge import contract
from bridge.audiosocket import wire
from bridge.realtime.conversation import inputs
from bridge.realtime.protocol import server_events
from controller.api import request_body
from controller.api.models import base, calls
from controller.api.models.live_calls import AddParticipant, RecordCall, Say
from controller.api.models.transfers import TransferCall
from controller.api.problems import Problem
from controller.ari import events as ari
from controller.calls.tools import request
from controller.config import parse as parse_config
from controller.config.errors import ConfigErrors
from controller.config.models.agents import HttpTool
from controller.dialing import numbers
from tests.fuzz import seeds
from tests.unit.bridge.realtime.conversation.stage import Stage
from tests.unit.controller.configs import ENV, config


@dataclass(frozen=True, slots=True)
class Target:
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]


def audiosocket(data: bytes) -> None:
    """Whoever reaches the worker's port. Any cut of the stream gives the same, and no byte appears twice or goes."""
    whole = wire.Decoder()
    messages = whole.feed(data)
    assert whole.pending <= 3 + 0xFFFF
    cut = wire.Decoder()
    step = 1 + (data[0] if data else 0) % 7
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    assert [message for piece in pieces for message in cut.feed(piece)] == messages
    assert str(cut.error) == str(whole.error)
    assert whole.frames == cut.frames == len(messages)
    if whole.error is None:
        # Lower-case digits come back as capitals: as many bytes, not the same ones.
        assert sum(len(_encoded(message)) for message in messages) + whole.pending == len(data)


def _encoded(message: wire.Message) -> bytes:
    match message:
        case wire.Uuid(call):
            return wire.encode_uuid(call)
        case wire.Audio(rate, pcm):
            return wire.encode_audio(rate, pcm)
        case wire.Digit(digit):
            return wire.encode_digit(digit)
        case wire.Hangup():
            return wire.encode_hangup()
        case wire.Fault(payload):
            return wire.encode_fault(payload)


def ari_event(data: bytes) -> None:
    """Asterisk, with names and headers of callers in it."""
    with suppress(ari.BadEvent):
        hash(repr(ari.parse(data)))


def realtime_event(data: bytes) -> None:
    """The AI provider."""
    told = server_events.parse(data)
    repr(told)
    if isinstance(told, server_events.AudioDelta):
        assert isinstance(told.pcm, bytes)


def conversation(data: bytes) -> None:
    """The AI provider: each line is one of its events, or `!` and a number of 20 ms ticks (0: greet)."""
    stage = Stage()
    for line in data.split(b"\n")[:60]:
        if not line.startswith(b"!"):
            stage.feed(server_events.parse(line))
        elif line[1:2] == b"0":
            stage.feed(inputs.Greet())
        else:
            for _ in range(min(int(line[1:3]), 50) if line[1:3].isdigit() else 1):
                stage.tick()


def link_event(data: bytes) -> None:
    """Whoever knows the link's token: a worker."""
    with suppress(ValidationError):
        number, event = contract.decode_numbered(data)
        told = contract.encode(event)
        assert contract.decode_numbered(f"[{number},{told}]" if number else told) == (number, event)


def link_command(data: bytes) -> None:
    """The controller; secrets are in clear text on the link, and only there."""
    with suppress(ValidationError):
        command = contract.decode_command(data)
        assert contract.decode_command(contract.encode(command)) == command


BODIES: tuple[type[base.Body], ...] = (calls.PlaceCall, TransferCall, Say, RecordCall, AddParticipant)


def http_body(data: bytes) -> None:
    """Whoever has a token of the API. A refusal is JSON."""
    for kind in BODIES:
        try:
            request_body.body_of(data, kind)
        except Problem as problem:
            json.dumps(problem.body("id"), ensure_ascii=False).encode()


_CONFIG = config(transfer__contexts=["queues"])
_TRUNKS = (*_CONFIG.trunks, None)


def destination(data: bytes) -> None:
    """A caller by way of the agent, or an API client. Characters with a meaning for Asterisk must not pass."""
    text = data.decode("utf-8", "replace")
    for trunk in _TRUNKS:
        with suppress(numbers.NotAllowed):
            dial = numbers.destination(_CONFIG, text, trunk).dial
            assert dial.startswith(("PJSIP/", "Local/")), dial
            assert dial.count("/") == (2 if "sip:" in dial else 1), dial
            assert not set(dial) & set("&,|;${}()[]<>\"'\\ \r\n\t\x00"), dial
            assert dial.isascii(), dial


_TOOL = {"a": {"type": "string"}, "b": {"type": ["string", "number", "null"]}, "c": {"type": "array"}}
_TOOLS = tuple(
    HttpTool.model_validate(
        {"description": "Does.", "url": url, "method": method, "parameters": {"type": "object", "properties": _TOOL}}
    )
    for url, method in (("https://h.example/x/{a}/y?q={b}", "GET"), ("https://h.example/{a}{b}/{c}", "POST"))
)


def tool_arguments(data: bytes) -> None:
    """The model. Host, port and the number of path segments are the configuration's."""
    try:
        arguments: Any = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(arguments, dict):
        return
    for tool in _TOOLS:
        with suppress(request.BadArguments):
            made = request.request_of(tool, arguments)
            path = made.url.partition("?")[0]
            assert made.url.isascii()
            assert path.startswith("https://h.example/")
            assert path.count("/") == tool.url.partition("?")[0].count("/")
            assert (made.host, made.port) == ("h.example", 443)


def config_file(data: bytes) -> None:
    """The operator. An error in the file is reported with its line."""
    with suppress(ConfigErrors):
        parse_config(data.decode("utf-8", "replace"), ENV)


TARGETS = {
    "audiosocket": Target(audiosocket, seeds.audiosocket),
    "ari_event": Target(ari_event, seeds.ari),
    "realtime_event": Target(realtime_event, seeds.realtime),
    "conversation": Target(conversation, seeds.conversation),
    "link_event": Target(link_event, seeds.link_events),
    "link_command": Target(link_command, seeds.link_commands),
    "http_body": Target(http_body, seeds.bodies),
    "destination": Target(destination, seeds.destinations),
    "tool_arguments": Target(tool_arguments, seeds.arguments),
    "config_file": Target(config_file, seeds.configs),
}


def words(name: str) -> list[bytes]:
    """Tokens that the fuzzer may put in: what stands between quotes in the seeds and in the link's schemas."""
    found = {word for seed in TARGETS[name].seeds() for word in seed.split(b'"')[1::2]}
    if name.startswith("link"):
        union: Any = contract.Event if name == "link_event" else contract.Command
        found |= {word.encode() for word in json.dumps(TypeAdapter(union).json_schema()).split('"')[1::2]}
    return sorted(word for word in found | {b"NaN", b"1e999", b"\\ud800", b"null", b"-1"} if 0 < len(word) <= 40)
