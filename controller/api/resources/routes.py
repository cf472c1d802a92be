"""Which agent would answer a call that comes in: the routes are asked, and nothing happens."""

from datetime import UTC, datetime
from typing import Any

from controller.api.models.routes import RouteAnswer, RouteTest
from controller.api.operation import ApiRequest, Operation
from controller.api.problems import Problem
from controller.api.request_body import LARGEST_WITH_PROMPT
from controller.api.resources.configuration import invalid
from controller.calls.errors import UnknownName
from controller.calls.planning import caller_text, routing
from controller.config import Config, ConfigErrors, CurrentConfig
from controller.config.resources import ROUTES
from controller.dialing import number_spellings, withheld_numbers
from controller.versions.editor import ResourceEditor


class RouteTestResources:
    def __init__(self, current: CurrentConfig, editor: ResourceEditor) -> None:
        self._current = current
        self._editor = editor

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("test_route", "POST", "/v1/routes/test", "Find the agent of a call", self.test, RouteAnswer),
                body=RouteTest,
                largest=LARGEST_WITH_PROMPT,
                repeatable=True,
                scopes=("read",),
                problems=("unknown-name", "invalid-config"),
                tag="resources",
            ),
        )

    async def test(self, asked: ApiRequest) -> RouteAnswer:
        body: RouteTest = asked.body
        config = self._current.config if body.routes is None else await self._with(asked, body.routes)
        if body.trunk is not None and body.trunk not in config.trunks:
            raise UnknownName(f"There is no trunk {body.trunk}.")
        return routed(config, arrival_of(config, body), body.at or datetime.now(UTC))

    async def _with(self, asked: ApiRequest, routes: list[dict[str, Any]]) -> Config:
        """The configuration with these routes. Raises Problem."""
        if not asked.may("config"):
            raise Problem("forbidden", "To try other routes than those in force, the scope `config` is needed.")
        try:
            return await self._editor.check(("routes", ROUTES), routes)
        except ConfigErrors as errors:
            raise invalid(errors) from None


def arrival_of(config: Config, body: RouteTest) -> routing.Arrival:
    """As a call with these numbers would arrive."""
    country = number_spellings.country_of(config, body.trunk)
    called, caller = caller_text.number(body.to), caller_text.number(body.caller)
    known = not withheld_numbers.means_withheld(caller)
    return routing.Arrival(
        "",
        number_spellings.normalised(called, country),
        number_spellings.normalised(caller, country) if known else "",
        body.trunk,
        {name: text for name, text in body.variables.items() if name not in routing.RESERVED},
        to_sent=number_spellings.plain(called),
        caller_sent=number_spellings.plain(caller) if known else "",
    )


def routed(config: Config, arrival: routing.Arrival, now: datetime) -> RouteAnswer:
    found = routing.route(config, arrival, now)
    route = found.route if found else None
    number = config.routes.index(route) if route else None
    if found is None:
        nearest = routing.nearest(config, arrival, now)
        return RouteAnswer(route=None, agent=None, agents={}, variables={}, nearest=nearest)
    several = dict(route.agent) if route and not isinstance(route.agent, str) else {found.agent_name: 1}
    drawn = len(several) > 1 and not (route and route.sticky is not None and arrival.caller)
    variables = routing.variables_of(arrival, route)
    agent = None if drawn else found.agent_name
    return RouteAnswer(route=number, agent=agent, agents=several, variables=variables, nearest=None)
