"""The API's operations on a live call: the body of each, what call control is asked, and what is refused."""

from typing import Any

import pytest

from controller.api.resources.live_calls import VERBS
from controller.calls import errors
from controller.calls.reporting.view import ParticipantView
from tests.integration.api_harness import harness
from tests.integration.test_api_hostile import problem

GOOD: list[tuple[str, dict[str, Any] | None, str, dict[str, Any]]] = [
    ("hold", None, "hold", {}),
    ("resume", {}, "resume", {}),
    ("mute", {"side": "caller"}, "mute", {"side": "caller", "on": True}),
    ("unmute", {"side": "agent"}, "mute", {"side": "agent", "on": False}),
    ("dtmf", {"digits": "12*#w9"}, "send_digits", {"digits": "12*#w9"}),
    ("say", {"text": "Bitte warten, Zoë.\n"}, "say", {"text": "Bitte warten, Zoë.\n", "exact": True}),
    ("say", {"text": "Apologise.", "exact": False}, "say", {"text": "Apologise.", "exact": False}),
    ("transfer", {"to": "5002"}, "transfer", {"to": "5002"}),
    (
        "transfer",
        {"to": "desk", "kind": "attended", "announce": "Hello.", "timeout": 20, "decide_timeout": 30},
        "transfer",
        {"to": "desk", "kind": "attended", "announce": "Hello.", "timeout": 20.0, "decide_timeout": 30.0},
    ),
    ("transfer/decision", {"accept": False}, "decide_transfer", {"accept": False}),
    ("supervise", {"to": "ada"}, "supervise", {"to": "ada", "mode": "listen"}),
    ("supervise", {"mode": "take_over"}, "supervise", {"to": None, "mode": "take_over"}),
    ("agent", {"agent": "night"}, "switch", {"agent": "night", "instructions": None, "variables": {}}),
    ("agent", {"instructions": "Be."}, "switch", {"agent": None, "instructions": "Be.", "variables": {}}),
    ("agent", {"variables": {"a": "b"}}, "switch", {"agent": None, "instructions": None, "variables": {"a": "b"}}),
    *(("recording", {"action": each}, "record", {"action": each}) for each in ("start", "pause", "resume", "stop")),
]


@pytest.mark.parametrize(("path", "body", "verb", "asked"), GOOD)
async def test_each_verb_is_asked_of_call_control(
    path: str, body: dict[str, Any] | None, verb: str, asked: dict[str, Any]
) -> None:
    async with harness() as it:
        call = it.calls.add()
        async with it.request("POST", f"/v1/calls/{call.id}/{path}", json=body) as answer:
            assert answer.status == 202
            assert (await answer.json())["id"] == call.id
        assert it.calls.asked == [(verb, {"call": call.id, **asked, "by": "admin"})]


def test_each_verb_has_been_tried() -> None:
    assert {path for path, *_ in GOOD} == {verb.path for verb in VERBS}


@pytest.mark.parametrize(("path", "verb"), [("transfer", "cancel_transfer"), ("supervise", "leave")])
async def test_what_was_begun_is_called_off(path: str, verb: str) -> None:
    async with harness() as it:
        call = it.calls.add()
        async with it.request("DELETE", f"/v1/calls/{call.id}/{path}") as answer:
            assert answer.status == 202
        assert it.calls.asked == [(verb, {"call": call.id, "by": "admin"})]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("hold", {"seconds": 3}, "/seconds"),
        ("mute", {}, "/side"),
        ("mute", {"side": "both"}, "/side"),
        ("dtmf", {"digits": ""}, "/digits"),
        ("dtmf", {"digits": "1" * 33}, "/digits"),
        ("dtmf", {"digits": "1\n"}, "/digits"),
        ("dtmf", {"digits": "5&SIP/1"}, "/digits"),
        ("dtmf", {"digits": "\u0663"}, "/digits"),
        ("say", {"text": ""}, "/text"),
        ("say", {"text": "\0"}, "/text"),
        ("say", {"text": "x" * 8193}, "/text"),
        ("say", {"text": "x", "exact": 1}, "/exact"),
        ("agent", {}, ""),
        ("agent", {"agent": ""}, "/agent"),
        ("agent", {"variables": {"a b": "x"}}, "/variables/a b"),
        ("recording", {"action": "delete"}, "/action"),
        ("transfer", {"to": "1", "kind": "warm"}, "/kind"),
        ("transfer", {"to": "1", "decide_timeout": 1}, "/decide_timeout"),
        ("transfer", {"to": "1", "announce": "\0"}, "/announce"),
        ("transfer/decision", {}, "/accept"),
        ("supervise", {"to": "ada", "mode": "spy"}, "/mode"),
        ("participants", {}, "/to"),
        ("participants", {"to": "1", "agent": "x"}, "/agent"),
    ],
)
async def test_other_bodies_are_refused(path: str, body: dict[str, Any], pointer: str) -> None:
    async with harness() as it:
        status, told = await problem(it, "POST", f"/v1/calls/{it.calls.add().id}/{path}", json=body)
        assert status == 400
        assert [each["pointer"] for each in told["errors"]] == [pointer]


async def test_a_participant_comes_and_goes() -> None:
    async with harness() as it:
        call = it.calls.add()
        async with it.request("POST", f"/v1/calls/{call.id}/participants", json={"to": "4930123"}) as answer:
            assert answer.status == 202
            added = await answer.json()
            assert added | {"leg": ""} == {
                "leg": "",
                "to": "4930123",
                "by": "admin",
                "state": "ringing",
                "outcome": None,
            }
            where = answer.headers["Location"]
        assert where == f"/v1/calls/{call.id}/participants/{added['leg']}"
        async with it.request("DELETE", where) as answer:
            assert answer.status == 202
            assert (await answer.json())["leg"] == added["leg"]
        assert [verb for verb, _ in it.calls.asked] == ["add_participant", "drop_participant"]


async def test_a_call_shows_what_was_done_to_it() -> None:
    async with harness() as it:
        found = ParticipantView("call-x-party-1", "4930123", "ops", "failed", "busy")
        call = it.calls.add(held_by="ops", muted=("caller",), recording="paused", participants=(found,))
        async with it.request("GET", f"/v1/calls/{call.id}") as answer:
            shown = await answer.json()
        assert (shown["held_by"], shown["muted"], shown["recording"]) == ("ops", ["caller"], "paused")
        assert shown["participants"] == [
            {"leg": "call-x-party-1", "to": "4930123", "by": "ops", "state": "failed", "outcome": "busy"}
        ]


@pytest.mark.parametrize(
    ("refusal", "status", "kind"),
    [
        (errors.WrongState("This call can't be muted now: it is ringing."), 409, "wrong-state"),
        (errors.UnknownParticipant("This call has no such participant."), 404, "unknown-participant"),
    ],
)
async def test_what_call_control_refuses(refusal: Exception, status: int, kind: str) -> None:
    async with harness() as it:
        call = it.calls.add()
        it.calls.refusal = refusal
        async with it.request("DELETE", f"/v1/calls/{call.id}/participants/y") as answer:
            told = await answer.json()
            assert (answer.status, told["type"], told["detail"]) == (status, f"/problems/{kind}", str(refusal))


@pytest.mark.parametrize("path", [*(verb.path for verb in VERBS), "participants", "participants/y"])
async def test_a_call_that_waits_is_not_up_and_others_are_unknown(path: str) -> None:
    bodies = {name: body for name, body, *_ in GOOD} | {"participants": {"to": "1"}}
    method = "DELETE" if path.endswith("/y") else "POST"
    async with harness() as it:
        waits = it.orders.add()
        for call, status in ((waits.id, 409), ("nobody", 404)):
            async with it.request(method, f"/v1/calls/{call}/{path}", json=bodies.get(path)) as answer:
                assert answer.status == status
                assert ("queued" in (await answer.json())["detail"]) is (status == 409)
