"""The API on a real socket, over a scripted call control that records what it is asked."""

import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from bridge.common.auth_throttle import AuthThrottle
from bridge.common.token_bucket import TokenBucket
from controller.api.audit import AuditLog
from controller.api.auth.authenticator import Authenticator
from controller.api.auth.limits import Limits
from controller.api.auth.users import User, digest_of
from controller.api.carrying import ApiNode
from controller.api.operation import Operation
from controller.api.ports import OutboundPort
from controller.api.server import ApiServer, ApiStorage, make_app
from controller.calls import errors
from controller.calls.metadata import has, merged
from controller.calls.outbound.entry import QueueFilter, Status
from controller.calls.outbound.queue import WrongCount
from controller.calls.outbound.service import CallRequest, Summary
from controller.calls.outbound.trunk_breaker import SuspendedTrunk
from controller.calls.reporting import view
from controller.config.models.api import SCOPES, Pace, Scope, Token
from controller.store.database import Database
from tests.peers.stores import store_at
from tests.unit.controller.views import CALL_VIEW, STARTED

TOKENS: dict[str, tuple[Scope, ...]] = {
    "scraper-0123456789": ("metrics",),
    "reader-0123456789": ("read",),
    "listener-0123456789": ("read", "recordings"),
    "caller-0123456789": ("call",),
    "controller-0123456789": ("control",),
    "mover-0123456789": ("control", "call"),
    "supervisor-0123456789": ("supervise", "call"),
    "admin-0123456789": ("admin",),
}
ADMIN = "admin-0123456789"
LIMITED, LIMITED_TO = "vk_" + "a" * 10 + "_" + "B" * 43, Limits(agents=frozenset({"night"}))
"""A key of the store with all scopes that reaches one agent's calls only."""


def call_view(**changes: Any) -> view.CallView:
    fresh = replace(CALL_VIEW, id=str(uuid.uuid4()), state="talking", answered_at=STARTED)
    return replace(fresh, **changes)


@dataclass
class FakeCalls:
    """`ports.Calls`. `refusal` is raised by whatever is asked next; `asked` is the record."""

    views: dict[str, view.CallView] = field(default_factory=dict)
    details: dict[str, view.CallDetail] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refusal: Exception | None = None
    parts: dict[str, bool] = field(default_factory=lambda: {"asterisk": True, "workers": True})

    def add(self, **changes: Any) -> view.CallView:
        made = call_view(**changes)
        self.views[made.id] = made
        return made

    def note(self, verb: str, **arguments: Any) -> None:
        self.asked.append((verb, arguments))
        if self.refusal is not None:
            raise self.refusal

    def all(self) -> list[view.CallView]:
        return list(self.views.values())

    def get(self, call: str) -> view.CallView:
        if self.refusal is not None:
            raise self.refusal
        if call not in self.views:
            raise errors.UnknownCall("No live or recent call has this id.")
        return self.views[call]

    def detail(self, call: str) -> view.CallDetail:
        return self.details.get(call) or view.CallDetail(self.get(call))

    @property
    def verbs(self) -> Any:
        return FakeVerbs(self)

    def ready(self) -> Mapping[str, bool]:
        return self.parts


@dataclass
class FakeVerbs:
    """`Verbs`: each is noted and does nothing but these."""

    calls: FakeCalls

    def hang_up(self, call: str, *, by: str) -> view.CallView:
        self.calls.note("hang_up", call=call, by=by)
        return replace(self.calls.get(call), state="ending")

    def set_metadata(self, call: str, changes: Mapping[str, str | None], *, by: str) -> view.CallView:
        found = self.calls.get(call)
        self.calls.views[call] = replace(found, metadata=merged(found.metadata, changes))
        return self.calls.views[call]

    def transfer(self, call: str, *, to: str, by: str, **how: Any) -> view.CallView:
        self.calls.note("transfer", call=call, to=to, by=by, **{key: it for key, it in how.items() if it is not None})
        return replace(self.calls.get(call), transfer=view.TransferView(to, by, "ringing", None))

    def add_participant(self, call: str, *, to: str, by: str) -> view.ParticipantView:
        self.calls.note("add_participant", call=call, to=to, by=by)
        return view.ParticipantView(f"call-{self.calls.get(call).id}-party-1", to, by, "ringing", None)

    def drop_participant(self, call: str, *, leg: str, by: str) -> view.ParticipantView:
        self.calls.note("drop_participant", call=call, leg=leg, by=by)
        self.calls.get(call)
        return view.ParticipantView(leg, "4930123", by, "joined", "answered")

    def __getattr__(self, verb: str) -> Callable[..., view.CallView]:
        def noted(call: str, **arguments: Any) -> view.CallView:
            self.calls.note(verb, call=call, **arguments)
            return self.calls.get(call)

        return noted


@dataclass
class FakeOrders:
    """`Ordering`: keeps its record in `calls.asked`."""

    calls: FakeCalls
    waiting: dict[str, view.CallView] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    suspended: tuple[SuspendedTrunk, ...] = ()

    def add(self, **changes: Any) -> view.CallView:
        queue = view.QueueView(len(self.waiting) + 1, "queued", 0, STARTED, STARTED, "ops")
        fresh = {"direction": "outbound", "state": "queued", "answered_at": None, "queue": queue}
        made = call_view(**(fresh | changes))
        self.waiting[made.id] = made
        return made

    async def place(self, asked: CallRequest, *, by: str, call: str | None = None) -> view.CallView:
        if call in self.waiting:
            return self.waiting[call]
        self.calls.note("place", asked=asked, by=by)
        return self.add(callee=asked.to, metadata=asked.metadata, **({} if call is None else {"id": call}))

    async def find(self, call: str) -> view.CallView:
        if call not in self.waiting:
            raise errors.UnknownCall("No live or recent call has this id.")
        return self.waiting[call]

    async def with_queue(self, call: view.CallView) -> view.CallView:
        return call

    async def cancel(self, call: str, *, by: str) -> view.CallView:
        found = await self.find(call)
        self.calls.note("cancel", call=call, by=by)
        return replace(found, state="ended")

    async def page(self, wanted: QueueFilter, *, before: int | None, limit: int) -> list[view.CallView]:
        self.calls.note("page", wanted=wanted, before=before, limit=limit)
        return [each for each in self.waiting.values() if has(each.metadata, wanted.metadata)][:limit]

    async def set_metadata(self, call: str, changes: Mapping[str, str | None], *, by: str) -> view.CallView | None:
        if call not in self.waiting:
            return None
        found = self.waiting[call]
        self.waiting[call] = replace(found, metadata=merged(found.metadata, changes))
        return self.waiting[call]

    async def count(self, wanted: QueueFilter) -> int:
        return len(self.waiting)

    async def cancel_all(self, wanted: QueueFilter, *, by: str, expected: int | None) -> int:
        self.calls.note("cancel_all", wanted=wanted, by=by, expected=expected)
        if expected not in (None, len(self.waiting)):
            raise WrongCount(len(self.waiting))
        return len(self.waiting)

    async def summary(self) -> Summary:
        return Summary({Status.QUEUED: len(self.waiting)}, frozenset(self.paused), self.suspended)

    async def pause(self, trunk: str | None, *, by: str) -> Summary:
        self.calls.note("pause", trunk=trunk, by=by)
        self.paused.add(trunk or "")
        return await self.summary()

    async def resume(self, trunk: str | None, *, by: str) -> Summary:
        self.calls.note("resume", trunk=trunk, by=by)
        self.paused.clear()
        return await self.summary()


@dataclass
class Harness:
    calls: FakeCalls
    orders: FakeOrders
    port: int
    http: aiohttp.ClientSession
    kept: ApiStorage | None = None
    server: ApiServer | None = None

    def request(self, method: str, path: str, token: str | None = ADMIN, **more: Any) -> Any:
        headers = more.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token}"} | headers
        return self.http.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, **more)


def with_limited_key(made: Authenticator) -> Authenticator:
    every = User(
        *("limited", digest_of(LIMITED), frozenset(SCOPES), (10_000.0, 100_000), TokenBucket(10_000, 100_000)),
        limits=LIMITED_TO,
        key="a" * 10,
    )
    made.users.replace_keys({"a" * 10: every})
    return made


@asynccontextmanager
async def harness(
    *extra: web.AbstractRouteDef,
    more: Callable[[FakeCalls, FakeOrders], Iterable[Operation]] = lambda _, __: (),
    store: bool = False,
    tokens: Iterable[Token] = (),
    throttle: AuthThrottle | None = None,
    authenticator: Authenticator | None = None,
    port: int = 0,
    calls: FakeCalls | None = None,
    kept: ApiStorage | None = None,
    node: ApiNode | None = None,
    queue: OutboundPort | None = None,
) -> AsyncIterator[Harness]:
    """`store`: with idempotency keys and the audit log, over a database of its own (`kept`: these). `tokens`: besides
    TOKENS. `authenticator`: instead of one that knows these. `node`: among others. `queue`: instead of `FakeOrders`."""
    calls = calls or FakeCalls()
    orders = FakeOrders(calls)
    known = [
        Token(name=token.partition("-")[0], token=SecretStr(token), scopes=scopes) for token, scopes in TOKENS.items()
    ]
    async with AsyncExitStack() as stack:
        if store:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            database = await stack.enter_async_context(Database(store_at(Path(folder))))
            kept = ApiStorage(database, AuditLog(database, keep_days=30))
        pace, patient = Pace(per_second=10_000, burst=100_000), AuthThrottle(per_second=10_000, at_once=100_000)
        guesses = patient if throttle is None else throttle
        keeper = authenticator or with_limited_key(Authenticator([*known, *tokens], pace, guesses))
        app = make_app(calls, queue or orders, keeper, more(calls, orders), extra, storage=kept, node=node)
        server = await stack.enter_async_context(ApiServer(app, "127.0.0.1", port))
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)))
        yield Harness(calls, orders, server.port, http, kept, server)
