"""The page of all HTTP operations, from the OpenAPI document that is served. [pure]"""

from collections.abc import Mapping
from typing import Any

from docs.reference import client_operations
from docs.reference.words import Schema, default_of, kind_of, table

HEAD = """# API reference

Every operation of the HTTP API. This page is made from the OpenAPI document (`make reference`), which the controller
serves at `/openapi.json`, with a page to try it at `/docs`. [HTTP API](api.md) tells how to use it: tokens, scopes,
limits, problems, pagination, sending a request twice.
"""
GUARD = frozenset({"400", "401", "403", "408", "413", "415", "429", "500"})
"""Problems of nearly every operation: described once, in docs/problems.md."""


def page(document: dict[str, Any]) -> str:
    names = {each.operation: each.spoken for each in client_operations.methods(document)}
    found: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            found.setdefault(tag, []).extend(_operation(method.upper(), path, operation, names))
    lines = [HEAD]
    for tag, text in found.items():
        lines += [f"## {tag.capitalize()}", "", *text]
    return "\n".join([*lines, *_shapes(document)])


def _link(name: str) -> str:
    anchor = name.lower().replace(".", "")
    return f"[{name}](#{anchor})"


def _operation(method: str, path: str, operation: dict[str, Any], names: Mapping[str, str]) -> list[str]:
    """`names`: of the methods of the Python client, by operation."""
    summary = operation["summary"]
    text = summary if summary.endswith("?") else f"{summary}."
    python = names.get(operation["operationId"])
    called = f"[In Python](client.md): `{python}()`." if python else ""
    facts = (text, operation.get("description", ""), called)
    lines = [f"### {method} {path}", "", " ".join(each for each in facts if each), ""]
    parameters = [
        (f"`{each['name']}`", each["in"], kind_of(each["schema"], _link), each.get("description", ""))
        for each in operation["parameters"]
    ]
    if parameters:
        lines += [*table(("parameter", "in", "kind", ""), parameters), ""]
    if "requestBody" in operation:
        body = operation["requestBody"]
        lines += [f"Body{'' if body['required'] else ', optional'}: {_content(body['content'])}.", ""]
    return [*lines, *table(("status", "answer"), _answers(operation["responses"])), ""]


def _answers(responses: dict[str, Any]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for status, answer in sorted(responses.items()):
        if status.startswith("2") or status == "304":
            found.append((status, _content(answer.get("content", {})) or answer["description"]))
        elif status not in GUARD:
            found.append((status, answer["description"].replace("](/problems/", "](problems.md#")))
    return found


def _content(content: dict[str, Any]) -> str:
    text = [
        kind_of(each["schema"], _link) if kind.endswith("json") else f"`{kind}`"
        for kind, each in content.items()
        if "problem" not in kind
    ]
    return " or ".join(dict.fromkeys(text))


def _shapes(document: dict[str, Any]) -> list[str]:
    schemas: dict[str, Schema] = document["components"]["schemas"]
    lines = ["## Shapes", ""]
    for name, shape in sorted(schemas.items()):
        lines += [f"### {name}", ""]
        if text := shape.get("description"):
            lines += [text, ""]
        if "properties" not in shape:
            lines += [
                f"One of: {kind_of(shape, _link)}." if "oneOf" in shape else kind_of(shape, _link).capitalize(),
                "",
            ]
            continue
        needed = shape.get("required", ())
        rows = [
            (f"`{key}`", kind_of(rule, _link), default_of(rule, required=key in needed), rule.get("description", ""))
            for key, rule in shape["properties"].items()
        ]
        lines += [*table(("key", "kind", "default", ""), rows), ""]
    return lines
