"""The OpenAPI document against the server: schemathesis requests every operation in every way that it allows."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from controller.api.resources.alerts import AlertResources
from controller.api.resources.events import EventResources
from controller.api.resources.history import HistoryResources
from controller.api.resources.statistics import StatisticsResources
from controller.config.models.records import Records
from tests.integration import records_harness, webhook_harness
from tests.integration.api_harness import ADMIN, harness
from tests.integration.test_api_alerts import System
from tests.integration.webhook_harness import told_to
from tests.unit.controller.views import STARTED

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "ignored_auth",
)
"""Not those which want a schema to say all that makes a value wrong: a number's country, a moment gone by."""


async def test_no_answer_is_undocumented(tmp_path: Path) -> None:
    async with (
        webhook_harness.events(told_to({}), tmp_path) as events,
        records_harness.desk(tmp_path / "records") as desk,
        harness(
            store=True,
            more=lambda calls, orders: (
                *EventResources(events, calls, orders).operations(),
                *HistoryResources(desk.history, desk.repository, (), Records()).operations(),
                *StatisticsResources(desk.history).operations(),
                *AlertResources(System().sources(orders)).operations(),
            ),
        ) as it,
    ):
        desk.tell(records_harness.story_of(records_harness.CALL))
        await desk.written()
        events.stream.close()  # streams say what is kept, and end
        it.calls.add()
        it.calls.add(ended_at=STARTED, state="ended", outcome="answered")
        it.orders.add()
        process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("schemathesis"), "run", f"http://127.0.0.1:{it.port}/openapi.json"),
            *("--header", f"Authorization: Bearer {ADMIN}", "--checks", ",".join(CHECKS), "--no-color"),
            *("--max-examples", "10", "--max-time", "20", "--seed", "7", "--warnings", "off"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()[-6000:]


async def test_every_operation_is_documented_and_every_reference_leads_somewhere() -> None:
    async with harness() as it, it.request("GET", "/openapi.json", token=None) as answer:
        told = await answer.json()
    assert told["openapi"] == "3.1.0"
    known = {f"#/components/{kind}/{name}" for kind, parts in told["components"].items() for name in parts}
    assert set(_references(told)) <= known
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert ("security" in operation) is path.startswith("/v1/"), (method, path)


async def test_the_page_loads_nothing_from_elsewhere() -> None:
    async with harness() as it:
        for path, kind in (
            ("/docs", "text/html"),
            ("/docs/docs.js", "text/javascript"),
            ("/docs/docs.css", "text/css"),
        ):
            async with it.request("GET", path, token=None) as answer:
                assert (answer.status, answer.content_type) == (200, kind)
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert "http://" not in (text := await answer.text())
                assert "https://" not in text


async def test_a_problems_type_leads_to_what_it_means() -> None:
    async with harness() as it:
        async with it.request("GET", "/problems/wrong-state", token=None) as answer:
            assert answer.status == 200
            assert "409" in await answer.text()
        async with it.request("GET", "/problems/nonsense", token=None) as answer:
            assert answer.status == 404


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return here + [found for value in part.values() for found in _references(value)]
    if isinstance(part, list):
        return [found for value in part for found in _references(value)]
    return []
