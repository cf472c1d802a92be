"""Which limits of the config a call or a leg counts for, and in which scopes of the cluster it is. [pure]

The limits of a trunk count every leg over it; all others count calls. A scope is named by its limit (`trunk:main`), a
rate also by its window (`trunk:main/second`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from controller.calls.admission.caller_limits import WINDOW, caller_of, home_of
from controller.calls.errors import Busy, CallerBusy, TooFast, TooMany
from controller.calls.machine.plan import Plan
from controller.cluster.port import CALLS, Claim, RateLimit, SlotLimit
from controller.config import Config
from controller.dialing import number_spellings

SECOND, MINUTE, HOUR = 1.0, 60.0, 3600.0
CALLER = "caller:"
_WINDOWS = ("/second", "/minute", "/hour")


@dataclass(frozen=True, slots=True)
class Slot:
    """What one call takes up. `leg`: somebody who is dialled for a live call; that counts for its trunk only. `number`
    and `caller`: of an inbound call, the number called and who calls. `id`: of the call, or of the leg's channel."""

    direction: Literal["inbound", "outbound", "leg"]
    trunk: str | None
    agent: str
    number: str | None = field(default=None, repr=False)
    caller: str = field(default="", repr=False)
    id: str = field(default="", compare=False)


def slot_of(plan: Plan) -> Slot:
    if plan.unserved is not None:
        return Slot("leg", plan.trunk, "", id=plan.call)  # on the trunk, and with no agent
    number = plan.callee if plan.direction == "inbound" else None
    return Slot(plan.direction, plan.trunk, plan.agent.name, number, id=plan.call)


# ------------------------------------------------------------ at once


def slots(config: Config, wanted: Slot) -> tuple[SlotLimit, ...]:
    """The limits on calls at once that are set."""
    return tuple(SlotLimit(scope, most, why) for scope, most, why in _slots(config, wanted) if most is not None)


def _slots(config: Config, wanted: Slot) -> Iterator[tuple[str, int | None, str]]:
    trunk = config.trunks.get(wanted.trunk or "")
    if trunk is not None:
        why = "As many calls as allowed are up over this trunk already (trunks.<name>.max_calls)."
        yield f"trunk:{wanted.trunk}", trunk.max_calls, why
    if wanted.direction == "leg":
        return
    yield "total", config.limits.max_calls, "As many calls as allowed are up already (limits.max_calls)."
    if (agent := config.agents.get(wanted.agent)) is not None:
        why = "This agent has as many calls as allowed already (agents.<name>.max_calls)."
        yield f"agent:{wanted.agent}", agent.max_calls, why
    why = "As many calls as allowed are up for this number already (limits.per_number)."
    yield f"number:{wanted.number}", of_number(config, config.limits.per_number, wanted), why


def of_number(config: Config, limits: Mapping[str, int], wanted: Slot) -> int | None:
    """The limit of this number, however the config spells it. `*` stands for all other numbers."""
    if wanted.direction != "inbound" or wanted.number is None:
        return None
    if wanted.number in limits:
        return limits[wanted.number]
    country = number_spellings.country_of(config, wanted.trunk)
    same = (most for each, most in limits.items() if number_spellings.normalised(each, country) == wanted.number)
    return next(same, limits.get("*"))


# ------------------------------------------------------------ in a time


def rates(config: Config, wanted: Slot) -> tuple[RateLimit, ...]:
    """The limits on calls that begin which are set."""
    found = _rates(config, wanted)
    return tuple(
        RateLimit(scope, most, window, f"Calls may not begin any faster ({name}).")
        for scope, name, most, window in found
        if most is not None
    )


def _rates(config: Config, wanted: Slot) -> Iterator[tuple[str, str, int | None, float]]:
    """(scope, key of the config, how many, in how many seconds)"""
    if wanted.direction != "leg":
        shared, agent = config.limits, config.agents.get(wanted.agent)
        by_number = of_number(config, shared.per_number_per_minute, wanted)
        name = f"agents.{wanted.agent}.calls_per_minute"
        yield "total/second", "limits.calls_per_second", shared.calls_per_second, SECOND
        yield f"agent:{wanted.agent}/minute", name, agent.calls_per_minute if agent else None, MINUTE
        yield f"number:{wanted.number}/minute", "limits.per_number_per_minute", by_number, MINUTE
    trunk = config.trunks.get(wanted.trunk or "")
    if trunk is not None:
        name = f"trunks.{wanted.trunk}"
        yield f"trunk:{wanted.trunk}/second", f"{name}.calls_per_second", trunk.calls_per_second, SECOND
        if wanted.direction != "inbound":
            yield hourly(wanted.trunk or ""), f"{name}.calls_per_hour", trunk.calls_per_hour, HOUR


def refusal(scope: str, why: str) -> Busy:
    """The error for a scope of the cluster that is full."""
    if scope.startswith(CALLER):
        return CallerBusy(why)
    return TooFast(why) if scope.endswith(_WINDOWS) else TooMany(why)


def hourly(trunk: str) -> str:
    """The scope of legs dialled in an hour."""
    return f"trunk:{trunk}/hour"


# ------------------------------------------------------------ of the cluster


def claim(config: Config, wanted: Slot, *, by_caller: bool = False) -> Claim:
    """What is asked of the cluster. `by_caller`: the limits of the caller hold."""
    at_once, in_a_time = slots(config, wanted), rates(config, wanted)
    if wanted.direction == "leg":
        return Claim(wanted.id, at_once, in_a_time)
    of_caller: list[SlotLimit] = []
    most, most_a_minute = config.limits.per_caller.max_calls, config.limits.per_caller.calls_per_minute
    if by_caller and most is not None:
        why = "This caller has as many calls as allowed already (limits.per_caller.max_calls)."
        of_caller.append(SlotLimit(_caller(config, wanted.caller), most, why))
    if by_caller and most_a_minute is not None:
        why = "This caller may not begin calls any faster (limits.per_caller.calls_per_minute)."
        in_a_time = (RateLimit(f"{_caller(config, wanted.caller)}/minute", most_a_minute, WINDOW, why), *in_a_time)
    return Claim(wanted.id, (SlotLimit(CALLS), *of_caller, *at_once), in_a_time)


def scopes_of_call(config: Config, plan: Plan, *, waits: bool) -> tuple[str, ...]:
    """In which a live call is. `waits`: for room; then it counts for its caller only."""
    found = [CALLS]
    if plan.direction == "inbound" and config.limits.per_caller.max_calls is not None:
        found.append(_caller(config, plan.caller or ""))
    return (*found, *(() if waits else (each.scope for each in slots(config, slot_of(plan)))))


def scopes_of_leg(config: Config, trunk: str) -> tuple[str, ...]:
    return tuple(each.scope for each in slots(config, Slot("leg", trunk, "")))


def _caller(config: Config, number: str) -> str:
    """The number itself is told to nobody."""
    name = caller_of(number, home_of(config.trunks.values()))
    return CALLER + sha256(name.encode()).hexdigest()[:20]
