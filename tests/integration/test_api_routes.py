"""Which agent would answer, asked over the API: numbers, hours, weights, routes that are not published."""

from pathlib import Path
from typing import Any

from tests.integration.resources_harness import STORED, desk
from tests.unit.controller.configs import with_

PATH = "/v1/routes/test"
ROUTES: list[dict[str, Any]] = [
    {"to": "+4930555*", "caller": "+49*", "agent": "night", "set": {"tier": "gold"}},
    {
        "to": "030777",
        "trunk": "main",
        "agent": "reception",
        "hours": {"time_zone": "Europe/Berlin", "windows": ["mon-fri 08:00-18:00"]},
    },
    {"to": "100", "agent": {"reception": 90, "night": 10}},
    {"to": "200", "agent": {"reception": 90, "night": 10}, "sticky": "trial"},
]
NOON, EVENING = "2026-11-30T12:00:00+01:00", "2026-11-30T19:00:00+01:00"
BOTH = {"reception": 90, "night": 10}


CASES: list[tuple[dict[str, Any], int | None, str | None, dict[str, int]]] = [
    ({"to": "+493055512", "caller": "+49171222"}, 0, "night", {"night": 1}),
    ({"to": "+493055512"}, None, None, {}),
    ({"to": "+493055512", "caller": "anonymous"}, None, None, {}),
    ({"to": "+4930777", "trunk": "main", "at": NOON}, 1, "reception", {"reception": 1}),
    ({"to": "004930777", "trunk": "main", "at": NOON}, 1, "reception", {"reception": 1}),
    ({"to": "+4930777", "trunk": "main", "at": EVENING}, None, None, {}),
    ({"to": "+4930777", "at": NOON}, None, None, {}),
    ({"to": "100", "caller": "+49171222"}, 2, None, BOTH),
    ({"to": "200"}, 3, None, BOTH),
]


async def test_the_first_route_that_fits_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path, with_(STORED, routes=ROUTES)) as here:
        for asked, route, agent, agents in CASES:
            status, _, told = await here.ask("POST", PATH, asked)
            assert (status, told["route"], told["agent"], told["agents"]) == (200, route, agent, agents), asked
            assert ("does not fit" in (told["nearest"] or "")) is (route is None)
        told = (await here.ask("POST", PATH, CASES[0][0]))[2]
        said = {"caller": "+49171222", "caller_name": "", "called": "+493055512", "trunk": "", "tier": "gold"}
        assert told["variables"] == said


async def test_a_sticky_caller_has_one_agent_and_without_routes_the_first_answers(tmp_path: Path) -> None:
    async with desk(tmp_path, with_(STORED, routes=ROUTES)) as here:
        told = [(await here.ask("POST", PATH, {"to": "200", "caller": "+49171222"}))[2]["agent"] for _ in range(2)]
        assert told[0] in BOTH
        assert told[0] == told[1]
        status, _, answer = await here.ask("POST", PATH, {"to": "1", "routes": []})
        assert (status, answer["route"], answer["agent"]) == (200, None, "reception")


async def test_routes_that_are_not_published_are_tried_and_checked(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        assert (await here.ask("POST", PATH, {"to": "5001"}))[2]["agent"] == "reception"
        draft = [{"to": "*", "agent": "night"}]
        assert (await here.ask("POST", PATH, {"to": "5001", "routes": draft}))[2]["agent"] == "night"
        assert (await here.ask("POST", PATH, {"to": "5001"}))[2]["agent"] == "reception", "nothing was changed"
        status, _, told = await here.ask("POST", PATH, {"to": "5001", "routes": [{"to": "*", "agent": "nobody"}]})
        assert (status, told["errors"][0]["path"]) == (422, "routes[0].agent")
        here.token = "reader-0123456789"
        assert (await here.ask("POST", PATH, {"to": "5001"}))[0] == 200
        assert (await here.ask("POST", PATH, {"to": "5001", "routes": draft}))[0] == 403


async def test_bad_questions(tmp_path: Path) -> None:
    bad: list[tuple[dict[str, Any], int]] = [
        ({}, 400),
        ({"to": ""}, 400),
        ({"to": "1", "trunk": "nowhere"}, 422),
        ({"to": "1", "at": "yesterday"}, 400),
        ({"to": "1", "routes": "x"}, 400),
        ({"to": "😀" * 100, "caller": "<>"}, 200),
    ]
    async with desk(tmp_path) as here:
        for asked, status in bad:
            assert (await here.ask("POST", PATH, asked))[0] == status, asked
