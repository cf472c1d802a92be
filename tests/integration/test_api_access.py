"""The API and unknown clients; streams and dead letters requested in hostile ways."""

import asyncio
import html
import re
from pathlib import Path
from typing import Any

import pytest

from bridge.common.auth_throttle import AuthThrottle
from bridge.contract import Counters
from controller.api.problem_meanings import MEANINGS
from controller.api.problems import TITLES
from controller.api.resources.events import EventResources
from controller.calls.reporting import view
from tests.integration import webhook_harness
from tests.integration.api_harness import ADMIN, harness
from tests.integration.webhook_harness import told_to

PROBLEMS = Path(__file__).parents[2] / "docs" / "problems.md"


# ---------------------------------------------------------------- wrong tokens


async def test_who_shows_wrong_tokens_has_to_wait_and_who_is_known_has_not() -> None:
    async with harness(throttle=AuthThrottle(per_second=0.01, at_once=5)) as it:
        async with it.request("GET", "/v1/calls") as answer:
            assert answer.status == 200
        for number in range(5):
            async with it.request("GET", "/v1/calls", token=f"guess-{number}") as answer:
                assert (answer.status, "WWW-Authenticate" in answer.headers) == (401, True)
        for token in ("guess-5", "reader-0123456789"):  # one that is right, but might have been guessed
            async with it.request("GET", "/v1/calls", token=token) as answer:
                told = await answer.json()
                assert (answer.status, told["type"]) == (429, "/problems/too-many-guesses")
                assert 1 <= int(answer.headers["Retry-After"]) <= 100
                assert "RateLimit" not in answer.headers, "nobody's token has no pace"
        async with it.request("GET", "/v1/calls") as answer:
            assert answer.status == 200
        async with it.request("GET", "/v1/calls", token=None) as answer:
            assert answer.status == 401, "no token is no guess"
        async with it.request("GET", "/healthz", token="guess") as answer:
            assert answer.status == 200


async def test_another_way_to_show_a_right_token_is_a_guess_too() -> None:
    async with harness(throttle=AuthThrottle(per_second=0.01, at_once=2)) as it:
        statuses = []
        for kind in ("Basic", "Digest", "Token"):
            headers = {"Authorization": f"{kind} {ADMIN}"}
            async with it.request("GET", "/v1/calls", token=None, headers=headers) as answer:
                statuses.append(answer.status)
        assert statuses == [401, 401, 429]


# ---------------------------------------------------------------- streams and dead letters

LETTERS = "/v1/webhooks/dead-letters"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/events?type=", 400),
        ("GET", "/v1/events?type=call.nothing", 400),
        ("GET", "/v1/events?type=*", 200),
        ("GET", "/v1/events?type=call.*&type=%00", 400),
        ("GET", "/v1/events?type=" + "x" * 4000, 400),
        ("GET", "/v1/events?typ=call.started", 400),
        ("GET", "/v1/calls/nobody/events", 404),
        ("GET", "/v1/calls/%0d%0aX-Evil:1/events", 404),
        ("GET", "/v1/calls/" + "x" * 4000 + "/events", 404),
        ("POST", "/v1/events", 405),
        ("DELETE", "/v1/calls/nobody/events", 405),
        ("GET", f"{LETTERS}?limit=0", 400),
        ("GET", f"{LETTERS}?limit=1001", 400),
        ("GET", f"{LETTERS}?limit=1e3", 400),
        ("GET", f"{LETTERS}?after=-1", 400),
        ("GET", f"{LETTERS}?after={2**63}", 400),
        ("GET", f"{LETTERS}?after=1&after=2", 400),
        ("GET", f"{LETTERS}?receiver=", 400),
        ("GET", f"{LETTERS}?receiver=a%00b", 400),
        ("GET", f"{LETTERS}?call=" + "x" * 4000, 400),
        ("GET", f"{LETTERS}?receiver=' OR 1=1 --", 200),
        ("POST", f"{LETTERS}/{10**18 - 1}/replay", 404),
        ("POST", f"{LETTERS}/{10**18}/replay", 404),
        ("POST", f"{LETTERS}/-1/replay", 404),
        ("POST", f"{LETTERS}/1.0/replay", 404),
        ("POST", f"{LETTERS}/%D9%A3/replay", 404),
        ("DELETE", f"{LETTERS}/0", 404),
        ("DELETE", f"{LETTERS}/1%00", 404),
        ("PUT", f"{LETTERS}/1", 405),
    ],
)
async def test_hostile_paths_and_queries(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with served(tmp_path) as it, it.request(method, path) as answer:
        assert answer.status == status, await answer.text()
        if status != 200:
            assert answer.content_type == "application/problem+json"
            assert answer.headers["X-Request-Id"] == (await answer.json())["request_id"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"receiver": ""}', b'{"receiver": 1}', b'{"number": 1}', b'{"call": "\\u0000"}']
)
async def test_what_is_no_wish_replays_nothing(tmp_path: Path, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with served(tmp_path) as it, it.request("POST", f"{LETTERS}/replay", data=body, headers=headers) as answer:
        assert answer.status == 400, await answer.text()


@pytest.mark.parametrize("last_id", ["", "x", "-1", "9" * 4000, "0-0", "e:1;x", "é", "' OR 1=1 --", "null"])
async def test_a_place_that_never_was_is_told_as_a_gap(tmp_path: Path, last_id: str) -> None:
    headers = {"Last-Event-ID": last_id}
    async with asyncio.timeout(20), served(tmp_path) as it, it.request("GET", "/v1/events", headers=headers) as answer:
        assert answer.status == 200
        text = await answer.text()
    assert text.startswith("retry: ")
    assert ("event: gap" in text) is bool(last_id)
    assert len(text) < 400


async def test_who_may_not_read_gets_no_stream_and_replays_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        for token, method, path in (
            ("caller-0123456789", "GET", "/v1/events"),
            ("reader-0123456789", "POST", f"{LETTERS}/1/replay"),
            ("reader-0123456789", "DELETE", f"{LETTERS}/1"),
        ):
            async with it.request(method, path, token=token) as answer:
                assert answer.status == 403


class served:
    """The API with events and dead letters; streams end at once."""

    def __init__(self, folder: Path) -> None:
        self._events = webhook_harness.events(told_to({}), folder)

    async def __aenter__(self) -> Any:
        events = await self._events.__aenter__()
        events.stream.close()
        self._stage = harness(more=lambda calls, orders: EventResources(events, calls, orders).operations())
        return await self._stage.__aenter__()

    async def __aexit__(self, *how: Any) -> None:
        await self._stage.__aexit__(*how)
        await self._events.__aexit__(*how)


# ---------------------------------------------------------------- what answers say


TYPES_THAT_WERE_TOLD = {
    *("malformed-request", "unauthorized", "forbidden", "not-allowed", "not-found", "unknown-call", "wrong-state"),
    *("unknown-participant", "method-not-allowed", "too-slow", "refused", "too-large", "not-json", "compressed"),
    *("unknown-dead-letter", "wrong-webhook", "too-many-streams", "unknown-name", "wrong-moment", "at-limit"),
    *("too-many-requests", "too-many-guesses", "key-in-use", "outcome-unknown", "key-reused", "internal"),
    *("not-ready", "store-away"),
}


def test_the_types_of_problems_are_stable() -> None:
    assert set(TITLES) >= TYPES_THAT_WERE_TOLD, "programs go by them"


async def test_each_problems_type_leads_to_what_it_means() -> None:
    """In the controller, as HTML and as text; on the page of problems (tests/integration/test_site.py: on the site)."""
    assert set(MEANINGS) == {*TITLES, "http-error"}
    page = PROBLEMS.read_text()
    async with harness() as it:
        async with it.request("GET", "/problems", token=None, headers={"Accept": "text/html"}) as answer:
            links = re.findall(r'href="(/problems/[^"]+)"', await answer.text())
        assert links == [f"/problems/{type_}" for type_ in MEANINGS]
        for type_ in MEANINGS:
            status, title = (str(int(TITLES[type_][0])), TITLES[type_][1]) if type_ in TITLES else ("any", "")
            for accept, kind in (("text/html", "text/html"), ("*/*", "text/plain")):
                async with it.request("GET", f"/problems/{type_}", token=None, headers={"Accept": accept}) as answer:
                    assert (answer.status, answer.content_type) == (200, kind)
                    told = await answer.text()
                assert html.escape(title) in told if kind == "text/html" else title in told
                assert f"HTTP status {status}" in told
            assert f"\n## {type_}\n" in page


async def test_the_headers_of_answers_are_documented(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        async with it.request("GET", "/openapi.json", token=None) as answer:
            told = await answer.json()
        async with it.request("GET", "/v1/calls") as answer:
            sent = {name.lower() for name in answer.headers}
    assert {"x-request-id", "ratelimit", "ratelimit-policy"} <= sent
    assert set(told["components"]["headers"]) == {"X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After"}
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                headers, guarded = set(response["headers"]), "security" in operation
                assert "X-Request-Id" in headers, (method, path, status)
                assert ("RateLimit" in headers) is (guarded and status != "401"), (method, path, status)
                assert ("Retry-After" in headers) is (status in ("429", "503")), (method, path, status)


async def test_what_the_worker_counted_is_told_of_a_call_that_is_over() -> None:
    async with harness() as it:
        call = it.calls.add()
        async with it.request("GET", f"/v1/calls/{call.id}") as answer:
            assert (await answer.json())["counters"] is None
        counted = Counters(frames_in=100, barge_ins=2, usage={"input_tokens": 7})
        it.calls.details[call.id] = view.CallDetail(call, counters=counted)
        async with it.request("GET", f"/v1/calls/{call.id}") as answer:
            assert (await answer.json())["counters"] == counted.model_dump()
