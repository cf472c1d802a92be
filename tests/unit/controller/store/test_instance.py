"""One controller per store: the second one is told who the first is, and the first one's death lets the next in."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.config.models.store import Store
from controller.store.database import StoreError
from controller.store.instance import AlreadyRunning, Holder, StoreLock
from controller.workers.reattach import link_token
from simulator.ports import free_port

US = Holder(os.getpid(), "here", "2026-01-01T00:00:00+00:00", "127.0.0.1:8080", "voiceai")
SQLITE = "sqlite+aiosqlite:///x"

HOLD = """
import asyncio, sys, time
from pathlib import Path
from controller.store.instance import Holder, StoreLock
lock = StoreLock("sqlite+aiosqlite:///x", Path(sys.argv[1]), Holder.of_us("127.0.0.1:1", "first"), "node1")
asyncio.run(lock.acquire())
print("held", flush=True)
time.sleep(60)
"""


def lock_at(path: Path) -> StoreLock:
    return StoreLock(SQLITE, path, US, "node1")


async def test_the_second_one_is_told_who_has_it_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "var" / "voiceai.lock"
    first, second = lock_at(path), lock_at(path)
    await first.acquire()
    before = path.read_bytes()
    with pytest.raises(AlreadyRunning) as told:
        await second.acquire()
    text = str(told.value)
    assert "\n" not in text
    assert all(each in text for each in (str(os.getpid()), US.since, US.api, US.host, str(path)))
    assert path.read_bytes() == before, "nothing was touched"
    await first.release()
    await second.acquire()
    await second.release()


@pytest.mark.skipif(os.name != "posix", reason="flock(2)")
async def test_one_that_is_killed_lets_the_next_one_in_at_once(tmp_path: Path) -> None:
    path = tmp_path / "voiceai.lock"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, str(path), stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"held\n"
    with pytest.raises(AlreadyRunning, match=rf"pid {child.pid} .* app first"):
        await lock_at(path).acquire()
    child.kill()
    await child.wait()
    lock = lock_at(path)
    await lock.acquire()
    await lock.release()


async def test_the_store_is_known_again_and_a_copy_of_it_is_another(tmp_path: Path) -> None:
    found = []
    for path in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        if path.name == "b":
            path.write_bytes((tmp_path / "a").read_bytes())
        lock = lock_at(path)
        await lock.acquire()
        await lock.release()
        found.append(lock.store)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 4000, json.dumps({"store": 5}).encode()])
async def test_a_lock_file_that_cannot_be_read_is_written_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "voiceai.lock"
    path.write_bytes(content)
    first, second = lock_at(path), lock_at(path)
    await first.acquire()
    assert json.loads(path.read_bytes())["pid"] == os.getpid()
    path.write_bytes(content)
    with pytest.raises(AlreadyRunning, match="another voiceai serve"):
        await second.acquire()
    await first.release()


async def test_a_lock_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="lock file"):
        await lock_at(tmp_path / "file" / "voiceai.lock").acquire()


@pytest.mark.parametrize(
    ("option", "said"), [("", "Connect call failed"), ("?ssl=x", "sslmode"), ("?sslmode=require", "'sslmode'.*ssl=")]
)
async def test_a_database_that_cannot_be_locked_is_said_with_the_driver_s_words(
    tmp_path: Path, option: str, said: str
) -> None:
    url = f"postgresql+asyncpg://u:s3cret@127.0.0.1:{free_port()}/db{option}"
    with pytest.raises(StoreError, match=said) as told:
        await StoreLock(url, tmp_path / "voiceai.lock", US, "node1").acquire()
    assert "s3cret" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", ["full disk", "pipe"])
async def test_a_lock_that_cannot_be_written_is_said_of_the_lock(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "voiceai.lock"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/full")
    with pytest.raises(StoreError, match="the lock file .* can't be written"):
        await lock_at(path).acquire()


@pytest.mark.parametrize("content", [b"\xff\xfe" * 40, b"short", b"", "ü".encode() * 40, None])
def test_a_link_token_that_is_none_is_made_anew(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "voiceai.link-token"
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    made = link_token(tmp_path.joinpath)
    assert len(made) >= 32
    assert link_token(tmp_path.joinpath) == made


def test_each_way_to_a_store_leads_to_one_lock(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "other.sqlite3").symlink_to(tmp_path / "real" / "voiceai.sqlite3")
    urls = (f"{tmp_path}/real/voiceai.sqlite3", f"{tmp_path}/link/voiceai.sqlite3?x=1", f"{tmp_path}/other.sqlite3")
    found = {Store.model_validate({"url": f"sqlite+aiosqlite:///{each}"}).lock for each in urls}
    assert found == {tmp_path / "real" / "voiceai.lock"}
