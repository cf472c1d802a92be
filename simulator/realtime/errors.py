"""The errors that the server answers with: in OpenAI's words, with the parameter. [pure]

Makes of a failed validation an `error{type, code, message, param}`. What has no code of its own is `invalid_value`.

Source: OpenAI API reference, Realtime `error` event; wording of errors as the live service sent them.
"""

from typing import Any

from pydantic import ValidationError

from simulator.realtime.client_event_schema import CLIENT_EVENT

Frame = dict[str, Any]
"""One event as decoded JSON."""


class Refusal(Exception):
    """A client event that is not carried out. The socket stays open."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


_LIMITS = {
    "greater_than_equal": ("below_min_value", "below minimum value. Expected a value >= {ge}"),
    "less_than_equal": ("above_max_value", "above maximum value. Expected a value <= {le}"),
}
_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a decimal",
    "bool_type": "a boolean",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def check(frame: Any) -> Any:
    """The typed event of a decoded frame; raises Refusal."""
    try:
        return CLIENT_EVENT.validate_python(frame)
    except ValidationError as error:
        raise _of(frame, error) from error


def _of(frame: Any, error: ValidationError) -> Refusal:
    session = frame.get("session") if isinstance(frame, dict) else None
    if isinstance(session, dict) and session.get("type") == "transcription":
        text = "Passing a transcription session update event to a realtime session is not allowed."
        return Refusal("invalid_value", text, "session.type")
    # A missing discriminator is the root of the matter; an unknown field comes before a value that is wrong.
    order = {"union_tag_not_found": 0, "missing": 1, "extra_forbidden": 2}
    detail = min(error.errors(), key=lambda each: order.get(each["type"], 3))
    return _word(str(detail["type"]), dict(detail), _param(frame, detail["loc"], str(detail["type"])))


def _param(frame: Any, loc: tuple[int | str, ...], kind: str) -> str:
    """The dotted path: pydantic's location without the union tags that it puts in between."""
    path, here = "", frame
    for place, step in enumerate(loc):
        last = place == len(loc) - 1
        if isinstance(step, int):
            path, here = f"{path}[{step}]", here[step]
        elif isinstance(here, dict) and (step in here or (last and kind == "missing")):
            path, here = f"{path}.{step}", here.get(step)
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        path += ".role" if isinstance(here, dict) and here.get("type") == "message" else ".type"
    return path.lstrip(".")


def _word(kind: str, detail: dict[str, Any], param: str) -> Refusal:
    context, value = detail.get("ctx", {}), detail.get("input")
    if kind in ("missing", "union_tag_not_found"):
        return Refusal("missing_required_parameter", f"Missing required parameter: '{param}'.", param)
    if kind == "extra_forbidden":
        return Refusal("unknown_parameter", f"Unknown parameter: '{param}'.", param)
    if kind in _LIMITS:
        code, text = _LIMITS[kind]
        noun = "integer" if isinstance(value, int) else "decimal"
        text = f"Invalid '{param}': {noun} {text.format(**context)}, but got {value} instead."
        return Refusal(f"{noun}_{code}", text, param)
    if kind == "string_too_long":
        text = f"Invalid '{param}': string too long, at most {context['max_length']} characters."
        return Refusal("string_above_max_length", text, param)
    if kind in _TYPES:
        got = type(value).__name__
        return Refusal("invalid_type", f"Invalid type for '{param}': expected {_TYPES[kind]}, got {got}.", param)
    if kind == "too_long" and param.endswith("output_modalities"):
        text = f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
        return Refusal("invalid_value", text, param)
    wanted = context.get("expected") or context.get("expected_tags") or detail["msg"]
    shown = context.get("tag", value)
    return Refusal("invalid_value", f"Invalid value: {shown!r}. Supported values are: {wanted}.", param)
