"""The generated part of the Python client (`client/voiceai_client`), from the OpenAPI document.

Owns which files there are, and what stands in which. Models lie with the group of operations that answers with them,
those of several groups in `common`. The text is formatted by ruff, so it looks as if it was written by hand.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from docs.reference import client_types as types
from docs.reference.client_operations import Method, methods, written

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "client" / "voiceai_client"
GENERATED = ("models", "operations", "async_operations")
"""Folders in which everything is generated."""
COMMON = "common"
NOTE = "Made from the OpenAPI document (`make reference`)."


def files(document: Mapping[str, Any]) -> dict[str, str]:
    """Text by path within `FOLDER`."""
    found = methods(document)
    schemas: types.Schemas = document["components"]["schemas"]
    groups: dict[str, list[Method]] = {}
    for each in found:
        groups.setdefault(each.group, []).append(each)
    answers, arguments = _homes(found, document)
    text: dict[str, str] = {}
    for home in sorted({*answers.values(), *arguments.values()}):
        text[f"models/{home}.py"] = _models(home, answers, arguments, schemas)
    text |= _events(document)
    text["models/__init__.py"] = _face(text)
    homes = {types.name_of(name): home for name, home in answers.items()}
    homes |= {types.name_of(name, answer=False): home for name, home in arguments.items()}
    for folder, asynchronous in (("operations", False), ("async_operations", True)):
        text[f"{folder}/__init__.py"] = ""
        text[f"{folder}/groups.py"] = _groups(sorted(groups), folder, asynchronous=asynchronous)
        for group, members in groups.items():
            text[f"{folder}/{group}.py"] = _operations(group, members, homes, schemas, asynchronous=asynchronous)
    return _formatted(text)


def _homes(found: Iterable[Method], document: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The module of each model, of answers and of arguments. A schema may be both."""
    schemas = document["components"]["schemas"]
    answers: dict[str, set[str]] = {}
    arguments: dict[str, set[str]] = {}
    for method in found:
        for name in types.reachable([method.answer] if method.answer else [], schemas):
            answers.setdefault(name, set()).add(method.group)
        for name in types.reachable(types.referred([each.schema for each in method.parameters]), schemas):
            arguments.setdefault(name, set()).add(method.group)
    return _single(answers), _single(arguments)


def _single(groups: Mapping[str, set[str]]) -> dict[str, str]:
    return {name: next(iter(each)) if len(each) == 1 else COMMON for name, each in groups.items()}


def _models(home: str, answers: Mapping[str, str], arguments: Mapping[str, str], schemas: types.Schemas) -> str:
    told = [name for name, place in answers.items() if place == home]
    near = [name for name, place in answers.items() if place in (home, COMMON)]
    bases = {name: types.base_of(name, near, schemas) for name in told}
    sent = [name for name, place in arguments.items() if place == home]
    needed = {each for name in told for each in types.referred(schemas[name])} | set(filter(None, bases.values()))
    lines = [f'"""Answers, and parts of requests: {home}. {NOTE} [pure]"""', "", types.IMPORTS]
    lines += _imports((each, answers[each]) for each in needed if answers[each] != home)
    needed = {each for name in sent for each in types.referred(schemas[name])}
    lines += _imports(((each, arguments[each]) for each in needed if arguments[each] != home), answer=False)
    for name in types.ordered(told, schemas, bases):
        base = bases[name]
        inherited = schemas[base]["properties"] if base else ()
        lines += ["", *types.model(name, schemas[name], types.name_of(base or "Model"), inherited)]
    for name in types.ordered(sent, schemas):
        lines += ["", *types.argument(name, schemas[name])]
    return "\n".join(lines)


def _imports(names: Iterable[tuple[str, str]], *, answer: bool = True) -> list[str]:
    """`names`: with their modules."""
    return [
        f"from voiceai_client.models.{home} import {types.name_of(name, answer=answer)}"
        for name, home in sorted(set(names))
    ]


def _events(document: Mapping[str, Any]) -> dict[str, str]:
    """The modules of the envelopes and of their data. What all have in common is in a base class."""
    schemas = document["components"]["schemas"]
    kinds = {
        type_: each["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for type_, each in document["webhooks"].items()
    }
    data = {schemas[each]["properties"]["data"]["$ref"].rpartition("/")[2] for each in kinds.values()}
    parts = [each for each in schemas if each.startswith("event.") and each not in {*kinds.values(), *data}]
    lines = [f'"""What events tell: their `data`. {NOTE} [pure]"""', "", types.IMPORTS]
    for name in types.ordered(parts, schemas):
        lines += ["", *types.model(name, schemas[name])]
    lines += _family("EventData", "Of every event.", sorted(data), schemas)
    face = [f'"""Events of calls, as streams and webhooks tell them. {NOTE} [pure]"""', "", types.IMPORTS]
    face += [f"from voiceai_client.models.event_data import {types.name_of(each)}" for each in sorted(data)]
    face += _family("Event", "What all events have, besides `type` and `data`.", list(kinds.values()), schemas)
    names = {type_: types.name_of(each) for type_, each in kinds.items()}
    face += ["", f"CallEvent = {' | '.join(names.values())}", "", "EVENTS: Mapping[str, type[CallEvent]] = {"]
    face += [f'    "{type_}": {name},' for type_, name in names.items()]
    face += ["}", '"""By type."""', ""]
    return {"models/event_data.py": "\n".join(lines), "models/events.py": "\n".join(face)}


def _family(base: str, about: str, names: Iterable[str], schemas: types.Schemas) -> list[str]:
    """Classes with what they have in common in a base class."""
    properties = [schemas[each]["properties"] for each in names]
    common = {key: rule for key, rule in properties[0].items() if all(each.get(key) == rule for each in properties)}
    lines = ["", *types.model(base, {"description": about, "properties": common})]
    for name in names:
        lines += ["", *types.model(name, schemas[name], base, common)]
    return lines


def _face(text: Mapping[str, str]) -> str:
    """All classes of the modules. Raises ValueError for two of one name."""
    names = [(name, path) for path, each in text.items() for name in re.findall(r"^class (\w+)", each, re.MULTILINE)]
    names += [("CallEvent", "models/events.py")]
    twice = [name for name, times in Counter(name for name, _ in names).items() if times > 1]
    if twice:
        raise ValueError(f"several models have the same name: {twice}")
    lines = [f'"""Types of answers, of events, and of parts of requests. {NOTE} [pure]"""', ""]
    lines += [f"from voiceai_client.{_module(path)} import {name} as {name}" for name, path in sorted(names)]
    return "\n".join([*lines, ""])


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def _class(group: str, *, asynchronous: bool) -> str:
    return ("Async" if asynchronous else "") + "".join(word.capitalize() for word in group.split("_")) + "Operations"


def _groups(names: Iterable[str], folder: str, *, asynchronous: bool) -> str:
    http, base = ("AsyncHttp", "AsyncGroups") if asynchronous else ("SyncHttp", "Groups")
    module = "async_http" if asynchronous else "sync_http"
    classes = {name: _class(name, asynchronous=asynchronous) for name in names}
    lines = [f'"""All groups of operations. {NOTE}"""', ""]
    lines += [f"from voiceai_client.{module} import {http}"]
    lines += [f"from voiceai_client.{folder}.{name} import {kind}" for name, kind in classes.items()]
    lines += ["", "", f"class {base}:", '    """A group of operations is an attribute."""', ""]
    lines += [f"    def __init__(self, http: {http}) -> None:"]
    lines += [f"        self.{name} = {kind}(http)" for name, kind in classes.items()]
    return "\n".join([*lines, ""])


OPERATION_IMPORTS = """from collections.abc import {a}Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from voiceai_client.{http} import {a}EventStream, {transport}
from voiceai_client.continued import RECONNECT_SECONDS
from voiceai_client.requests import NOT_GIVEN, NotGiven, Request, given, path_of, set_or_cleared
from voiceai_client.server_sent_events import StreamEvent
"""


def _operations(
    group: str, members: Iterable[Method], homes: Mapping[str, str], schemas: types.Schemas, *, asynchronous: bool
) -> str:
    a, http = ("Async", "async_http") if asynchronous else ("", "sync_http")
    transport = "AsyncHttp" if asynchronous else "SyncHttp"
    lines = [f'"""Operations of the API: {group}. {NOTE}"""', ""]
    lines += [OPERATION_IMPORTS.format(a=a, http=http, transport=transport)]
    body = [line for each in members for line in written(each, schemas, asynchronous=asynchronous)]
    used = set("".join(character if character.isalnum() else " " for character in "\n".join(body)).split())
    lines += _imports((name, home) for name, home in homes.items() if name in used)
    lines += ["", "", f"class {_class(group, asynchronous=asynchronous)}:"]
    lines += [f"    def __init__(self, http: {transport}) -> None:", "        self._http = http", ""]
    return "\n".join([*lines, *body])


def _formatted(text: Mapping[str, str]) -> dict[str, str]:
    """Unused imports go, the rest is in order. Raises CalledProcessError with ruff's words if it can't be read."""
    ruff, config = (sys.executable, "-m", "ruff"), ("--config", str(ROOT / "pyproject.toml"), "--no-cache", "-q")
    with tempfile.TemporaryDirectory() as folder:
        for name, each in text.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(each, "utf-8")
        for command in (("check", "--fix-only", "--select", "I,F401"), ("format",)):
            subprocess.run([*ruff, *command, *config, folder], check=True, timeout=60)
        return {name: Path(folder, name).read_text("utf-8") for name in text}


def write(document: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Files of operations that are gone are deleted."""
    made = files(document)
    for each in GENERATED:
        for path in (folder / each).glob("*.py"):
            if path.relative_to(folder).as_posix() not in made:
                path.unlink()
        (folder / each).mkdir(exist_ok=True)
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
