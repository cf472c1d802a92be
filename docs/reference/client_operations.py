"""The operations of the OpenAPI document as methods of the Python client, by group. [pure]

Owns their names, and how a method is written, once for `Client` and once for `AsyncClient`. A new operation gets its
method by itself: its group is its tag, and its name the `operationId` without the group's word (of
`pause_queue` it is `pause`, in `queue`). `NAMES` has the exceptions.
"""

import itertools
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docs.reference.client_types import Schema, Schemas, docstring, name_of, python_name, type_of, wrapped

STREAM = "text/event-stream"
IDEMPOTENCY_KEY, LAST_EVENT_ID = "Idempotency-Key", "Last-Event-ID"
OURS = frozenset({"self", "url", "asked", "sent", "page", "each", "reconnect_for_s"})
"""Names that a method uses itself."""
GROUPS = {"configuration": "config"}
"""By tag, where the group has another name."""
NAMES = {
    "health": ("health", "__call__"),
    "stream_events": ("events", "__call__"),
    "stream_live": ("events", "live"),
    "stream_call_events": ("calls", "events"),
    "list_agent_tests": ("agents", "list_tests"),
    "run_agent_tests": ("agents", "run_tests"),
    "show_statistics": ("statistics", "show"),
    "show_past_call": ("history", "show"),
    "get_recording": ("recordings", "get"),
    "list_sessions": ("sessions", "list"),
    "end_session": ("sessions", "end"),
    "test_route": ("routes", "test"),
    "export_config": ("config", "export"),
    "import_config": ("config", "import_yaml"),
}
"""Group and method by `operationId`, where the rule gives another."""
ALWAYS_WITH_KEY = frozenset({"place_call"})
"""They wait for the store in any case, so a key costs nothing: the client makes one, and can send the request again."""
LONGEST_S = {"open_text_session": 30.0, "read_text_session": 45.0, "try_http_tool": 75.0}
"""Seconds until an answer that may take longer than others."""
NUMBERS = frozenset({"number", "version"})
"""Parts of paths that may be given as int."""
_TOLD = re.compile(r"\[`([a-z-]+)`\]\(/problems/")


@dataclass(frozen=True, slots=True)
class Parameter:
    wire: str
    where: str
    schema: Schema
    required: bool
    doc: str

    @property
    def name(self) -> str:
        return python_name(self.wire)


@dataclass(frozen=True, slots=True)
class Method:
    """One operation. `answer`: the class of its answer; None: it has none in JSON."""

    operation: str
    group: str
    name: str
    verb: str
    path: str
    summary: str
    scopes: tuple[str, ...]
    problems: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    has_body: bool
    answer: str | None
    empty: bool
    """It may also answer with nothing."""
    media: frozenset[str]
    fine: tuple[int, ...]

    @property
    def spoken(self) -> str:
        """As a program names it."""
        return f"client.{self.group}" if self.name == "__call__" else f"client.{self.group}.{self.name}"

    @property
    def kind(self) -> str:
        """json, nothing, text, bytes, stream, or events (a stream that can be continued)."""
        if STREAM in self.media:
            return "events" if any(each.wire == LAST_EVENT_ID for each in self.parameters) else "stream"
        if self.answer is not None:
            return "json"
        return "text" if "application/yaml" in self.media else "bytes" if self.media else "nothing"


def methods(document: Mapping[str, Any]) -> list[Method]:
    """All but those that open a websocket. Raises ValueError for two of one name."""
    schemas: Schemas = document["components"]["schemas"]
    every = [
        (verb.upper(), path, each)
        for path, verbs in document["paths"].items()
        for verb, each in verbs.items()
        if "101" not in each["responses"]
    ]
    told = Counter(each for _, _, operation in every for each in set(_problems(operation)))
    general = {name for name, times in told.items() if times * 5 > len(every)}
    found = [_method(verb, path, operation, schemas, general) for verb, path, operation in every]
    twice = [name for name, times in Counter((each.group, each.name) for each in found).items() if times > 1]
    if twice:
        raise ValueError(f"several operations have the same method, name them in NAMES: {twice}")
    return found


def _problems(operation: Mapping[str, Any]) -> list[str]:
    return [
        name
        for status, answer in operation["responses"].items()
        if status >= "400"
        for name in _TOLD.findall(answer["description"])
    ]


def _method(verb: str, path: str, operation: Mapping[str, Any], schemas: Schemas, general: set[str]) -> Method:
    name = operation["operationId"]
    answers = {status: each.get("content", {}) for status, each in operation["responses"].items()}
    good = {status: each for status, each in answers.items() if status < "300"}
    models = {
        each["schema"]["$ref"].rpartition("/")[2]
        for content in good.values()
        for media, each in content.items()
        if media == "application/json" and "$ref" in each["schema"]
    }
    group, method = NAMES.get(name) or _named(name, operation["tags"][0])
    return Method(
        operation=name,
        group=group,
        name=method,
        verb=verb,
        path=path,
        summary=operation["summary"],
        scopes=tuple(scope for each in operation.get("security", ()) for scope in each["token"]),
        problems=tuple(each for each in dict.fromkeys(_problems(operation)) if each not in general),
        parameters=_parameters(operation, schemas),
        has_body="requestBody" in operation,
        answer=models.pop() if models else None,
        empty="204" in good,
        media=frozenset(media for content in good.values() for media in content),
        fine=tuple(int(status) for status, each in answers.items() if status >= "400" and "application/json" in each),
    )


def _named(operation: str, tag: str) -> tuple[str, str]:
    group = GROUPS.get(tag, tag.replace(" ", "_"))
    for word in (group, group.removesuffix("s")):
        operation = operation.removesuffix(f"_{word}")
    return group, python_name(operation)


def _parameters(operation: Mapping[str, Any], schemas: Schemas) -> tuple[Parameter, ...]:
    found = [
        Parameter(each["name"], each["in"], each["schema"], each.get("required", False), each.get("description", ""))
        for each in operation["parameters"]
    ]
    if "requestBody" in operation:
        body = schemas[operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
        needed = body.get("required", ())
        found += [
            Parameter(name, "body", rule, name in needed, rule.get("description", ""))
            for name, rule in body.get("properties", {}).items()
        ]
    taken = [name for name, times in Counter(each.name for each in found).items() if times > 1 or name in OURS]
    if taken:
        raise ValueError(f"{operation['operationId']} has parameters whose names are taken: {taken}")
    return tuple(sorted(found, key=lambda each: ("path", "body", "query", "header").index(each.where)))


# ------------------------------------------------------------ as Python


def written(method: Method, schemas: Schemas, *, asynchronous: bool) -> list[str]:
    """The lines of the method."""
    lines = [*_signature(method, asynchronous=asynchronous), *_docstring(method), *_call(method, asynchronous)]
    cursor = next((each for each in method.parameters if each.wire in ("before", "after")), None)
    if cursor is not None and method.answer is not None and "next" in schemas[method.answer]["properties"]:
        lines += _all(method, cursor, schemas[method.answer]["properties"], asynchronous=asynchronous)
    return lines


def _signature(method: Method, *, asynchronous: bool) -> list[str]:
    waits = asynchronous and method.kind in ("json", "nothing", "text")
    head = f"    {'async ' if waits else ''}def {method.name}("
    return [f"{head}{_arguments(method)}) -> {_returned(method, asynchronous=asynchronous)}:"]


def _arguments(method: Method, without: str = "") -> str:
    path = [f"{each.name}: {'str | int' if each.wire in NUMBERS else 'str'}" for each in _in(method, "path")]
    named = [_argument(method, each) for each in method.parameters if each.where != "path" and each.name != without]
    named = [each for each in named if "=" not in each] + [each for each in named if "=" in each]
    if method.kind == "events":
        named.append("reconnect_for_s: float = RECONNECT_SECONDS")
    return ", ".join(["self", *path, *(["*"] if named else []), *named])


def _argument(method: Method, each: Parameter) -> str:
    kind = type_of(each.schema, answer=False)
    if each.required:
        return f"{each.name}: {kind}"
    if _clears(method) and each.where == "body":
        return f"{each.name}: {kind} | NotGiven = NOT_GIVEN"
    return f"{each.name}: {kind.removesuffix(' | None')} | None = None"


def _clears(method: Method) -> bool:
    """None means something."""
    return method.verb == "PATCH"


def _in(method: Method, where: str) -> list[Parameter]:
    return [each for each in method.parameters if each.where == where]


def _returned(method: Method, *, asynchronous: bool) -> str:
    a, b = ("Async", "Async") if asynchronous else ("", "")
    match method.kind:
        case "json":
            kind = name_of(str(method.answer))
            return f"{kind} | None" if method.empty else kind
        case "events":
            return f"{a}EventStream"
        case "stream":
            return f"{b}Iterator[StreamEvent]"
        case "bytes":
            return f"{b}Iterator[bytes]"
        case "text":
            return "str"
    return "None"


def _docstring(method: Method) -> list[str]:
    summary = method.summary if method.summary.endswith("?") else f"{method.summary}."
    facts = [f"Scope: {' and '.join(method.scopes)}."] if method.scopes else []
    facts += [f"Problems: {', '.join(method.problems)}."] if method.problems else []
    told = [(each.name, _told(each)) for each in method.parameters if each.wire != IDEMPOTENCY_KEY]
    described = [line for name, text in told if text for line in wrapped(f"{name}: {text}", 8, continued="    ")]
    head = docstring(" ".join([summary, *facts]), 8)
    if not described:
        return head
    return [
        *head[:-1],
        head[-1].removesuffix('"""'),
        "",
        *(line.replace("\\", "\\\\") for line in described),
        '        """',
    ]


def _told(each: Parameter) -> str:
    text = " ".join(each.doc.split())
    default = each.schema.get("default")
    shown = "" if each.required or not default else f"Default: {default!r}."
    return " ".join(part for part in (text, shown) if part)


def _call(method: Method, asynchronous: bool) -> list[str]:
    lines, request = _request(method)
    wait = "await " if asynchronous else ""
    match method.kind:
        case "json":
            ask = "ask_or_none" if method.empty else "ask"
            text = f"return {wait}self._http.{ask}({name_of(str(method.answer))}, {request})"
        case "events":
            one = ", one_call=True" if _in(method, "path") else ""
            text = f"return self._http.events({request}, last_event_id, reconnect_for_s{one})"
        case "stream":
            text = f"return self._http.stream({request})"
        case "bytes":
            text = f"return self._http.pieces({request})"
        case "text":
            text = f"return {wait}self._http.text({request})"
        case _:
            text = f"{wait}self._http.send({request})"
    return [*(f"        {each}" for each in (*lines, text)), ""]


def _request(method: Method) -> tuple[list[str], str]:
    """Lines before it, and the request."""
    lines: list[str] = []
    arguments = [f'"{method.verb}"', f'"{method.path}"']
    if parts := _in(method, "path"):
        lines.append(f'url = path_of("{method.path}", {", ".join(f"{each.name}={each.name}" for each in parts)})')
        arguments[1] = "url"
    if query := _in(method, "query"):
        lines.append(f"asked = given({_mapping(query)})")
        arguments.append("query=asked")
    if body := _in(method, "body"):
        lines.append(f"sent = {'set_or_cleared' if _clears(method) else 'given'}({_mapping(body)})")
    if method.has_body:
        arguments.append("body=sent" if body else "body={}")
    headers = [each for each in _in(method, "header") if each.wire not in (LAST_EVENT_ID, IDEMPOTENCY_KEY)]
    if headers:
        arguments.append(f"headers=given({_mapping(headers)})")
    if any(each.wire == IDEMPOTENCY_KEY for each in method.parameters):
        made = " or str(uuid4())" if method.operation in ALWAYS_WITH_KEY else ""
        arguments.append(f"idempotency_key=idempotency_key{made}")
    if method.fine:
        arguments.append(f"fine={method.fine!r}")
    if method.operation in LONGEST_S:
        arguments.append(f"longest_s={LONGEST_S[method.operation]}")
    return lines, f"Request({', '.join(arguments)})"


def _mapping(parameters: list[Parameter]) -> str:
    return "{" + ", ".join(f'"{each.wire}": {each.name}' for each in parameters) + "}"


def _all(method: Method, cursor: Parameter, answer: Mapping[str, Schema], *, asynchronous: bool) -> list[str]:
    """The method that goes through all pages of `method`. What is listed stands before `next`."""
    before_next = itertools.takewhile(lambda each: each[0] != "next", answer.items())
    attribute, rule = [each for each in before_next if "$ref" in each[1].get("items", {})][-1]
    given = [
        each.name if each.where == "path" else f"{each.name}={each.name}"
        for each in method.parameters
        if each is not cursor
    ]
    start = f"{cursor.name}: {type_of(cursor.schema, answer=False).removesuffix(' | None')} | None = None"
    wait, prefix, kind = ("await ", "async ", "AsyncIterator") if asynchronous else ("", "", "Iterator")
    name, items = method.name.replace("list", "all", 1), f"page.{python_name(attribute)}"
    passed = [f"            for each in {items}:", "                yield each"]
    return [
        f"    {prefix}def {name}({_arguments(method, cursor.name)}) -> {kind}[{type_of(rule['items'], answer=True)}]:",
        f'        """As `{method.name}`, page by page until the last one. `limit`: of a page."""',
        f"        {start}",
        "        while True:",
        f"            page = {wait}self.{method.name}({', '.join([*given, f'{cursor.name}={cursor.name}'])})",
        *(passed if asynchronous else [f"            yield from {items}"]),
        "            if page.next is None:",
        "                return",
        f"            {cursor.name} = page.next",
        "",
    ]
