"""Reads what `dialplan show` of Asterisk prints. [pure]

Owns the form of its lines (Asterisk's main/pbx.c, main/pbx_app.c). Asterisk prints the extensions of a context in the
order in which it looks for a number, and those of included contexts behind them.
"""

import re
from dataclasses import dataclass, field

SUMMARY = re.compile(r"-= \d+ extensions? \(\d+ priorit(?:y|ies)\) in \d+ contexts?\. =-")
"""The last line, if anything was found."""
NOTHING = "There is no existence of"
"""The beginning of the answer otherwise."""
BY_A_CONTROLLER = "res_stasis"
"""Asterisk itself makes the context `stasis-<app>` while a controller holds the app: no line of anybody's dialplan."""

_CONTEXT = re.compile(r"\[ (?:Included c|C)ontext '(?P<name>[^']+)' created by '(?P<creator>[^']*)'")
_INCLUDE = re.compile(r"\s+Include =>\s+'(?P<name>[^']+)'")
_SWITCH = re.compile(r"\s+Alt\. Switch =>")
_EXTENSION = re.compile(r"\s+'(?P<name>[^']+)'(?P<caller> \(CID match '[^']*'\))? =>\s+(?P<step>(?:\d+\.|hint:)\s.*)")
_STEP = re.compile(r"\s+(?:\[(?P<label>[^\]]*)\]\s+)?(?P<step>\d+\.\s.*)")
_APPLICATION = re.compile(r"^ *([A-Za-z_]\w*): ", re.M)
_REGISTERED = re.compile(r"-= \d+ Applications Registered =-")
"""The last line."""
_PLACE = re.compile(r"\s+\[(?P<place>[^\[\]]*)\]\s*$")


@dataclass(frozen=True, slots=True)
class Step:
    """One priority: `app(data)`. `place`: the file and line it stands in, or the module that made it."""

    priority: int
    app: str
    data: str
    label: str = ""
    place: str = ""

    def __str__(self) -> str:
        return f"{self.app}({self.data})"


@dataclass(slots=True)
class Extension:
    """`pattern`: as written, such as `_X!`. `by_caller`: only for certain callers (`exten => 5001/4930…`)."""

    context: str
    pattern: str
    by_caller: bool = False
    steps: list[Step] = field(default_factory=list)

    def __str__(self) -> str:
        place = self.steps[0].place if self.steps else ""
        return f"`{self.pattern}` of [{self.context}]" + (f" ({place})" if place else "")


@dataclass(slots=True)
class Context:
    """`switches`: it also looks elsewhere, such as in a database (`switch => Realtime/…`)."""

    name: str
    creator: str
    extensions: list[Extension] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    switches: bool = False


def read(output: str) -> list[Context]:
    """In the order in which Asterisk printed them."""
    found: list[Context] = []
    for line in output.splitlines():
        if head := _CONTEXT.search(line):
            found.append(Context(head["name"], head["creator"]))
        elif found:
            _take(found[-1], line)
    return found


def complete(output: str) -> bool:
    """Whether this is an answer of Asterisk's to `dialplan show`, and not of something else."""
    return SUMMARY.search(output) is not None or NOTHING in output


def applications(output: str) -> frozenset[str]:
    """Of `core show applications`: the names in small letters. Empty: it is no complete answer."""
    return (
        frozenset(each.lower() for each in _APPLICATION.findall(output)) if _REGISTERED.search(output) else frozenset()
    )


def _take(context: Context, line: str) -> None:
    if include := _INCLUDE.match(line):
        context.includes.append(include["name"])
    elif _SWITCH.match(line):
        context.switches = True
    elif extension := _EXTENSION.match(line):
        context.extensions.append(Extension(context.name, extension["name"], bool(extension["caller"])))
        _add(context, extension["step"], "")
    elif step := _STEP.match(line):
        _add(context, step["step"], step["label"] or "")


def _add(context: Context, text: str, label: str) -> None:
    """Asterisk cuts a step after 255 characters: its closing parenthesis may be missing."""
    if not context.extensions or text.startswith("hint:"):
        return
    place = _PLACE.search(text)
    body = text[: place.start()] if place else text.rstrip()
    priority, _, rest = body.partition(".")
    app, parenthesis, data = rest.strip().partition("(")
    data = data.removesuffix(")") if parenthesis else ""
    step = Step(int(priority), app, data, label, place["place"] if place else "")
    context.extensions[-1].steps.append(step)
