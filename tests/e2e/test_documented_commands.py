"""The commands of README and docs, run as they are printed, against a real installation.

`run: installation` before a block (tests/pages.py) means: in a folder with the shipped config.yaml, with `voiceai` in
PATH, a controller behind 127.0.0.1:8080 and a token with scope admin in VOICEAI_API_TOKEN. `$CALL` is a live call where
the block controls one, else a past call.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from simulator.audio.sound import tone
from simulator.realtime.instruction_model import InstructionModel
from tests.e2e.installation import Installation, installation
from tests.pages import ROOT, Block, shell_blocks
from tests.peers.asterisk import Asterisk
from tests.peers.callees import Callees
from tests.peers.http_server import http_server

SHIPPED: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
RECEPTION = SHIPPED["agents"]["reception"]
WORDS = ("When are you open?",)
OF_ID = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
VERSIONS = 8
"""Of the agent: so many the pages speak of."""

VOICEAI = """#!/bin/bash
# The address of the pages is this installation's. What a reader types: Ctrl-C, a sentence and Ctrl-D, "y".
export VOICEAI_URL={url}
case " $* " in
    *" watch "*) timeout -s INT 2 {voiceai} "$@" </dev/null || [ $? = 124 ] ;;
    *" try "*) exec {voiceai} "$@" <<<"When are you open?" ;;
    *" forget "*) exec {voiceai} "$@" <<<y ;;
    *) exec {voiceai} "$@" </dev/null ;;
esac
"""
CURL = """#!/bin/bash
# Fails where the answer is an error; a stream ends after a second.
words=("${{@//127.0.0.1:8080/{address}}}")
case " $* " in
    *" -N "*) timeout 1 /usr/bin/curl --fail-with-body "${{words[@]}}" || [ $? = 124 ] ;;
    *) exec /usr/bin/curl --fail-with-body "${{words[@]}}" ;;
esac
"""


@asynccontextmanager
async def running_as_documented(asterisk: Asterisk, folder: Path) -> AsyncIterator[Installation]:
    """The shipped config's agent; agents and the tool of the pages besides, kept in the store."""
    async with http_server(customer) as host:
        crm = {"description": "Looks up a customer.", "url": f"http://{host}/{{id}}", "parameters": OF_ID}
        async with with_tool({**crm, "allowed_hosts": ["127.0.0.1"]}, asterisk, folder) as running:
            yield running


async def customer(_: web.Request) -> web.Response:
    return web.Response(text="A good customer.")


@asynccontextmanager
async def with_tool(crm: dict[str, Any], asterisk: Asterisk, folder: Path) -> AsyncIterator[Installation]:
    (folder / "recordings").mkdir()
    agents = {
        "reception": {**RECEPTION, "recording": {"path": str(folder / "recordings")}},
        "sales": {"instructions": "Be brief."},
        "orders": {"instructions": "Be brief.", "tests": {"brief": {"says": ["Hello."], "checks": [{"max_turns": 1}]}}},
    }
    more = {
        "resources": {"source": "store"},
        "agents": agents,
        "transfer": SHIPPED["transfer"],
        "http_tools": {"crm": crm},
    }
    trunk = {"international": True}
    async with (
        Callees(asterisk.trunk_port, listens=5.0),
        installation(asterisk, folder, lambda: InstructionModel(WORDS), trunk=trunk, more=more) as running,
    ):
        yield running


async def draft(running: Installation, path: str, **changed: object) -> str:
    """Its ETag."""
    content = (await running.api("GET", path))["published"]["content"] | changed
    put = await running.service.api.put(f"{path}/draft", json={"content": content}, headers={"If-Match": "*"})
    return str(put.raise_for_status().headers["ETag"])


async def publish_versions(running: Installation) -> None:
    """And drafts of the agent and of the tool."""
    path = "/v1/resources/agents/reception"
    for number in range(2, VERSIONS + 1):
        tag = {"If-Match": await draft(running, path, max_call_s=3600 + number)}
        (await running.service.api.post(f"{path}/publish", json={}, headers=tag)).raise_for_status()
    await draft(running, path, max_call_s=3600)
    await draft(running, "/v1/resources/http_tools/crm", filler="One moment.")


async def live_call(running: Installation) -> str:
    """To a callee who has answered."""
    call = (await running.api("POST", "/v1/calls", to="+493012345678", agent="reception"))["id"]
    await running.service.logged("call state", 10, call=call, state="talking")
    return str(call)


async def past_call(running: Installation) -> str:
    """Of a caller who has said something."""
    async with running.caller() as phone:
        call = await running.call_id()
        await phone.rtp.sound((await phone.answered()).at)
        phone.rtp.say(tone(0.8, 500))
        await running.service.logged("said", 10, call=call, who="caller")
        await phone.hang_up()
    await running.ended(call)
    return call


def prepare(folder: Path, running: Installation) -> Path:
    """Commands that lead to this installation; returns their folder."""
    bin_ = folder / "bin"
    bin_.mkdir()
    for name, text in (("voiceai", VOICEAI), ("curl", CURL)):
        told = text.format(
            url=running.service.url,
            address=running.service.url.removeprefix("http://"),
            voiceai=Path(sys.executable).with_name("voiceai"),
        )
        (bin_ / name).write_text(told)
        (bin_ / name).chmod(0o755)
    return bin_


def reader(folder: Path, bin_: Path) -> Path:
    """A folder in which somebody reads a page."""
    here = folder
    (here / ".venv").mkdir(parents=True)
    (here / ".venv" / "bin").symlink_to(bin_)
    for name in ("config.yaml", "my.yaml"):
        (here / name).write_bytes((ROOT / "config.yaml").read_bytes())
    (here / "tests.yaml").write_text(yaml.safe_dump({"tests": RECEPTION["tests"]}))
    (here / "new-prompt.txt").write_text(RECEPTION["instructions"])
    return here


async def failure_of(block: Block, here: Path, environment: dict[str, str]) -> str | None:
    """What a block printed, if a command of it failed."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-eu", "-o", "pipefail", "-c", block.commands),
        cwd=here,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        return "has not ended after a minute"
    return f"exit status {process.returncode}: {output.decode()}" if process.returncode else None


async def failures_of(page: list[Block], running: Installation, here: Path, environment: dict[str, str]) -> list[str]:
    wrong = []
    for block in page:
        call = {"CALL": await live_call(running)} if "/$CALL/" in block.text else {}
        if told := await failure_of(block, here, environment | call):
            wrong.append(f"{block.id}: {told}")
    return wrong


@pytest.mark.timeout(240)
async def test_commands_of_the_pages_work_as_they_are_printed(asterisk: Asterisk, tmp_path: Path) -> None:
    """Those of a page one after the other, in a folder; pages that change the agent or its worker come last."""
    pages: dict[str, list[Block]] = {}
    for block in [each for each in shell_blocks() if each.mark == ("run", "installation")]:
        pages.setdefault(block.page, []).append(block)
    async with running_as_documented(asterisk, tmp_path) as running:
        bin_, call = prepare(tmp_path, running), await past_call(running)
        await publish_versions(running)
        environment = {
            **os.environ,
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "VOICEAI_API_TOKEN": running.service.api.headers["Authorization"].removeprefix("Bearer "),
            "ARI_PASSWORD": "0" * 64,
            "OPENAI_API_KEY": "sk-test",
            "CALL": call,
            "COLUMNS": "200",
        }
        last = [pages.pop("versions.md"), pages.pop("upgrading.md")]
        wrong: list[str] = []

        async def read(page: list[Block]) -> None:
            here = reader(tmp_path / page[0].page, bin_)
            wrong.extend(await failures_of(page, running, here, environment))

        await asyncio.gather(*map(read, pages.values()))
        for page in last:
            await read(page)
        for each in (await running.api("GET", "/v1/calls?state=active"))["calls"]:
            await running.api("POST", f"/v1/calls/{each['id']}/hangup")
        assert not wrong, "\n\n".join(wrong)
