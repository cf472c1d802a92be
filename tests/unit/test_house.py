"""The rules of the house, read off the source: who may import whom, what pure means, how long a file may be.

The picture these rules come from is in ARCHITECTURE.md.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("controller", "bridge", "demo", "bench")
IMPURE = {"asyncio", "socket", "time", "logging", "os", "httpx", "aiohttp", "websockets", "structlog", "subprocess"}
GENERIC = "bridge.strict_json"
"""Knows nothing of ours, so that even what is generic itself may use it."""
BRIDGE_DOORS = {
    "bridge.contract",
    "bridge.spec",
    "bridge.log",
    "bridge.limited_warnings",
    "bridge.notify",
    "bridge.trust",
    "bridge.proxies",
    GENERIC,
}

PROBE = ("bridge.realtime.probe", "bridge.realtime.probe.probe", "bridge.realtime.probe.Probe")

SOURCES = sorted(path for folder in OURS for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Every module imported, as written; `from a import b` counts as a and as a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def forbidden(module: str, imported: str) -> str | None:
    """Why `module` may not import `imported`; None: it may."""
    if inside(module, "bridge") and inside(imported, "controller"):
        return "bridge never imports controller"
    if inside(module, "controller") and inside(imported, "bridge") and imported != "bridge":
        if inside(module, "controller.doctor") and imported in ("bridge.audiosocket", "bridge.audiosocket.wire"):
            return None  # it takes a worker's place at the end of the wire
        if module == "controller.doctor.sessions" and imported in ("bridge.realtime", *PROBE):
            return None  # and at a provider's
        if not any(inside(imported, door) for door in BRIDGE_DOORS):
            return "controller knows of bridge only its contract (and how logs and TLS are set up)"
    if inside(module, "controller.ari") and any(inside(imported, each) for each in ("controller", "bridge")):
        if (
            not inside(imported, "controller.ari")
            and imported not in ("controller", "bridge")
            and not inside(imported, GENERIC)
        ):
            return "controller.ari is generic: it knows Asterisk and nothing of ours"
    if inside(module, "controller.api") and inside(imported, "controller.ari"):
        return "the API knows no ARI"
    if inside(module, "bridge") or (inside(module, "controller") and module != "controller.cli"):
        if inside(imported, "demo"):
            return "the product does not need the demo"
    return None


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_keep_to_the_rules(path: Path) -> None:
    module = name_of(path)
    broken = [f"{each}: {why}" for each in imports(path) if (why := forbidden(module, each))]
    assert broken == []


def is_pure(path: Path) -> bool:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    return "[pure]" in docstring.split("\n\n")[0]


PURE = [path for path in SOURCES if is_pure(path)]


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_pure_modules_do_no_io_and_read_no_clock(path: Path) -> None:
    impure = {each.partition(".")[0] for each in imports(path)} & IMPURE
    assert impure == set()
    awaits = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.AsyncFunctionDef | ast.Await)]
    assert awaits == []


@pytest.mark.parametrize(
    "module",
    [
        "bridge.contract",
        "bridge.playout",
        "bridge.conversation",
        "bridge.audiosocket.wire",
        "bridge.realtime.events",
        "controller.ari.events",
        "controller.call.machine",
        "controller.call.messages",
        "controller.call.outcome",
        "controller.limits",
        "controller.routing",
    ],
)
def test_the_core_is_declared_pure(module: str) -> None:
    assert module in map(name_of, PURE)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_modules_say_what_they_own_and_stay_short(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "no module docstring"
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno <= 60, f"{node.name} is too long"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_whoever_catches_everything_says_why_or_raises_it_again(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        everything = node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
        raises = isinstance(node.body[-1], ast.Raise)
        assert not everything or raises or "  # " in lines[node.lineno - 1], f"line {node.lineno}: why is it right?"


def test_the_rules_can_be_broken() -> None:
    """The checks themselves: each rule refuses what it is there to refuse."""
    assert forbidden("bridge.worker", "controller.app")
    assert forbidden("controller.workers", "bridge.playout")
    assert forbidden("controller.ari.rest", "controller.config")
    assert forbidden("controller.ari.rest", "bridge.contract")
    assert forbidden("controller.api.server", "controller.ari.rest")
    assert forbidden("bridge.session", "demo.realtime")
    assert forbidden("controller.ari.rest", "bridge.strict_json") is None
    assert forbidden("controller.workers", "bridge.contract") is None
    assert forbidden("controller.workers", "bridge.audiosocket.wire")
    assert forbidden("controller.doctor.loopback", "bridge.audiosocket.wire") is None
    assert forbidden("controller.doctor.sessions", "bridge.realtime.probe") is None
    assert forbidden("controller.doctor.sessions", "bridge.realtime.client")
    assert forbidden("controller.ari.link", "controller.ari.events") is None
    assert forbidden("controller.cli", "demo.run") is None
