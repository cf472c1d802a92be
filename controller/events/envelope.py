"""What all events of calls have in common: the envelope, their call, and which fields are personal. [pure]

The envelope (`type`, `timestamp`, `data`) is that of Standard Webhooks
(github.com/standard-webhooks/standard-webhooks).
"""

import inspect
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, WithJsonSchema, create_model

from controller.calls.reporting.view import CallView


def rfc3339(moment: datetime) -> str:
    """UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


def personal(text: str) -> str | None:
    """The default of a field that is personal: null, as for receivers that may not see it. `text`: its description."""
    return Field(default=None, repr=False, description=text, json_schema_extra={"x-personal": True})


def words(text: str) -> str | None:
    """As `personal`, for what somebody has said."""
    extra: dict[str, JsonValue] = {"x-personal": True, "x-words": True}
    return Field(default=None, repr=False, description=text, json_schema_extra=extra)


class Event(Part):
    id: str
    """Unique; the same in every delivery of this event, and in `webhook-id`."""
    type: str
    timestamp: Moment
    """When it happened."""
    data: "Data"

    def without_personal(self) -> Self:
        """Without what is personal."""
        return self.model_copy(update={"data": self.data.without_personal()})

    def without_words(self) -> Self:
        """Without what somebody has said."""
        data = self.data.without_words()
        return self if data is self.data else self.model_copy(update={"data": data})


@cache
def _holders(data: "type[Data]", sources: tuple[type, ...]) -> tuple[tuple[str, int], ...]:
    """In which source each field of the data is: the first one that has it. Cached, as it is the same for all events of
    a type, and asking a pydantic model for what it lacks is expensive."""
    own = data.model_fields.keys() - Data.model_fields.keys()
    found = ((name, next((at for at, each in enumerate(sources) if _has(each, name)), None)) for name in sorted(own))
    return tuple((name, at) for name, at in found if at is not None)


def _has(kind: type, name: str) -> bool:
    fields = getattr(kind, "model_fields", None) or getattr(kind, "__dataclass_fields__", {})
    return name in fields or hasattr(kind, name)


def _empty(metadata: dict[str, str]) -> bool:
    return not metadata


def _undescribed(schema: dict[str, Any]) -> None:
    """The docstring describes the event; its data need not repeat it."""
    schema.pop("description", None)


class Data(Part):
    """The data of one type of event; the docstring says when it is sent.

    Arguments of the class: `type`, as `call.said`; `facts`, the classes of what happened (`reporting.lifecycle`, and
    `bridge.contract` for what workers report) that are told as this event; `once`, if only the first one of an attempt
    is told.
    """

    model_config = ConfigDict(json_schema_extra=_undescribed)

    facts: ClassVar[tuple[type, ...]]
    once: ClassVar[bool]
    event: ClassVar[type[Event]]
    """The envelope with this data."""

    call: str
    """The call's id, as in /v1/calls/{id}."""
    attempt: int
    """The number of the attempt to place the call, from 1. Always 1 for an inbound call."""
    number: int
    """The number of the event in this attempt, from 1 without gaps, so that you can detect missing and repeated events.
    0 in events of the queue between attempts."""
    metadata: dict[str, str] = Field(default_factory=dict, exclude_if=_empty, repr=False)
    """The metadata of the call at this time; missing if it has none."""

    def __init_subclass__(cls, *, type: str, facts: tuple[type, ...], once: bool = False) -> None:
        cls.facts, cls.once = facts, once

    @classmethod
    def __pydantic_init_subclass__(cls, **arguments: Any) -> None:
        """Called by pydantic when the fields are known."""
        type: str = arguments["type"]
        name = "".join(word.title() for word in type.replace("_", ".").split("."))
        doc = inspect.cleandoc(cls.__doc__ or "")
        fields: dict[str, Any] = {"type": (Literal[type], type), "data": (cls, ...)}
        cls.event = create_model(name, __base__=Event, __doc__=doc, __module__=cls.__module__, **fields)

    @classmethod
    def of(cls, fact: Any, at: datetime) -> dict[str, Any] | None:
        """What of the fact is told; None: nothing. By rule each field as the fact has it, or the view of its call.
        `at`: when it happened."""
        return cls.same_in(fact)

    @classmethod
    def same_in(cls, fact: Any) -> dict[str, Any]:
        """The fields that the fact, or the view of its call, has under the same name."""
        call = fact.call
        sources = (fact, call) if isinstance(call, CallView) else (fact,)
        return {name: getattr(sources[at], name) for name, at in _holders(cls, tuple(map(type, sources)))}

    @classmethod
    def personal(cls) -> frozenset[str]:
        """The names of the fields that not every receiver may see."""
        return cls._marked("x-personal")

    def without_personal(self) -> Self:
        """Without what is personal."""
        return self._without(self.personal())

    def without_words(self) -> Self:
        """Without what somebody has said."""
        return self._without(self._marked("x-words"))

    @classmethod
    def _marked(cls, mark: str) -> frozenset[str]:
        return frozenset(
            name
            for name, field in cls.model_fields.items()
            if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get(mark)
        )

    def _without(self, hidden: frozenset[str]) -> Self:
        return self.model_copy(update=dict.fromkeys(hidden)) if hidden else self
