"""The server of the cluster, as the benchmark reads it: which one is the primary, its slots, and what it costs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from bench import processes
from bench.cluster.thin_node import PREFIX
from tests.peers.valkey import SERVICE, Server, WithSentinel

REPLICATED_S = 60.0


@dataclass(frozen=True, slots=True)
class Reading:
    """`steps`: scripts that it has run, and the seconds that they took."""

    process: processes.Reading
    pid: int
    used_bytes: int
    steps: int
    steps_s: float


class Primary:
    """One of `servers`: whichever the Sentinels name, where there are any."""

    def __init__(
        self, servers: Sequence[Server], sentinels: WithSentinel | None = None, *, prefix: str = PREFIX
    ) -> None:
        self._servers, self._sentinels, self._prefix = servers, sentinels, prefix

    @property
    def server(self) -> Server:
        if self._sentinels is None:
            return self._servers[0]
        with Redis(port=self._sentinels.sentinels[0].port, socket_timeout=2, decode_responses=True) as client:
            _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(each for each in self._servers if each.port == int(port))

    async def until_replicated(self) -> None:
        """The other server is a replica of the primary, and the Sentinels know it as one that may take its place."""
        async with asyncio.timeout(REPLICATED_S):
            while not self._replicated():  # noqa: ASYNC110 - a server is asked
                await asyncio.sleep(0.2)

    def _replicated(self) -> bool:
        return all(
            each.get("flags") == "slave" and each.get("master-link-status") == "ok"
            for sentinel in (self._sentinels.sentinels if self._sentinels else ())
            for each in self._replicas(sentinel)
        )

    def _replicas(self, sentinel: Server) -> list[dict[str, str]]:
        with Redis(port=sentinel.port, socket_timeout=2, decode_responses=True) as client:
            told = client.execute_command("SENTINEL", "REPLICAS", SERVICE)
        return [each if isinstance(each, dict) else dict(zip(each[::2], each[1::2], strict=True)) for each in told]

    def empty(self) -> None:
        self.server.command("FLUSHALL")

    def read(self) -> Reading:
        server = self.server
        with self._client(server) as client:
            scripts = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0, "usec": 0})
            used = int(client.info("memory")["used_memory"])
        return Reading(processes.read(server.pid), server.pid, used, scripts["calls"], scripts["usec"] / 1e6)

    def calls(self) -> set[str]:
        """The ids of all calls that have slots; empty while it does not answer."""
        try:
            with self._client(self.server) as client:
                return {each.decode() for each in client.hkeys(f"{{{self._prefix}}}:slots:calls")}
        except RedisError:
            return set()

    def slots(self) -> int:
        """In all scopes."""
        with self._client(self.server) as client:
            found = [each for kind in ("slots", "held") for each in client.keys(f"{{{self._prefix}}}:{kind}:*")]
            return sum(int(client.hlen(each)) for each in found)

    def _client(self, server: Server) -> Redis:
        return Redis(port=server.port, socket_timeout=5)


def cost(before: Reading, after: Reading) -> dict[str, Any]:
    """What the server took between both; where another one has become the primary, what that one has."""
    figures: dict[str, Any] = {
        "server_rss_mb": round(after.process.rss / 1e6, 1),
        "server_data_mb": round(after.used_bytes / 1e6, 1),
    }
    if before.pid == after.pid:
        steps = after.steps - before.steps
        figures |= {
            "server_cpu_pct": round(processes.cpu_percent(before.process, after.process), 1),
            "steps_per_second": round(steps / (after.process.at - before.process.at), 1),
            "step_us": round(1e6 * (after.steps_s - before.steps_s) / steps, 1) if steps else None,
        }
    return figures
