"""Checks the rules between keys of the config. [pure]

Works on plain data, not on models: one invalid value does not hide errors elsewhere.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from bridge.common.tls import on_this_machine
from controller.config.checks.agent_tests import check_agent_tests
from controller.config.checks.references import check_references
from controller.config.checks.transfers import check_transfers
from controller.config.checks.trunks import check_trunks
from controller.config.errors import ConfigError, Path, shown
from controller.config.models.bridge import LOCAL_NAME
from controller.config.source import Source
from controller.config.values import Address, Ports, address_of, ports_of
from controller.dialing import number_spellings

SHORTEST_TOKEN = 16
SHORTEST_LOCAL_TOKEN = 8
"""Where the API listens on loopback only."""

_PLACEHOLDER = re.compile(
    r"change[-_ ]?(me|this|it).*|replace[-_ ]?(me|this).*|your[-_ ].*|<.*>|(?P<one>.)(?P=one)+|todo|none|null|"
    r"((api|ops)[-_]?)?(token|secret|password|key)",
    re.IGNORECASE,
)


# ---------------------------------------------------------------- values together


def complete(source: Source) -> list[ConfigError]:
    """All errors between keys. Values of the wrong kind are skipped: `problems_of` reports them."""
    before = len(source.errors)
    top = _mapping(source.data)
    _check_agents(top, source)
    _check_routes(top, source)
    _check_per_number(top, source)
    _check_tokens(_mapping(top.get("api")), source)
    _check_bridge(top, source)
    check_references(top, source)
    check_trunks(top, source)
    check_agent_tests(top, source)
    check_transfers(top, source)
    found = source.errors[before:]
    del source.errors[before:]
    return found


def _check_agents(top: Mapping[str, Any], source: Source) -> None:
    """At least one, unless those of the store are to come."""
    if top.get("agents") == {}:
        source.add(("agents",), "must not be empty")
    elif "agents" not in top and not source.from_store:
        source.add(("agents",), "is missing")


def _check_routes(top: Mapping[str, Any], source: Source) -> None:
    earlier: list[tuple[int, Mapping[str, Any]]] = []
    for index, route in _entries(top.get("routes")):
        for path, key, name, section in _references(index, route):
            _check_exists(path, key, name, _mapping(top.get(section)), source)
        for number, other in earlier:
            countries = _countries(top, route.get("trunk"))
            if _covers(other.get("trunk"), route.get("trunk")) and all(
                _covers(other.get(key), route.get(key)) or _same_number(other.get(key), route.get(key), countries)
                for key in ("to", "caller")
            ):
                hint = f"routes[{number}] fits everything that this one fits, and comes first; swap them or drop one"
                source.add(("routes", index, "to"), "is never reached", hint)
                break
        if not route.get("hours") and not route.get("variables"):
            earlier.append((index, route))
        _check_on_ai_failure(index, route, _mapping(top.get("agents")), source)


def _check_on_ai_failure(index: int, route: Mapping[str, Any], agents: Mapping[str, Any], source: Source) -> None:
    agent = route.get("agent")
    for number, step in enumerate(route.get("overflow") or ()):
        if step == "on_ai_failure" or (isinstance(step, dict) and step.get("on_ai_failure")):
            for name in map(str, agent if isinstance(agent, dict) else [agent]):
                if name in agents and not _mapping(agents[name]).get("on_ai_failure"):
                    hint = f"say what it is: agents.{name}.on_ai_failure"
                    source.add(("routes", index, "overflow", number), "is nothing for this route's agent", hint)


def _references(index: int, route: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any, str]]:
    """All names in a route: path, kind, name, and the section that should have it."""
    here: Path = ("routes", index)
    agent = route.get("agent")
    for name in agent if isinstance(agent, dict) else ():
        yield (*here, "agent", str(name)), "agent", name, "agents"
    if not isinstance(agent, dict):
        yield (*here, "agent"), "agent", agent, "agents"
    yield (*here, "trunk"), "trunk", route.get("trunk"), "trunks"
    yield (*here, "lookup"), "HTTP tool", route.get("lookup"), "http_tools"
    for number, step in _entries(route.get("overflow")):
        yield (*here, "overflow", number, "agent"), "agent", step.get("agent"), "agents"


def _check_exists(path: Path, kind: str, name: Any, known: Mapping[str, Any], source: Source) -> None:
    if isinstance(name, str) and name not in known and path not in source.unset:
        near = get_close_matches(name, [str(each) for each in known], n=1)
        hint = f"did you mean `{near[0]}`?" if near else "there are: " + ", ".join(map(str, known))
        source.add(path, f"no such {kind}", hint if known else "", shown(path, source.written.get(path, name)))


def _countries(top: Mapping[str, Any], trunk: Any) -> set[str | None]:
    """The countries in which numbers of a route are read: its trunk's, or those of all trunks."""
    trunks = {name: _mapping(each) for name, each in _mapping(top.get("trunks")).items()}
    of = [trunks[trunk]] if isinstance(trunk, str) and trunk in trunks else trunks.values()
    return {code if isinstance(code := each.get("country_code"), str) else None for each in of} or {None}


def _same_number(first: Any, second: Any, countries: Collection[str | None]) -> bool:
    """Both are exact, and one number in every spelling."""
    exact = [each for each in (first, second) if isinstance(each, str) and not each.endswith("*")]
    return len(exact) == 2 and number_spellings.same(first, second, countries)


def _check_per_number(top: Mapping[str, Any], source: Source) -> None:
    countries = _countries(top, None)
    for key in ("per_number", "per_number_per_minute"):
        limited = [str(each) for each in _mapping(_mapping(top.get("limits")).get(key))]
        for place, one in enumerate(limited):
            if any(_same_number(one, other, countries) for other in limited[:place]):
                source.add(("limits", key, one), "is a number that stands there already", "keep one spelling of it")


def _covers(first: Any, second: Any) -> bool:
    if first is None or first == second:
        return True
    if not isinstance(first, str) or not first.endswith("*"):
        return False
    return first == "*" or (isinstance(second, str) and second.rstrip("*").startswith(first[:-1]))


def _check_tokens(api: Mapping[str, Any], source: Source) -> None:
    listen = _value(address_of, api.get("listen", "127.0.0.1:8080"))
    shortest = SHORTEST_LOCAL_TOKEN if isinstance(listen, Address) and listen.loopback else SHORTEST_TOKEN
    _check_credentials(("api", "tokens"), api.get("tokens"), shortest, source, "each user gets one of their own")


def _check_credentials(where: Path, given: Any, shortest: int, source: Source, hint: str) -> None:
    seen: dict[tuple[str, str], int] = {}
    for index, entry in _entries(given):
        for key in ("name", "token", "token_sha256"):
            value, path = entry.get(key), (*where, index, key)
            if not isinstance(value, str) or not value.strip() or path in source.unset:
                continue
            if (key, value) in seen:
                source.add(path, f"is the same as that of tokens[{seen[key, value]}]", hint)
            seen.setdefault((key, value), index)
        _check_token(entry.get("token"), (*where, index, "token"), shortest, source)


def _check_token(value: Any, path: Path, shortest: int, source: Source) -> None:
    if not isinstance(value, str) or not value.strip() or path in source.unset:
        return
    fresh = "make one with: openssl rand -hex 32"
    if _PLACEHOLDER.fullmatch(value):
        source.add(path, "is a placeholder that anybody could guess", fresh)
    elif len(value) < shortest:
        source.add(path, f"is too short: {shortest} characters at least", fresh)
    elif not value.isascii() or " " in value:
        source.add(path, "can't be sent in an HTTP header: it has spaces or letters beyond ASCII", fresh)


def _check_bridge(top: Mapping[str, Any], source: Source) -> None:
    bridge, api = _mapping(top.get("bridge")), _mapping(top.get("api"))
    workers, token = bridge.get("workers", "auto"), bridge.get("token")
    ports = _value(ports_of, bridge.get("ports", "9092-9099"))
    listen = _value(address_of, api.get("listen", "127.0.0.1:8080"))
    _check_token(token, ("bridge", "token"), SHORTEST_TOKEN, source)
    each = "each worker gets one of its own"
    _check_credentials(("bridge", "tokens"), bridge.get("tokens"), SHORTEST_TOKEN, source, each)
    for index, entry in _entries(bridge.get("tokens")):
        if str(workers) != "0" and re.fullmatch(r"w[0-9]+", str(entry.get("name"))):
            taken = "is what a worker of this machine is called"
            source.add(("bridge", "tokens", index, "name"), taken, "give it another name, such as edge-1")
    if str(workers) == "0" and not token and not bridge.get("tokens"):
        source.add(
            ("bridge", "workers"), "leaves no worker at all", "set bridge.tokens, so that remote workers may come"
        )
    if isinstance(ports, Ports) and str(workers).isdigit() and int(workers) > len(ports):
        hint = "each worker needs a port of its own"
        source.add(("bridge", "ports"), f"has {len(ports)} ports for {workers} workers", hint)
    if isinstance(ports, Ports) and isinstance(listen, Address) and listen.port in ports:
        source.add(("api", "listen"), "uses a port of bridge.ports", "keep them apart")
    metrics = _value(ports_of, bridge.get("metrics"))
    if ports and metrics and (metrics.first in ports or ports.first in metrics):
        source.add(("bridge", "metrics"), "uses ports of bridge.ports", 'keep them apart, e.g. "9192-9199"')
    _check_shared_workers(bridge, source)
    if bridge.get("advertise") in ("0.0.0.0", "::", "[::]", "*"):
        source.add(
            ("bridge", "advertise"), "is no address that Asterisk could connect to", "name this machine's address"
        )


def _check_shared_workers(bridge: Mapping[str, Any], source: Source) -> None:
    workers, here = str(bridge.get("workers", "auto")), on_this_machine(str(bridge.get("listen", "127.0.0.1")))
    seen: dict[str, int] = {}
    given: dict[str, str] = {}
    for index, entry in _entries(bridge.get("share_with")):
        where, url, tokens = ("bridge", "share_with", index), str(entry.get("controller")), entry.get("tokens")
        if url in seen:
            source.add((*where, "controller"), f"is the same as that of share_with[{seen[url]}]", "name each once")
        seen.setdefault(url, index)
        if here and not on_this_machine(urlsplit(url).hostname or ""):
            hint = "bridge.listen: an address that it reaches, in a private network"
            source.add((*where, "controller"), "is of a node that can't reach workers on loopback", hint)
        for name, token in _mapping(tokens).items():
            _check_token(token, (*where, "tokens", name), SHORTEST_TOKEN, source)
            if isinstance(token, str) and token in given:
                hint = "each worker gets one of its own at each controller"
                source.add((*where, "tokens", name), f"is the same as that of {given[token]}", hint)
            given.setdefault(str(token), f"share_with[{index}].tokens.{name}")
            if workers.isdigit() and re.fullmatch(LOCAL_NAME, str(name)) and int(str(name)[1:]) > int(workers):
                source.add((*where, "tokens", name), f"is no worker: bridge.workers is {workers}", "w1 is the first")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, entry in enumerate(value if isinstance(value, list) else []):
        if isinstance(entry, dict):
            yield index, entry


def _value(reader: Any, value: Any) -> Any:
    try:
        return reader(value)
    except PydanticCustomError:
        return None
