"""Metadata of calls over HTTP: accepted, changed, searched for, told, and forgotten with the caller."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from controller.calls.reporting import lifecycle
from controller.cli.main import app
from controller.events.factory import EventFactory
from controller.events.records import export
from controller.store.tables.api import idempotency
from tests.integration.api_harness import ADMIN, harness
from tests.integration.records_harness import story_of
from tests.integration.test_api_history import everything_in, past, quiet, told
from tests.unit.controller.views import CALL, STARTED, call_view

__all__ = ["quiet"]

ORDER = {"order": "17", "crm:id": "0036A"}
OF_IT = "00000000-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"a b": "x"}, "/metadata/a b"),
        ({"": "x"}, "/metadata/"),
        ({"k" * 65: "x"}, "/metadata/" + "k" * 65),
        ({"order": 17}, "/metadata/order"),
        ({"order": None}, "/metadata/order"),
        ({"order": "x" * 513}, "/metadata/order"),
        ({"order": "a\x1bb"}, "/metadata/order"),
        ({f"k{number}": "x" for number in range(17)}, "/metadata"),
        (["order"], "/metadata"),
    ],
)
async def test_what_is_no_metadata_is_refused_with_a_pointer(wrong: Any, pointer: str) -> None:
    async with harness() as it:
        refused = await told(it, "/v1/calls", 400, "POST", json={"to": "+4930123", "metadata": wrong})
        assert [each["pointer"] for each in refused["errors"]] == [pointer]
        assert it.calls.asked == []


async def test_it_comes_back_and_can_be_changed() -> None:
    async with harness() as it:
        placed = await told(it, "/v1/calls", 202, "POST", json={"to": "+4930123", "metadata": ORDER})
        assert placed["metadata"] == ORDER
        path = placed["url"]
        changed = await told(it, path, 200, "PATCH", json={"metadata": {"order": None, "late": "yes"}})
        assert changed["metadata"] == {"crm:id": "0036A", "late": "yes"} == (await told(it, path))["metadata"]
        assert [each["id"] for each in (await told(it, "/v1/queue?metadata=late=yes"))["calls"]] == [placed["id"]]
        assert (await told(it, "/v1/queue?metadata=late=no"))["calls"] == []
        await told(it, path, 400, "PATCH", json={})
        many = {f"k{number}": "x" for number in range(15)}
        refused = await told(it, path, 400, "PATCH", json={"metadata": many})
        assert refused["errors"] == [{"pointer": "/metadata", "detail": "A call has at most 16 keys of metadata."}]
        await told(it, "/v1/calls/nobody", 404, "PATCH", json={"metadata": {}})


async def test_of_live_calls_and_in_their_list() -> None:
    async with harness() as it:
        call = it.calls.add(metadata=ORDER)
        it.calls.add(id="other")
        changed = await told(it, f"/v1/calls/{call.id}", 200, "PATCH", json={"metadata": {"order": "18"}})
        assert changed["metadata"] == ORDER | {"order": "18"}
        for query, found in (("order=18", [call.id]), ("order=18&metadata=crm:id=0036A", [call.id]), ("order=17", [])):
            page = await told(it, f"/v1/calls?metadata={query}")
            assert [each["id"] for each in page["calls"]] == found
        for wrong in ("order", "=x", "a%20b=x"):
            await told(it, f"/v1/calls?metadata={wrong}", 400)


def test_every_event_of_the_call_has_it_as_it_was_then() -> None:
    factory = EventFactory("e")
    view = call_view(metadata={"order": "17"})
    story: list[lifecycle.LifecycleEvent] = [
        lifecycle.CallBegan("inbound", view),
        lifecycle.StateChanged(CALL, "talking", "connecting"),
        lifecycle.MetadataChanged(CALL, {"order": "18"}),
        lifecycle.StateChanged(CALL, "closing", "talking"),
        lifecycle.MetadataChanged(CALL, {}),
        lifecycle.CallOver("inbound", "answered", 1.0, replace(view, metadata={})),
    ]
    made = [factory.make(each, STARTED) for each in story]
    sent = [json.loads(each.without_personal) for each in made if each is not None]
    kinds = ["call.started", "call.state", "call.metadata", "call.state", "call.metadata", "call.ended"]
    assert [each["type"] for each in sent] == kinds
    seventeen, eighteen = {"order": "17"}, {"order": "18"}
    assert [each["data"].get("metadata") for each in sent] == [seventeen, seventeen, eighteen, eighteen, None, None]


async def test_the_history_has_it_until_the_caller_is_forgotten(tmp_path: Path) -> None:
    number = "+4930777"
    async with past(tmp_path) as (it, desk):
        story = story_of(OF_IT, caller=number, metadata=ORDER)
        last = story.pop()
        assert isinstance(last, lifecycle.CallOver)
        changed = {"order": "x-secret", "crm:id": "0036A"}
        desk.tell(
            [
                *story,
                lifecycle.MetadataChanged(OF_IT, changed),
                replace(last, call=replace(last.call, metadata=changed)),
            ]
        )
        await desk.written()
        (found,) = (await told(it, "/v1/history?metadata=order=x-secret&metadata=crm:id=0036A"))["calls"]
        assert (found["id"], found["metadata"]) == (OF_IT, changed)
        assert (await told(it, "/v1/history?metadata=order=17"))["calls"] == []
        shown = await told(it, f"/v1/history/{OF_IT}")
        assert [each["data"] for each in shown["events"] if each["type"] == "call.metadata"] == [{}]
        for form, cell in (("csv", '""order"": ""x-secret""'), ("json", '"metadata": {"order": "x-secret"')):
            async with it.request("GET", f"/v1/history/export?format={form}&metadata=order=x-secret") as answer:
                assert cell in await answer.text()
        assert export.COLUMNS[-1] == "metadata"
        body = json.dumps({"caller": number, "metadata": changed})
        asked = {"by": "ops", "key": "k", "fingerprint": "f", "at": datetime.now(UTC), "status": 202, "body": body}
        async with desk.database.writing() as store:
            await store.execute(insert(idempotency).values(asked))
        await told(it, "/v1/history/forget", 200, "POST", json={"number": number})
        async with desk.database.reading() as store:
            kept = (await store.execute(select(idempotency.c.body))).scalar_one()
        assert json.loads(kept) == {"caller": None, "metadata": {}}
        assert await everything_in(desk.database, "x-secret") == []


async def test_in_the_shell() -> None:
    async with harness() as it:

        async def voiceai(*words: str, status: int = 0) -> str:
            env = {"VOICEAI_URL": f"http://127.0.0.1:{it.port}", "VOICEAI_API_TOKEN": ADMIN, "COLUMNS": "200"}
            ran = await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=env))
            assert ran.exit_code == status, ran.output
            return ran.output

        placing = ("calls", "place", "+4930123")
        call = (await voiceai(*placing, "--metadata", "order=17", "--metadata", "note=a=b")).strip()
        assert it.orders.waiting[call].metadata == {"order": "17", "note": "a=b"}
        assert "key=value" in await voiceai(*placing, "--metadata", "order", status=2)
        changed = await voiceai("calls", "metadata", call, "order=18", "--remove", "note")
        assert changed == "order=18\n" == await voiceai("calls", "metadata", call)
        listed = json.loads(await voiceai("queue", "--metadata", "order=18", "--json"))
        assert [each["id"] for each in listed["calls"]] == [call]
