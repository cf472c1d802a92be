"""Nothing that a request or a model says gets into a dial string, a channel variable, a header or a file name.

Every string field of every operation, read off the operations themselves, is given every hostile value: over the real
API, the real queue and a real call, in front of an Asterisk that notes what it is asked. The allow-list lets everything
pass here: it is not what protects.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import pytest
from pydantic import SecretStr
from yarl import URL

from bridge import contract
from controller.api import ports
from controller.api.auth.authenticator import Authenticator
from controller.api.operation import STREAM, Operation
from controller.api.server import ApiServer, make_app, operations_of
from controller.ari.rest import Ari
from controller.calls import errors
from controller.calls.machine import inputs
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.outbound import planner
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.service import OutboundCalls
from controller.calls.reporting import view
from controller.calls.runtime import worker_inputs
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.call_control import CallControl
from controller.calls.tools.http import HttpTools
from controller.config import Config, CurrentConfig
from controller.config.models.api import Pace, Token
from controller.store.database import Database
from controller.workers.pool import WorkerPool
from tests.peers.stores import store_at
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, OVER, SPEC
from tests.unit.controller.calls.runtime.test_actor import OPENING, FakeTools, FakeWorkers
from tests.unit.controller.configs import FULL, config

Where = tuple[str, str, str]
"""Place and name of a field, and its value."""
MARK, HARMLESS = "Evil9", "4930999"
HOSTILE = (
    *(f"4930{sign}{MARK}" for sign in "/&,;|$%{}()[]<>\"'`\\@^= \t\r\n\0\x1b"),
    f"4930\r\nX-{MARK}: 1",
    f"${{SHELL({MARK})}}",
    f"%{{{MARK}}}",
    f"PJSIP/{MARK}&Local/1@x",
    f"../../{MARK}",
    f"/etc/{MARK}",
    f"sip:a@b?{MARK}=1",
    f"sip:a@b;{MARK}",
    f"{MARK}@default",
    f"4930\u2028{MARK}",
)


def _wide() -> Config:
    """The config refuses such an allow-list: it is put in behind its back."""
    sound = config(FULL, supervisor={"extensions": {"boss": "5009"}})
    main = sound.trunks["main"].model_copy(update={"allow": ("(?s:.*)", "sip(?s:.*)")})
    return sound.model_copy(update={"trunks": {**sound.trunks, "main": main}})


LETS_ALL_PASS = _wide()
GOOD: dict[str, Any] = {
    "to": "4930123",
    "digits": "1",
    "text": "Hello.",
    "agent": "night",
    "trunk": "main",
    "side": "caller",
}
GOOD |= {"action": "start", "mode": "listen", "accept": True, "metadata": {"department": "sales"}}
SHOWN = {"caller_id"}
"""Who calls, as a name and a number: an argument of its own, whose signs are checked."""
SPOKEN = {"text", "instructions", "summary", "announce", "greeting"}
"""Words for the model, which take any sign."""
DIALS = ("place_call", "transfer", "add_participant")
NOBODY: Any = None


class NotedAri:
    def __init__(self) -> None:
        self.app = "voiceai"
        self.asked: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        async def operation(*arguments: Any, **named: Any) -> None:
            self.asked += [*arguments, *({key: value} for key, value in named.items())]

        return operation


@dataclass
class Served:
    """`ports.Calls` with one call, which talks."""

    config: Config
    queue: Queue
    ari: NotedAri = field(default_factory=NotedAri)
    workers: FakeWorkers = field(default_factory=FakeWorkers)
    actor: CallActor = field(init=False)

    def __post_init__(self) -> None:
        self.actor = self.birth(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {"VOICEAI_CALL": CALL}, trunk="main"))
        self.verbs = CallControl(CurrentConfig(self.config), self._find)

    def birth(self, plan: Plan) -> CallActor:
        tools = cast(HttpTools, FakeTools())
        return CallActor(plan, self.config, cast(Ari, self.ari), cast(WorkerPool, self.workers), tools)

    def _find(self, call: str) -> CallActor:
        if call != CALL:
            raise errors.UnknownCall("There is no such call.")
        return self.actor

    def all(self) -> list[view.CallView]:
        return [self.get(CALL)]

    def get(self, call: str) -> view.CallView:
        found = self._find(call)
        return view.view_of(found.call, found.call_log)

    def detail(self, call: str) -> view.CallDetail:
        return view.CallDetail(self.get(call))

    def ready(self) -> dict[str, bool]:
        return {}

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        self.__post_init__()
        task = asyncio.create_task(self.actor.run())
        for what in OPENING:
            self.actor.put(what)
        await turns()
        assert self.actor.call.state is State.TALKING
        yield
        await turns()
        self.actor.put(inputs.HangUpAsked("test"))
        self.actor.put(OVER)
        async with asyncio.timeout(5):
            await task

    async def place(self, call: str) -> None:
        """As the dialer would."""
        entry = await self.queue.get(call)
        assert entry is not None
        actor = self.birth(planner.outbound(self.config, entry))
        task = asyncio.create_task(actor.run())
        actor.put(inputs.AiReady())
        await turns()
        task.cancel()
        await asyncio.wait([task])

    async def meet(
        self, http: aiohttp.ClientSession, base: str, operation: Operation, what: tuple[str, str, str]
    ) -> None:
        path, query, body = request(operation, *what)
        url = URL(base + path, encoded=True)
        async with self.talking(), http.request(operation.method, url, params=query, data=body) as answer:
            told = await answer.json()
            assert answer.status < 500, (what, told)
            if answer.status == 202 and operation.name == "place_call":
                await self.place(told["id"])
        self.check(what[1].partition("/")[0], what[2])
        self.ari.asked.clear()
        self.workers.sent.clear()

    def check(self, name: str, value: str) -> None:
        """What Asterisk was asked holds nothing of `value`; the worker has it as it was, among words."""
        for key, text in strings(self.ari.asked):
            assert MARK not in text or (key in SHOWN and name in SHOWN and text == value), (key, text)
        for key, text in strings([each.model_dump() for each in self.workers.sent]):
            assert MARK not in text or (key in SPOKEN and value in text), (key, text)


async def turns() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


def strings(part: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield key, part
    elif isinstance(part, dict):
        for name, value in part.items():
            yield "a name", str(name)
            yield from strings(value, str(name))
    elif isinstance(part, list | tuple | set | frozenset):
        for value in part:
            yield from strings(value, key)
    elif hasattr(part, "__dataclass_fields__"):
        yield from strings({name: getattr(part, name) for name in part.__dataclass_fields__})


OPERATIONS = [each for each in operations_of(NOBODY, NOBODY) if each.media != STREAM]


def fields(operation: Operation) -> Iterator[tuple[str, str]]:
    """Where in a request a string may stand: (path, query, body or key), and its name."""
    for part in operation.path.split("/"):
        if part.startswith("{"):
            yield "path", part[1:-1].partition(":")[0]
    for place, kind in (("query", operation.query), ("body", operation.body)):
        for name, schema in (kind.model_json_schema()["properties"] if kind and kind.model_fields else {}).items():
            kinds = {each.get("type") for each in schema.get("anyOf", [schema])}
            if "string" in kinds:
                yield place, name
            if "object" in kinds:
                yield place, name + "/value"
                yield place, name + "/key"


def request(operation: Operation, place: str, name: str, value: str) -> tuple[str, dict[str, Any], bytes | None]:
    path = operation.path.replace("{id}", CALL if (place, name) != ("path", "id") else quote(value, safe=""))
    path = path.replace("{leg}", quote(value, safe="") if name == "leg" else "leg-1")
    query = {name: value} if place == "query" else {}
    if operation.body is None:
        return path, query, None
    schema = operation.body.model_json_schema()
    body: dict[str, Any] = {each: GOOD[each] for each in schema.get("required", ())}
    if operation.name == "switch_agent":
        body["agent"] = GOOD["agent"]
    if place == "body":
        top, _, which = name.partition("/")
        body[top] = {"value": {"a": value}, "key": {value: "a"}}.get(which, value)
    return path, query, json.dumps(body).encode()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
async def test_no_field_of_any_operation_lets_anything_through(operation: Operation, tmp_path: Path) -> None:
    token = Token(name="ops", token=SecretStr("ops-0123456789"), scopes=("admin",))
    async with Database(store_at(tmp_path)) as database:
        served = Served(LETS_ALL_PASS, queue := Queue(database))
        orders = OutboundCalls(CurrentConfig(LETS_ALL_PASS), queue, lambda: None, check_webhook=lambda url: None)
        app = make_app(
            cast(ports.Calls, served), orders, Authenticator([token], Pace(per_second=10_000, burst=100_000))
        )
        headers = {"Authorization": "Bearer ops-0123456789", "Content-Type": "application/json"}
        async with ApiServer(app, "127.0.0.1", 0) as server, aiohttp.ClientSession(headers=headers) as http:
            for place, name in fields(operation):
                for value in (HARMLESS, *HOSTILE) if name == "to" and operation.name in DIALS else HOSTILE:
                    await served.meet(http, f"http://127.0.0.1:{server.port}", operation, (place, name, value))


TOOLS = [("transfer", "to"), ("send_dtmf", "digits"), ("hold", "seconds"), ("hang_up", "reason"), ("voicemail", "x")]


@pytest.mark.parametrize(("tool", "name"), TOOLS)
async def test_nothing_that_the_model_says_gets_through(tool: str, name: str) -> None:
    served = Served(LETS_ALL_PASS, NOBODY)
    for value in HOSTILE:
        for called, arguments in ((tool, {name: value}), (tool, {name: [value]}), (tool + value, {name: "1"})):
            async with served.talking():
                asked = contract.ToolCalled(call=CALL, tool_call="t1", name=called, arguments=arguments)
                for what in worker_inputs.inputs_of(served.config, served.actor.call.plan, asked):
                    served.actor.put(what)
            assert [text for _, text in strings(served.ari.asked) if MARK in text] == []
            served.ari.asked.clear()


def test_the_table_finds_the_fields() -> None:
    found = {(each.name, *where) for each in OPERATIONS for where in fields(each)}
    assert {
        ("place_call", "body", "to"),
        ("place_call", "body", "variables/key"),
        ("transfer", "path", "id"),
        ("drop_participant", "path", "leg"),
        ("say", "body", "text"),
        ("list_calls", "query", "agent"),
    } <= found


def test_the_check_can_fail() -> None:
    served = Served(LETS_ALL_PASS, NOBODY)
    served.ari.asked = ["call-1", {"endpoint": f"PJSIP/1&{MARK}@trunk"}]
    with pytest.raises(AssertionError):
        served.check("to", f"1&{MARK}")
