"""The doctor looks at the store and leaves it as it is."""

import os
import sqlite3
from pathlib import Path

import pytest

from controller.cli.doctor import store
from controller.config import Config
from controller.store.database import Database
from tests.unit.controller.configs import SMALL, config


def of(file: Path) -> Config:
    return config(SMALL, store={"url": f"sqlite+aiosqlite:///{file}"})


async def told(file: Path) -> tuple[str, str]:
    (found,) = await store.store(of(file))
    assert found.check == "store"
    return found.verdict.value, found.told


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """One that a controller has made."""
    made = tmp_path / "voiceai.sqlite3"
    async with Database(f"sqlite+aiosqlite:///{made}"):
        pass
    return made


async def test_one_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "var/voiceai.sqlite3"
    verdict, text = await told(file)
    assert (verdict, "the controller creates it" in text) == ("ok", True)
    assert os.listdir(tmp_path) == []


async def test_a_folder_that_can_not_be_written() -> None:
    verdict, text = await told(Path("/proc/nowhere/voiceai.sqlite3"))
    assert (verdict, "can't be opened" in text) == ("failure", True)


def seen(file: Path) -> tuple[bytes, list[str]]:
    return file.read_bytes(), os.listdir(file.parent)


async def test_one_that_is_there_is_not_changed(file: Path) -> None:
    before = seen(file)
    assert await told(file) == ("ok", "sqlite answers")
    async with Database(f"sqlite+aiosqlite:///{file}"):
        assert await told(file) == ("ok", "sqlite answers")
    assert seen(file) == before


@pytest.mark.parametrize(
    ("version", "verdict", "text"),
    [("0001", "ok", "brings its tables up to date"), ("9999", "failure", "of another release: its version is 9999")],
)
async def test_one_of_another_release(file: Path, version: str, verdict: str, text: str) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.execute("UPDATE schema_compatibility SET since = ?", (version,))
    connection.commit()
    connection.close()
    found, what = await told(file)
    assert (found, text in what) == (verdict, True), what


async def test_one_that_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "voiceai.sqlite3"
    with open(file, "wb") as damaged:  # noqa: ASYNC230
        damaged.write(b"no database at all" * 1000)
    verdict, text = await told(file)
    assert (verdict, "not a database" in text) == ("failure", True)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
async def test_one_that_the_controller_can_not_write(file: Path) -> None:
    """As root leaves it that starts the controller, or another program, in the folder of the service's user."""
    os.chown(file.parent, 12345, 12345)
    verdict, text = await told(file)
    assert (verdict, "belongs to root, and its folder to 12345" in text) == ("failure", True)
