"""Checks the names in agents and what they refer to: providers, tools, tool servers, prices. [pure]

Works on plain data, as `rules` does. Owns also the rules for tools over HTTP: every argument in the path of the URL is
required, the schema is valid, and the host is allowed.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from controller.config import argument_schema
from controller.config.errors import Path, explain_unknown, shown
from controller.config.models.agents import BUILT_IN_TOOLS
from controller.config.prices import Prices, Tariff
from controller.config.source import Source
from controller.config.values import placeholders, url_template

_NO_REASONING = re.compile(r"gpt-realtime(-mini|-1\.5)?(-[0-9]{4}-[0-9]{2}-[0-9]{2})?")
_DEFAULT_MODEL = "gpt-realtime-2.1-mini"
_SENDS_BODY = ("POST", "PUT", "PATCH")


def check_references(top: Mapping[str, Any], source: Source) -> None:
    """Adds to the errors of `source`. Values of the wrong kind are skipped: pydantic names them."""
    _check_providers(top, source)
    for name, tool in _named(top.get("http_tools")):
        _check_http_tool(name, tool, source)
    for name, hook in _named(top.get("webhooks")):
        _check_host(str(hook.get("url", "")), hook, ("webhooks", name), source)
    for name, agent in _named(top.get("agents")):
        _check_names(name, agent, top, source)
        _check_reasoning(name, agent, top, source)
    _check_prices(top, source)
    _check_recordings(top, source)


# ---------------------------------------------------------------- providers and prices


def _providers(top: Mapping[str, Any]) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """All providers: name, path, keys."""
    yield "openai", ("openai",), _mapping(top.get("openai"))
    for name, entry in _named(top.get("providers")):
        yield name, ("providers", name), entry


def _check_providers(top: Mapping[str, Any], source: Source) -> None:
    if "openai" in _mapping(top.get("providers")):
        source.add(("providers", "openai"), "is `openai` already, the section", "give this one another name")
    for _, path, provider in _providers(top):
        for header in _mapping(provider.get("headers")):
            if str(header).lower() == "openai-beta":
                hint = explain_unknown(("OpenAI-Beta",), (), {})
                source.add((*path, "headers", str(header)), "must not be sent", hint)


def _models(agent: Mapping[str, Any], top: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The models of the agent's providers, with the providers' paths."""
    names = agent.get("providers", ["openai"])
    for name, path, provider in _providers(top):
        if isinstance(names, list) and name in names:
            yield path, provider.get("model", _DEFAULT_MODEL)


def _check_reasoning(name: str, agent: Mapping[str, Any], top: Mapping[str, Any], source: Source) -> None:
    if agent.get("reasoning_effort") is None:
        return
    for path, model in _models(agent, top):
        if isinstance(model, str) and _NO_REASONING.fullmatch(model):
            hint = "the server would refuse the whole session; leave it out or use gpt-realtime-2.1-mini"
            message = f"is for reasoning models, and {'.'.join(map(str, path))}.model is none"
            source.add(("agents", name, "reasoning_effort"), message, hint)
            return


def _check_prices(top: Mapping[str, Any], source: Source) -> None:
    """With a spend limit, every model needs a known price."""
    limits = _mapping(top.get("limits"))
    capped = next((key for key in ("spend_per_call", "spend_per_day") if limits.get(key) is not None), None)
    if capped is None:
        return
    prices = Prices(dict.fromkeys(map(str, _mapping(top.get("prices"))), Tariff()))
    for _, path, provider in _providers(top):
        model = provider.get("model", _DEFAULT_MODEL)
        if isinstance(model, str) and not prices.known(model) and (*path, "model") not in source.unset:
            hint = f"give its price under prices, so that limits.{capped} can be kept"
            source.add((*path, "model"), "has no known price", hint)


# ---------------------------------------------------------------- names in agents


def _check_names(agent: str, entry: Mapping[str, Any], top: Mapping[str, Any], source: Source) -> None:
    known = {
        "providers": ["openai", *_mapping(top.get("providers"))],
        "tools": [*BUILT_IN_TOOLS, *_mapping(top.get("http_tools"))],
        "mcp": [*_mapping(top.get("mcp"))],
    }
    lookup = entry.get("lookup")
    if isinstance(lookup, str) and lookup not in _mapping(top.get("http_tools")):
        source.add(("agents", agent, "lookup"), "no such HTTP tool", "a name from http_tools", lookup)
    for key, names in known.items():
        listed = entry.get(key)
        given = listed if isinstance(listed, list) else []
        for number, name in enumerate(given):
            path = ("agents", agent, key, number)
            if not isinstance(name, str) or path in source.unset:
                continue
            if name not in names:
                near = get_close_matches(name, map(str, names), n=1)
                hint = f"did you mean `{near[0]}`?" if near else "there are: " + ", ".join(map(str, names))
                source.add(path, "does not exist", hint if names else f"`{key}` is empty", shown(path, name))
            elif name in given[:number]:
                source.add(path, "stands there twice", "", shown(path, name))


def _check_recordings(top: Mapping[str, Any], source: Source) -> None:
    """All agents with the same folder need the same `keep_days`: files do not show their agent."""
    first: dict[Any, tuple[str, Any]] = {}
    for agent, entry in _named(top.get("agents")):
        recording = _mapping(entry.get("recording"))
        folder, days = str(recording.get("path", "")).rstrip("/"), recording.get("keep_days")
        if not folder:
            continue
        other, other_days = first.setdefault(folder, (agent, days))
        if other_days != days:
            message = f"is not that of agents.{other}.recording, which has the same path"
            source.add(("agents", agent, "recording", "keep_days"), message, "say the same, or use two folders")


# ---------------------------------------------------------------- tools over HTTP


def _check_http_tool(name: str, tool: Mapping[str, Any], source: Source) -> None:
    path: Path = ("http_tools", name)
    if name in BUILT_IN_TOOLS:
        source.add(path, "is the name of a built-in tool", "give it another name")
    schema, url = tool.get("parameters", {}), tool.get("url")
    if isinstance(schema, dict) and not _check_schema(schema, (*path, "parameters"), source):
        return
    if not isinstance(url, str) or not isinstance(schema, dict):
        return
    with suppress(PydanticCustomError):  # reported already
        url_template(url)
        _check_arguments(url, schema, tool, path, source)
        _check_host(url, tool, path, source)


def _check_schema(schema: Mapping[str, Any], path: Path, source: Source) -> bool:
    found = argument_schema.problems(schema)
    for each in found:
        source.add((*path, *each.place), each.message, each.hint)
    return not found


def _check_arguments(url: str, schema: Mapping[str, Any], tool: Mapping[str, Any], path: Path, source: Source) -> None:
    properties, required = _mapping(schema.get("properties")), schema.get("required", [])
    in_path, in_url = placeholders(url.partition("?")[0]), placeholders(url)
    for argument in dict.fromkeys(in_url):
        if argument not in properties:
            source.add((*path, "url"), f"names {{{argument}}}, which is not in parameters.properties")
        elif argument in in_path and argument not in required:
            source.add((*path, "url"), f"needs {{{argument}}} in its path: list it in parameters.required")
    if tool.get("method", "GET") not in _SENDS_BODY:
        for argument in properties:
            if argument not in in_url:
                hint = f"put {{{argument}}} into the query of the url, or use POST"
                source.add((*path, "parameters"), f"has {argument}, which would not be sent", hint)


def _check_host(url: str, tool: Mapping[str, Any], path: Path, source: Source) -> None:
    allowed = tool.get("allowed_hosts")
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return
    if isinstance(allowed, list) and allowed and host not in allowed:
        source.add((*path, "allowed_hosts"), "does not have the host of the url", f"add {host}" if host else "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _named(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in _mapping(value).items():
        if isinstance(entry, dict):
            yield str(name), entry
