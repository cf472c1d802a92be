"""The locks: exact, hashed, free of addresses, and in step with pyproject.toml (else: `make lock`)."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME: list[str] = PROJECT["dependencies"]
EXTRAS: list[str] = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
OPTIONAL: list[str] = [
    each for name in ("cluster", "otel", "postgres") for each in PROJECT["optional-dependencies"][name]
]


def pins(lock: str) -> dict[str, list[str]]:
    """Name -> its versions (more than one where Python's version decides)."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", RUNTIME),
        ("requirements-extras.lock", RUNTIME + OPTIONAL),
        ("requirements-dev.lock", RUNTIME + EXTRAS),
    ],
    ids=["runtime", "extras", "dev"],
)
def test_each_dependency_is_locked_to_a_version_that_the_project_allows(lock: str, wanted: list[str]) -> None:
    locked = pins(lock)
    for requirement in map(Requirement, wanted):
        versions = locked.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement.name} is not in {lock}: make lock"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: make lock"


def test_what_runs_in_tests_is_what_runs_in_production() -> None:
    extras = pins("requirements-extras.lock").items()
    assert pins("requirements.lock").items() <= extras
    assert extras <= pins("requirements-dev.lock").items()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-extras.lock", "requirements-dev.lock"])
def test_a_lock_is_hashed_and_holds_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|^-|^file:", text, re.MULTILINE)
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    assert len(blocks) > 10
    for block in blocks:
        assert "--hash=sha256:" in block, block
