"""OpenAI's own Python types as the judge of frames: nothing missing, nothing unknown, at any depth.

The types allow extra keys, so a frame in the beta's shape passes them; only looking for the extras tells.
"""

import json
from typing import Annotated, Any

import pydantic
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent, RealtimeSessionCreateResponse
from pydantic import Field, TypeAdapter

CLIENT: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeClientEvent, Field(discriminator="type")])
SERVER: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])

SESSION_ANSWERS = {".session.id", ".session.object", ".session.expires_at"}
"""What a server says of a session beyond its configuration: in the types of the HTTP answer, not of the event."""


def extras(value: Any, path: str = "") -> list[str]:
    """Dotted paths of all keys that the types do not know."""
    if isinstance(value, list | tuple):
        return [each for place, item in enumerate(value) for each in extras(item, f"{path}[{place}]")]
    if not isinstance(value, pydantic.BaseModel):
        return []
    found = [f"{path}.{name}" for name in value.model_extra or {}]
    for name in type(value).model_fields:
        found += extras(getattr(value, name, None), f"{path}.{name}")
    return found


def check_client(frame: dict[str, Any]) -> None:
    """Raises ValidationError or AssertionError unless it is exactly one client event."""
    event = CLIENT.validate_python(frame)
    assert extras(event) == []
    assert json.loads(event.model_dump_json(exclude_unset=True, by_alias=True)) == frame


def check_server(frame: dict[str, Any]) -> None:
    """Raises ValidationError or AssertionError unless it is exactly one server event."""
    event = SERVER.validate_python(frame)
    known = SESSION_ANSWERS if frame["type"].startswith("session.") else set()
    if known:
        RealtimeSessionCreateResponse.model_validate(frame["session"])
    assert [each for each in extras(event) if each not in known] == []
