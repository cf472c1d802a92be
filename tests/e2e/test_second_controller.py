"""A second `voiceai serve` while people talk: it says who runs, and touches nothing."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import yaml

from controller.app import EXIT_RUNNING
from simulator.ports import free_port
from simulator.realtime import ToneModel
from tests.e2e.installation import installation
from tests.e2e.test_failover import is_answered
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers.asterisk import Asterisk


async def refused(folder: Path, name: str, **changes: Any) -> str:
    """Started with the config of the first one, but for `changes` (`section__key`). What it says."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    for where, value in changes.items():
        *path, last = where.split("__")
        section = config
        for each in path:
            section = section[each]
        section[last] = value
    file = folder / f"{name}.yaml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(config))
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("voiceai"), "serve", "--config", str(file)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, written = await process.communicate()
    assert process.returncode == EXIT_RUNNING, written.decode()
    return written.decode()


async def test_the_second_one_touches_nothing_of_the_first(asterisk: Asterisk, tmp_path: Path) -> None:
    other = f"127.0.0.1:{free_port()}"
    async with (
        installation(asterisk, tmp_path, lambda: ToneModel([GREETING], forever=REPLY)) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        (tmp_path / "elsewhere").mkdir()
        store = f"sqlite+aiosqlite:///{tmp_path}/elsewhere/voiceai.sqlite3"
        told = await asyncio.gather(
            refused(tmp_path, "same"),
            refused(tmp_path, "port", api__listen=other),
            refused(tmp_path, "app", api__listen=other, asterisk__ari__app="another"),
            refused(tmp_path, "store", api__listen=f"127.0.0.1:{free_port()}", store__url=store),
        )
        for text in told:
            assert f"pid {running.service.pid}" in text
            assert "\n" not in text.strip()
            assert "Traceback" not in text
        assert not (tmp_path / "elsewhere" / "voiceai.sqlite3").exists()
        assert (await running.only_call())["state"] == "talking"
        await is_answered(phone)
        await phone.hang_up()
        assert (await running.ended(call))["outcome"] == "answered"
