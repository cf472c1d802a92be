"""Where the dialplan leads a call. [pure]

Owns the reading of an extension's steps: which hand the call to a Stasis app, end it, or lead elsewhere. Reads only
what is certain: variables other than ${EXTEN} have no known value, and of a condition both ways are possible.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.cli.doctor.dialplan_output import Context, Extension, Step

CONDITIONS = frozenset(
    ("gotoif", "gotoiftime", "gosub", "gosubif", "macro", "macroif", "macroexclusive", "execif", "execiftime", "exec")
    + ("tryexec", "agi", "eagi", "deadagi", "fastagi", "switch", "while", "continuewhile", "exitwhile", "lookupcidname")
)
"""Applications after which a call may be somewhere else."""
ENDS = frozenset(("hangup", "busy", "congestion"))
ELSEWHERE = frozenset(
    ("dial", "queue", "voicemail", "voicemailmain", "confbridge", "meetme", "page", "retrydial", "bridge", "echo")
    + ("followme", "directory", "disa", "park", "parkandannounce", "transfer", "pickup", "milliwatt", "minivmrecord")
)
"""Applications to which a call is handed; it comes back if nobody takes it."""
_GOES = CONDITIONS | {"goto"}
_CONTEXT_IN_VARIABLE = re.compile(r"(?:^|[?:])\s*[^,?:]*\$\{[^,?:]*,[^,?:]+,[^,?:]+")
"""A place of three parts, context first."""
_NAMES = re.compile(r"[,@?:()/&|\s]+")
_EXTEN = re.compile(r"\$\{EXTEN(?::(?P<begin>-?\d+)(?::(?P<length>-?\d+))?)?\}")


class End(StrEnum):
    OURS = "ours"
    OTHER_APP = "other app"
    NO_LINE = "no line"
    """Asterisk has no extension for the number: a SIP caller gets 404."""
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"
    """It depends on variables, or on what stands in a database."""


@dataclass(frozen=True, slots=True)
class Goto:
    """`priority`: a number or a label."""

    context: str
    extension: str
    priority: str


@dataclass(frozen=True, slots=True)
class Walk:
    """`line`: the extension that takes the call; None: there is none. `step`: the one at which it ends; None: the steps
    are over. `last`: the extension in which that step stands. `conditions`: the steps before it that may lead
    elsewhere. `goto`: where the call goes on; None: it does not. `passed`: all steps before `step`."""

    end: End
    line: Extension | None = None
    step: Step | None = None
    last: Extension | None = None
    conditions: tuple[Step, ...] = ()
    goto: Goto | None = None
    passed: tuple[Step, ...] = ()


def candidates(contexts: list[Context]) -> list[Extension]:
    """Of an answer to `dialplan show NUMBER@CONTEXT`, in Asterisk's order. Lines for certain callers are left out."""
    lines = [each for context in contexts for each in context.extensions]
    return [each for each in lines if each.steps and not each.by_caller]


def reachable(contexts: Sequence[Context], begin: str) -> list[Context]:
    """The contexts of a whole dialplan into which a call of the context `begin` may come: those that are included, and
    those that a step names. All of them if a step goes to a context whose name is in a variable."""
    known = {each.name: each for each in contexts}
    found, left = set[str](), [begin]
    while left:
        here = known.get(left.pop())
        if here is None or here.name in found:
            continue
        found.add(here.name)
        for step in (step for extension in here.extensions for step in extension.steps):
            if step.app.lower() in _GOES and _CONTEXT_IN_VARIABLE.search(step.data):
                return list(contexts)
            left += _NAMES.split(step.data)
        left += [each.partition(",")[0] for each in here.includes]  # the rest is the time
    return [each for each in contexts if each.name in found]


def gotos(contexts: Sequence[Context], number: str) -> list[tuple[Extension, Goto]]:
    """The lines of a whole dialplan that send calls on to `number`, and where."""
    found = []
    for extension in (each for context in contexts for each in context.extensions):
        for step in extension.steps:
            goto = _goto(step, extension, extension.pattern) if step.app.lower() == "goto" else None
            if goto is not None and goto.extension == number != extension.pattern:
                found.append((extension, goto))
    return found


def walk(lines: Sequence[Extension], number: str, app: str, begin: str = "1") -> Walk:
    """`lines`: the candidates. `app`: the name of our Stasis app. `begin`: the priority or label at which the call
    comes in. Asterisk looks for each priority anew: the first line that has it gives the step."""
    conditions: list[Step] = []
    passed: list[Step] = []
    at, line = _priority(lines, begin), None
    for _ in range(1 + sum(len(each.steps) for each in lines)):
        found = next(((each, step) for each in lines for step in each.steps if step.priority == at), None)
        if at is None or found is None:
            break
        (last, step), line = found, line or found[0]
        name = step.app.lower()
        if name == "stasis" and step.data.split(",")[0] == app:  # Asterisk takes a space for a part of the name
            return Walk(End.OURS, line, step, last, tuple(conditions), None, tuple(passed))
        if name in ENDS:
            if other := _other_app(conditions):
                return Walk(End.OTHER_APP, line, other, last, tuple(conditions))
            may_be_elsewhere = any(map(_unknown, conditions))
            end = End.UNKNOWN if may_be_elsewhere else End.ELSEWHERE
            return Walk(end, line, None if may_be_elsewhere else step, last, tuple(conditions))
        if name == "goto":
            goto = _goto(step, last, number)
            if goto is None or (goto.context, goto.extension) != (last.context, last.pattern):
                return Walk(End.UNKNOWN, line, step, last, tuple(conditions), goto, tuple(passed))
            at = _priority(lines, goto.priority)
            continue
        if name == "stasis" or name in CONDITIONS or name in ELSEWHERE:
            conditions.append(step)  # it comes back from a telephone that is not answered, and an app nobody has
        passed.append(step)
        at += 1
    return _over(line, tuple(conditions))


def _over(line: Extension | None, conditions: tuple[Step, ...]) -> Walk:
    """No step is left."""
    if line is None:
        return Walk(End.NO_LINE)
    if other := _other_app(conditions):
        return Walk(End.OTHER_APP, line, other, line, conditions)
    if any(map(_unknown, conditions)):
        return Walk(End.UNKNOWN, line, None, line, conditions)
    return Walk(End.ELSEWHERE, line, conditions[0] if conditions else None, line, conditions)


def _unknown(step: Step) -> bool:
    """May the call be somewhere else after this step, or does it go on in the dialplan under another channel?"""
    return step.app.lower() in CONDITIONS or "local/" in step.data.lower()


def _other_app(conditions: Sequence[Step]) -> Step | None:
    return next((each for each in conditions if each.app.lower() == "stasis"), None)


def _priority(lines: Sequence[Extension], text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    return next((step.priority for each in lines for step in each.steps if step.label == text), None)


def _goto(step: Step, extension: Extension, number: str) -> Goto | None:
    """None: it depends on variables."""
    text = _EXTEN.sub(lambda found: _part(number, found["begin"], found["length"]), step.data)
    parts = [part.strip() for part in text.split(",")]
    if "$" in text or not 1 <= len(parts) <= 3:
        return None
    if len(parts) == 1:
        return Goto(extension.context, extension.pattern, parts[0])
    context = parts[0] if len(parts) == 3 else extension.context
    return Goto(context, parts[-2], parts[-1])


def _part(number: str, begin: str | None, length: str | None) -> str:
    """`${EXTEN:1}` and `${EXTEN:1:3}`, as Asterisk counts."""
    rest = number[int(begin) :] if begin else number
    return rest[: int(length)] if length else rest
