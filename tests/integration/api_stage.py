"""The API on a real socket, over call control that keeps a record and says what it is told to say."""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from controller.api.server import ApiServer, make_app
from controller.call import view
from controller.config import Scope, Token

STARTED = datetime(2026, 11, 22, 9, 30, 0, 5000, tzinfo=UTC)

TOKENS: dict[str, tuple[Scope, ...]] = {
    "reader-0123456789": ("read",),
    "caller-0123456789": ("call",),
    "controller-0123456789": ("control",),
    "admin-0123456789": ("admin",),
}
ADMIN = "admin-0123456789"


def call_view(**changes: Any) -> view.CallView:
    fresh = view.CallView(
        id=str(uuid.uuid4()),
        direction="inbound",
        state="talking",
        agent="reception",
        trunk="main",
        caller="+4930123",
        callee="5001",
        started_at=STARTED,
        answered_at=STARTED,
        ended_at=None,
        outcome=None,
        ended_by=None,
        cause=None,
        detail=None,
        transfer=None,
    )
    return replace(fresh, **changes)


@dataclass
class FakeCalls:
    """`view.Calls`. `refusal` is raised by whatever is asked next; `asked` is the record."""

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

    def place(self, **arguments: Any) -> view.CallView:
        self.note("place", **arguments)
        return self.add(direction="outbound", state="dialing", callee=arguments["to"], answered_at=None)

    def all(self) -> list[view.CallView]:
        return list(self.views.values())

    def get(self, call: str) -> view.CallView:
        if self.refusal is not None:
            raise self.refusal
        if call not in self.views:
            raise view.UnknownCall("There is no such call, or it ended long ago.")
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

    def transfer(self, call: str, *, to: str, by: str) -> view.CallView:
        self.calls.note("transfer", call=call, to=to, by=by)
        return replace(self.calls.get(call), transfer=view.TransferView(to, by, "ringing", None))

    def __getattr__(self, verb: str) -> Callable[..., view.CallView]:
        def noted(call: str, **arguments: Any) -> view.CallView:
            self.calls.note(verb, call=call, **arguments)
            return self.calls.get(call)

        return noted


@dataclass
class Stage:
    calls: FakeCalls
    port: int
    http: aiohttp.ClientSession

    def request(self, method: str, path: str, token: str | None = ADMIN, **more: Any) -> Any:
        headers = more.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token}"} | headers
        return self.http.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, **more)


@asynccontextmanager
async def stage(*extra: web.AbstractRouteDef) -> AsyncIterator[Stage]:
    calls = FakeCalls()
    tokens = [
        Token(name=token.partition("-")[0], token=SecretStr(token), scopes=scopes) for token, scopes in TOKENS.items()
    ]
    async with (
        ApiServer(make_app(calls, tokens, extra_routes=extra), "127.0.0.1", 0) as server,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http,
    ):
        yield Stage(calls, server.port, http)
