"""A port that is taken, or an address that is not ours: one line with the cause and the remedy, and an exit status."""

import asyncio
import errno
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from bridge import contract
from controller.cli import serve as serving, serve_command
from tests.peers.stores import store_at
from tests.unit.controller.configs import ENV, SMALL, with_

TAKEN, NOT_OURS, UNKNOWN = "Address already in use", "Cannot assign requested address", "not known"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def ran(*arguments: str, **environment: str) -> tuple[int | None, str]:
    """Exit status, and all that was written."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(40):
            written, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, written.decode()


async def served(folder: Path, listen: str, **changes: Any) -> tuple[int | None, str]:
    file = folder / "config.yaml"
    keys = {"api__listen": listen, "store": {"url": store_at(folder)}, **changes}
    file.write_text(yaml.safe_dump(with_(SMALL, **keys), sort_keys=False))
    start = "from controller.cli.__main__ import main; main()"
    return await ran("-c", start, "serve", "-c", str(file), **ENV)


@pytest.mark.parametrize(
    ("listen", "why"), [("127.0.0.1:{taken}", TAKEN), ("192.0.2.1:8080", NOT_OURS), ("nobody.invalid:8080", UNKNOWN)]
)
async def test_the_api_and_with_it_the_link(tmp_path: Path, taken: int, listen: str, why: str) -> None:
    listen = listen.format(taken=taken)
    status, written = await served(tmp_path, listen)
    assert status == 1
    told = [line for line in written.splitlines() if line.startswith("voiceai can't")]
    assert len(told) == 1, written
    assert told[0].startswith(f"voiceai can't listen on {listen}: ")
    assert why in told[0]
    assert told[0].endswith("Change `api.listen`.")
    assert "Traceback" not in written


def test_what_else_is_wrong_is_not_said_to_be_the_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/voiceai.journal")

    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(serving, "serve", full)
    monkeypatch.setattr(serve_command, "set_up_log", lambda: None)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(SMALL))
    with pytest.raises(typer.Exit) as ended:
        serve_command.serve(file, workers=True, takeover=False)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == (
        "voiceai can't start: [Errno 28] No space left on device: '/srv/voiceai.journal'\n"
    )


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (("--listen", "127.0.0.1", "--ports", "{taken}"), "no free port on 127.0.0.1"),
        (("--listen", "192.0.2.1", "--ports", "0"), NOT_OURS),
        (("--listen", "nobody.invalid", "--ports", "0"), UNKNOWN),
    ],
)
async def test_a_worker_for_sound(taken: int, where: tuple[str, ...], why: str) -> None:
    given = [each.format(taken=taken) for each in where]
    link = "ws://127.0.0.1:9/link"
    status, written = await ran("-m", "bridge.worker", "--controller", link, *given, **{contract.TOKEN_ENV: "x" * 20})
    assert status == 1
    (line,) = [found for each in written.splitlines() if (found := json.loads(each))["level"] == "error"]
    assert line["event"] == "worker can't listen"
    assert line["listen"] == given[1]
    assert why.lower() in line["fault"].lower()
    assert "Traceback" not in written


async def test_a_worker_without_a_port_for_its_metrics_carries_calls_all_the_same(taken: int) -> None:
    link, more = "ws://127.0.0.1:9/link", ("--metrics", f"127.0.0.1:{taken}", "--ports", "0", "--quit-after", "1")
    status, written = await ran("-m", "bridge.worker", "--controller", link, *more, **{contract.TOKEN_ENV: "x" * 20})
    assert status == 0
    assert "no metrics: nowhere to serve them, calls go on" in written
