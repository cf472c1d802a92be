"""The rules of the architecture, read off the source: who may import whom, what pure means, how long a file may be.

The picture these rules come from is in ARCHITECTURE.md.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("controller", "bridge", "simulator", "demo", "bench", "client/voiceai_client", "docs/reference")
IMPURE = {"asyncio", "socket", "time", "logging", "os", "httpx", "aiohttp", "websockets", "structlog", "subprocess"}

CALLS = "controller.calls."
COMPOSITION = ("controller.app", "controller.parts", "controller.http_application")
ALLOWED: dict[str, tuple[str, ...]] = {
    "bridge": ("bridge.common",),
    "bridge.common": (),
    "bridge.contract": ("bridge.common",),
    "bridge.media": (),
    "bridge.engine": ("bridge.contract", "bridge.media"),
    "bridge.audiosocket": ("bridge.common", "bridge.media"),
    "bridge.recording": ("bridge.contract", "bridge.media"),
    "bridge.realtime": (
        *("bridge.common", "bridge.contract", "bridge.engine", "bridge.media"),
        *("bridge.realtime.protocol", "bridge.realtime.transport", "bridge.realtime.conversation"),
    ),
    "bridge.realtime.protocol": ("bridge.common", "bridge.contract"),
    "bridge.realtime.transport": ("bridge.common", "bridge.contract", "bridge.realtime.protocol"),
    "bridge.realtime.conversation": ("bridge.common", "bridge.contract", "bridge.media", "bridge.realtime.protocol"),
    "bridge.worker": ("bridge",),
    "controller": (),
    **dict.fromkeys(COMPOSITION, ("controller", "bridge.common", "bridge.contract")),
    "controller.ari": ("bridge.common",),
    "controller.dialing": ("bridge.common",),
    "controller.store": ("bridge.common", "controller.cluster.node"),
    "controller.cluster": ("bridge.common", "controller.config", "controller.store"),
    "controller.versions": ("controller.config", "controller.store"),
    "controller.workers": ("bridge.common", "bridge.contract", "controller.config"),
    "controller.config": ("bridge.common", "bridge.contract", "controller.dialing"),
    "controller.calls": (),
    "controller.calls.machine": ("bridge.contract", CALLS + "metadata"),
    "controller.calls.tools": ("bridge.common", "bridge.contract", "controller.config"),
    "controller.calls.reporting": ("bridge.contract", CALLS + "machine", CALLS + "metadata"),
    "controller.calls.planning": (
        *("bridge.common", "bridge.contract", "controller.config", "controller.dialing"),
        *(CALLS + "errors", CALLS + "machine", CALLS + "metadata", CALLS + "tools"),
    ),
    "controller.calls.admission": (
        *("bridge.contract", "controller.config", "controller.dialing", "controller.store", "controller.workers"),
        *("controller.cluster", CALLS + "errors", CALLS + "machine", CALLS + "reporting"),
    ),
    "controller.calls.outbound": (
        *("bridge.common", "controller.cluster.node", "controller.config", "controller.dialing", "controller.store"),
        *(CALLS + "errors", CALLS + "machine", CALLS + "metadata", CALLS + "reporting", CALLS + "planning"),
    ),
    "controller.calls.runtime": (
        *("bridge.common", "bridge.contract", "controller.ari", "controller.config", "controller.dialing"),
        *(
            "controller.store",
            "controller.workers",
            CALLS + "errors",
            CALLS + "machine",
            CALLS + "metadata",
            CALLS + "tools",
        ),
        *(CALLS + "reporting", CALLS + "planning", CALLS + "admission", "controller.cluster"),
    ),
    "controller.text_sessions": (
        *("bridge.common", "bridge.contract", "controller.config", "controller.workers", CALLS + "errors"),
        *(CALLS + "machine", CALLS + "tools", CALLS + "planning", CALLS + "runtime.worker_inputs"),
    ),
    "controller.agent_tests": (
        *("bridge.common", "bridge.contract", "controller.config", "controller.text_sessions", CALLS + "errors"),
    ),
    "controller.events": (
        *("bridge.common", "bridge.contract", "controller.cluster.node", "controller.config", "controller.store"),
        *(
            "controller.cluster.event_log",
            "controller.cluster.port",
            CALLS + "errors",
            CALLS + "reporting",
            CALLS + "metadata",
        ),
    ),
    "controller.telemetry": (
        *("bridge.common", "bridge.contract", "controller.ari", "controller.config", "controller.workers"),
        *(CALLS + "machine", CALLS + "reporting"),
    ),
    "controller.softphone": (
        *("bridge.common", "controller.ari", "controller.config", CALLS + "errors", CALLS + "machine"),
        *(CALLS + "reporting", CALLS + "runtime.ports"),
    ),
    "controller.api": (
        *(
            "bridge.common",
            "bridge.contract",
            "controller.cluster",
            "controller.config",
            "controller.dialing",
            "controller.store",
            "controller.versions",
            "controller.workers",
        ),
        *("controller.events", "controller.telemetry", CALLS + "errors", CALLS + "reporting", CALLS + "outbound"),
        *(CALLS + "runtime.call_control", "controller.text_sessions", "controller.softphone", "controller.agent_tests"),
        *(CALLS + "planning", CALLS + "tools", CALLS + "metadata"),
    ),
    "controller.cli": (
        *("controller", "bridge.common", "bridge.contract", "bridge.audiosocket.wire", "bridge.realtime.probe"),
        *("demo", "simulator"),
    ),
    "simulator": (),
    "demo": ("simulator",),
    "bench": ("simulator", "bridge.contract"),
    "bench.cluster": ("bench", "simulator", "bridge.contract", "controller.cluster", "controller.config"),
    "docs.reference": ("controller.api", "controller.config"),
    "voiceai_client": (),
}
"""What each package may import besides itself."""

SOURCES = sorted(path for folder in OURS for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return name.removeprefix("client.")  # a distribution of its own


MODULES = frozenset(map(name_of, SOURCES))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def written(path: Path) -> tuple[str, ...]:
    """Every module imported, as written; `from a import b` counts as a and as a.b."""
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)


def imported(path: Path) -> Iterator[str]:
    """Modules of ours: of `from a import b` the submodule b, or else a."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def package_of(module: str) -> str:
    """The longest of `ALLOWED` that it is in."""
    return max((each for each in ALLOWED if inside(module, each)), key=len)


def may(module: str, other: str) -> bool:
    package = package_of(module)
    allowed = (package, *ALLOWED[package])
    if package in ("bridge.worker", *COMPOSITION, "controller.cli"):  # all that is in these
        return any(inside(other, each) for each in allowed)
    return other in allowed or package_of(other) in allowed


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_keep_to_the_rules(path: Path) -> None:
    module = name_of(path)
    broken = {(module, each) for each in imported(path) if not may(module, each)}
    assert broken == set()


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Those that only a type checker would follow count as well: there are none."""
    left = {name_of(path): set(imported(path)) - {name_of(path)} for path in SOURCES}
    while free := {module for module, others in left.items() if not others & left.keys()}:
        left = {module: others for module, others in left.items() if module not in free}
    assert left == {}, "in a circle, or above one"
    assert [path for path in SOURCES if "TYPE_CHECKING" in written_names(path)] == []


def written_names(path: Path) -> set[str]:
    return {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}


def is_pure(path: Path) -> bool:
    docstring = ast.get_docstring(tree_of(path)) or ""
    return "[pure]" in docstring.split("\n\n")[0]


PURE = [path for path in SOURCES if is_pure(path)]


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_pure_modules_do_no_io_and_read_no_clock(path: Path) -> None:
    impure = {each.partition(".")[0] for each in written(path)} & IMPURE
    assert impure == set()
    awaits = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.AsyncFunctionDef | ast.Await)]
    assert awaits == []


@pytest.mark.parametrize(
    "module",
    [
        "bridge.contract",
        "bridge.media.playout",
        "bridge.realtime.conversation.core",
        "bridge.audiosocket.wire",
        "bridge.realtime.protocol.server_events",
        "controller.ari.events",
        "controller.calls.machine.table",
        "controller.calls.machine.inputs",
        "controller.calls.machine.outcome",
        "controller.dialing.numbers",
        "controller.calls.planning.routing",
    ],
)
def test_the_core_is_declared_pure(module: str) -> None:
    assert module in map(name_of, PURE)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_modules_say_what_they_own_and_stay_short(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(tree_of(path)), "no module docstring"
    if text.splitlines()[:1] and "Made from the OpenAPI document" in text.splitlines()[0]:
        return  # as long as the API is
    assert text.count("\n") <= 400
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno <= 60, f"{node.name} is too long"


def words_of(tree: ast.AST) -> Iterator[str]:
    """All names in the code, and the words of its strings other than docstrings."""
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.alias(name=name):
                yield from name.split(".")
            case ast.Constant(value=str(text)) if id(node) not in statements:
                yield from (text, *re.findall(r"\w+", text))


def docstrings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


TREES = {name_of(path): tree_of(path) for path in SOURCES}
WORDS = {word for tree in TREES.values() for word in words_of(tree)} | {
    part for each in MODULES for part in each.split(".")
}
DEFINED = {module: {name for name in words_of(tree) if name.isidentifier()} for module, tree in TREES.items()}
TOP_LEVEL = {
    name
    for tree in TREES.values()
    for node in tree.body
    for name in ([node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else words_of(node))
    if isinstance(node, ast.FunctionDef | ast.ClassDef) or (isinstance(node, ast.Assign) and name.isupper())
}
OF_OTHERS = {"regex", "highpriority", "total_analysis_time", "systemname", "notfound", "worker2"}
"""Names of libraries and of Asterisk, and values that are made while a program runs."""


def ends_with(module: str, end: str) -> bool:
    return f".{module}".endswith(f".{end}")


def unknown_names(docstring: str) -> list[str]:
    """In backticks: words that are nowhere in the code, and `module.name` where that module of ours lacks the name."""
    found = [each for each in re.findall(r"`([a-z]\w+)`", docstring) if each not in WORDS | OF_OTHERS]
    for named in re.findall(r"`([a-z_]+(?:\.\w+)+)`", docstring):
        module, _, name = named.rpartition(".")
        if name in TOP_LEVEL and named not in WORDS and not any(ends_with(each, named) for each in MODULES):
            ours = [each for each in MODULES if ends_with(each, module)]
            objects = module in WORDS and not ours
            if not objects and not any(name in DEFINED[each] for each in ours):
                found.append(named)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_names_in_docstrings_exist(path: Path) -> None:
    assert [name for text in docstrings(TREES[name_of(path)]) for name in unknown_names(text)] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_whoever_catches_everything_says_why_or_raises_it_again(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        everything = node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
        raises = isinstance(node.body[-1], ast.Raise)
        assert not everything or raises or "  # " in lines[node.lineno - 1], f"line {node.lineno}: why is it right?"


def test_the_rules_can_be_broken() -> None:
    """The checks themselves: each rule refuses what it is there to refuse."""
    assert not may("bridge.worker.process", "controller.app")
    assert not may("controller.workers.pool", "bridge.media.playout")
    assert not may("controller.ari.rest", "controller.config.loader")
    assert not may("controller.ari.rest", "bridge.contract.events")
    assert not may("controller.api.server", "controller.ari.rest")
    assert not may("bridge.realtime.session", "simulator.realtime.server")
    assert not may("bridge.realtime.conversation.core", "bridge.realtime.transport.client")
    assert not may("controller.cli.doctor.sessions", "bridge.realtime.transport.client")
    assert not may("controller.calls.runtime.registry", "controller.calls.outbound.dialer")
    assert not may("controller.api.server", "controller.cli.main")
    assert not may("controller.api.server", "controller.parts")
    assert not may("voiceai_client.sync_http", "controller.api.problems")
    assert not may("controller.cli.calls", "voiceai_client.client")
    assert may("controller.ari.rest", "bridge.common.strict_json")
    assert may("controller.workers.pool", "bridge.contract.events")
    assert may("controller.cli.doctor.loopback", "bridge.audiosocket.wire")
    assert may("controller.cli.doctor.sessions", "bridge.realtime.probe")
    assert may("controller.ari.link", "controller.ari.events")
    assert may("controller.cli.main", "demo.run")
    assert may("controller.events.records.writer", "controller.events.schemas")
