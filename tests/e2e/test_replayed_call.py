"""`voiceai test --replay`: a call that was really made, said again to the agent as it is, as a draft, as a version."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli.connection import out
from controller.cli.main import app
from simulator.audio.sound import is_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime.instruction_model import InstructionModel
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk

WORDS = ("When are you open?", "Where is my order 123456?", "I would like to speak to a person, please.")
PROMPT = "You are the receptionist. The office is open from nine to five, Monday to Friday, and never on other days. "
RULE = "If the caller wants a person, connect them to a colleague."
AGENT = {"instructions": PROMPT + RULE, "greeting": "Good day.", "tools": ["transfer", "order_status"]}
NEW = "You are the receptionist. The office is open from ten to four, Monday to Friday. Never transfer."
ORDER = {
    "description": "Looks up an order by its number.",
    "url": "http://127.0.0.1:9/{number}",  # nobody listens there
    "parameters": {
        "type": "object",
        "properties": {"number": {"type": "string", "pattern": "^[0-9]{6}$"}},
        "required": ["number"],
    },
    "allowed_hosts": ["127.0.0.1"],
}
KEYS = {name: f"key-of-{name}-0123456789" for name in ("typist", "reader")}
TOKENS = [
    {"name": "typist", "token": KEYS["typist"], "scopes": ["call"]},
    {"name": "reader", "token": KEYS["reader"], "scopes": ["call", "read"]},
]
MORE: dict[str, Any] = {
    "resources": {"source": "store"},
    "http_tools": {"order_status": ORDER},
    "transfer": {
        "contexts": {"test-targets": {"extensions": ["6[0-9]{3}"]}},
        "targets": {"colleague": "6001@test-targets"},
    },
}


async def replayed(running: Installation, *options: str, key: str = "", status: int = 0) -> str:
    """What `voiceai test reception --replay` prints."""
    own = running.service.api.headers["Authorization"].removeprefix("Bearer ")
    where = ("--url", running.service.url, "--token", key or own)
    done = await asyncio.to_thread(CliRunner().invoke, app, ["test", "reception", *where, "--replay", *options])
    assert done.exit_code == status, (done.output, done.exception)
    return done.output


def row(told: str, caller: str) -> list[str]:
    """The cells of the row in which the caller said this, without line breaks."""
    lines = [[cell.strip() for cell in line.strip().strip("│").split("│")] for line in told.splitlines() if "│" in line]
    found = next(number for number, cells in enumerate(lines) if cells[0] == caller)
    following = iter(lines[found + 1 :])
    cells = lines[found]
    while (more := next(following, None)) is not None and not more[0]:
        cells = [f"{a} {b}".strip() for a, b in zip(cells, more, strict=True)]
    return cells


async def converse(phone: Phone) -> None:
    """Interrupts the first answer, and is transferred."""
    await phone.rtp.sound((await phone.answered()).at)
    await phone.rtp.quiet(0.6)
    phone.rtp.say(tone(0.8, 500))
    await phone.rtp.sound(await phone.rtp.spoken())
    await phone.rtp.frames(40)
    phone.rtp.say(tone(0.8, 500))  # into the answer
    await phone.rtp.sound(await phone.rtp.spoken())
    await phone.rtp.quiet(0.6)
    phone.rtp.say(tone(0.8, 500))
    await phone.rtp.hears(lambda heard: is_tone(heard, 620))
    await phone.hang_up()


async def kept(running: Installation, call: str) -> None:
    """Until the end of the call is written down."""
    async with asyncio.timeout(10):
        found: dict[str, Any] = {}
        while found.get("ended_at") is None:
            found = (await running.service.api.get(f"/v1/history/{call}")).json()


async def test_a_real_call_is_replayed(asterisk: Asterisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out, "width", 250)
    settings: dict[str, Any] = {"agent": AGENT, "more": MORE, "tokens": TOKENS}
    async with installation(asterisk, tmp_path, InstructionModel(WORDS), **settings) as running:
        async with running.caller() as phone:
            await converse(phone)
        call = await running.call_id()
        await kept(running, call)
        as_it_is = await replayed(running, call)
        assert row(as_it_is, WORDS[0])[1] == "The office is (interrupted)"
        assert row(as_it_is, WORDS[0])[2].startswith("The office is open from nine to five")
        assert "(order_status)" in row(as_it_is, WORDS[1])[1], "the tool of then"
        assert row(as_it_is, WORDS[1])[2] == "This is a test: the tool was not run. (order_status)"
        really = await replayed(running, call, "--real-tools")
        assert row(really, WORDS[1])[2] == "The tool can't be reached at the moment. (order_status)"
        last = row(as_it_is, WORDS[2])
        assert last[1].endswith("(transfer to 6001@test-targets)")
        assert last[2].endswith("(transfer to colleague)")

        body = {"content": {**AGENT, "instructions": NEW}}
        path = f"{running.service.url}/v1/resources/agents/reception/draft"
        (await running.service.api.put(path, json=body, headers={"If-Match": "*"})).raise_for_status()
        drafted = await replayed(running, call, "--draft")
        assert "from ten to four" in row(drafted, WORDS[0])[2]
        assert "transfer to" not in row(drafted, WORDS[2])[2]
        first = await replayed(running, call, "--version", "1")
        assert "from nine to five" in row(first, WORDS[0])[2]
        assert "no version 7" in await replayed(running, call, "--version", "7", status=1)
        assert "unknown-call" in await replayed(running, "nobody", status=1)
        assert "`read`" in await replayed(running, call, key=KEYS["typist"], status=1)
        assert "`recordings`" in await replayed(running, call, key=KEYS["reader"], status=1)

        async with running.caller() as silent:
            await silent.rtp.sound((await silent.answered()).at)
            await silent.hang_up()
        second = str((await running.service.logged("call arrived", nth=2))["call"])
        await kept(running, second)
        assert "no transcript of the caller" in await replayed(running, second, status=1)
