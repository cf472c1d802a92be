"""Which calls each route takes, as `voiceai doctor` lists it. [pure]"""

from controller.cli.doctor.findings import Finding, ok, skipped
from controller.config import Config
from controller.config.models.routes import Route
from controller.dialing import number_spellings


def routes(config: Config) -> list[Finding]:
    found = [ok(f"routes[{place}]", _matches(config, each)) for place, each in enumerate(config.routes)]
    return found or [skipped("routes", "the config has none: the first agent answers everything")]


def _matches(config: Config, route: Route) -> str:
    agents = " or ".join(route.agents)
    if route.to.endswith("*"):
        return f"{agents} answers what begins with {route.to[:-1]!r}, as it was sent: other spellings do not fit"
    country = number_spellings.country_of(config, route.trunk)
    spelled = ", ".join(number_spellings.spellings(route.to, country))
    read_in = f" (read in {country})" if country and len(number_spellings.spellings(route.to, country)) > 1 else ""
    return f"{agents} answers {spelled}{read_in}"
