"""A hostile holder of an API token: every operation of the OpenAPI document, with values of a fuzzer.

Owns HTTP requests with a token that may do everything but administer. Acts on calls of the hostile agent, on calls
that it placed itself and on ids of nobody: to hang up or mute an innocent call is its right, and so proves nothing.
An answer with status 500 is an internal error; `faults` holds them. Nothing else counts as a fault of the API.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import aiohttp

from tests.chaos import hostile_values as odd
from tests.chaos.hostile_requests import HostileRequests

AGENT = "hostile"
TOGETHER = 4
PAUSE = (0.02, 0.3)
STREAMS = 50
PLACED_AT_MOST = 3
"""Calls of ours at once: more of them only measure how many calls a machine carries."""
TIMEOUT = aiohttp.ClientTimeout(total=15)
TARGETS = (
    "6000@test-targets",
    "6002@test-targets",
    "6003@test-targets",
    "+49306661",
    "colleague",
    "5001@from-trunk",
    "ada",
)


class HostileApi:
    """`run` until cancelled, then `leave`. `url` and `token` of the API."""

    def __init__(self, seed: int, url: str, token: str) -> None:
        self._chance = random.Random(f"hostile api {seed}")
        self._url, self._token, self._headers = url, token, {"Authorization": f"Bearer {token}"}
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self._operations: list[tuple[str, str, dict[str, Any]]] = []
        self._schemas: dict[str, Any] = {}
        self._calls: list[str] = []
        self._placed: list[str] = []

    async def run(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(timeout=TIMEOUT, headers=self._headers) as http:
            await self._learn(http)
            by_hand = HostileRequests(self._chance, self._url, self._token, self._part, self.done, self.faults)
            async with asyncio.TaskGroup() as acting:
                acting.create_task(self._look(http))
                acting.create_task(self._streams())
                acting.create_task(self._slow_requests())
                acting.create_task(by_hand.run(http))
                for _ in range(TOGETHER):
                    acting.create_task(self._ask_for_ever(http))

    async def leave(self) -> None:
        """Cancels what it placed."""
        paths = ["/v1/queue/resume", *(f"/v1/calls/{call}/hangup" for call in self._placed[-50:])]
        async with aiohttp.ClientSession(timeout=TIMEOUT, headers=self._headers) as http:
            for path in paths:
                with suppress(aiohttp.ClientError, TimeoutError):  # a controller that is gone is told by the verdict
                    async with http.post(self._url + path, json={}) as answer:
                        await answer.read()

    async def _learn(self, http: aiohttp.ClientSession) -> None:
        async with http.get(f"{self._url}/openapi.json") as answer:
            document = await answer.json()
        self._schemas = document["components"]["schemas"]
        for path, methods in document["paths"].items():
            self._operations += [(method.upper(), path, operation) for method, operation in methods.items()]

    async def _look(self, http: aiohttp.ClientSession) -> None:
        """Which calls are of our agent; the others are none of our business."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, ValueError):
                async with http.get(f"{self._url}/v1/calls?state=active&limit=1000") as answer:
                    if answer.status == 200:
                        found = (await answer.json())["calls"]
                        self._calls = [str(each["id"]) for each in found if each.get("agent") == AGENT]
            await asyncio.sleep(0.5)

    # ------------------------------------------------------------ requests

    async def _ask_for_ever(self, http: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*PAUSE))
            method, path, operation = self._chance.choice(self._operations)
            if operation.get("operationId") == "place_call" and not self._may_place():
                continue
            try:
                await self._ask(http, method, path, operation)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                self.done[type(error).__name__] += 1

    def _may_place(self) -> bool:
        return len([each for each in self._placed if each in self._calls]) < PLACED_AT_MOST

    async def _ask(self, http: aiohttp.ClientSession, method: str, path: str, operation: Mapping[str, Any]) -> None:
        chance = self._chance
        filled = re.sub(r"\{(\w+)\}", lambda _: self._part(), path)
        headers = {"Content-Type": "application/json"}
        if chance.random() < 0.3:
            key = chance.choice(["same", f"key-{chance.getrandbits(40):x}", "x" * 129, "é", " "])
            headers["Idempotency-Key"] = key
        data = self._body(operation) if method != "GET" else None
        query = {name: odd.text(chance)[:300] for name in self._parameters(operation) if chance.random() < 0.4}
        asked = http.request(
            method, self._url + filled, data=data, headers=headers, params=_encodable(query), allow_redirects=False
        )
        async with asked as answer:
            self.done[f"status {answer.status}"] += 1
            told = "" if "event-stream" in answer.content_type else (await answer.content.read(100_000)).decode()
            if answer.status == 500:
                self.faults.append(f"{method} {path} {query} {(data or b'')[:300]!r}: {told[:300]}")
            if operation.get("operationId") == "place_call" and answer.status == 202:
                self._placed.append(re.findall(r'"id":"([^"]+)"', told)[0])

    def _part(self) -> str:
        chance = self._chance
        if self._calls and chance.random() < 0.75:
            return chance.choice(self._calls)
        nobody = [
            "nobody",
            "%2e%2e",
            "%00",
            "00000000-0000-0000-0000-000000000000",
            "-1",
            "9" * 400,
            "%ff",
            "%ed%a0%bd",
        ]
        return chance.choice([*nobody, *self._placed[-3:]])

    def _parameters(self, operation: Mapping[str, Any]) -> list[str]:
        return [each["name"] for each in operation.get("parameters", ()) if each.get("in") == "query"]

    def _body(self, operation: Mapping[str, Any]) -> bytes:
        chance = self._chance
        shape = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        given = self._fitting(shape)
        match chance.randrange(10):
            case 0:
                return odd.deep_json(chance).encode()
            case 1:
                return odd.broken(chance, odd.dumps(given)).encode("utf-8", "replace")
            case 2:
                return odd.dumps(odd.value(chance)).encode()
            case 3 | 4 | 5:
                return odd.dumps(odd.mutated(chance, given)).encode()
            case _:
                return odd.dumps(given).encode()

    def _fitting(self, shape: Mapping[str, Any]) -> Any:
        """A value of this schema, roughly."""
        chance = self._chance
        if "$ref" in shape:
            return self._fitting(self._schemas[shape["$ref"].rpartition("/")[2]])
        for either in ("anyOf", "oneOf"):
            if either in shape:
                return self._fitting(chance.choice(shape[either]))
        if "enum" in shape or "const" in shape:
            return chance.choice(shape.get("enum", [shape.get("const")]))
        match shape.get("type"):
            case "object":
                required = shape.get("required", ())
                parts = shape.get("properties", {}).items()
                return {
                    name: self._named(name, each) for name, each in parts if name in required or chance.random() < 0.4
                }
            case "array":
                return [self._fitting(shape.get("items", {})) for _ in range(chance.randrange(3))]
            case "boolean":
                return chance.random() < 0.5
            case "integer" | "number":
                return chance.choice([0, 1, 2, 5, shape.get("maximum", 7)])
            case "null":
                return None
            case _:
                return odd.text(chance)[:60]

    def _named(self, name: str, shape: Mapping[str, Any]) -> Any:
        """What makes sense under this name, so that more than the first check is reached."""
        makes_sense = {"to": TARGETS, "agent": (AGENT,), "digits": ("1", "12#*w3", "1" * 60), "trunk": ("main",)}
        if name in makes_sense and self._chance.random() < 0.8:
            return self._chance.choice(makes_sense[name])
        return self._fitting(shape)

    # ------------------------------------------------------------ connections

    async def _streams(self) -> None:
        """Streams that are opened, not read, and left."""
        while True:
            path = self._chance.choice(["/v1/events", "/v1/live", f"/v1/calls/{self._part()}/events"])
            connections = await asyncio.gather(*(self._open(path) for _ in range(STREAMS)))
            self.done["streams"] += sum(each is not None for each in connections)
            await asyncio.sleep(self._chance.uniform(0.5, 6))
            for each in connections:
                if each is not None:
                    each.transport.abort() if self._chance.random() < 0.5 else each.close()
            await asyncio.sleep(self._chance.uniform(1, 5))

    async def _slow_requests(self) -> None:
        """One character now and then, of a head or of a body."""
        while True:
            writer = await self._open("/v1/calls", b"POST", b"Content-Type: application/json\r\nContent-Length: 50\r\n")
            until = asyncio.get_running_loop().time() + self._chance.uniform(1, 12)
            with suppress(OSError):
                while writer is not None and asyncio.get_running_loop().time() < until:
                    writer.write(b"{")
                    await writer.drain()
                    await asyncio.sleep(0.5)
            self.done["slow"] += 1
            if writer is not None:
                writer.close()
            await asyncio.sleep(0.5)

    async def _open(self, path: str, method: bytes = b"GET", more: bytes = b"") -> asyncio.StreamWriter | None:
        host, _, port = self._url.removeprefix("http://").rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port), limit=1024)
            word = self._headers["Authorization"].encode()
            head = b"%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\n" % (method, path.encode(), word, more)
            writer.write(head)
            await writer.drain()
        except OSError:
            return None
        return writer


def _encodable(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
