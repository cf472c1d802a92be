"""Checks where Asterisk sends the calls of each trunk: asks its command line for each number that a route is for.

Owns the questions (`dialplan show NUMBER@CONTEXT`), their number, and the findings about the answers. `judged` is pure.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from controller.calls.planning import routing
from controller.cli.doctor import called_numbers
from controller.cli.doctor.called_numbers import Called
from controller.cli.doctor.dialplan_output import Context, Extension, Step, applications, read
from controller.cli.doctor.dialplan_walk import ELSEWHERE, End, Walk, candidates, gotos, reachable, walk
from controller.cli.doctor.findings import Finding, Verdict, failure, ok, skipped, warning
from controller.config import Config
from controller.dialing import number_spellings

MOST = 100
"""Numbers; each is a run of `asterisk -rx`, which takes 20 ms here and half a second over ssh."""
PARALLEL = 4
MOST_CONTEXTS, MOST_NAMES = 10, 3
HOPS = 8
"""Goto from one extension to the next."""


Run = Callable[[str], Awaitable[str | None]]
"""Runs one command of Asterisk's (`CommandLine.run`)."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a call goes. `line`: the extension that takes it; None: there is none. `beaten`: the line that would hand
    the call to us if `line` did not come first. `switched`: Asterisk looks in a database, too. `arrives_as`: the called
    number when it ends; Goto() may change it."""

    number: str
    walk: Walk
    line: Extension | None = None
    beaten: Extension | None = None
    switched: bool = False
    arrives_as: str = ""
    sent_on: bool = False
    """`line` is not of the trunk's context, but one that sends calls on to this number."""
    passed: tuple[Step, ...] = ()
    """The steps on the way to us."""
    missing: Step | None = None
    """One of them whose application this Asterisk does not have: the call ends there."""

    @property
    def ours(self) -> bool:
        return self.walk.end is End.OURS and self.missing is None


async def look_at_endpoints(config: Config, run: Run, endpoints: Mapping[str, Sequence[str]]) -> list[Finding]:
    """For a config without a trunk that Asterisk knows: do calls of any endpoint reach us? `endpoints`: by context."""
    run = _once(run)
    app, reached, others = config.asterisk.ari.app, list[Finding](), list[Finding]()
    called = called_numbers.of_trunk(config, None)
    numbers = list(dict.fromkeys(number for each in called for number in each.numbers))[:MOST]
    for context, names in list(endpoints.items())[:MOST_CONTEXTS]:
        there = await _ask(run, numbers, context, app)
        known = [each for each in called if all(number in there for number in each.numbers)]
        who = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
        found = judged(f"calls of {who}", context, known, there, app, partial(routed, config, None))
        reached += [each for each in found if each.verdict is Verdict.OK]
        others += [skipped(each.check, each.told) for each in found if each.verdict is not Verdict.OK]
    if reached or not endpoints:
        return reached + others
    places = ", ".join(f"[{each}]" for each in list(endpoints)[:MOST_CONTEXTS])
    line = f"`exten => {_pattern(numbers[0])},1,Stasis({app})`"
    fix = f"Add {line} to the context of your trunk, or of your telephones, in extensions.conf; then `dialplan reload`."
    told = f"no call of any PJSIP endpoint reaches Stasis({app}) by a number of `routes`; looked at in {places}"
    return [failure("calls of endpoints", told, fix)]


async def look(config: Config, run: Run, contexts: Mapping[str, str], lines: Sequence[Context] = ()) -> list[Finding]:
    """`contexts`: that of each trunk's endpoint, by the trunk's name. `lines`: the whole dialplan."""
    run = _once(run)
    app, found, left = config.asterisk.ari.app, list[Finding](), MOST
    for trunk, context in contexts.items():
        called = called_numbers.of_trunk(config, trunk)
        if not called:
            found.append(_without_route(f"trunk {trunk}"))
        numbers = list(dict.fromkeys(number for each in called for number in each.numbers))[: max(left, 0)]
        left -= len(numbers)
        there = await _ask(run, numbers, context, app)
        for number in [number for number, way in there.items() if way.walk.end is End.NO_LINE and way.line is None]:
            there[number] = await _sent_on(run, number, reachable(lines, context), app) or there[number]
        if len(there) < len(numbers):
            fix = f"Look at `dialplan show {context}` on Asterisk's command line."
            return [*found, failure(f"trunk {trunk}", "Asterisk's command line gave no answer about its context", fix)]
        looked_at = [each for each in called if all(number in there for number in each.numbers)]
        found += judged(f"trunk {trunk}", context, looked_at, there, app, partial(routed, config, trunk))
        if len(looked_at) < len(called):
            told = f"calls to {len(called) - len(looked_at)} routes were not looked at: {MOST} numbers at the most are"
            found.append(skipped(f"trunk {trunk}", told))
    return found


def routed(config: Config, trunk: str | None, number: str) -> bool:
    """Pure. Whether a route may take calls of this trunk to this number, at some time, for some callers."""
    country = number_spellings.country_of(config, trunk)
    arrival = routing.Arrival(
        *("", number_spellings.normalised(number, country), "", trunk), to_sent=number_spellings.plain(number)
    )
    misfits = (routing.misfits(config, each, arrival, datetime.now(UTC)) for each in config.routes)
    return not config.routes or any(not {"to", "trunk"} & set(each) for each in misfits)


def _without_route(check: str) -> Finding:
    fix = "Nothing, if calls are only placed over it. Otherwise add a route whose `trunk` is this one, or none."
    return warning(check, "no route is for its calls: whoever calls over it is refused (480)", fix)


def _once(run: Run) -> Run:
    """Each command is run once: many numbers go the same way, and the applications are the same for all."""
    answers: dict[str, str | None] = {}

    async def ask(command: str) -> str | None:
        if command not in answers:
            answers[command] = await run(command)
        return answers[command]

    return ask


async def _sent_on(run: Run, number: str, lines: Sequence[Context], app: str) -> Destination | None:
    """A PBX may take calls to another number, and send them on to this one: FreePBX does so with custom destinations.
    `lines`: those to which calls of the trunk may come. None: no line does, or the call does not reach us there."""
    for line, goto in gotos(lines, number)[:MOST_CONTEXTS]:
        way = (await _ask(run, [number], goto.context, app)).get(number)
        if way is not None and way.walk.end is End.OURS:
            return replace(way, line=line, sent_on=True)
    return None


async def _ask(run: Run, numbers: Sequence[str], context: str, app: str) -> dict[str, Destination]:
    """By number; those are left out of which the command line gave no answer."""
    slots = asyncio.Semaphore(PARALLEL)

    async def ask(number: str) -> Destination | None:
        async with slots:
            return await destination(run, number, context, app)

    found = {each.number: each for each in await asyncio.gather(*map(ask, numbers)) if each is not None}
    if not any(each.passed for each in found.values()):
        return found
    there = applications(await run("core show applications") or "")
    return {number: _with_applications(way, there) for number, way in found.items()}


def _with_applications(way: Destination, there: frozenset[str]) -> Destination:
    """`there`: those that Asterisk has; empty: not known."""
    missing = (step for step in way.passed if there and step.app.lower() not in there)
    return replace(way, missing=next(missing, None))


async def destination(run: Run, number: str, context: str, app: str) -> Destination | None:
    """None: the command line gave no answer."""
    first: Extension | None = None
    beaten: Extension | None = None
    called, at, begin, passed = number, context, "1", tuple[Step, ...]()
    for hop in range(HOPS):
        output = await run(f"dialplan show {called}@{at}")
        if output is None:
            return None
        answer = read(output)
        lines = candidates(answer)
        found = walk(lines, called, app, begin)
        passed += found.passed
        if hop == 0:
            first = found.line
            beaten = next((each for each in lines[1:] if walk([each], called, app).end is End.OURS), None)
        if found.goto is None:
            switched = found.end is End.NO_LINE and any(each.switches for each in answer)
            on_the_way = passed if found.end is End.OURS else ()
            return Destination(number, found, first, beaten, switched, called, passed=on_the_way)
        called, at, begin = found.goto.extension, found.goto.context, found.goto.priority
    return Destination(number, Walk(End.UNKNOWN), first, beaten)


# ---------------------------------------------------------------- findings


def judged(
    check: str,
    context: str,
    called: Sequence[Called],
    there: Mapping[str, Destination],
    app: str,
    has_route: Callable[[str], bool],
) -> list[Finding]:
    """One finding for routes whose calls go the same way."""
    lost: list[Finding] = []
    bad: dict[tuple[str, bool], list[Called]] = {}
    good: dict[str, list[str]] = {}
    for each in called:
        ways = [there[number] for number in each.numbers]
        if ways[0].ours and ways[0].arrives_as != ways[0].number and not has_route(ways[0].arrives_as):
            lost.append(_renumbered(check, each, ways[0]))
        elif ways[0].ours:
            missed = [way.number for way in ways if not way.ours]
            but = f"; not as {', '.join(missed)}" if missed else ""
            good.setdefault(f"{ways[0].line}, which calls {_step(ways[0])}{but}", []).append(each.route)
        else:
            bad.setdefault((_told(ways[0], context), any(way.ours for way in ways)), []).append(each)
    found = lost + [_not_ours(check, context, routes, there, app, others=bool(good)) for routes in bad.values()]
    for line, routes in good.items():
        found.append(ok(check, f"calls to {', '.join(routes)} are taken by {line}"))
    return found


def _step(way: Destination) -> str:
    if way.sent_on:
        last = way.walk.last
        return f"{way.walk.step} by {last}: that line goes on to {way.number} of [{last.context if last else ''}]"
    there = f" by {way.walk.last}" if way.walk.last is not way.walk.line else ""
    condition = way.walk.conditions[-1] if way.walk.conditions else None
    return f"{way.walk.step}{there}" + (f" unless {condition.app}() before it leads elsewhere" if condition else "")


def _renumbered(check: str, called: Called, way: Destination) -> Finding:
    told = f"a call to {way.number} ({called.route}) is taken by {way.line}, which calls {_step(way)} as "
    fix = (
        f"Add a route for {way.arrives_as}, or keep the called number: `Goto(…,${{EXTEN}},1)`; then `dialplan reload`."
    )
    return failure(check, f"{told}{way.arrives_as}: no route is for that number, and the caller is refused (480)", fix)


def _not_ours(
    check: str, context: str, routes: Sequence[Called], there: Mapping[str, Destination], app: str, *, others: bool
) -> Finding:
    """`routes`: calls to all of them go the same way. `others`: calls to other routes reach us."""
    first, *more = routes
    ways = [there[number] for number in first.numbers]
    way = ways[0]
    likewise = f"; likewise {', '.join(each.route for each in more)}" if more else ""
    told = f"a call to {way.number} ({first.route}) {_told(way, context)}{likewise}"
    if reached := [each.number for each in ways if each.ours]:
        ask = f"Which of these does the carrier send? `pjsip set logger on` shows it. If {way.number}: "
        fix = ask + _fix(way, context, app)
        return warning(check, f"{told}; as {', '.join(reached)} it reaches Stasis({app})", fix)
    if others and all(each.samples for each in routes):
        fix = f"Nothing, if the other numbers are not for the agent. Otherwise: {_fix(way, context, app)}"
        return warning(check, told, fix)
    verdict = warning if way.walk.end is End.UNKNOWN or way.switched else failure
    return verdict(check, told, _fix(way, context, app))


def _told(way: Destination, context: str) -> str:
    line, step = way.line, way.walk.step
    wins = f"is taken by {line}" + (f", which comes before {way.beaten}" if way.beaten else "")
    if way.missing is not None:
        return f"{wins}, and ends at {way.missing}: this Asterisk has no application {way.missing.app}"
    match way.walk.end:
        case End.NO_LINE if line is None:
            return f"finds no line in [{context}]: the caller gets 404"
        case End.NO_LINE:
            return f"{wins}, and goes on to where there is no line: the caller is refused"
        case End.OTHER_APP:
            space = " (a space is a part of the name)" if step and " " in step.data.split(",")[0] else ""
            return f"{wins}, and goes to {step}: that is another app{space}"
        case End.UNKNOWN:
            why = f"{(step or way.walk.conditions[-1]).app}()" if step or way.walk.conditions else "many Goto()"
            return f"{wins}; where it goes from there depends on {why}, and can't be told"
        case _:
            rung = next((each for each in way.walk.conditions if each.app.lower() in ELSEWHERE), None)
            ends = f"{rung}, then {step}" if rung not in (None, step) else step
            return f"{wins}, and ends with {ends}" if step else f"{wins}, which leads nowhere: the caller is refused"


def _fix(way: Destination, context: str, app: str) -> str:
    if way.missing is not None:
        app_name = way.missing.app
        return (
            f"Load its module (`core show application {app_name}` finds it then), or take that step out; then "
            "`dialplan reload`."
        )
    ask = f"`dialplan show {way.number}@{context}` lists the lines that fit, and the first one wins"
    if way.walk.end is End.OTHER_APP:
        return f"Write Stasis({app}) there, or set `asterisk.ari.app` to that name; then `dialplan reload`."
    if way.walk.end is End.UNKNOWN or way.switched:
        return f"Follow it from there ({ask}), or call that number and look at the log."
    if way.line is None:
        return (
            f"Add `exten => {_pattern(way.number)},1,Stasis({app})` to [{context}] in extensions.conf, then "
            "`dialplan reload`."
        )
    add = f"Add `exten => {way.number},1,Stasis({app})` to [{context}], or change that line"
    return f"{add}; {ask}. Then `dialplan reload`."


def _pattern(number: str) -> str:
    if number.isdecimal():
        return "_X!"
    return "_+X!" if number[:1] == "+" else number
