"""The `voiceai` command and its typed client, against the API on a real socket."""

import asyncio
import hashlib
import json
import logging
import os
import signal
import sys
import zipfile
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import structlog
import yaml
from aiohttp import web
from typer.testing import CliRunner, Result

from controller.api.audit import AuditResources
from controller.api.client import ApiProblem, Client, Unreachable
from controller.api.resources.alerts import AlertResources
from controller.api.resources.call_trace import TraceResources
from controller.api.resources.events import EventResources
from controller.api.resources.history import HistoryResources
from controller.api.resources.keys import KeyResources
from controller.api.resources.statistics import StatisticsResources
from controller.api.resources.versions import configuration_operations
from controller.api.resources.workers import WorkerResources
from controller.api.server import operations_of
from controller.calls import errors
from controller.calls.outbound.entry import Status
from controller.calls.outbound.trunk_breaker import SuspendedTrunk
from controller.calls.reporting import lifecycle, view
from controller.cli import connection
from controller.cli.main import app
from controller.config.models.records import Records
from controller.telemetry.call_trace import Traces
from controller.workers.refusals import Refusals, RefusedWorker
from controller.workers.worker import UnknownWorker, Worker
from tests.integration import test_events_stream as live
from tests.integration.api_harness import ADMIN, Harness, call_view, harness
from tests.integration.resources_harness import Desk, desk
from tests.integration.webhook_harness import begin, end, eventually, hook, receiver, say
from tests.unit.controller.views import STARTED

NOBODY: Any = None


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that was made where COLUMNS is set (pytest-xdist sets it) keeps to that width."""
    monkeypatch.setattr(connection.out, "_width", 200)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The server runs in this process, too: its log is not what the command says."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


async def voiceai(it: Harness, *words: str, token: str = ADMIN) -> Result:
    env = {"VOICEAI_URL": f"http://127.0.0.1:{it.port}", "VOICEAI_API_TOKEN": token, "COLUMNS": "200"}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, [*words], env=env))


async def said(it: Harness, *words: str) -> str:
    result = await voiceai(it, *words)
    assert result.exit_code == 0, result.output
    return result.output


def changes(it: Harness) -> list[tuple[str, dict[str, Any]]]:
    """Not what was read to find an id."""
    return [asked for asked in it.calls.asked if asked[0] != "page"]


def test_a_text_is_printed_as_it_is_however_wide_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """`voiceai config show … > file`, and the file is a draft again."""
    text = "instructions: |\n  " + "word\t" * 100 + "\n  end  "
    connection.tell(NOBODY, False, lambda _: text)
    assert capsys.readouterr().out == text + "\n"


def test_every_operation_has_a_method_in_the_client() -> None:
    operations = (
        *operations_of(NOBODY, NOBODY),
        *EventResources(NOBODY, NOBODY, NOBODY).operations(),
        *AuditResources(NOBODY).operations(),
        *WorkerResources(NOBODY, 0, NOBODY).operations(),
        *configuration_operations(NOBODY, SimpleNamespace(store=None), NOBODY),  # type: ignore[arg-type]
        *TraceResources(NOBODY, NOBODY, NOBODY).operations(),
        *KeyResources(NOBODY, NOBODY, NOBODY).operations(),
        *HistoryResources(NOBODY, NOBODY, (), Records()).operations(),
        *StatisticsResources(NOBODY).operations(),
        *AlertResources(NOBODY).operations(),
    )
    missing = [each.name for each in operations if not callable(getattr(Client, each.name, None))]
    assert missing == []


VERBS: list[tuple[list[str], str, dict[str, Any]]] = [
    (["hangup", "CALL"], "hang_up", {}),
    (["transfer", "CALL", "5002", "--kind", "attended"], "transfer", {"to": "5002", "kind": "attended"}),
    (["transfer-cancel", "CALL"], "cancel_transfer", {}),
    (["transfer-accept", "CALL"], "decide_transfer", {"accept": True}),
    (["transfer-refuse", "CALL"], "decide_transfer", {"accept": False}),
    (["supervise", "CALL", "boss", "--mode", "whisper"], "supervise", {"to": "boss", "mode": "whisper"}),
    (["leave", "CALL"], "leave", {}),
    (["hold", "CALL"], "hold", {}),
    (["resume", "CALL"], "resume", {}),
    (["mute", "CALL", "caller"], "mute", {"side": "caller", "on": True}),
    (["unmute", "CALL", "agent"], "mute", {"side": "agent", "on": False}),
    (["dtmf", "CALL", "12#"], "send_digits", {"digits": "12#"}),
    (["say", "CALL", "One moment."], "say", {"text": "One moment.", "exact": True}),
    (["say", "CALL", "Apologise.", "--instruct"], "say", {"text": "Apologise.", "exact": False}),
    (["agent", "CALL", "--name", "night"], "switch", {"agent": "night", "instructions": None, "variables": {}}),
    (["record", "CALL", "pause"], "record", {"action": "pause"}),
    (["add", "CALL", "5003"], "add_participant", {"to": "5003"}),
    (["drop", "CALL", "leg-1"], "drop_participant", {"leg": "leg-1"}),
]


@pytest.mark.parametrize(("words", "verb", "asked"), VERBS)
async def test_verbs(words: list[str], verb: str, asked: dict[str, Any]) -> None:
    async with harness() as it:
        call = it.calls.add().id
        words = [call if word == "CALL" else word for word in words]
        assert await said(it, *words)
        assert json.loads(await said(it, *words, "--json"))
        assert it.calls.asked == [(verb, {"call": call, **asked, "by": "admin"})] * 2


FORMER = {
    "transfer-cancel": "cancel-transfer",
    "transfer-accept": "accept-transfer",
    "transfer-refuse": "reject-transfer",
}


@pytest.mark.parametrize(("words", "verb", "asked"), VERBS)
async def test_verbs_in_their_group_with_the_beginning_of_an_id(
    words: list[str], verb: str, asked: dict[str, Any]
) -> None:
    async with harness() as it:
        call = it.calls.add().id
        command, *others = words
        assert await said(it, "calls", FORMER.get(command, command), *(call[:8] if w == "CALL" else w for w in others))
        assert changes(it) == [(verb, {"call": call, **asked, "by": "admin"})]


async def test_the_beginning_of_several_ids_is_refused_with_their_names() -> None:
    async with harness() as it:
        one, two = "3f0c5a52-6d0c-4c3e-9f06-0c2b6a1f3c11", "3f0c5a52-0000-4c3e-9f06-0c2b6a1f3c11"
        it.calls.add(id=one)
        it.calls.add(id=two)
        result = await voiceai(it, "calls", "hangup", "3f0c")
        assert (result.exit_code, one in result.output, two in result.output, changes(it)) == (1, True, True, [])
        assert await said(it, "calls", "hangup", "3f0c5a52-6")


async def test_an_id_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    async with harness() as it:
        monkeypatch.setattr(connection.out, "_width", 60)
        call = it.calls.add(agent="an agent with a long name", caller="+493012345678", callee="+493012345679")
        assert call.id in await said(it, "calls")


@pytest.mark.parametrize("group", ["calls", "queue", "workers", "nodes", "history"])
async def test_each_group_has_a_list(group: str) -> None:
    alone, listed = (CliRunner().invoke(app, words) for words in ([group, "--help"], [group, "list", "--help"]))
    assert (alone.exit_code, listed.exit_code) == (0, 0)


async def test_a_token_may_follow_the_command_of_a_group() -> None:
    async with harness() as it:
        address = ("--url", f"http://127.0.0.1:{it.port}", "--token", ADMIN)
        result = await asyncio.to_thread(CliRunner().invoke, app, ["queue", "pause", *address], env={})
        assert (result.exit_code, it.calls.asked) == (0, [("pause", {"trunk": None, "by": "admin"})]), result.output


def test_the_version_is_shown() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"voiceai {metadata.version('voiceai')}\n")


async def test_a_call_is_placed_and_shown() -> None:
    async with harness() as it:
        placed = (await said(it, "call", "+4930123", "--agent", "desk", "--var", "name=Zoe=1")).strip()
        assert it.calls.asked[0][1]["asked"].variables == {"name": "Zoe=1"}
        assert json.loads(await said(it, "show", placed, "--json"))["callee"] == "+4930123"
        for known in (placed, placed[:8], placed[:8].upper(), placed.upper()):  # it is only in the queue
            assert "queued" in await said(it, "calls", "show", known)
        assert placed in await said(it, "queue")


async def test_calls_are_listed_with_filters() -> None:
    async with harness() as it:
        mine, other = it.calls.add(agent="[red]night"), it.calls.add(ended_at=STARTED, state="ended", outcome="busy")
        listed = await said(it, "calls")
        assert (mine.id in listed, other.id in listed, "[red]night" in listed) == (True, True, True)
        assert other.id not in await said(it, "calls", "--state", "active")
        assert [each["id"] for each in json.loads(await said(it, "calls", "--json"))["calls"]] == [mine.id, other.id]


async def test_the_queue_says_why_and_is_cancelled_after_a_question() -> None:
    async with harness() as it:
        until = STARTED.replace(hour=23)
        why = view.WaitingView("calling_hours", "The calling hours of the trunk [main] are over.", until)
        call = it.orders.add(queue=view.QueueView(1, "queued", 0, STARTED, STARTED, "ops", waiting=why))
        sentence = "calling_hours: The calling hours of the trunk [main] are over. (until 2026-11-22 23:30:00 UTC)"
        for words in (["queue"], ["queue", "list", "--status", "all"], ["queue", "show", call.id]):
            told = " ".join((await said(it, *words)).split())
            assert call.id in told
            assert sentence in told, words
        asked = [arguments["wanted"].statuses for verb, arguments in it.calls.asked if verb == "page"]
        assert asked == [(Status.QUEUED, Status.DIALING), None]
        env = {"VOICEAI_URL": f"http://127.0.0.1:{it.port}", "VOICEAI_API_TOKEN": ADMIN}
        cancel = ["queue", "cancel", "--agent", "night"]
        refused = await asyncio.to_thread(CliRunner().invoke, app, cancel, env=env, input="n\n")
        assert (refused.exit_code, "1 calls that wait will be cancelled" in refused.output) == (1, True)
        assert not [verb for verb, _ in it.calls.asked if verb == "cancel_all"]
        assert "1 calls cancelled" in await said(it, *cancel, "--yes")
        assert "1 calls cancelled" in await said(it, "queue", "cancel", call.id[:8], "--yes")
        assert (await voiceai(it, "queue", "cancel", "--yes")).exit_code == 1
        expected = [arguments["expected"] for verb, arguments in it.calls.asked if verb == "cancel_all"]
        assert expected == [1, 1]


async def test_the_queue_and_who_did_that() -> None:
    async with harness(store=True) as it:
        it.orders.suspended = (SuspendedTrunk("main", STARTED, 5, STARTED, False, "congestion", 503),)
        told = " ".join((await said(it, "queue")).split())
        assert "failing: main: congestion (SIP 503), tried again at" in told
        it.calls.asked.clear()
        await said(it, "queue", "pause", "--trunk", "main")
        await said(it, "queue", "resume")
        assert [verb for verb, _ in it.calls.asked] == ["pause", "resume"]
        assert it.kept is not None
        await it.kept.audit_log.drain()
        assert "pause_queue" in (told := await said(it, "audit"))
        assert "trunk=main" in told


async def test_the_doctor_looks_at_one_call(tmp_path: Path) -> None:
    traces = Traces()
    async with harness(more=lambda calls, orders: TraceResources(calls, orders, traces).operations()) as it:
        call = it.calls.add(detail="no way to +4930555999", ended_at=STARTED, outcome="failed")
        traces.observe(lifecycle.CallBegan("inbound", call), STARTED)
        into = tmp_path / "call.zip"
        assert "The call failed: no way to …" in await said(it, "doctor", "--call", call.id, "-o", str(into))
        with zipfile.ZipFile(into) as packed:
            assert packed.namelist() == ["summary.md", "trace.json"]
            assert json.loads(packed.read("trace.json"))["steps"][0]["what"] == "began"
            assert b"4930" not in packed.read("summary.md") + packed.read("trace.json")
        assert "# Call" in await said(it, "doctor", "--call", call.id, "--markdown")
        assert json.loads(await said(it, "doctor", "--call", call.id, "--json"))["id"] == call.id
        assert (await voiceai(it, "doctor", "--call", "nobody")).exit_code == 1


async def test_the_doctor_looks_at_a_call_that_never_began() -> None:
    """One that expired in the queue, one that waits there, and a caller who was refused."""
    traces = Traces()
    async with harness(more=lambda calls, orders: TraceResources(calls, orders, traces).operations()) as it:
        tried = view.AttemptView(STARTED, "busy", "+4930555999 said no", "main", 17, 486)
        queue = view.QueueView(1, "ended", 0, STARTED, STARTED, "ops", attempts=(tried,))
        expired = it.orders.add(state="ended", queue=queue, outcome="expired", ended_at=STARTED)
        told = await said(it, "doctor", "--call", expired.id, "--markdown")
        assert "expired before it could be placed after 1 attempts, the last one: the other side was busy." in told
        assert [word in told for word in ("queued", "attempt", "sip_status=486", "4930")] == [True, True, True, False]
        assert "The call waits in the queue; it was never dialed." in await said(
            it, "doctor", "--call", it.orders.add().id, "--markdown"
        )
        caller = call_view(
            agent="", outcome="no_route", detail="No route fits.", ended_by="system", caller="+4930555999"
        )
        traces.observe(lifecycle.CallerRefused("no_route", caller), STARTED)
        told = await said(it, "doctor", "--call", caller.id, "--markdown")
        assert "- The caller was refused: No route fits. Add a route" in told
        assert ("ended by us" in told, "4930" in told) == (False, False)


async def test_readiness_is_an_exit_status() -> None:
    async with harness() as it:
        assert "workers: there" in await said(it, "ready")
        it.calls.parts["workers"] = False
        assert (await voiceai(it, "ready")).exit_code == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hangup", "nobody"], "Call not found"),
        (["dtmf", "x", "5&6"], "/digits: "),
        (["calls", "--state", "dead"], "state: "),
        (["say", "x", "caf\udce9"], "a text is not UTF-8"),
    ],
)
async def test_what_goes_wrong_is_said_and_is_an_exit_status(words: list[str], expected: str) -> None:
    async with harness() as it:
        result = await voiceai(it, *words)
        assert (result.exit_code, expected in result.output) == (1, True), result.output


async def test_nobody_at_home_and_a_wrong_token() -> None:
    async with harness() as it:
        assert "does not know this API token" in (await voiceai(it, "calls", token="wrong-0123456789")).output
        assert "No API token is given. Set VOICEAI_API_TOKEN" in (await voiceai(it, "calls", token="")).output
        it.port = 1
        result = await voiceai(it, "calls")
        assert (result.exit_code, "Is `voiceai serve` running there?" in result.output) == (1, True)


@pytest.mark.parametrize("token", ["secret\n123", "secret\r", "secret 123", "s\u00e4cret"])
async def test_a_token_that_cannot_be_sent_is_not_printed(token: str) -> None:
    async with harness() as it:
        result = await voiceai(it, "calls", token=token)
        assert (result.exit_code, "can't be sent" in result.output, "cret" in result.output) == (1, True, False)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "foo", "ftp://127.0.0.1"])
async def test_a_url_that_is_none(url: str) -> None:
    result = await asyncio.to_thread(CliRunner().invoke, app, ["calls", "--url", url, "--token", ADMIN])
    assert (result.exit_code, "is no URL such as http" in result.output) == (1, True), result.output


def test_a_token_is_made_and_only_its_hash_is_for_the_config() -> None:
    result = CliRunner().invoke(app, ["token", "ops", "--scope", "read", "--scope", "control"])
    token = result.stdout.strip()
    assert len(token) > 40
    assert hashlib.sha256(token.encode()).hexdigest() in result.stderr
    assert token not in result.stderr
    assert "scopes: [read, control]" in result.stderr
    assert CliRunner().invoke(app, ["token", "ops", "--scope", "root"]).exit_code == 2


# ---------------------------------------------------------------- the client


async def test_problems_are_typed() -> None:
    async with harness() as it:
        it.calls.refusal = errors.Busy("Full.")

        def ask() -> ApiProblem:
            with Client(f"http://127.0.0.1:{it.port}", ADMIN) as client, pytest.raises(ApiProblem) as raised:
                client.place_call(to="1")
            return raised.value

        problem = await asyncio.to_thread(ask)
        assert (problem.type, problem.status, problem.retry_after) == ("at-limit", 429, 5.0)
        assert str(problem) == "A limit of calls is reached: Full."


async def test_all_pages_are_walked() -> None:
    async with harness() as it:
        made = [it.calls.add().id for _ in range(7)]

        def walk() -> list[str]:
            with Client(f"http://127.0.0.1:{it.port}", ADMIN) as client:
                return [each.id for each in client.calls(limit=3)]

        assert sorted(await asyncio.to_thread(walk)) == sorted(made)


def broken(times: int) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) <= times:
            raise httpx.ReadError("gone", request=request)
        problem = {"type": "/problems/unknown-call", "title": "None", "status": 404, "request_id": "r"}
        return httpx.Response(404, json=problem)

    return httpx.MockTransport(answer), seen


def test_a_request_whose_answer_was_lost_is_sent_again_with_the_same_key() -> None:
    transport, seen = broken(2)
    with Client("http://x", "t", transport=transport) as client, pytest.raises(ApiProblem):
        client.place_call(to="1")
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 1
    assert len(seen) == 3


def test_what_could_be_done_twice_is_not_sent_again() -> None:
    transport, seen = broken(1)
    with Client("http://x", "t", transport=transport) as client, pytest.raises(Unreachable):
        client.say("c", text="Hello")
    assert len(seen) == 1


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(502, text="Bad gateway")])
def test_what_voiceai_would_never_say(answer: httpx.Response) -> None:
    with Client("http://x", "t", transport=httpx.MockTransport(lambda _: answer)) as client, pytest.raises(Unreachable):
        client.health()


def test_ids_do_not_change_the_path() -> None:
    transport, seen = broken(0)
    with Client("http://x", "t", transport=transport) as client, pytest.raises(ApiProblem):
        client.drop_participant("../../a?b", "c/d#e")
    assert seen[0].url.raw_path == b"/v1/calls/..%2F..%2Fa%3Fb/participants/c%2Fd%23e"


def test_a_stream_of_events() -> None:
    said = 'id: a-1\nevent: call.said\ndata: {"type": "call.said", "text": "one\u2028two\u0085"}\n\n'
    text = f"retry: 2000\n\n: still here\n\n{said}event: gap\ndata: {{}}\n\n"
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=text))
    with Client("http://x", "t", transport=transport) as client:
        found = list(client.stream_events(["call.*"]))
    assert [(each.id, each.type) for each in found] == [("a-1", "call.said"), (None, "gap")]
    assert found[0].data["text"] == "one\u2028two\u0085"


def test_the_view_of_a_call_reads_back_what_the_api_wrote() -> None:
    from controller.api.models.calls import CallAnswer
    from tests.integration.api_harness import call_view

    full = CallAnswer.of(call_view(transfer=view.TransferView("1", "ops", "ringing", None), muted=("caller",)))
    assert CallAnswer.model_validate_json(full.model_dump_json()) == full


class Staff:
    """One worker, which can be drained."""

    def __init__(self) -> None:
        self.worker = Worker("w1", 7, "127.0.0.1", 9092, 100, None)
        self.asked: list[tuple[str, float]] = []
        self.refusals = Refusals()

    def all(self) -> list[Worker]:
        return [self.worker]

    def get(self, name: str) -> Worker | None:
        return self.worker if name == "w1" else None

    async def retire(self, name: str, seconds: float) -> None:
        if name != "w1":
            raise UnknownWorker("There is no worker of that name whose link is up.")
        self.asked.append((name, seconds))


async def test_workers_are_listed_and_drained() -> None:
    staff, replaced = Staff(), asyncio.Event()
    async with harness(more=lambda calls, orders: WorkerResources(staff, 60.0, replaced.set).operations()) as it:
        assert "127.0.0.1:9092" in await said(it, "workers")
        assert json.loads(await said(it, "workers", "--json"))["workers"][0]["capacity"] == 100
        staff.refusals.note(RefusedWorker("w2", "192.0.2.7", "upgrade the worker first", monotonic()))
        assert "w2 at 192.0.2.7 is refused: upgrade the worker first" in await said(it, "workers")
        assert "w1" in await said(it, "workers", "drain", "w1")
        assert "w1" in await said(it, "workers", "drain", "w1", "--seconds", "5")
        assert staff.asked == [("w1", 60.0), ("w1", 5.0)]
        assert (await voiceai(it, "workers", "drain", "w2")).exit_code == 1
        assert "w1" in await said(it, "workers", "replace")
        assert replaced.is_set()


async def test_versions_of_an_agent_from_the_shell(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await versions_by_command(here, tmp_path)


async def versions_by_command(here: Desk, folder: Path) -> None:
    async def told(*words: str, code: int = 0) -> str:
        result = await voiceai(here.it, "config", *words)
        assert result.exit_code == code, result.output
        return result.output

    def prompt() -> str:
        return here.publisher.current.config.agents["reception"].instructions

    file = folder / "agent.yaml"
    file.write_text(yaml.safe_dump({"instructions": "Be rude.", "tools": ["crm"]}))
    assert "reception" in await told("list", "agents")
    assert yaml.safe_load(await told("show", "agents", "reception")) == {
        "instructions": "Be kind.",
        "tools": ["crm", "hang_up"],
    }
    assert "admin" in await told("draft", "agents", "reception", str(file))
    assert yaml.safe_load(await told("show", "agents", "reception", "--draft")) == {
        "instructions": "Be rude.",
        "tools": ["crm"],
    }
    assert "+instructions: Be rude." in await told("diff", "agents", "reception")
    assert "ruder" in await told("publish", "agents", "reception", "-m", "ruder")
    assert prompt() == "Be rude."
    assert "ruder" in await told("versions", "agents", "reception")
    assert "as version 1" in await told("rollback", "agents", "reception", "1")
    assert "same" in await told("diff", "agents", "reception", "--from", "1", "--to", "3")
    file.write_text((await told("export")).replace("Be kind.", "Be new."))
    assert "agents/reception" in await told("import", str(file), "--dry-run")
    assert prompt() == "Be kind."
    await told("import", str(file))
    assert prompt() == "Be new."
    assert "invalid-config" in await told("delete", "http_tools", "crm", code=1)
    assert "2: 10 %" in await told("trial", "reception", "2", "--share", "10")
    assert "%" not in await told("end-trial", "reception")
    file.write_text("instructions: [")
    await told("draft", "agents", "new", str(file), code=2)
    await told("show", "agents", "nobody", code=1)
    file.write_text("instructions: Sell.")
    await told("draft", "agents", "sales", str(file))
    await told("publish", "agents", "sales")
    await told("delete", "agents", "sales")


# ---------------------------------------------------------------- what happens while it happens


@pytest.mark.parametrize(("outcome", "status"), [("answered", 0), ("busy", 3)])
async def test_a_call_is_followed_until_it_ends(outcome: str, status: int, tmp_path: Path) -> None:
    async with live.served(tmp_path) as there:
        following = asyncio.create_task(voiceai(there.harness, "call", "+4930123", "--follow"))
        await eventually(lambda: there.events.stream.subscribers == 1)
        (call,) = there.harness.orders.waiting
        begin(there.events, call)
        say(there.events, call, "[red]Hello?")
        ended = {"state": "ended", "ended_at": STARTED, "outcome": outcome}
        there.harness.orders.waiting[call] = replace(there.harness.orders.waiting[call], **ended)  # type: ignore[arg-type]
        end(there.events, call)
        result = await following
        assert result.exit_code == status, result.output
        assert [line.split()[1] for line in result.output.splitlines()] == ["started", "said", "ended"]
        assert "caller: [red]Hello?" in result.output


async def test_one_call_is_watched_as_lines_for_people_and_for_programs(tmp_path: Path) -> None:
    async with live.served(tmp_path) as there:
        begin(there.events, "a")
        say(there.events, "a", "Grüße")
        end(there.events, "a")
        await eventually(lambda: there.events.stream.has_end_of("a"))
        assert "caller: Grüße" in await said(there.harness, "watch", "a")
        told = [json.loads(line) for line in (await said(there.harness, "watch", "a", "--json")).splitlines()]
        assert [each["type"] for each in told] == ["call.started", "call.said", "call.ended"]
        assert told[1]["data"]["text"] == "Grüße"
        assert (await voiceai(there.harness, "watch", "nobody")).exit_code == 1


@pytest.mark.timeout(180)  # two processes that import all of the command, on a machine that may be busy
async def test_all_calls_are_watched_until_the_interrupt_key(tmp_path: Path) -> None:
    async with live.served(tmp_path) as there:
        there.harness.calls.add(caller="+4930777")
        env = {**os.environ, "VOICEAI_URL": f"http://127.0.0.1:{there.harness.port}", "VOICEAI_API_TOKEN": ADMIN}
        command = (sys.executable, "-c", "from controller.cli.main import app; app()", "watch")
        pipe = asyncio.subprocess.PIPE
        lines = await asyncio.create_subprocess_exec(*command, "--json", stdout=pipe, env=env)
        board = await asyncio.create_subprocess_exec(*command, stdout=pipe, env=env)
        assert lines.stdout
        try:
            async with asyncio.timeout(150):
                await eventually(lambda: there.events.stream.subscribers == 2, 150)  # the board listens, too
                begin(there.events, "a")
                assert json.loads(await lines.stdout.readline())["type"] == "call.started"
                lines.send_signal(signal.SIGINT)
                board.send_signal(signal.SIGINT)
                shown, _ = await board.communicate()
                assert (await lines.wait(), board.returncode) == (0, 0)
        finally:
            for each in (lines, board):
                if each.returncode is None:
                    each.kill()
                    await each.wait()
        assert "1 live calls" in shown.decode()
        assert "+4930777" in shown.decode()


async def test_what_no_webhook_took_is_listed_sent_again_and_forgotten(tmp_path: Path) -> None:
    async with receiver() as crm:
        crm.answer = lambda request, body: web.Response(status=410)
        async with live.served(tmp_path, crm=hook(crm.url())) as there:
            begin(there.events, "a")

            async def given_up() -> list[Any]:
                return list(json.loads(await said(there.harness, "webhooks", "list", "--json"))["dead_letters"])

            await eventually(lambda: _any(given_up()))
            (letter,) = await given_up()
            assert (letter["receiver"], letter["type"], letter["reason"]) == ("crm", "call.started", "answered 410")
            assert "answered 410" in await said(there.harness, "webhooks", "list")
            crm.answer = lambda request, body: web.Response()
            sent = await said(there.harness, "webhooks", "replay", "--receiver", "crm", "--json")
            assert json.loads(sent) == {"replayed": 1}
            await crm.until(lambda seen: len(seen.got) == 1)
            assert (await voiceai(there.harness, "webhooks", "discard", "999")).exit_code == 1
            assert await said(there.harness, "webhooks", "discard", "--all") == "0 discarded\n"
            for wrong in ((), ("1", "--all"), ("--receiver", "crm", "--all")):
                assert (await voiceai(there.harness, "webhooks", "discard", *wrong)).exit_code == 2


async def _any(found: Awaitable[list[Any]]) -> bool:
    return bool(await found)
