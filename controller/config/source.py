"""Parses the text of a config file to plain data. [pure]

Owns YAML with the line of every key, and `${NAME}` / `${NAME:-default}` in any text value (`$${` is a literal `${`; as
in a shell, the default also replaces an empty variable).

Refuses what YAML would allow: a key written twice, a document that contains itself, more than one document. Errors are
collected and not raised, so that one run shows all of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from controller.config.errors import ConfigError, Path, dotted

_VARIABLE = re.compile(
    r"\$(?:(?P<literal>\$)(?=\{)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\{))"
)
_QUOTED = re.compile(r"'(?!<)[^']{2,}'")
_NEEDS_QUOTES = ("alias", "anchor", "tag", "directive", "cannot start any token", "mapping values")
MAX_KEYS = 50_000  # a few lines with aliases of aliases could expand beyond the memory
MAX_NODES = 2 * MAX_KEYS
MAX_DEPTH = 50
"""Of brackets in brackets: PyYAML's time grows with the square of it."""


class _Loader(yaml.SafeLoader):
    """Gives up early on what is too big or nested too deeply to be a config."""

    nodes = depth = 0

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:
        if self.flow_level >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.nodes += 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=self.get_mark())
        if self.nodes > MAX_NODES:
            raise yaml.MarkedYAMLError(problem="has too many entries", problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


@dataclass(slots=True)
class Source:
    """A parsed file. `written`: by path, the texts with `${NAME}`, before its replacement."""

    data: Any = None
    raw: Any = None
    """As `data`, before the replacement."""
    lines: dict[Path, int] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    from_store: bool = False
    """Agents and the like are in the store, and left out here."""
    errors: list[ConfigError] = field(default_factory=list)
    unset: set[Path] = field(default_factory=set)
    unusable: bool = False

    def line(self, path: Path) -> int | None:
        """The line of the key at `path`, or of the nearest key above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def add(self, path: Path, message: str, hint: str = "", value: str = "") -> None:
        self.errors.append(ConfigError(dotted(path), value, message, hint, self.line(path)))


def read(text: str, env: Mapping[str, str]) -> Source:
    source = Source()
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:  # its own text quotes the character, which may belong to a secret
        source.errors.append(ConfigError("", "", f"has a character that YAML does not allow, at {error.position}"))
        return source
    try:
        node = loader.get_single_node()
        if node is None:
            source.add((), "is empty", "start from the config.yaml that comes with voiceai")
            return source
        _survey(node, (), (), source)
        if not source.unusable:
            source.raw = loader.construct_document(node)
            source.data = filled(source.raw, (), env, source)
    except yaml.MarkedYAMLError as error:
        source.errors.append(_syntax_error(error))
    except (ValueError, RecursionError):  # dates such as 2026-13-45; thousands of brackets
        source.add((), "has a value that YAML can't read", "put dates, times and odd numbers in quotes")
    finally:
        loader.dispose()
    return source


def _syntax_error(error: yaml.MarkedYAMLError) -> ConfigError:
    """Does not quote the line of the file, as PyYAML would: it may hold a secret."""
    problem = _QUOTED.sub("'…'", error.problem or "can't be read")
    mark = error.problem_mark or error.context_mark
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    hint = "a text that starts with one of * & ! % @ ` or holds ': ' needs quotes"
    return ConfigError(
        "",
        "",
        f"not valid YAML{place}: {problem}",
        hint if any(word in problem for word in _NEEDS_QUOTES) else "",
        mark.line + 1 if mark else None,
    )


def _survey(node: yaml.Node, path: Path, above: tuple[yaml.Node, ...], source: Source) -> None:
    """Records the line of every key, and reports keys that are written twice."""
    if any(node is parent for parent in above) or len(source.lines) > MAX_KEYS:
        if not source.unusable:
            source.add(path, "contains itself" if len(source.lines) <= MAX_KEYS else "is too big: aliases of aliases?")
        source.unusable = True
        return
    above = (*above, node)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            source.lines[(*path, index)] = item.start_mark.line + 1
            _survey(item, (*path, index), above, source)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen and name != "<<":
                source.lines[(*path, name)] = line
                source.add((*path, name), "is written twice", f"the first one is in line {seen[name]}; keep one")
            seen.setdefault(name, line)
            source.lines[(*path, name)] = line
            _survey(value, (*path, name), above, source)


def filled(value: Any, path: Path, env: Mapping[str, str], source: Source) -> Any:
    """`value`, at `path` of the config, with its `${NAME}` replaced. Adds to what `source` knows."""
    if isinstance(value, dict):
        return {key: filled(item, (*path, str(key)), env, source) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, (*path, index), env, source) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replaced(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if match["literal"]:
            return "$"
        if match["bad"]:
            source.unset.add(path)
            source.add(path, "has a `${` that is not `${NAME}` or `${NAME:-default}`", "write `$${` for a literal `${`")
            return ""
        found = env.get(name)
        if found is None and default is None:
            source.unset.add(path)
            source.add(
                path,
                f"needs the environment variable {name}, which is not set",
                f"set {name}, or write ${{{name}:-default}}",
            )
            return ""
        return default if default is not None and not found else found or ""

    source.written[path] = value
    return _VARIABLE.sub(replaced, value)
