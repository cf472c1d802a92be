"""The webhooks of the OpenAPI document: one request for each type of event, and the schemas that they need. [pure]

Owns that part of the document (OpenAPI 3.1 §4.8.1, `webhooks`). Its schemas are named `event.<Name>`, so that they
never meet those of the API. Streams carry the same JSON.
"""

import inspect
from typing import Any

from pydantic.json_schema import models_json_schema

from controller.events.envelope import Event
from controller.events.schemas import KINDS, TYPES
from controller.events.webhooks import signing

_PREFIX = "event."
_HEADERS = {
    signing.ID: "The id of the event, the same for every attempt.",
    signing.TIMESTAMP: "The time of this attempt in seconds since 1970.",
    signing.SIGNATURE: "`v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`. "
    "Several, separated by spaces, while a secret is being replaced.",
}


def webhooks() -> dict[str, Any]:
    """For `webhooks`: by type of event."""
    return {type_: {"post": _operation(kind.event)} for type_, kind in zip(TYPES, KINDS, strict=True)}


def schemas() -> dict[str, Any]:
    """For `components.schemas`."""
    template = f"#/components/schemas/{_PREFIX}{{model}}"
    _, found = models_json_schema([(kind.event, "serialization") for kind in KINDS], ref_template=template)
    return {_PREFIX + name: schema for name, schema in found["$defs"].items()}


def reference(kind: type[Event]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{_PREFIX}{kind.__name__}"}


def _operation(kind: type[Event]) -> dict[str, Any]:
    return {
        "summary": inspect.cleandoc(kind.__doc__ or ""),
        "operationId": kind.__name__[0].lower() + kind.__name__[1:],
        "tags": ["events"],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference(kind)}}},
        "responses": {
            "2XX": {"description": "Accepted. Process the event afterwards."},
            "410": {"description": "Not wanted any more: the event becomes a dead letter at once."},
            "default": {"description": "A failure. The event is sent again later."},
        },
    }
