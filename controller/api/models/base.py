"""The bases of the API's models: `Answer`, `Body` (also of queries), and common field types. [pure]

Times are RFC 3339; those in answers are UTC, in milliseconds.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, StringConstraints, WithJsonSchema

from controller.calls.metadata import KEY as METADATA_KEY, LONGEST as LONGEST_METADATA, MOST as MOST_METADATA


def moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime, PlainSerializer(moment, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]


class Answer(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        use_attribute_docstrings=True,
        from_attributes=True,
        json_schema_serialization_defaults_required=True,
    )


Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]


_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

_VariableName = Annotated[str, StringConstraints(pattern=_VARIABLE)]
_VariableText = Annotated[str, StringConstraints(max_length=4096, pattern=_PRINTABLE)]


def _text(longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest, "pattern": _PRINTABLE}


def _texts(names: str, value: dict[str, Any], most: int) -> WithJsonSchema:
    """An object of texts by name, in the form that generators of clients understand."""
    named = {"pattern": names}
    return WithJsonSchema(
        {"type": "object", "additionalProperties": value, "propertyNames": named, "maxProperties": most}
    )


Variables = Annotated[dict[_VariableName, _VariableText], Field(max_length=50), _texts(_VARIABLE, _text(4096), 50)]
"""Texts for templates, by name."""


_MetadataValue = Annotated[str, StringConstraints(max_length=LONGEST_METADATA, pattern=_PRINTABLE)]
_MetadataKey = Annotated[str, StringConstraints(pattern=METADATA_KEY)]
_METADATA = _texts(METADATA_KEY, _text(LONGEST_METADATA), MOST_METADATA)

Metadata = Annotated[dict[_MetadataKey, _MetadataValue], Field(max_length=MOST_METADATA), _METADATA]
"""What a client wants to find again with a call, by key."""

MetadataChanges = Annotated[
    dict[_MetadataKey, _MetadataValue | None],
    Field(max_length=MOST_METADATA),
    _texts(METADATA_KEY, {"anyOf": [_text(LONGEST_METADATA), {"type": "null"}]}, MOST_METADATA),
]
"""A value replaces the one with its key, null removes it (RFC 7396)."""

MetadataFilter = Annotated[
    str, StringConstraints(pattern=METADATA_KEY[:-1] + "=", max_length=64 + 1 + LONGEST_METADATA)
]
"""`key=value`."""


def pairs_of(filters: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Key and value of each filter."""
    return tuple((key, value) for key, _, value in (each.partition("=") for each in filters))


def _moment(value: Any) -> datetime:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("must be a moment such as 2026-11-23T09:30:00+01:00")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no moment of any calendar") from None


_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


Instant = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Nothing(Body):
    """An empty body, or `{}`."""
