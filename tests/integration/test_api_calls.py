"""The API's operations on calls, and the shape of its answers. On a real socket, over recorded call control."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from controller.api.models.calls import PlaceCall
from controller.api.resources.live_calls import VERBS
from controller.calls import errors
from controller.calls.reporting import view
from controller.calls.reporting.call_log import BargeIn, Sound, Spread, Turn, Utterance
from controller.dialing import numbers
from tests.integration.api_harness import ADMIN, harness
from tests.unit.controller.views import STARTED

PLACE = "/v1/calls"
AT = "2026-11-22T09:30:00.005Z"


async def test_a_call_is_placed() -> None:
    async with harness() as it, it.request("POST", PLACE, json={"to": "+4930123"}) as answer:
        body = await answer.json()
        assert answer.status == 202
        assert answer.headers["Location"] == f"/v1/calls/{body['id']}" == body["url"]
        assert answer.content_type == "application/json"
        assert it.calls.asked == [("place", {"asked": PlaceCall(to="+4930123"), "by": "admin"})]
        async with it.request("GET", answer.headers["Location"]) as shown:
            assert shown.status == 200
            nothing_yet: dict[str, Any] = {"transcript": [], "turn_times": [], "barge_ins": [], "recordings": []}
            nothing_yet["counters"] = None
            assert await shown.json() == body | nothing_yet


async def test_everything_that_a_call_may_be_placed_with() -> None:
    wanted: dict[str, Any] = {
        "to": "+4930123",
        "trunk": "main",
        "agent": "reception",
        "caller_id": "Desk <1001>",
        "variables": {"name": "Zoë\n", "_x": ""},
        "timeout": 12.5,
        "answer_detection": True,
        "webhook": "https://crm.example/calls?x=1",
        "priority": 5,
    }
    moments = {"not_before": "2026-11-24T09:00:00+01:00", "expires": "2026-11-24T20:00:00.5Z"}
    async with harness() as it, it.request("POST", PLACE, json=wanted | moments) as answer:
        assert answer.status == 202
        ((verb, given),) = it.calls.asked
        assert (verb, given["by"]) == ("place", "admin")
        assert given["asked"] == PlaceCall.model_construct(
            **wanted,
            not_before=datetime(2026, 11, 24, 8, tzinfo=UTC),
            expires=datetime(2026, 11, 24, 20, 0, 0, 500000, tzinfo=UTC),
        )


async def test_a_call_is_shown_whole() -> None:
    async with harness() as it:
        moved = view.TransferView("1002", "ops", "failed", "busy")
        ended = {"state": "ended", "ended_at": STARTED, "outcome": "answered", "ended_by": "caller", "cause": 16}
        call = it.calls.add(
            **ended, detail="d", transfer=moved, turns=2, first_frame_ms=Spread(412.5, 800.4), cost=0.01234567
        )
        it.calls.details[call.id] = view.CallDetail(
            call,
            transcript=[
                Utterance(STARTED, "agent", "Good d", True, 340),
                Utterance(STARTED, "target", "Yes", False, None, True),
            ],
            turns=[Turn(STARTED, 1, 340.0, 300.0, None)],
            barge_ins=[BargeIn(STARTED, 340, 12.5)],
            recordings=[Sound("/srv/c.wav", 61.5)],
        )
        async with it.request("GET", f"/v1/calls/{call.id}") as answer:
            assert await answer.json() == {
                "id": call.id,
                "url": f"/v1/calls/{call.id}",
                "direction": "inbound",
                "state": "ended",
                "agent": "reception",
                "agent_version": None,
                "trunk": "main",
                "caller": "+4930123",
                "callee": "5001",
                "started_at": AT,
                "answered_at": AT,
                "ended_at": AT,
                "outcome": "answered",
                "ended_by": "caller",
                "cause": 16,
                "sip_status": None,
                "detail": "d",
                "transfer": {
                    "to": "1002",
                    "by": "ops",
                    "state": "failed",
                    "outcome": "busy",
                    "kind": "blind",
                    "detail": None,
                },
                "turns": 2,
                "latency": {"first_frame_ms": {"p50": 412, "max": 800}},
                "cost": 0.012346,
                "held_by": None,
                "caller_hold": False,
                "muted": [],
                "recording": "off",
                "supervision": None,
                "participants": [],
                "place": None,
                "queue": None,
                "metadata": {},
                "node": "node1",
                "transcript": [
                    {
                        **{"at": AT, "who": "agent", "text": "Good d", "interrupted": True, "heard_ms": 340},
                        "consultation": False,
                        **{"started_at": None, "by": None, "action": None, "agent": None},
                    },
                    {
                        **{"at": AT, "who": "target", "text": "Yes", "interrupted": False, "heard_ms": None},
                        "consultation": True,
                        **{"started_at": None, "by": None, "action": None, "agent": None},
                    },
                ],
                "turn_times": [
                    {"at": AT, "turn": 1, "endpointing_ms": 340.0, "first_delta_ms": 300.0, "first_frame_ms": None}
                ],
                "barge_ins": [{"at": AT, "heard_ms": 340, "latency_ms": 12.5}],
                "recordings": [{"path": "/srv/c.wav", "seconds": 61.5}],
                "counters": None,
            }


@pytest.mark.parametrize(("query", "expected"), [("", 3), ("?state=active", 2), ("?state=ended", 1)])
async def test_calls_are_listed(query: str, expected: int) -> None:
    async with harness() as it:
        for changes in ({}, {"state": "ringing"}, {"ended_at": STARTED}):
            it.calls.add(**changes)
        async with it.request("GET", PLACE + query) as answer:
            body = await answer.json()
            assert (len(body["calls"]), body["next"]) == (expected, None)


@pytest.mark.parametrize("filtered", ["", "&state=active", "&direction=inbound"])
async def test_pages_go_on_when_the_call_of_the_cursor_has_ended(filtered: str) -> None:
    async with harness() as it:
        calls = [it.calls.add(started_at=STARTED + timedelta(seconds=at)).id for at in range(6)]
        async with it.request("GET", f"{PLACE}?limit=2{filtered}") as answer:
            first = await answer.json()
        assert [call["id"] for call in first["calls"]] == calls[:3:-1]
        ended = it.calls.views.pop(calls[4])  # call control puts it behind those that live
        it.calls.views[ended.id] = replace(ended, ended_at=datetime.now(UTC))
        async with it.request("GET", f"{PLACE}?limit=100{filtered}&before={first['next']}") as answer:
            second = await answer.json()
        assert ([call["id"] for call in second["calls"]], second["next"]) == (calls[3::-1], None)


@pytest.mark.parametrize("before", ["nobody", "00000000-0000-4000-8000-000000000001", "1-1-1-"])
async def test_a_cursor_that_was_never_told_is_refused(before: str) -> None:
    async with harness() as it, it.request("GET", f"{PLACE}?before={before}") as answer:
        assert (answer.status, (await answer.json())["errors"][0]["parameter"]) == (400, "before")


@pytest.mark.parametrize("query", ["?state=dead", "?state=", "?state=active&state=ended", "?limit=0", "?State=active"])
async def test_other_queries_are_refused(query: str) -> None:
    async with harness() as it, it.request("GET", PLACE + query) as answer:
        assert answer.status == 400
        assert (await answer.json())["type"] == "/problems/malformed-request"


@pytest.mark.parametrize("more", [{}, {"json": {}}, {"headers": {"Content-Type": "application/json"}}])
async def test_a_call_is_hung_up(more: dict[str, Any]) -> None:
    async with harness() as it:
        call = it.calls.add()
        async with it.request("POST", f"/v1/calls/{call.id}/hangup", **more) as answer:
            assert answer.status == 202
            assert (await answer.json())["state"] == "ending"
        assert it.calls.asked == [("hang_up", {"call": call.id, "by": "admin"})]


async def test_a_call_is_transferred() -> None:
    async with harness() as it:
        call = it.calls.add()
        async with it.request("POST", f"/v1/calls/{call.id}/transfer", json={"to": "700@queues"}) as answer:
            assert answer.status == 202
            assert (await answer.json())["transfer"]["to"] == "700@queues"
        assert it.calls.asked == [("transfer", {"call": call.id, "to": "700@queues", "by": "admin"})]


@pytest.mark.parametrize(
    ("refusal", "status", "kind"),
    [
        (numbers.NotAllowed("Not on the list."), 403, "not-allowed"),
        (errors.Busy("Full."), 429, "at-limit"),
        (errors.UnknownCall("No live or recent call has this id."), 404, "unknown-call"),
        (errors.UnknownName("None."), 422, "unknown-name"),
        (errors.UnknownAgent("None."), 422, "unknown-name"),
        (errors.WrongState("Ended."), 409, "wrong-state"),
        (errors.NotReady("Away."), 503, "not-ready"),
        (errors.WrongMoment("Never."), 422, "wrong-moment"),
        (errors.CallRefused("No."), 409, "refused"),
    ],
)
async def test_what_call_control_refuses(refusal: Exception, status: int, kind: str) -> None:
    async with harness() as it:
        call = it.calls.add()
        it.calls.refusal = refusal
        for path, body in ((PLACE, {"to": "1"}), (f"/v1/calls/{call.id}/transfer", {"to": "1"})):
            async with it.request("POST", path, json=body) as answer:
                told = await answer.json()
                assert (answer.status, told["status"]) == (status, status)
                assert answer.content_type == "application/problem+json"
                assert told["type"] == f"/problems/{kind}"
                assert told["title"]
                assert told["detail"] == str(refusal)
                assert told["request_id"] == answer.headers["X-Request-Id"]
                assert ("Retry-After" in answer.headers) is (status in (429, 503))


async def test_a_fault_of_ours_says_nothing_of_the_inside() -> None:
    async with harness() as it:
        it.calls.refusal = KeyError("+4930123456")
        async with it.request("POST", PLACE, json={"to": "+4930123456"}) as answer:
            text = await answer.text()
            assert answer.status == 500
            assert "4930123456" not in text
            assert "KeyError" not in text
            assert (await answer.json())["type"] == "/problems/internal"


# ---------------------------------------------------------------- who may


PATHS = [
    ("GET", "/v1/calls"),
    ("GET", "/v1/calls/x"),
    ("POST", "/v1/calls"),
    *((verb.method, f"/v1/calls/x/{verb.path}") for verb in VERBS),
    ("GET", "/v1/queue"),
    ("POST", "/v1/queue/pause"),
]


@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {ADMIN}", ADMIN, f"Bearer {ADMIN}x", f"Bearer {ADMIN[:-1]}"]
    + [f"Bearer {ADMIN.upper()}", "Bearer \xff\xfe"],
)
@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_without_a_right_token_nothing_happens(method: str, path: str, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    async with harness() as it, it.request(method, path, token=None, headers=headers, json={"to": "1"}) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await answer.json())["type"] == "/problems/unauthorized"
        assert it.calls.asked == []


async def test_the_word_bearer_has_no_case() -> None:
    async with (
        harness() as it,
        it.request("GET", PLACE, token=None, headers={"Authorization": f"bearer {ADMIN}"}) as answer,
    ):
        assert answer.status == 200


# ---------------------------------------------------------------- health, and what is around


async def test_health_and_readiness_need_no_token() -> None:
    async with harness() as it:
        async with it.request("GET", "/healthz", token=None) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        async with it.request("GET", "/readyz", token=None) as answer:
            assert answer.status == 200
            parts = {"asterisk": True, "workers": True}
            assert await answer.json() == {"ready": True, "parts": parts, "warnings": []}
        it.calls.parts["asterisk"] = False
        async with it.request("GET", "/readyz", token=None) as answer:
            assert answer.status == 503
            assert (await answer.json())["ready"] is False
        async with it.request("GET", "/healthz", token=None) as answer:
            assert answer.status == 200


async def test_request_ids() -> None:
    async with harness() as it:
        async with it.request("GET", PLACE, headers={"X-Request-Id": "from-us.1"}) as answer:
            assert answer.headers["X-Request-Id"] == "from-us.1"
        seen = set()
        for given in ("a b", "x" * 65, "<script>", ""):
            async with it.request("GET", PLACE, headers={"X-Request-Id": given}) as answer:
                seen.add(answer.headers["X-Request-Id"])
                assert answer.headers["X-Request-Id"] != given
        assert len(seen) == 4


async def test_headers_of_every_answer() -> None:
    async with harness() as it:
        for path in (PLACE, "/healthz", "/nowhere"):
            async with it.request("GET", path) as answer:
                assert answer.headers["Server"] == "voiceai"
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_an_extra_route_may_be_a_websocket_and_sees_to_itself() -> None:
    async def link(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data + "!")
        return socket

    async with harness(web.get("/link", link)) as it:
        async with it.http.ws_connect(f"http://127.0.0.1:{it.port}/link") as socket:
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello!"
        async with it.request("GET", "/link", token=None) as answer:
            assert answer.status == 400
            assert answer.content_type == "application/problem+json"
