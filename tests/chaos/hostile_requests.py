"""Requests of a hostile token's holder that no client library makes: contradictory, half, repeated, of odd kinds.

Owns what is sent at once, or piece by piece. Of which calls comes from `hostile_api`. Does not judge: but for
answers with status 500, which are internal errors, nothing is held against the API.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import aiohttp

PAUSE = (0.5, 3.0)
PATIENCE = 6.0
LARGE = 3 * 1024 * 1024
JSON = "application/json"
TYPES = (
    *(
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=idna",
    ),
    *(
        "application/json; charset=utf-7",
        "application/json;" + "a=b;" * 400,
        "APPLICATION/JSON",
        "application/vnd.x+json",
        "*/*",
    ),
    *("application/json; charset*=utf-16''x", "json", "application/json, text/plain", "application/\xe9"),
)
NUMERALS = ("١٢", "１２", "2²", "+5", "1_0", " 5", "5.0", "1e3", "0x10", "NaN", "٠", "-0", "৪")
HEADS = (
    *(
        "Content-Length: -1",
        "Content-Length: ١",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: gzip, chunked",
    ),
    *(
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Expect: 100-continue",
        "Expect: nonsense",
        "Content-Encoding: gzip",
    ),
    *(
        "Connection: Upgrade\r\nUpgrade: websocket",
        "Connection: close, keep-alive",
        "Range: bytes=0-0,-1",
        "X: \x01",
        "Host: y",
    ),
    *("Last-Event-ID: " + "9" * 300, "Last-Event-ID: \xe9", "Authorization: Bearer", "Cookie: " + "a=b;" * 2000),
)
VERBS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "hold", {}),
    ("POST", "resume", {}),
    ("POST", "mute", {"side": "caller"}),
    ("POST", "unmute", {"side": "agent"}),
    ("POST", "transfer", {"to": "silent"}),
    ("POST", "transfer", {"to": "colleague", "attended": True}),
    ("DELETE", "transfer", {}),
    ("POST", "transfer/decision", {"accept": True}),
    ("POST", "transfer/decision", {"accept": False}),
    ("POST", "agent", {"agent": "hostile", "instructions": "x" * 8000}),
    ("POST", "recording", {"action": "start"}),
    ("POST", "recording", {"action": "stop"}),
    ("POST", "recording", {"action": "pause"}),
    ("POST", "say", {"text": "x" * 8000, "exact": False}),
    ("POST", "say", {"text": "Now."}),
    ("POST", "dtmf", {"digits": "1w" * 16}),
    ("POST", "supervise", {"to": "ada", "mode": "listen"}),
    ("POST", "supervise", {"mode": "take_over"}),
    ("DELETE", "supervise", {}),
    ("POST", "participants", {"to": "6003@test-targets"}),
    ("DELETE", "participants/%00", {}),
    ("POST", "hangup", {}),
)


class HostileRequests:
    """`run` until cancelled. `some_call`: the id of a call, or something in its place."""

    def __init__(
        self,
        chance: random.Random,
        url: str,
        word: str,
        some_call: Callable[[], str],
        done: Counter[str],
        faults: list[str],
    ) -> None:
        self._chance, self._url, self._some_call = chance, url, some_call
        self._word = f"Bearer {word}"
        self.done, self.faults = done, faults

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Until cancelled."""
        kinds: tuple[tuple[Callable[[aiohttp.ClientSession], Coroutine[Any, Any, None]], int], ...] = (
            (self._contradiction, 6),
            (self._same_key, 3),
            (self._odd_kind, 4),
            (self._large, 1),
            (self._pipeline, 2),
            (self._odd_head, 3),
            (self._numerals, 3),
            (self._websocket, 1),
        )
        while True:
            await asyncio.sleep(self._chance.uniform(*PAUSE))
            kind = self._chance.choices([each for each, _ in kinds], [weight for _, weight in kinds])[0]
            self.done[kind.__name__.lstrip("_")] += 1
            with suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError, asyncio.IncompleteReadError):
                async with asyncio.timeout(PATIENCE):
                    await kind(http)

    async def _ask(self, http: aiohttp.ClientSession, method: str, path: str, **more: Any) -> None:
        async with http.request(method, self._url + path, **more) as answer:
            told = await answer.content.read(10_000)
            if answer.status == 500:
                self.faults.append(f"{method} {path} {str(more)[:300]}: {told[:300]!r}")

    async def _contradiction(self, http: aiohttp.ClientSession) -> None:
        """Orders for one call that exclude each other, all at once."""
        call, count = self._some_call(), self._chance.choice([3, 8, 20])
        verbs = self._chance.choices(VERBS[:-1], k=count)
        if self._chance.random() < 0.2:
            verbs.insert(self._chance.randrange(len(verbs)), VERBS[-1])
        asked = (self._ask(http, method, f"/v1/calls/{call}/{verb}", json=body) for method, verb, body in verbs)
        await asyncio.gather(*asked, return_exceptions=True)

    async def _same_key(self, http: aiohttp.ClientSession) -> None:
        """One idempotency key for many requests at once, of one kind and of several."""
        key = {"Idempotency-Key": f"key-{self._chance.getrandbits(20):x}"}
        call = self._some_call()
        same = self._chance.choice(VERBS[:-1])
        verbs = [same] * 4 + self._chance.choices(VERBS[:-1], k=4)
        asked = (
            self._ask(http, method, f"/v1/calls/{call}/{verb}", json=body, headers=key) for method, verb, body in verbs
        )
        await asyncio.gather(*asked, return_exceptions=True)

    async def _odd_kind(self, http: aiohttp.ClientSession) -> None:
        """Bodies of other kinds than JSON, or said to be."""
        body = self._chance.choice(
            ['{"text": "x"}', "text=x", "--x\r\n\r\nx\r\n--x--", "\ufeff{}", "{}{}", '{"text":"a","text":"b"}']
        )
        coded = body.encode(self._chance.choice(["utf-8", "utf-16", "utf-32", "utf-7"]))
        kind = {"Content-Type": self._chance.choice(TYPES)}
        await self._ask(http, "POST", f"/v1/calls/{self._some_call()}/say", data=coded, headers=kind)

    async def _large(self, http: aiohttp.ClientSession) -> None:
        """A body that is too large, with its length and without."""

        async def pieces() -> Any:
            for _ in range(LARGE // 65_536):
                yield b"[" * 65_536

        body: Any = self._chance.choice([b'{"text": "' + b"x" * LARGE, b"[" * LARGE, pieces()])
        await self._ask(http, "POST", f"/v1/calls/{self._some_call()}/say", data=body, headers={"Content-Type": JSON})

    async def _numerals(self, http: aiohttp.ClientSession) -> None:
        """Digits of other scripts where numbers are wanted."""
        number = self._chance.choice(NUMERALS)
        path = self._chance.choice(
            ["/v1/calls", "/v1/history", "/v1/audit", "/v1/webhooks/dead-letters", "/v1/history/export"]
        )
        await self._ask(http, "GET", path, params={"limit": number, "before": number, "from": number, "format": "cdr"})
        await self._ask(http, "POST", f"/v1/webhooks/dead-letters/{number}/replay", json={})
        await self._ask(http, "GET", f"/v1/history/{self._some_call()}/recordings/{number}")
        await self._ask(http, "POST", f"/v1/calls/{self._some_call()}/dtmf", json={"digits": number})

    # ------------------------------------------------------------ by hand

    async def _pipeline(self, http: aiohttp.ClientSession) -> None:
        """Many requests in one write, the last of them half; the answers are not read, or slowly."""
        paths = self._chance.choices(
            ["/v1/calls?limit=1000", "/healthz", "/openapi.json", "/v1/events", "/metrics"], k=50
        )
        whole = b"".join(self._head("GET", path) + b"\r\n" for path in paths)
        await self._talk(whole + self._head("POST", "/v1/calls") + b"Content-Length: 10\r\n\r\n{")

    async def _odd_head(self, http: aiohttp.ClientSession) -> None:
        """One header too many."""
        path = self._chance.choice(
            ["/v1/calls", "/v1/events", f"/v1/calls/{self._some_call()}/hold", "/link", "/v1/live"]
        )
        more = self._chance.choice(HEADS).encode("utf-8")
        kind = f"Content-Type: {JSON}\r\n".encode()
        await self._talk(
            self._head(self._chance.choice(["GET", "POST", "HEAD"]), path) + kind + more + b"\r\n\r\n{}\r\n0\r\n\r\n"
        )

    async def _websocket(self, http: aiohttp.ClientSession) -> None:
        """With a token of the API, to where workers come and to where streams are read."""
        path = self._chance.choice(["/link", "/v1/events", "/v1/live"])
        upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        frames = b"\x81\xff" + (1 << 40).to_bytes(8) + bytes(90_000)
        await self._talk(self._head("GET", path) + upgrade + key + frames)

    def _head(self, method: str, path: str) -> bytes:
        return f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {self._word}\r\n".encode()

    async def _talk(self, sent: bytes) -> None:
        host, _, port = self._url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        try:
            for piece in self._pieces(sent):
                writer.write(piece)
                await writer.drain()
            if b" 500 " in (await reader.read(1024)).partition(b"\r\n")[0]:
                self.faults.append(f"{sent[:300]!r}: answered with 500")
            await asyncio.sleep(self._chance.choice([0.0, 0.5, 3.0]))
        finally:
            writer.transport.abort() if self._chance.random() < 0.5 else writer.close()

    def _pieces(self, sent: bytes) -> Iterator[bytes]:
        """In one write, or in a few."""
        if self._chance.random() < 0.5:
            yield sent
            return
        while sent:
            size = self._chance.randrange(1, 2000)
            yield sent[:size]
            sent = sent[size:]
