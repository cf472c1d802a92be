"""A backend that is a server of its own: Valkey, or Redis 7 or newer, alone or with Sentinel.

Owns the connections. Each step is one script (`scripts/`), which the server carries out by itself and by its own clock.
After `reset` the primary is looked for anew. Source: redis-py's documentation; valkey.io, "Scripting with Lua",
"Sentinel clients".
"""

import asyncio
import contextlib
import json
import math
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from controller.cluster.node import NodeId
from controller.cluster.port import (
    LEASE_S,
    BackendError,
    Claim,
    Holdings,
    Lease,
    Limit,
    NodeFacts,
    Outdated,
    Replaced,
    Reply,
    Report,
)
from controller.config.cluster_url import ClusterUrl

CONNECT_S = 1.0
"""Seconds to connect to the server."""
SENTINEL_S = 0.3
"""Seconds to connect to a Sentinel, and for its answer: then the next one is asked."""
CONNECTIONS = 32
KEPT_MS = 3 * 86_400_000
"""Milliseconds for which the amounts of a day are kept."""
AWAY = (RedisError, OSError, TimeoutError)


class ValkeyBackend:
    """`Backend`. `prefix`: of all keys; clusters that share a server need one each. `ca_file`: PEM, of whom to trust by
    TLS besides the system's authorities."""

    shared = True

    def __init__(self, node: NodeId, url: ClusterUrl, prefix: str, ca_file: str | None = None) -> None:
        self._owner, self._prefix = str(node), "{" + prefix + "}"
        options: dict[str, Any] = {
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": None,  # whoever asks sets a limit
            "socket_keepalive": True,
            "retry": Retry(NoBackoff(), 0),
            "decode_responses": True,
            "protocol": 2,
        }
        self._sentinel: Sentinel | None = None
        tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca_file} if url.tls else {}
        own: dict[str, Any] = {"username": url.username, "password": url.password, "db": url.database, **tls}
        if url.service is not None:
            secret = {"username": url.sentinel_username, "password": url.sentinel_password}
            quick = {"socket_connect_timeout": SENTINEL_S, "socket_timeout": SENTINEL_S}
            hosts = [(each.host, each.port) for each in url.hosts]
            kwargs = {**options, **quick, **secret, **tls}
            self._sentinel = Sentinel(hosts, sentinel_kwargs=kwargs, **options, **own)  # type: ignore[no-untyped-call]
            self._client: Redis = self._sentinel.master_for(url.service, max_connections=CONNECTIONS)
        else:
            host = url.hosts[0]
            self._client = Redis(host=host.host, port=host.port, max_connections=CONNECTIONS, **options, **own)
        self._scripts = {name: self._client.register_script(text) for name, text in _scripts().items()}

    async def beat(self, report: Report) -> Reply:
        facts = report.facts
        told = json.dumps(asdict(facts))
        amounts = [each for book, amount in report.amounts.items() for each in (book, repr(float(amount)))]
        found = await self._run("beat", self._owner, _ms(LEASE_S), told, report.day, KEPT_MS, *amounts)
        try:
            generation, asserted, replaced, held, leases, books = found
            return Reply(
                str(generation),
                bool(asserted),
                bool(replaced),
                int(held),
                tuple(sorted(_leases(leases), key=lambda lease: lease.node)),
                {book: _amounts(pairs) for book, pairs in books},
            )
        except (TypeError, ValueError) as error:
            raise BackendError("its answer can't be read") from error

    async def take(self, claim: Claim, generation: str) -> Limit | None:
        slots = [x for each in claim.slots for x in (each.scope, -1 if each.most is None else each.most)]
        rates = [x for each in claim.rates for x in (each.scope, each.most, _ms(each.window_s))]
        found = await self._run("take", self._owner, generation, claim.id, len(claim.slots), *slots, *rates)
        if found == -1:
            raise Outdated
        limits: tuple[Limit, ...] = (*claim.slots, *claim.rates)
        return limits[int(found) - 1] if found else None

    async def hold(self, holdings: Holdings) -> None:
        await self._run("hold", self._owner, *_holdings(holdings))

    async def release(self, ids: Collection[str]) -> None:
        if ids:
            await self._run("release", self._owner, *ids)

    async def assert_all(self, holdings: Holdings, generation: str) -> None:
        found = await self._run("assert_all", self._owner, generation, *_holdings(holdings))
        if found:
            raise Outdated if found == -1 else Replaced

    async def free(self, node: NodeId, *, lapsed: bool = True) -> bool:
        return bool(await self._run("free", str(node), int(lapsed)))

    async def owner(self, scope: str, id_: str) -> NodeId | None:
        with self._asking():
            return NodeId.parse(str(await self._client.hget(f"{self._prefix}:slots:{scope}", id_) or ""))

    async def reset(self) -> None:
        with contextlib.suppress(*AWAY):
            await self._client.connection_pool.disconnect(inuse_connections=True)
        if self._sentinel is not None:
            self._sentinel.sentinels.append(self._sentinel.sentinels.pop(0))  # another one is asked first

    async def close(self) -> None:
        with contextlib.suppress(*AWAY):
            await self._client.aclose(close_connection_pool=True)
        for each in self._sentinel.sentinels if self._sentinel else ():
            with contextlib.suppress(*AWAY):
                await each.aclose(close_connection_pool=True)

    async def _run(self, name: str, *arguments: str | int | float) -> Any:
        with self._asking():
            return await self._scripts[name](keys=[self._prefix], args=arguments)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Raises BackendError."""
        try:
            yield
        except AWAY as error:
            raise BackendError(_reason(error)) from error
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # `asyncio.wait_for` of Python 3.11, in redis-py, may swallow it
            raise asyncio.CancelledError


def _scripts() -> dict[str, str]:
    folder = resources.files("controller.cluster") / "scripts"
    texts = {each.name.removesuffix(".lua"): each.read_text() for each in folder.iterdir()}
    common = texts.pop("common")
    return {name: common + text for name, text in texts.items()}


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)


def _holdings(holdings: Holdings) -> list[str | int]:
    told: list[str | int] = [len(holdings.slots)]
    for id_, scopes in holdings.slots.items():
        told += [id_, "\n".join(scopes)]
    for each in holdings.rates:
        told += [each.scope, each.id, _ms(each.ago_s), _ms(each.window_s)]
    return told


def _leases(found: Any) -> Iterator[Lease]:
    for owner, left_ms, facts, asserted in found:
        node = NodeId.parse(owner)
        if node is not None:
            yield Lease(node, float(left_ms) / 1000, _facts(facts), bool(asserted))


def _facts(text: str) -> NodeFacts:
    """Of any release: what can't be read is as if it had not been said."""
    try:
        found = json.loads(text)
        calls, capacity = int(found["calls"]), int(found.get("capacity", 0))
        facts = NodeFacts(str(found["url"]), str(found["version"]), calls=calls, capacity=capacity)
        return replace(facts, state="draining") if found["state"] == "draining" else facts
    except (ValueError, TypeError, KeyError):
        return NodeFacts()


def _amounts(pairs: list[str]) -> dict[str, float]:
    """Of each node."""
    found = {node: float(amount) for node, amount in zip(pairs[::2], pairs[1::2], strict=True)}
    return {node: amount for node, amount in found.items() if math.isfinite(amount) and amount >= 0}


def _reason(error: BaseException) -> str:
    """For the log: the kind only. Texts of errors may hold what was sent."""
    return type(error).__name__
