"""Which calls each route takes, as `voiceai doctor` lists it, and which are declined at this moment. [pure]"""

from datetime import datetime

from controller.calls.planning import routing
from controller.cli.doctor.findings import Finding, ok, skipped, warning
from controller.config import Config
from controller.config.models.routes import Route
from controller.dialing import number_spellings


def routes(config: Config, now: datetime) -> list[Finding]:
    found = [_route(config, place, each, now) for place, each in enumerate(config.routes)]
    return found or [skipped("routes", "the config has none: the first agent answers everything")]


def _route(config: Config, place: int, route: Route, now: datetime) -> Finding:
    check, matches = f"routes[{place}]", _matches(config, route)
    if route.hours is None or routing.is_open(route.hours, now):
        return ok(check, matches)
    country = number_spellings.country_of(config, route.trunk)
    arrival = routing.Arrival("", number_spellings.normalised(route.to, country), "", route.trunk, to_sent=route.to)
    served = routing.route(config, arrival, now)
    if served is not None:
        return ok(check, f"{matches}; closed at this moment, {served.agent_name} answers instead")
    fix = (
        "Nothing, if that is meant. Otherwise correct `hours`, or add a route behind it for the time when it is closed."
    )
    return warning(check, f"{matches}; closed at this moment, and no other route fits: such calls are declined", fix)


def _matches(config: Config, route: Route) -> str:
    agents = " or ".join(route.agents)
    if route.to == "*":
        return f"{agents} answers any number"
    if route.to.endswith("*"):
        return f"{agents} answers what begins with {route.to[:-1]!r}, as it was sent: other spellings do not fit"
    country = number_spellings.country_of(config, route.trunk)
    spelled = ", ".join(number_spellings.spellings(route.to, country))
    read_in = f" (read in {country})" if country and len(number_spellings.spellings(route.to, country)) > 1 else ""
    return f"{agents} answers {spelled}{read_in}"
