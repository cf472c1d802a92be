"""API keys over real HTTP: made, limited, changed, revoked; and what of them is kept."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select, text

from controller.api.auth.authenticator import Authenticator
from controller.api.auth.cookie import NAME
from controller.api.auth.keys import ApiKeys
from controller.api.auth.sessions import Sessions
from controller.api.console.session import PATH, SessionResources
from controller.api.models.session import Choices
from controller.api.resources.keys import KeyResources
from controller.api.resources.live_status import LiveStatusResources
from controller.cli import connection
from controller.config.models.api import Pace, Token
from controller.store.database import Database, StoreError
from controller.store.tables.api import api_keys
from controller.telemetry.live_status import LiveStatusHub
from tests.integration.api_harness import ADMIN, Harness, harness
from tests.integration.test_cli import quiet as quiet, voiceai
from tests.peers.stores import Server, store_at

HERE = {"Sec-Fetch-Site": "same-origin"}
KNOWN = {"agents": ("reception", "sales"), "trunks": ("main", "other")}
CHOICES = Choices(agents=(), trunks=(), targets=(), supervisors=(), softphone=False)


@dataclass
class Rig(Harness):
    keeper: Authenticator = None  # type: ignore[assignment]
    keys: ApiKeys = None  # type: ignore[assignment]
    database: Database = None  # type: ignore[assignment]
    hub: LiveStatusHub = None  # type: ignore[assignment]

    async def ask(self, method: str, path: str, token: str | None = ADMIN, **more: Any) -> tuple[int, Any]:
        async with self.request(method, path, token, **more) as answer:
            return answer.status, await answer.json() if answer.content_type.endswith("json") else await answer.text()

    async def made(self, name: str = "ci", token: str = ADMIN, **more: Any) -> dict[str, Any]:
        status, answer = await self.ask("POST", "/v1/keys", token, json={"name": name, "scopes": ["read"]} | more)
        assert status == 201, answer
        return dict(answer)


def keeper_of(database: Database) -> Authenticator:
    admin = Token.model_validate({"name": "admin", "token": ADMIN, "scopes": ["admin"]})
    return Authenticator([admin], Pace(per_second=10_000, burst=100_000), sessions=Sessions(database=database))


@asynccontextmanager
async def rig(url: str) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        keeper = keeper_of(database)
        keys = ApiKeys(database, keeper)
        await keys.read()
        await keeper.sessions.read(keeper.users)
        hub = LiveStatusHub(_nobody, lambda _: 0.1)
        session = SessionResources(keeper, lambda: CHOICES)
        it = await stack.enter_async_context(
            harness(
                *session.routes(),
                authenticator=keeper,
                store=True,
                more=lambda calls, _: (
                    *KeyResources(keys, keeper.sessions, lambda: KNOWN).operations(),
                    *LiveStatusResources(hub, calls).operations(),
                ),
            )
        )
        task = asyncio.create_task(keys.run())
        try:
            yield Rig(**vars(it), keeper=keeper, keys=keys, database=database, hub=hub)
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _nobody(_: Any) -> None: ...


async def over(answer: aiohttp.ClientResponse, seconds: float = 2) -> None:
    async with asyncio.timeout(seconds):
        try:
            while await answer.content.readany():
                pass
        except aiohttp.ClientError:
            pass


async def becomes(it: Rig, status: int, token: str | None, **more: Any) -> None:
    """Another controller tells nobody when it has read the store."""
    async with asyncio.timeout(2):
        while (await it.ask("GET", "/v1/calls", token, **more))[0] != status:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_the_secret_is_told_once_and_kept_nowhere(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it:
        made = await it.made(comment="for the nightly report")
        secret = made["key"]
        assert secret.startswith(made["prefix"] + "_")
        assert len(secret) > 50
        assert (await it.ask("GET", "/v1/calls", secret))[0] == 200
        status, page = await it.ask("GET", "/v1/keys")
        assert status == 200
        listed = {each["name"]: each for each in page["keys"]}
        assert set(listed) == {"ci", "admin"}
        assert (listed["ci"]["used_from"], listed["admin"]["id"]) == ("127.0.0.1", None)
        assert listed["ci"]["used_at"] is not None
        assert secret not in str(page)
        async with it.database.reading() as store:
            row = (await store.execute(select(api_keys))).one()
        assert row.sha256 == hashlib.sha256(secret.encode()).hexdigest()
        assert secret[len(made["prefix"]) + 1 :] not in str(row)
        await it.keys.finish()
    async with rig(store_at(tmp_path)) as again:
        status, told = await again.ask("GET", f"/v1/keys/{made['id']}")
        assert (status, told["used_from"]) == (200, "127.0.0.1"), "the latest use outlives a restart"
        assert (await again.ask("GET", "/v1/calls", secret))[0] == 200


async def test_the_answer_that_holds_a_key_is_not_kept_for_a_second_request(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it:
        headers = {"Idempotency-Key": "again"}
        for status in (201, 409):
            answer = await it.ask("POST", "/v1/keys", json={"name": "ci", "scopes": ["read"]}, headers=headers)
            assert answer[0] == status
        assert it.kept is not None
        async with it.kept.database.reading() as store:
            assert (await store.execute(text("SELECT count(*) FROM idempotency"))).scalar_one() == 0


async def test_a_revoked_key_fails_at_once_and_its_streams_and_sessions_end(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it, AsyncExitStack() as stack:
        made = await it.made()
        secret = made["key"]
        async with it.request("POST", PATH, None, json={"token": secret}, headers=HERE) as answer:
            cookie = str(answer.cookies[NAME].value)
            it.http.cookie_jar.clear()
        assert secret not in cookie
        headers = {"Cookie": f"{NAME}={cookie}"} | HERE
        streams = [await stack.enter_async_context(it.request("GET", "/v1/live", secret)) for _ in range(20)]
        streams.append(await stack.enter_async_context(it.request("GET", "/v1/live", None, headers=headers)))
        assert {each.status for each in streams} == {200}
        assert (await it.ask("DELETE", f"/v1/keys/{made['id']}"))[0] == 204
        assert (await it.ask("GET", "/v1/calls", secret))[0] == 401
        assert (await it.ask("GET", "/v1/calls", None, headers=headers))[0] == 401
        await asyncio.gather(*map(over, streams))
        assert (await it.ask("DELETE", f"/v1/keys/{made['id']}"))[0] == 404
        assert await it.made(), "its name is free again"


async def test_a_key_is_revoked_here_also_while_the_store_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(store_at(tmp_path)) as it:
        made = await it.made()
        writing = it.database.writing

        def away() -> None:
            raise StoreError("away")

        monkeypatch.setattr(it.database, "writing", away)
        assert (await it.ask("DELETE", f"/v1/keys/{made['id']}"))[0] == 503
        assert (await it.ask("GET", "/v1/calls", made["key"]))[0] == 401
        assert (await it.ask("POST", "/v1/keys", json={"name": "new", "scopes": ["read"]}))[0] == 503
        monkeypatch.setattr(it.database, "writing", writing)
        await it.keys.finish()
        async with it.database.reading() as store:
            assert (await store.execute(select(api_keys))).all() == []


async def test_nobody_makes_or_changes_a_key_with_more_than_their_own(tmp_path: Path) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    limits: dict[str, Any] = {"agents": ["sales"], "sources": ["127.0.0.0/8"], "expires_at": tomorrow}
    async with rig(store_at(tmp_path)) as it:
        own = await it.made("team", scopes=["admin"], **limits)
        other = await it.made("other", scopes=["read"])
        secret = own["key"]
        status, problem = await it.ask("POST", "/v1/keys", secret, json={"name": "wide", "scopes": ["read"]})
        assert (status, problem["type"]) == (403, "/problems/forbidden")
        assert {each["pointer"] for each in problem["errors"]} == {"/agents", "/sources", "/expires_at"}
        for wider in (
            {"agents": ["sales", "reception"]},
            {"sources": ["126.0.0.0/7"]},
            {"sources": ["127.0.0.1", "::1"]},
            {"expires_at": (datetime.now(UTC) + timedelta(days=2)).isoformat()},
        ):
            body = {"name": "wide", "scopes": ["read"]} | limits | wider
            assert (await it.ask("POST", "/v1/keys", secret, json=body))[0] == 403, wider
        narrow = await it.made("narrow", secret, **limits | {"sources": ["127.0.0.1"]})
        for gone in ("agents", "sources", "expires_at"):
            path = f"/v1/keys/{own['id']}"
            assert (await it.ask("PATCH", path, secret, json={gone: None}))[0] == 403, f"its own {gone}"
        for method in ("GET", "PATCH", "DELETE"):
            more = {"json": {"comment": "mine"}} if method == "PATCH" else {}
            assert (await it.ask(method, f"/v1/keys/{other['id']}", secret, **more))[0] == 404
        _, page = await it.ask("GET", "/v1/keys", secret)
        assert [each["name"] for each in page["keys"]] == ["narrow", "team"]
        assert (await it.ask("DELETE", f"/v1/keys/{narrow['id']}", secret))[0] == 204
        for path in ("/v1/audit", "/v1/sessions", "/v1/queue"):
            assert (await it.ask("GET", path, secret))[0] == 403, f"{path} concerns all calls"


async def test_a_limited_key_sees_and_touches_the_calls_of_its_agents_and_trunks_only(tmp_path: Path) -> None:
    scopes = ["read", "recordings", "call", "control"]
    async with rig(store_at(tmp_path)) as it:
        by_agent = (await it.made("agent", scopes=scopes, agents=["sales"]))["key"]
        by_trunk = (await it.made("trunk", scopes=scopes, trunks=["main"]))["key"]
        mine = it.calls.add(agent="sales", trunk="main")
        foreign = it.calls.add(agent="reception", trunk="other")
        waiting = it.orders.add(agent="reception", trunk="other")
        for secret in (by_agent, by_trunk):
            _, page = await it.ask("GET", "/v1/calls", secret)
            assert [each["id"] for each in page["calls"]] == [mine.id]
            assert (await it.ask("GET", f"/v1/calls/{mine.id}", secret))[0] == 200
            assert (await it.ask("POST", f"/v1/calls/{mine.id}/hold", secret))[0] == 202
            unknown = await it.ask("GET", "/v1/calls/nobody", secret)
            for call in (foreign.id, waiting.id):
                for path in ("", "/hangup", "/hold", "/say", "/transfer", "/participants", "/agent"):
                    body = {"/say": {"text": "x"}, "/transfer": {"to": "1"}, "/participants": {"to": "1"}}.get(path, {})
                    body = {"agent": "sales"} if path == "/agent" else body
                    it.calls.asked.clear()
                    method = "POST" if path else "GET"
                    status, told = await it.ask(method, f"/v1/calls/{call}{path}", secret, json=body)
                    assert (status, told["detail"]) == (404, unknown[1]["detail"]), path
                    assert it.calls.asked == [], "nothing was asked of call control"
        body = {"agent": "reception"}
        assert (await it.ask("POST", f"/v1/calls/{mine.id}/agent", by_agent, json=body))[0] == 403
        for secret, body, status in (
            (by_agent, {"to": "+4930123", "agent": "reception"}, 403),
            (by_agent, {"to": "+4930123"}, 202),
            (by_trunk, {"to": "+4930123", "trunk": "other"}, 403),
        ):
            it.calls.asked.clear()
            assert (await it.ask("POST", "/v1/calls", secret, json=body))[0] == status
            if status == 202:
                assert it.calls.asked[0][1]["asked"].agent == "sales", "the only one that it reaches"


FAULTS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"agents": ["nobody"]}, "/agents/0"),
    ({"trunks": ["main", "nothing"]}, "/trunks/1"),
    ({"sources": ["10.0.0.1/8"]}, "/sources/0"),
    ({"sources": ["example.com"]}, "/sources/0"),
    ({"sources": []}, "/sources"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
    ({"expires_at": "soon"}, "/expires_at"),
    ({"scopes": ["everything"]}, "/scopes/0"),
    ({"scopes": []}, "/scopes"),
    ({"name": "a\u202eb"}, "/name"),
    ({"name": "sso:ada"}, "/name"),
    ({"comment": "a\nb"}, "/comment"),
    ({"key": "mine"}, "/key"),
)


async def test_what_no_key_can_have_is_told_with_its_place(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it:
        for more, pointer in FAULTS:
            status, problem = await it.ask("POST", "/v1/keys", json={"name": "ci", "scopes": ["read"]} | more)
            assert (status, [each["pointer"] for each in problem["errors"]]) == (400, [pointer]), more
        assert it.keys.all() == []


async def test_a_key_counts_only_from_its_addresses_and_until_its_end(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it:
        elsewhere = await it.made("elsewhere", sources=["10.0.0.0/8", "2001:db8::/32"])
        assert (await it.ask("GET", "/v1/calls", elsewhere["key"]))[0] == 403
        for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
            headers = {header: "10.0.0.1"}
            assert (await it.ask("GET", "/v1/calls", elsewhere["key"], headers=headers))[0] == 403, header
        async with it.request("POST", PATH, None, json={"token": elsewhere["key"]}, headers=HERE) as answer:
            assert answer.status == 403, "nor does it log in"
        assert it.kept is not None
        await it.kept.audit_log.drain()
        _, log = await it.ask("GET", "/v1/audit?by=elsewhere")
        assert [(each["operation"], each["status"]) for each in log["entries"]][-1] == ("list_calls", 403)
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        brief = await it.made("brief", expires_at=soon)
        async with it.request("GET", "/v1/live", brief["key"]) as stream:
            assert stream.status == 200
            await over(stream, 4)
        status, problem = await it.ask("GET", "/v1/calls", brief["key"])
        assert (status, problem["detail"]) == (401, "This key has expired.")


async def test_a_change_counts_at_once_and_undoes_nobody_elses(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it:
        made = await it.made(agents=["sales"])
        path = f"/v1/keys/{made['id']}"
        async with it.request("GET", path) as answer:
            tag = answer.headers["ETag"]
        headers = {"If-Match": tag}
        status, told = await it.ask("PATCH", path, json={"scopes": ["metrics"]}, headers=headers)
        assert (status, told["version"], told["agents"]) == (200, 2, ["sales"])
        assert (await it.ask("GET", "/v1/calls", made["key"]))[0] == 403
        for stale in (tag, '"x"', "W/1", '"999999999999"'):
            answer = await it.ask("PATCH", path, json={"comment": "late"}, headers={"If-Match": stale})
            assert (answer[0], answer[1]["type"]) == (412, "/problems/changed-meanwhile")
        status, told = await it.ask("PATCH", path, json={"scopes": ["read"], "agents": None, "comment": "x"})
        assert (status, told["agents"], told["comment"], told["version"]) == (200, None, "x", 3)
        assert (await it.ask("GET", "/v1/queue", made["key"]))[0] == 200
        assert (await it.ask("PATCH", path, json={"scopes": None}))[0] == 400
        assert (await it.ask("PATCH", path, json={"name": "other"}))[0] == 400


async def test_who_made_changed_and_revoked_a_key_is_written_down_without_the_key(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it:
        made = await it.made(sources=["127.0.0.1"])
        await it.ask("PATCH", f"/v1/keys/{made['id']}", json={"scopes": ["metrics"]})
        await it.ask("DELETE", f"/v1/keys/{made['id']}")
        await it.ask("DELETE", "/v1/keys/nobody")
        assert it.kept is not None
        await it.kept.audit_log.drain()
        _, page = await it.ask("GET", "/v1/audit")
        told = {(each["operation"], each["status"]): each for each in page["entries"]}
        created, changed = told["create_key", 201]["asked"], told["change_key", 200]["asked"]
        assert (created["key"], created["after"]["sources"]) == ("ci", ["127.0.0.1/32"])
        assert (changed["before"]["scopes"], changed["after"]["scopes"]) == (["read"], ["metrics"])
        assert told["revoke_key", 204]["asked"]["key"] == "ci"
        assert told["revoke_key", 404]["asked"] == {"id": "nobody"}
        assert made["key"] not in str(page)


async def test_what_only_looks_like_a_key_opens_nothing(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it:
        made = await it.made()
        key, id_ = made["key"], made["id"]
        alike = ["vk_", "vk_aaaaaaaaaa_" + "A" * 43, f"vk_{id_}_" + "A" * 43, f"{key}x", key[:-1], f" {key}"]
        for secret in [*alike, key.swapcase(), f"vk_{id_}", "é" * 40, "\x7f" * 9, "\udcff", ""]:
            assert it.keeper.users.find(secret) is None
        assert it.keeper.users.find(key) is not None


async def test_a_damaged_key_opens_nothing_and_hides_no_other(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/voiceai.sqlite3"
    damage = ["limits='{'", "limits='[]'", "limits='{}'", "scopes='[\"root\"]'", "scopes='null'", "sha256='zz'"]
    async with rig(url) as it:
        made = [await it.made(f"damaged-{at}", agents=["sales"]) for at in range(len(damage))]
        other = await it.made("sound")
        async with it.database.writing() as store:
            for each, key in zip(damage, made, strict=True):
                await store.execute(text(f"UPDATE api_keys SET {each} WHERE id='{key['id']}'"))
    async with rig(url) as it:
        for each, key in zip(damage, made, strict=True):
            assert (await it.ask("GET", "/v1/calls", key["key"]))[0] == (403 if "null" in each else 401), each
        assert (await it.ask("GET", "/v1/calls", other["key"]))[0] == 200


async def test_sessions_are_listed_and_ended(tmp_path: Path) -> None:
    async with rig(store_at(tmp_path)) as it:
        cookies = []
        for _ in range(2):
            async with it.request("POST", PATH, None, json={"token": ADMIN}, headers=HERE) as answer:
                cookies.append(str(answer.cookies[NAME].value))
                it.http.cookie_jar.clear()
        mine, copied = ({"Cookie": f"{NAME}={each}"} | HERE for each in cookies)
        status, page = await it.ask("GET", "/v1/sessions", None, headers=mine)
        assert (status, [each["name"] for each in page["sessions"]]) == (200, ["admin", "admin"])
        assert not any(each in str(page) for each in cookies)
        other = next(each["id"] for each in page["sessions"] if not each["current"])
        async with it.request("GET", "/v1/live", None, headers=copied) as stream:
            assert stream.status == 200
            assert (await it.ask("DELETE", f"/v1/sessions/{other}", None, headers=mine))[0] == 204
            await over(stream)
        assert (await it.ask("GET", "/v1/calls", None, headers=copied))[0] == 401
        assert (await it.ask("DELETE", f"/v1/sessions/{other}", None, headers=mine))[0] == 404
        assert (await it.ask("DELETE", PATH, None, headers=mine))[0] == 204
        assert (await it.ask("GET", "/v1/calls", None, headers=mine))[0] == 401, "a copied cookie dies at log-out"


async def test_controllers_on_one_store_follow_each_other_within_two_seconds() -> None:
    with Server() as server:
        url = server.url("keys")
        async with rig(url) as here, rig(url) as there:
            made = await here.made()
            await becomes(there, 200, made["key"])
            async with there.request("POST", PATH, None, json={"token": made["key"]}, headers=HERE) as answer:
                cookie = {"Cookie": f"{NAME}={answer.cookies[NAME].value}"} | HERE
                there.http.cookie_jar.clear()
            await becomes(here, 200, None, headers=cookie)
            async with there.request("GET", "/v1/live", made["key"]) as stream:
                assert (await here.ask("DELETE", f"/v1/keys/{made['id']}"))[0] == 204
                await over(stream)
            assert (await there.ask("GET", "/v1/calls", made["key"]))[0] == 401
            assert (await there.ask("GET", "/v1/calls", None, headers=cookie))[0] == 401
            async with here.request("POST", PATH, None, json={"token": ADMIN}, headers=HERE) as answer:
                cookie = {"Cookie": f"{NAME}={answer.cookies[NAME].value}"} | HERE
                here.http.cookie_jar.clear()
            await becomes(there, 200, None, headers=cookie)
            assert (await here.ask("DELETE", PATH, None, headers=cookie))[0] == 204
            await becomes(there, 401, None, headers=cookie)


async def test_keys_from_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.out, "_width", 200)
    async with rig(store_at(tmp_path)) as it:
        arguments = [
            "keys",
            "create",
            "crm",
            "--scope",
            "read",
            "--scope",
            "call",
            "--agent",
            "sales",
            "--expires",
            "90d",
        ]
        made = await voiceai(it, *arguments)
        secret = made.stdout.strip()
        assert (made.exit_code, secret.startswith("vk_"), "\n" in secret) == (0, True, False), "nothing else on stdout"
        assert (await it.ask("GET", "/v1/calls", secret))[0] == 200
        until = it.keys.all()[0].limits.expires_at
        assert until is not None
        assert timedelta(days=89) < until - datetime.now(UTC) < timedelta(days=90, hours=1)
        listed = (await voiceai(it, "keys", "list")).stdout
        assert "crm" in listed
        assert "read call" in listed
        assert secret not in listed
        assert (await voiceai(it, "keys", "change", "crm", "--scope", "metrics")).exit_code == 0
        assert (await it.ask("GET", "/v1/calls", secret))[0] == 403
        wrong = await voiceai(it, "keys", "create", "x", "--source", "10.0.0.1/8")
        assert (wrong.exit_code, "write 10.0.0.0/8" in wrong.output) == (1, True)
        assert (await voiceai(it, "keys", "create", "x", "--expires", "soon")).exit_code == 2
        assert (await voiceai(it, "keys", "revoke", "crm")).exit_code == 0
        assert (await it.ask("GET", "/v1/calls", secret))[0] == 401
        assert (await voiceai(it, "keys", "revoke", "crm")).exit_code == 1
        assert "id" in (await voiceai(it, "keys", "sessions")).stdout
