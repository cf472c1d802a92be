"""The request of a tool over HTTP: the model's arguments, checked and put into URL or body. [pure]

Refuses arguments that do not fit the tool's JSON Schema, and those that would change the structure of the URL: each is
percent-encoded as a whole, and no path segment may become empty, `.` or `..`. The reasons are written for the model.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bridge.common.guarded_http import Request
from controller.config import argument_schema
from controller.config.models.agents import HttpTool

LONGEST_URL = 8000
LONGEST_REASON = 300
_SENDS_BODY = ("POST", "PUT", "PATCH")


class BadArguments(Exception):
    """The arguments are refused. The text is for the model."""


def request_of(tool: HttpTool, arguments: Mapping[str, Any]) -> Request:
    """Raises Unfit."""
    _check(tool, arguments)
    url = _filled(tool.url, arguments)
    body = None
    if tool.method in _SENDS_BODY:
        body = json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    return Request(tool.method, url, tool.headers, body, tool.allowed_hosts, tool.timeout_s)


def _check(tool: HttpTool, arguments: Mapping[str, Any]) -> None:
    try:
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
        reason = argument_schema.misfit(tool.parameters, arguments)
    except (ValueError, ArithmeticError, RecursionError):  # ArithmeticError: a whole number that no float can hold
        raise BadArguments("The arguments are not plain JSON.") from None
    if reason is not None:
        raise BadArguments(f"The arguments do not fit: {reason}"[:LONGEST_REASON])


def _filled(template: str, arguments: Mapping[str, Any]) -> str:
    path, mark, query = template.partition("?")
    start = path.index("/", path.index("//") + 2) if "/" in path[path.index("//") + 2 :] else len(path)
    segments = [_fill(each, arguments) for each in path[start:].split("/")]
    for before, after in zip(path[start:].split("/"), segments, strict=True):
        if after in (".", "..") or (before and not after):
            raise BadArguments("An argument that is part of the address must not be empty, a dot or two dots.")
    url = path[:start] + "/".join(segments) + mark + _fill(query, arguments)
    if len(url) > LONGEST_URL:
        raise BadArguments("The arguments are too long.")
    return url


def _fill(template: str, arguments: Mapping[str, Any]) -> str:
    """The template is split at its braces once, so that braces in an argument are never read as a placeholder."""
    pieces = []
    for number, piece in enumerate(template.replace("}", "{").split("{")):
        pieces.append(quote(_text(arguments.get(piece)), safe="") if number % 2 else piece)
    return "".join(pieces)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
