"""Resources: the parts of the configuration that have versions, and how a configuration is put together of them. [pure]

Owns the kinds of resources, where each stands in config.yaml, and the rules for secrets in what is stored: they are
references (`${NAME}`) at places that are meant for secrets, and never their values.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from typing import Any

from controller.config.errors import ConfigError, ConfigErrors, Path, dotted
from controller.config.models.root import Config
from controller.config.source import read

STARS = "**********"
TRUNK_LIMITS = ("max_calls", "calls_per_second", "calls_per_hour", "minutes_per_day")
"""Of `trunks.<name>`."""
ROUTES = "routes"
"""The name of the one resource of the kind `routes`: all of them, in order."""

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
_AROUND = re.compile(r"[A-Za-z]{0,20} ?")
"""What may stand around a reference in a secret: the scheme of an Authorization header."""
_URL_SECRET = re.compile(
    r"^[a-z]+://[^/?#]*@"
    r"|[?&](?:[a-z0-9_-]*(?:api_?-?key|token|secret|passw(?:or)?d|signature)|key|sig)=(?!\$?\{)[^&#]",
    re.IGNORECASE,
)
"""A user name, password or key in a URL that stands there as it is; `{argument}` and `${NAME}` are none."""
_PLAIN_HEADERS = frozenset({"accept", "accept-language", "content-type", "user-agent"})

Key = tuple[str, str]
"""Kind and name of a resource."""
Content = dict[str, Any] | list[Any]
"""Of one version of a resource: as in config.yaml, before `${NAME}` is replaced."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`section` of the config. `secrets`: keys that hold a secret; `urls`: keys that may hold one."""

    name: str
    section: str
    secrets: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("agents", "agents"),
        Kind("routes", "routes"),
        Kind("http_tools", "http_tools", frozenset({"headers"}), frozenset({"url"})),
        Kind("mcp", "mcp", frozenset({"headers", "authorization"}), frozenset({"url"})),
        Kind("webhooks", "webhooks", frozenset({"secret", "previous_secret"}), frozenset({"url"})),
        Kind("trunk-limits", "trunks"),
    )
}
SECTIONS = frozenset(kind.section for kind in KINDS.values()) - {"trunks"}
"""Whole sections that the store has in place of the file."""


def path_of(key: Key) -> Path:
    """Where it stands in the config."""
    kind, name = key
    return (KINDS[kind].section,) if kind == "routes" else (KINDS[kind].section, name)


def taken_from(data: Mapping[str, Any]) -> dict[Key, Content]:
    """All resources of a valid config file. `data`: the file as it was written, before `${NAME}` was replaced."""
    found: dict[Key, Content] = {}
    for kind in KINDS.values():
        section = data.get(kind.section) or {}
        match kind.name:
            case "routes":
                found[kind.name, ROUTES] = plain(list(section))
            case "trunk-limits":
                for name, trunk in section.items():
                    limits = {key: trunk[key] for key in TRUNK_LIMITS if trunk.get(key) is not None}
                    if limits or not trunk:  # an export may say that there are none
                        found[kind.name, str(name)] = plain(limits)
            case _:
                found |= {(kind.name, str(name)): plain(each) for name, each in section.items()}
    return found


def parsed(text: str) -> tuple[dict[Key, Content], frozenset[str]]:
    """The resources of a config file or a part of one, and the kinds of which it has a section. Raises ConfigErrors."""
    document = read(text, {})
    if document.raw is None:
        raise ConfigErrors(document.errors or [ConfigError("", "", "is empty")], "the file")
    data = document.raw
    unset = {dotted(path) for path in document.unset}  # variables of another machine
    errors = [each for each in document.errors if each.path not in unset]
    errors += [] if isinstance(data, dict) else [ConfigError("", "", "must be a mapping")]
    for name in (each for each in data if str(each) not in Config.model_fields) if isinstance(data, dict) else ():
        errors.append(ConfigError(str(name)[:64], "", "unknown key", line=document.line((str(name),))))
    for kind in KINDS.values() if isinstance(data, dict) else ():
        wanted, section = (list, "a list") if kind.name == "routes" else (dict, "a mapping"), kind.section
        if section in data and not isinstance(data[section], wanted[0]):
            errors.append(ConfigError(section, "", f"must be {wanted[1]}", line=document.line((section,))))
        elif kind.name != "routes":
            named = data.get(section, {}).items()
            wrong = [name for name, each in named if not isinstance(each, dict)]
            errors += [ConfigError(f"{section}.{name}", "", "must be a mapping") for name in wrong]
    if errors:
        raise ConfigErrors(errors, "the file")
    kinds = frozenset(kind.name for kind in KINDS.values() if kind.section in data)
    return {key: content for key, content in taken_from(data).items() if key[0] in kinds}, kinds


def wrong_name(name: str) -> str:
    """What is wrong with a name that no kind of resource may have; empty if nothing is."""
    return "" if _NAME.fullmatch(name) else "must be 1 to 64 of letters, digits, dots, dashes and underlines"


def without(data: Mapping[str, Any]) -> dict[str, Any]:
    """The file without what the store has in its place."""
    return {name: value for name, value in data.items() if name not in SECTIONS}


def put_together(data: Mapping[str, Any], resources: Mapping[Key, Content]) -> dict[str, Any]:
    """The file with these resources in place of its own."""
    made = deepcopy(without(data))
    for (kind, name), content in resources.items():
        section = KINDS[kind].section
        if kind == "routes":
            made[section] = content
        elif kind == "trunk-limits":
            trunks = made.get(section)
            if isinstance(trunks, dict) and isinstance(trunks.get(name), dict) and isinstance(content, dict):
                rest = {key: value for key, value in trunks[name].items() if key not in TRUNK_LIMITS}
                trunks[name] = rest | content
        else:
            made.setdefault(section, {})[name] = content
    return made


def plain(value: Any) -> Any:
    """YAML's data as JSON's: a day is text."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


# ---------------------------------------------------------------- secrets


def texts(content: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """All texts in it, with their places."""
    if isinstance(content, Mapping):
        for key, each in content.items():
            yield from texts(each, (*path, str(key)))
    elif isinstance(content, list | tuple):
        for index, each in enumerate(content):
            yield from texts(each, (*path, index))
    elif isinstance(content, str):
        yield path, content


def unsafe(key: Key, content: Content, allowed: tuple[str, ...]) -> list[ConfigError]:
    """What the store must not keep: a secret's value, a reference where no secret belongs, a reference to a variable
    that `allowed` does not have. `allowed`: `resources.secrets`."""
    found = []
    for place, text in texts(content):
        message, hint = _wrong(KINDS[key[0]], place, text, allowed)
        if message:
            found.append(ConfigError(dotted((*path_of(key), *place)), "", message, hint))
    return found


def references(content: Content) -> frozenset[str]:
    """The names of all variables that it refers to."""
    shown = (text.replace("$${", "") for _, text in texts(content))
    return frozenset(found[1] for text in shown for found in _REFERENCE.finditer(text))


def may_be_plain(header: str) -> bool:
    """Whether an HTTP header is no secret."""
    return header.lower() in _PLAIN_HEADERS


def _wrong(kind: Kind, place: Path, text: str, allowed: tuple[str, ...]) -> tuple[str, str]:
    secret = _is_secret(kind, place)
    if place and place[0] in kind.urls and _URL_SECRET.search(text):
        return "has a secret in plain text", "put it into an environment variable and write ${NAME} in its place"
    shown = text.replace("$${", "")
    for reference in _REFERENCE.finditer(shown):
        name, default = reference.groups()
        if not secret and place[0] not in kind.urls:
            return f"has a reference to {name}, and no secret belongs here", "write the value itself"
        if default not in (None, ":-"):
            return f"gives {name} a default, which would be a secret in plain text", f"write ${{{name}}}"
        if not any(_covers(pattern, name) for pattern in allowed):
            hint = f"list it under `resources.secrets` in the config file: [{name}]"
            return f"names {name}, which resources may not use", hint
    if secret and text and not _is_reference(shown):
        return "is a secret in plain text", "put it into an environment variable and write ${NAME} here"
    return "", ""


def _is_reference(text: str) -> bool:
    return bool(_REFERENCE.search(text) and _AROUND.fullmatch(_REFERENCE.sub("", text)))


def _is_secret(kind: Kind, place: Path) -> bool:
    if place[:1] == ("headers",) and may_be_plain(str(place[-1])):
        return False
    return bool(place) and place[0] in kind.secrets


def _covers(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def without_secrets(key: Key, content: Content) -> Content:
    """For versions of a file, which may hold secrets in plain text: stars in their place. References stay."""
    starred: Content = _starred(KINDS[key[0]], content, ())
    return starred


def _starred(kind: Kind, value: Any, place: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _starred(kind, each, (*place, str(key))) for key, each in value.items()}
    if isinstance(value, list):
        return [_starred(kind, each, (*place, index)) for index, each in enumerate(value)]
    if isinstance(value, str) and place and place[0] in kind.urls and _URL_SECRET.search(value):
        return STARS
    if isinstance(value, str) and _is_secret(kind, place):
        defaults = {default for _, default in _REFERENCE.findall(value)}
        return value if _is_reference(value) and defaults <= {"", ":-"} else STARS
    return value
