"""Connections to Valkey, or Redis 7 or newer, alone or with Sentinel, and the scripts (`scripts/`) that it carries out.

Each script is one step for all nodes, by the server's own clock. After `reset` the primary is looked for anew. Source:
redis-py's documentation; valkey.io, "Scripting with Lua", "Sentinel clients".
"""

import asyncio
import contextlib
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError

from controller.cluster import valkey_refusals
from controller.cluster.port import BackendError, Unusable
from controller.config.cluster_url import ClusterUrl

CONNECT_S = 1.0
"""Seconds to connect to the server."""
SENTINEL_S = 0.3
"""Seconds to connect to a Sentinel, and for its answer: then the next one is asked."""
CONNECTIONS = 32
OLDEST = 7
"""The oldest version of Redis. Valkey says a Redis version, too: 7.2.4."""
AWAY = (RedisError, OSError, TimeoutError)
_ANSWERS = (ResponseError, AuthenticationError, BusyLoadingError)
"""What the server itself answered. The client's own errors may quote what was sent."""
_IN_SCRIPT = re.compile(r" script: [0-9a-f]{40}, on ")
_LONGEST = 200
"""Characters of an answer in the log."""


class ValkeyConnection:
    """A pool of connections. `prefix`: of all keys; installations that share a server need one each. `ca_file`: PEM, of
    whom to trust by TLS besides the system's authorities. `installation`: whose the keys are; empty: it is not looked.
    `text`: answers are str, not bytes. It may take any time: whoever asks sets a limit, and calls `reset` when it was
    reached."""

    def __init__(
        self, url: ClusterUrl, prefix: str, ca_file: str | None = None, installation: str = "", *, text: bool = True
    ) -> None:
        self.prefix, self._name, self._installation = "{" + prefix + "}", prefix, installation
        options: dict[str, Any] = {
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": None,  # whoever asks sets a limit
            "socket_keepalive": True,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        self._sentinel: Sentinel | None = None
        tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca_file} if url.tls else {}
        own: dict[str, Any] = {"username": url.username, "password": url.password, "db": url.database, **tls}
        own["decode_responses"] = text
        if url.service is not None:
            secret = {"username": url.sentinel_username, "password": url.sentinel_password}
            quick = {"socket_connect_timeout": SENTINEL_S, "socket_timeout": SENTINEL_S}
            hosts = [(each.host, each.port) for each in url.hosts]
            kwargs = {**options, **quick, **secret, **tls, "decode_responses": True}
            self._sentinel = Sentinel(hosts, sentinel_kwargs=kwargs, **options, **own)  # type: ignore[no-untyped-call]
            self.client: Redis = self._sentinel.master_for(url.service, max_connections=CONNECTIONS)
        else:
            host = url.hosts[0]
            self.client = Redis(host=host.host, port=host.port, max_connections=CONNECTIONS, **options, **own)
        self._scripts = {name: self.client.register_script(text_) for name, text_ in _scripts().items()}

    async def run(self, script: str, *arguments: str | int | float | bytes) -> Any:
        """Raises BackendError; Unusable if another installation has these keys, or the server refuses for good."""
        with self.asking():
            return await self._scripts[script](keys=[self.prefix], args=(self._installation, *arguments))

    async def check_installation(self) -> None:
        """After something was read without a script. Raises BackendError, and Unusable as `run` does."""
        with self.asking():
            found = await self.client.get(f"{self.prefix}:installation")
        whose = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
        if whose and self._installation and whose != self._installation:
            raise Unusable(self._anothers())

    async def check_version(self) -> None:
        """Raises BackendError, and Unusable if the server is too old."""
        with self.asking():
            told: dict[str, Any] = await self.client.info("server")
        version = str(told.get("redis_version", ""))[:20]
        major = version.partition(".")[0]
        if major.isdecimal() and int(major) < OLDEST:
            raise Unusable(f"the server is Redis {version}: Redis {OLDEST}.0 or newer, or Valkey, is needed")

    def _anothers(self) -> str:
        return (
            f"another installation (another store) uses `cluster.prefix` {self._name} on this server. Give each "
            f"installation a prefix of its own. If that one is gone for good, delete all keys {self.prefix}:* there"
        )

    async def reset(self) -> None:
        """It did not answer in time: connections that are open are not used again."""
        with contextlib.suppress(*AWAY):
            await self.client.connection_pool.disconnect(inuse_connections=True)
        if self._sentinel is not None:
            self._sentinel.sentinels.append(self._sentinel.sentinels.pop(0))  # another one is asked first

    async def close(self) -> None:
        with contextlib.suppress(*AWAY):
            await self.client.aclose(close_connection_pool=True)
        for each in self._sentinel.sentinels if self._sentinel else ():
            with contextlib.suppress(*AWAY):
                await each.aclose(close_connection_pool=True)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Raises BackendError."""
        try:
            yield
        except AWAY as error:
            if isinstance(error, ResponseError) and str(error).startswith("ANOTHERS "):
                raise Unusable(self._anothers()) from error
            if (action := valkey_refusals.action(error, self.prefix)) is not None:
                raise Unusable(f"{_reason(error)}: {action}") from error
            raise BackendError(_reason(error)) from error
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # `asyncio.wait_for` of Python 3.11, in redis-py, may swallow it
            raise asyncio.CancelledError


def _scripts() -> dict[str, str]:
    folder = resources.files("controller.cluster") / "scripts"
    texts = {each.name.removesuffix(".lua"): each.read_text() for each in folder.iterdir()}
    common = texts.pop("common")
    return {name: common + text for name, text in texts.items()}


def _reason(error: BaseException) -> str:
    """For the log: the kind, and what the server answered, without what was sent to it."""
    kind = type(error).__name__
    if not isinstance(error, _ANSWERS):
        return kind
    answer = str(error).rpartition(" of pipeline caused error: ")[2].partition(", with args beginning with")[0]
    answer = " ".join(_IN_SCRIPT.split(answer)[0].split()).rstrip(".")
    return f"{kind}: {answer[:_LONGEST]}" if answer else kind
