"""Arguments of a model in a URL and in a body: nothing of them changes the shape of the request."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, strategies as st

from controller.calls.tools.request import LONGEST_REASON, BadArguments, request_of
from controller.config.models.agents import HttpTool

ANY: dict[str, Any] = {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}


def tool(url: str = "https://h.example:8443/x/{a}/y?q={b}&r=1", **more: Any) -> HttpTool:
    return HttpTool.model_validate({"description": "Does.", "url": url, "parameters": ANY} | more)


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ({"a": "plain", "b": "1"}, "/x/plain/y?q=1&r=1"),
        ({"a": "a/b", "b": "c&d=e"}, "/x/a%2Fb/y?q=c%26d%3De&r=1"),
        ({"a": "{b}", "b": "#?"}, "/x/%7Bb%7D/y?q=%23%3F&r=1"),
        ({"a": "é \r\n"}, "/x/%C3%A9%20%0D%0A/y?q=&r=1"),
        ({"a": 5, "b": True}, "/x/5/y?q=true&r=1"),
        ({"a": 1.5, "b": None}, "/x/1.5/y?q=&r=1"),
        ({"a": "@evil", "b": ["x", 1]}, "/x/%40evil/y?q=%5B%22x%22%2C%201%5D&r=1"),
    ],
)
def test_arguments_are_encoded_whole(arguments: dict[str, Any], url: str) -> None:
    request = request_of(tool(), arguments)
    assert request.url == "https://h.example:8443" + url
    assert (request.host, request.port, request.body) == ("h.example", 8443, None)


@pytest.mark.parametrize("a", ["", ".", "..", None])
def test_no_argument_walks_up_the_path(a: str | None) -> None:
    with pytest.raises(BadArguments):
        request_of(tool(), {"a": a})


def test_two_arguments_make_no_dots_together() -> None:
    both = tool("https://h/{a}{b}/", parameters=ANY | {"required": ["a", "b"]})
    with pytest.raises(BadArguments):
        request_of(both, {"a": ".", "b": "."})
    assert request_of(both, {"a": ".", "b": "x"}).url == "https://h/.x/"


@pytest.mark.parametrize(
    ("schema", "arguments", "words"),
    [
        ({"a": {"type": "integer"}}, {"a": "x"}, "a: 'x' is not of type 'integer'"),
        ({"a": {"enum": [1]}}, {"a": 2}, "a: 2 is not one of [1]"),
        ({"a": {}}, {}, "'a' is a required property"),
        ({"a": {"maxLength": 1}}, {"a": "x" * 5000}, "too long"),
    ],
)
def test_arguments_fit_the_schema(schema: dict[str, Any], arguments: dict[str, Any], words: str) -> None:
    wanted = {"type": "object", "properties": schema, "required": ["a"]}
    with pytest.raises(BadArguments) as caught:
        request_of(tool("https://h/{a}", parameters=wanted), arguments)
    assert words in str(caught.value) or len(str(caught.value)) == LONGEST_REASON


def test_what_is_no_json_or_too_long_is_not_sent() -> None:
    with pytest.raises(BadArguments, match="plain JSON"):
        request_of(tool(), {"a": float("nan")})
    with pytest.raises(BadArguments, match="plain JSON"):
        request_of(tool(), {"a": "\ud800"})
    with pytest.raises(BadArguments, match="too long"):
        request_of(tool(), {"a": "x" * 9000})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_is_all_the_arguments(method: str) -> None:
    request = request_of(tool("http://h/{a}", method=method), {"a": "ä", "b": [1]})
    assert request.url == "http://h/%C3%A4"
    assert request.port == 80
    assert request.body is not None
    assert json.loads(request.body) == {"a": "ä", "b": [1]}


def test_what_the_model_chose_is_in_no_repr() -> None:
    assert "secret" not in repr(request_of(tool("http://h/{a}", method="POST"), {"a": "secret"}))


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_the_arguments_are_the_request_keeps_its_shape(a: str, b: str) -> None:
    try:
        url = request_of(tool(), {"a": a, "b": b}).url
    except BadArguments:
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "h.example:8443", "")
    _, x, segment, y = parts.path.split("/")
    assert (x, unquote(segment, errors="strict"), y) == ("x", a, "y")
    assert parse_qs(parts.query, keep_blank_values=True) == {"q": [b], "r": ["1"]}
