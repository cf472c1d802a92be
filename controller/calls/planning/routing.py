"""Which agent an inbound call gets. [pure]

Owns the choice by route (number, trunk, variables, hours, weight), and the template variables of an inbound call: which
names are reserved, and which of them the dialplan may set.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import SequenceMatcher
from itertools import accumulate

from controller.calls.planning import caller_text
from controller.config import Config
from controller.config.models.routes import OpenHours, Route
from controller.config.templates import names
from controller.dialing import number_spellings
from controller.dialing.numbers import endpoint_of

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_QUOTING = {ord(sign): None for sign in '"\\ \t'}
RESERVED = frozenset(("caller", "caller_name", "called", "trunk"))
"""Variables that say who calls, whom and how: nobody else gives them."""
CHANNEL_VARIABLE = "VOICEAI_VAR_"
"""The prefix of a variable's name in the dialplan."""
MOST_CHANNEL_VARIABLES = 50
_CHANNEL = re.compile(r"PJSIP/(.+)-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that comes in. `variables`: what the dialplan says about it.

    `to` and `caller` are normalised (`number_spellings.normalised`); a withheld number is an empty text. `to_sent` and
    `caller_sent` are as they came, for routes with a wildcard; None: the same.
    """

    call: str
    to: str = field(repr=False)
    caller: str = field(repr=False)
    trunk: str | None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    caller_name: str = field(default="", repr=False)
    to_sent: str | None = field(default=None, repr=False)
    caller_sent: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Routed:
    """`route` None: there are no routes, and the first agent answers everything."""

    agent_name: str
    route: Route | None = None


def route(config: Config, arrival: Arrival, now: datetime) -> Routed | None:
    """The agent of the first route that fits; None: nobody answers this call. Without routes: the first agent."""
    if not config.routes:
        return Routed(first_agent(config))
    for each in config.routes:
        if not misfits(config, each, arrival, now):
            return Routed(_choice(each, arrival), each)
    return None


def misfits(config: Config, route: Route, arrival: Arrival, now: datetime) -> list[str]:
    """The keys of `route` that do not fit this call."""
    country = number_spellings.country_of(config, arrival.trunk)
    fits = {
        "to": _is_number(route.to, arrival.to, arrival.to_sent, country),
        "caller": route.caller is None or _is_number(route.caller, arrival.caller, arrival.caller_sent, country),
        "trunk": route.trunk in (None, arrival.trunk),
        "variables": all(_fits(pattern, arrival.variables.get(name, "")) for name, pattern in route.variables.items()),
        "hours": route.hours is None or is_open(route.hours, now),
    }
    return [key for key, fit in fits.items() if not fit]


def nearest(config: Config, arrival: Arrival, now: datetime) -> str | None:
    """For whoever asks why no route fits: the route that comes nearest, and its keys that do not fit."""
    best: tuple[float, str] | None = None
    for number, each in enumerate(config.routes):
        wrong = misfits(config, each, arrival, now)
        likeness = 1.0 if "to" not in wrong else SequenceMatcher(None, each.to, arrival.to).ratio()
        distance = len(wrong) - likeness
        if best is None or distance < best[0]:
            best = distance, f"routes[{number}] ({each.to}), of which does not fit: {', '.join(wrong)}"
    return best[1] if best else None


def _is_number(pattern: str, number: str, sent: str | None, country: str | None) -> bool:
    """With a wildcard as text, otherwise in every spelling."""
    text = number if sent is None else sent
    return _fits(pattern, text) or (
        not pattern.endswith("*") and bool(number) and number_spellings.normalised(pattern, country) == number
    )


def is_open(hours: OpenHours, now: datetime) -> bool:
    there = now.astimezone(hours.time_zone)
    if there.date() in hours.closed_on:
        return False
    return any(
        there.weekday() in each.days
        and each.opens <= there.time()
        and (each.closes is None or there.time() < each.closes)
        for each in hours.windows
    )


def _choice(route: Route, arrival: Arrival) -> str:
    """By weight, and always the same for the same call, or for the same caller if the route is sticky."""
    if isinstance(route.agent, str):
        return route.agent
    sticks = route.sticky is not None and arrival.caller
    drawn = f"{route.sticky}\n{arrival.caller}" if sticks else arrival.call
    draw = int.from_bytes(hashlib.sha256(drawn.encode()).digest()[:8]) % sum(route.agent.values())
    ends = list(accumulate(route.agent.values()))
    return list(route.agent)[bisect_right(ends, draw)]


def variables_of(arrival: Arrival, route: Route | None, found: Mapping[str, str] | None = None) -> dict[str, str]:
    """For the agent's templates. What the route sets counts more than what the dialplan says, and what a look-up
    `found` more than both; the RESERVED names come from neither."""
    told = {
        "caller": arrival.caller,
        "caller_name": arrival.caller_name,
        "called": arrival.to,
        "trunk": arrival.trunk or "",
    }
    known = {name: text for name, text in (found or {}).items() if name not in RESERVED}
    return {**arrival.variables, **told, **(route.set if route else {}), **known}


def arguments(args: Sequence[str], *spoken: str) -> dict[str, str]:
    """Variables from the arguments of `Stasis(voiceai,name=value,…)`. Others, and reserved names, are left out.

    `spoken`: texts that the caller controls. Where the dialplan passes one on (`name=${CALLERID(name)}`, against which
    the doctor warns), a comma in it makes further arguments: what stands behind a comma in these texts is left out.
    """
    behind = [_unquoted(text.partition(",")[2]) for text in spoken]
    given = {}
    for each in args:
        name, mark, value = each.partition("=")
        if mark and _NAME.fullmatch(name) and name not in RESERVED:
            if not any(_unquoted(each) in text for text in behind):
                given[name] = caller_text.variable(value)
    return given


def _unquoted(text: str) -> str:
    """Without what Asterisk removes when it splits arguments: quotes, backslashes and spaces."""
    return text.translate(_QUOTING)


def channel_variables(config: Config) -> tuple[str, ...]:
    """The names that are read from `Set(VOICEAI_VAR_name=…)` in the dialplan: those that the config uses."""
    wanted = {name for each in config.routes for name in each.variables}
    for agent in config.agents.values():
        consent = agent.recording.consent if agent.recording else None
        for text in (agent.instructions, agent.greeting, agent.wrap_up, consent):
            wanted |= names(text) if text else set()
    usable = sorted(name for name in wanted - RESERVED if _NAME.fullmatch(name))
    return tuple(usable[:MOST_CHANNEL_VARIABLES])


def _fits(pattern: str, text: str) -> bool:
    """A `*` is a wildcard at the end only: `*98` is a number that people dial."""
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def trunk_of(config: Config, channel_name: str) -> str | None:
    """The trunk by which a channel such as `PJSIP/trunk-0000002a` came, if it is one of ours."""
    match = _CHANNEL.fullmatch(channel_name)
    if match is None:
        return None
    return next((name for name, trunk in config.trunks.items() if endpoint_of(trunk) == match[1]), None)


def first_trunk(config: Config) -> str | None:
    return next(iter(config.trunks), None)


def first_agent(config: Config) -> str:
    return next(iter(config.agents))
