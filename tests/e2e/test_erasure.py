"""After a number is erased, nothing of it is left in the database or in the recordings."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aiohttp import web

from simulator.audio.sound import tone
from simulator.phone.phone import CALLER, Phone
from simulator.realtime import CallTool, Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_events import written_down
from tests.e2e.test_inbound import GREETING, greeted
from tests.e2e.test_recording import recording
from tests.integration.webhook_harness import hook, receiver
from tests.peers.asterisk import Asterisk
from tests.peers.stores import Server

DIGITS = "4930998877"
NUMBER = f"+{DIGITS}"


@contextmanager
def sqlite(folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """Its URL, and what reads all that is in it: the rows, and whatever else there is in its files."""
    file = folder / "voiceai.sqlite3"

    def dump() -> str:
        with TemporaryDirectory() as copies:  # the controller lets nobody else open it
            for each in folder.glob("voiceai.sqlite3*"):
                shutil.copy(each, copies)
            with closing(sqlite3.connect(Path(copies) / file.name)) as store:
                rows = "\n".join(store.iterdump())
        raw = b"".join(each.read_bytes() for each in folder.glob("voiceai*") if each.is_file())
        return rows + raw.decode("latin-1")

    yield f"sqlite+aiosqlite:///{file}", dump


@contextmanager
def postgresql(_: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    with Server() as server:
        url = server.url("records")
        yield url, lambda: server.dump(url)


@pytest.mark.slow
@pytest.mark.parametrize("store", [sqlite, postgresql])
async def test_nothing_is_left_of_a_number_that_was_forgotten(asterisk: Asterisk, tmp_path: Path, store: Any) -> None:
    """They called, were called, and another caller was to be connected to them; a webhook has not been told yet."""
    asked = Say("One moment.", 0.5, 880), CallTool("transfer", {"to": NUMBER})
    models = iter([ToneModel([Say(f"You are {NUMBER}.", 0.5, 440)]), ToneModel([GREETING, asked], forever=GREETING)])
    with store(tmp_path) as (url, dump):
        async with receiver() as there:
            there.answer = lambda *_: web.Response(status=503)
            more = {"store": {"url": url}, "webhooks": {"crm": hook(there.url(), personal=True)}}
            agent = recording(tmp_path)
            async with installation(
                asterisk, tmp_path, lambda: next(models, ToneModel()), more=more, agent=agent
            ) as running:
                theirs = await calls_in(running, DIGITS)
                other = await calls_in(running, "4930123456", refused=True)
                await called(running)
                for call in (theirs, other):
                    await written_down(running, call)
                before = dump()
                for table in ("calls", "call_legs", "call_words", "webhook_outbox", "outbound_calls", "idempotency"):
                    assert any(DIGITS in row for row in before.split("INSERT INTO") if table in row), table
                forgotten = [await running.api("POST", "/v1/history/forget", number=each) for each in (NUMBER, DIGITS)]
                assert [each["calls"] for each in forgotten] == [2, 0]  # both spellings are one number
                assert DIGITS not in dump()
                assert [each.name for each in (tmp_path / "calls").iterdir() if theirs in each.name] == []
                kept = await running.api("GET", f"/v1/history/{other}")
                assert [each["party"] for each in kept["legs"]] == [None]


async def calls_in(running: Installation, user: str, *, refused: bool = False) -> str:
    async with Phone(running.sip, "5001", user=user, scenario=CALLER) as phone:
        await greeted(phone)
        call = str((await running.api("GET", "/v1/calls?state=active"))["calls"][0]["id"])
        if refused:
            async with running.refusing("486 Busy Here") as target:
                phone.rtp.say(tone(0.6, 620))
                await target.wait("refused", timeout=20)
                await running.service.logged("call state", call=call, state="talking")
        await phone.hang_up()
        await running.ended(call)
    return call


async def called(running: Installation) -> None:
    async with running.refusing("486 Busy Here") as target:
        placed = await running.service.api.post(
            "/v1/calls", json={"to": NUMBER, "variables": {"who": NUMBER}}, headers={"Idempotency-Key": "once"}
        )
        assert placed.status_code == 202
        await target.wait("refused", timeout=20)
        await running.service.logged("attempt written down", call=placed.json()["id"])
