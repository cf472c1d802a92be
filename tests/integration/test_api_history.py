"""Ended calls over HTTP and on the command line: what is shown, to whom, and what no request can reach."""

import asyncio
import csv
import io
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import insert, select
from typer.testing import CliRunner, Result

from bridge import contract
from controller.api.resources.history import HistoryResources
from controller.calls.outbound.entry import CallOrder
from controller.calls.outbound.queue import Queue
from controller.calls.reporting import lifecycle
from controller.cli import connection
from controller.cli.main import app
from controller.config.models.records import Records as Settings
from controller.events.records.history import MOST_WAITING, RecordFilter, TooManySearches
from controller.store.database import Database
from controller.store.tables.api import idempotency
from controller.store.tables.base import metadata
from controller.store.tables.events import webhook_outbox
from tests.integration.api_harness import ADMIN, LIMITED, Harness, harness
from tests.integration.records_harness import CALL, Desk, desk, story_of
from tests.integration.test_records import IDS
from tests.peers.stores import on_postgresql
from tests.unit.controller.events.test_factory import OPERATED


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The server runs in this process, too: its log is not what the command says."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


FULL = Settings()
SOUND = b"RIFF" + bytes(range(256))


ERASED: list[set[str]] = []


async def erase_events(calls: Collection[str]) -> None:
    """Of the stream of all nodes."""
    ERASED.append(set(calls))


@asynccontextmanager
async def past(folder: Path, settings: Settings = FULL) -> AsyncIterator[tuple[Harness, Desk]]:
    """Three calls. The first one has a recording that is there, and two that nobody may have."""
    sounds = folder / "sounds"
    sounds.mkdir()
    (sounds / "a.wav").write_bytes(SOUND)
    (folder / "secret.wav").write_bytes(b"no")
    (sounds / "link.wav").symlink_to(folder / "secret.wav")
    paths = [sounds / "a.wav", sounds / ".." / "secret.wav", sounds / "link.wav"]
    async with AsyncExitStack() as stack:
        it = await stack.enter_async_context(desk(folder, settings))
        resources = HistoryResources(
            it.history, it.repository, (sounds,), settings, countries={"49"}, erase_events=erase_events
        )
        served = await stack.enter_async_context(harness(store=True, more=lambda _, __: resources.operations()))
        recorded: list[lifecycle.LifecycleEvent] = [
            contract.Recorded(call=CALL, path=str(path), seconds=3.0) for path in paths
        ]
        story = [each for each in story_of(CALL) if not isinstance(each, contract.Recorded)]
        it.tell([*story[:-1], *OPERATED, *recorded, story[-1]])
        it.tell(story_of(IDS[0], caller="=cmd()"))
        it.tell(story_of(IDS[1], agent="night"))
        await it.written()
        yield served, it


async def told(it: Harness, path: str, status: int = 200, method: str = "GET", **more: Any) -> Any:
    async with it.request(method, path, **more) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def test_pages_and_one_call(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):
        page = await told(it, "/v1/history?limit=2")
        assert [each["id"] for each in page["calls"]] == [IDS[1], IDS[0]]
        page = await told(it, f"/v1/history?limit=2&before={page['next']}")
        assert [each["id"] for each in page["calls"]] == [CALL]
        assert page["next"] is None
        assert [each["id"] for each in (await told(it, "/v1/history?agent=night"))["calls"]] == [IDS[1]]
        call = await told(it, page["calls"][0]["url"])
        assert call["transcript"][0]["text"] == "my card is 1234"
        told_agent = {name: call["transcript"][1][name] for name in ("who", "text", "by", "action", "agent")}
        assert told_agent == {
            **{"who": "operator", "text": "your pin is 99"},
            **{"by": "ops", "action": "say", "agent": "reception"},
        }
        assert [(each["kind"], each["mode"], each["outcome"]) for each in call["legs"]] == [
            ("transfer", "blind", "busy"),
            ("participant", None, "busy"),
            ("supervision", "whisper", "answered"),
        ]
        assert {each["ended_with"] for each in call["recordings"]} == {"call"}
        assert [each["tool"] for each in call["tools"]] == ["transfer"]
        assert call["attempts"] == [1]
        assert [each["url"] is not None for each in call["recordings"]] == [True, False, False]
        assert (await told(it, f"/v1/history/{IDS[5]}", 404))["type"] == "/problems/unknown-call"
        assert (await told(it, f"/v1/history/{CALL}?attempt=2", 404))["type"] == "/problems/unknown-call"
        assert (await told(it, "/v1/history?since=yesterday", 400))["type"] == "/problems/malformed-request"


async def test_sound_in_parts_and_only_ours(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):
        url = f"/v1/history/{CALL}/recordings/1"
        async with it.request("GET", url) as answer:
            assert (answer.status, answer.content_type) == (200, "audio/wav")
            assert await answer.read() == SOUND
        async with it.request("GET", url, headers={"Range": "bytes=4-7"}) as answer:
            assert (answer.status, await answer.read()) == (206, SOUND[4:8])
        for number in (0, 2, 3, 4, 9999):
            assert (await told(it, f"/v1/history/{CALL}/recordings/{number}", 404))["type"] == "/problems/not-found"
        async with it.request("GET", url, token="caller-0123456789") as answer:
            assert answer.status == 403


async def test_words_and_sound_need_recordings_besides_read(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):
        reader: dict[str, Any] = {"token": "reader-0123456789"}
        url = f"/v1/history/{CALL}"
        call = await told(it, url, **reader)
        assert (call["transcript"], "my card" in json.dumps(call)) == (None, False)
        for path in (f"{url}/recordings/1", "/v1/history?text=card", "/v1/history/export?text=card"):
            assert (await told(it, path, 403, **reader))["type"] == "/problems/forbidden"
        listener: dict[str, Any] = {"token": "listener-0123456789"}
        assert (await told(it, url, **listener))["transcript"][0]["text"] == "my card is 1234"
        assert len((await told(it, "/v1/history?text=card", **listener))["calls"]) == 3


async def test_a_limited_key_finds_the_calls_of_its_agents_only(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):
        limited: dict[str, Any] = {"token": LIMITED}
        for query in ("", "?agent=reception", "?text=card", "?limit=1"):
            found = [each["id"] for each in (await told(it, f"/v1/history{query}", **limited))["calls"]]
            assert found == ([] if "reception" in query else [IDS[1]])
        async with it.request("GET", "/v1/history/export?format=json", **limited) as answer:
            assert [json.loads(each)["call"] for each in (await answer.text()).splitlines()] == [IDS[1]]
        assert (await told(it, f"/v1/history/{IDS[1]}", **limited))["agent"] == "night"
        for path in (f"/v1/history/{CALL}", f"/v1/history/{CALL}/recordings/1"):
            assert (await told(it, path, 404, **limited))["type"] == "/problems/unknown-call"
        body = {"number": "+4930123"}
        assert (await told(it, "/v1/history/forget", 403, "POST", json=body, **limited))[
            "type"
        ] == "/problems/forbidden"


async def test_who_hears_reads_and_exports_is_written_down(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):
        reader: dict[str, Any] = {"token": "reader-0123456789"}
        url = f"/v1/history/{CALL}"
        await told(it, url)
        await told(it, f"{url}/recordings/1", 403, **reader)
        for path in (
            f"{url}/recordings/1",
            f"{url}/recordings/9",
            "/v1/history/export?format=cdr&number=%2B49301234567",
        ):
            async with it.request("GET", path) as answer:
                await answer.read()
        async with it.request("GET", "/v1/history/export?agent=night", **reader) as answer:
            await answer.read()
        await told(it, "/v1/history", **reader)
        assert it.kept is not None
        await it.kept.audit_log.drain()
        entries = (await told(it, "/v1/audit"))["entries"]
        assert [(each["by"], each["operation"], each["call"], each["asked"], each["status"]) for each in entries] == [
            ("reader", "export_history", None, {"agent": "night"}, 200),
            ("admin", "export_history", None, {"format": "cdr"}, 200),
            ("admin", "get_recording", CALL, {}, 404),
            ("admin", "get_recording", CALL, {}, 200),
            ("reader", "get_recording", CALL, {}, 403),
            ("admin", "show_past_call", CALL, {}, 200),
        ]


async def test_exports(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):

        async def lines(form: str) -> list[str]:
            async with it.request("GET", f"/v1/history/export?format={form}") as answer:
                assert answer.status == 200
                assert "attachment" in answer.headers["Content-Disposition"]
                text: str = await answer.text()
                return text.splitlines()

        table = list(csv.DictReader(io.StringIO("\n".join(await lines("csv")))))
        assert [each["call"] for each in table] == [IDS[1], IDS[0], CALL]
        assert table[1]["caller"] == "'=cmd()"
        assert [json.loads(line)["caller"] for line in await lines("json")] == ["+4930123", "=cmd()", "+4930123"]
        assert [len(row) for row in csv.reader(await lines("cdr"))] == [18, 18, 18]


async def test_forgetting_takes_an_admin_and_says_what_is_left(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, desk):
        body = {"number": "+4930123"}
        await told(it, "/v1/history/forget", 403, "POST", json=body, token="controller-0123456789")
        done = await told(it, "/v1/history/forget", 200, "POST", json=body)
        assert done == {"calls": 2, "recordings": 1, "recordings_elsewhere": 3}
        assert ERASED[-1] == {CALL, IDS[1]}
        assert not (tmp_path / "sounds" / "a.wav").exists()
        assert (tmp_path / "secret.wav").exists()
        assert await desk.history.find(CALL) is None
        assert [each["id"] for each in (await told(it, "/v1/history"))["calls"]] == [IDS[0]]


@pytest.mark.parametrize(
    "written", ["751955", "0305751955", "+49 30 5751955", "0049 (30) 575-1955", "30575", "4930575"]
)
async def test_a_number_is_found_by_any_part_and_in_any_spelling(tmp_path: Path, written: str) -> None:
    async with past(tmp_path) as (it, desk):
        desk.tell(story_of(IDS[2], caller="+49305751955"))
        desk.tell(story_of(IDS[3], caller="0305751955" if written.startswith(("0", "+")) else "+49305751955"))
        await desk.written()
        found = (await told(it, f"/v1/history?number={quote(written)}"))["calls"]
        assert {each["id"] for each in found} == {IDS[2], IDS[3]}
        assert (await told(it, "/v1/history?number=99999"))["calls"] == []


@pytest.mark.parametrize("written", ["0305751955", "+49 30 5751955", "0049305751955"])
async def test_a_number_is_forgotten_in_any_spelling_but_not_by_a_part(tmp_path: Path, written: str) -> None:
    async with past(tmp_path) as (it, desk):
        desk.tell(story_of(IDS[2], caller="+49305751955"))
        await desk.written()
        for part in ("751955", "4930575"):
            assert (await told(it, "/v1/history/forget", 200, "POST", json={"number": part}))["calls"] == 0
        assert (await told(it, "/v1/history/forget", 200, "POST", json={"number": written}))["calls"] == 1


async def test_a_number_under_a_pseudonym_is_found_and_forgotten_by_itself(tmp_path: Path) -> None:
    settings = Settings(numbers="hashed", hash_key=SecretStr("k" * 32))
    async with past(tmp_path, settings) as (it, desk):
        found = (await told(it, "/v1/history?number=%2B4930123"))["calls"]
        assert [each["id"] for each in found] == [IDS[1], CALL]
        (name,) = {each["caller"] for each in found}
        assert name.startswith("id:")
        assert len((await told(it, f"/v1/history?number={name}"))["calls"]) == 2
        async with it.request("GET", "/v1/history/export?number=%2B4930123") as answer:
            assert (await answer.text()).count(name) == 2
        done = await told(it, "/v1/history/forget", 200, "POST", json={"number": "+4930123"})
        assert done["calls"] == 2
        assert [each["id"] for each in (await told(it, "/v1/history"))["calls"]] == [IDS[0]]
        assert await everything_in(desk.database, "+4930123") == []


async def everything_in(database: Database, text: str) -> list[str]:
    """The tables that hold this anywhere."""
    async with database.reading() as store:
        held = {name: (await store.execute(select(table))).all() for name, table in metadata.tables.items()}
    return [name for name, rows in held.items() if text in repr(rows)]


async def test_what_is_kept_elsewhere_of_a_forgotten_number(tmp_path: Path) -> None:
    """Calls whose records do not show it, told to a webhook; who asked for a call twice; not one that still waits."""
    number, at = "+4930555000", datetime(2026, 11, 23, tzinfo=UTC)
    body = json.dumps({"data": {"callee": number, "of": f"x{number}"}})

    def message(call: str) -> dict[str, Any]:
        told = {"event": f"e-{call}", "type": "call.ended", "call": call, "receiver": "crm", "body": body}
        return told | {"accepted_at": at, "since": at, "attempts": 0}

    async with past(tmp_path) as (it, desk):
        asked = {"by": "ops", "key": "k", "fingerprint": "f", "at": at, "status": 202, "body": body}
        order = CallOrder(callee=number, trunk="main", agent="reception", asked_by="ops")
        times = {"now": at, "due_at": at, "expires_at": at + timedelta(days=1)}
        await Queue(desk.database).add("waits", order, **times, most=9)
        async with desk.database.writing() as store:
            await store.execute(insert(webhook_outbox), [message("waits"), message("over")])
            await store.execute(insert(idempotency).values(asked))
        await told(it, "/v1/history/forget", 200, "POST", json={"number": number})
        async with desk.database.reading() as store:
            waiting = await store.execute(select(webhook_outbox.c.call, webhook_outbox.c.body))
            kept = {row.call: row.body for row in waiting}
            answer = json.loads((await store.execute(select(idempotency.c.body))).scalar_one())
        assert kept["waits"] == body
        assert json.loads(kept["over"]) == answer == {"data": {"callee": None, "of": f"x{number}"}}


async def test_nothing_is_forgotten_while_records_wait_for_the_store(tmp_path: Path) -> None:
    """They may be of the very number."""
    async with AsyncExitStack() as stack:
        it = await stack.enter_async_context(desk(tmp_path))
        behind = [True]
        resources = HistoryResources(it.history, it.repository, (), FULL, lambda: behind[0])
        served = await stack.enter_async_context(harness(store=True, more=lambda _, __: resources.operations()))
        refused = await told(served, "/v1/history/forget", 503, "POST", json={"number": "+4930123"})
        assert refused["type"] == "/problems/store-away"
        behind[0] = False
        await told(served, "/v1/history/forget", 200, "POST", json={"number": "+4930123"})


async def test_a_forgotten_number_is_not_in_the_file_either(tmp_path: Path) -> None:
    if on_postgresql():
        return  # its files are its own

    def raw() -> bytes:
        return b"".join(each.read_bytes() for each in tmp_path.glob("voiceai*"))

    async with past(tmp_path) as (it, _):
        assert b"+4930123" in raw()
        await told(it, "/v1/history/forget", 200, "POST", json={"number": "+4930123"})
        assert b"+4930123" not in raw()


async def test_whoever_was_connected_to_a_number_keeps_the_call_and_not_the_number(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, desk):
        assert await everything_in(desk.database, "+49555") == ["call_legs"]
        done = await told(it, "/v1/history/forget", 200, "POST", json={"number": "+49555"})
        assert done["calls"] == 0
        legs = (await told(it, f"/v1/history/{CALL}"))["legs"]
        assert [each["party"] for each in legs] == [None, "+49777", "+49888"]
        assert await everything_in(desk.database, "+49555") == []


async def test_the_audit_log_does_not_remember_who_was_forgotten(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, _):
        await told(it, "/v1/history/forget", 200, "POST", json={"number": "+4930123"})
        assert it.kept is not None
        await it.kept.audit_log.drain()
        (entry,) = (await told(it, "/v1/audit?operation=forget_caller"))["entries"]
        assert (entry["status"], entry["asked"]) == (200, {})


async def voiceai(it: Harness, *words: str) -> Result:
    env = {"VOICEAI_URL": f"http://127.0.0.1:{it.port}", "VOICEAI_API_TOKEN": ADMIN, "COLUMNS": "200"}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["history", *words], env=env))


async def test_in_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.out, "_width", 200)
    async with past(tmp_path) as (it, _):
        assert CALL in (await voiceai(it, "--number", "+4930123")).output
        assert len(json.loads((await voiceai(it, "--json", "--limit", "2")).output)["calls"]) == 2
        shown = (await voiceai(it, "show", CALL)).output
        assert "caller: my card is 1234" in shown
        assert "tool transfer: failed" in shown
        target = tmp_path / "out.wav"
        assert (await voiceai(it, "recording", CALL, str(target))).exit_code == 0
        assert target.read_bytes() == SOUND
        missing = await voiceai(it, "recording", CALL, str(tmp_path / "none.wav"), "--number", "2")
        assert missing.exit_code == 1
        assert not (tmp_path / "none.wav").exists()
        assert (await voiceai(it, "export", "--format", "cdr", "--since", "2020-01-01")).output.count("\n") == 3
        assert (await voiceai(it, "forget", "+4930123", "--yes")).exit_code == 1  # two files are elsewhere
        assert "0 calls" in (await voiceai(it, "forget", "+4930123", "--yes")).output


async def test_who_searches_again_and_again_keeps_nobody_from_the_store(tmp_path: Path) -> None:
    """One reads at a time, some wait, and the rest is told to come again."""
    async with past(tmp_path) as (it, desk):
        slow, reading = asyncio.Event(), [0, 0]
        page = desk.history._page

        async def slowly(*arguments: Any) -> Any:
            reading[0] += 1
            reading[1] = max(reading)
            await slow.wait()
            reading[0] -= 1
            return await page(*arguments)

        desk.history._page = slowly  # type: ignore[method-assign,assignment]

        async def search() -> str:
            try:
                await desk.history.page(RecordFilter(text="card"), before=None, limit=10)
            except TooManySearches:
                return "refused"
            return "read"

        asked = [asyncio.create_task(search()) for _ in range(60)]
        async with asyncio.timeout(10):
            while sum(each.done() for each in asked) < 60 - MOST_WAITING:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            async with desk.database.writing():
                pass
        desk.history._waiting += MOST_WAITING
        async with it.request("GET", "/v1/history?text=card") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
        desk.history._waiting -= MOST_WAITING
        slow.set()
        assert Counter(await asyncio.gather(*asked)) == {"refused": 60 - MOST_WAITING, "read": MOST_WAITING}
        assert reading[1] == 1
        async with it.request("GET", "/v1/history?text=card") as answer:
            assert answer.status == 200


async def test_the_versions_of_an_agent_compared(tmp_path: Path) -> None:
    async with past(tmp_path) as (it, there):
        for number in range(3):
            there.tell(story_of(f"v{number}", agent_version=1 + number % 2))
        await there.written()
        async with it.request("GET", "/v1/resources/agents/reception/comparison") as answer:
            told = (await answer.json())["versions"]
        assert [each["version"] for each in told] == [2, 1, None]
        second, first, unknown = told
        assert (first["calls"], second["calls"], unknown["calls"]) == (2, 1, 2)
        assert first["outcomes"] == {"answered": 2}
        assert first["mean_talked_s"] == second["mean_talked_s"] == 60.5
        assert (second["transfers"], second["interruptions"], second["turns"]) == (1, 1, 3)
        assert second["first_frame_ms"] == 412
        assert second["cost"] == second["cost_per_call"] == 0.012346
        assert first["cost"] == pytest.approx(2 * second["cost"], abs=1e-5)
        shown = {each["name"]: each for each in second["measures"]}
        assert shown["transferred"] == {"name": "transferred", "calls": 1, "mean": 1.0, "low": None, "high": None}
        assert (shown["talked_s"]["mean"], shown["first_frame_ms"]["mean"]) == (60.5, 412.0)
        url = "/v1/resources/agents/reception/comparison?until=2000-01-01T00:00:00Z"
        async with it.request("GET", url) as answer:
            assert await answer.json() == {"versions": []}
        async with it.request("GET", "/v1/resources/agents/reception/comparison", token=LIMITED) as answer:
            assert answer.status == 403
