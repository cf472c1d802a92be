"""Checks the dialplan behind a SIP front (docs/scaling.md). [pure]

Is sip:ready@ answered as it should, and is a call without a controller refused so that another node is tried?

`output` is what `dialplan show` prints.
"""

import re
from collections.abc import Iterator

from controller.cli.doctor import dialplan_output
from controller.cli.doctor.findings import Finding, failure, ok, warning

CHECK = "SIP front"
READY = "ready"
"""The extension for which the front asks by OPTIONS."""
COPY = "Copy the context [edge] from asterisk/extensions.conf, then `dialplan reload`."

_NEXT_NODE = re.compile(r"(?:Hangup\((?:34|38|42)\b|Congestion\()")
"""Causes for which Asterisk says 503 (res_pjsip, hangup_cause2sip)."""

Extensions = dict[str, list[str]]
"""The steps of each extension of a context."""


def edge(output: str, app: str) -> list[Finding]:
    """Of all contexts that include `stasis-<app>-ready`."""
    contexts, includes = read(output)
    wanted = f"stasis-{app}-ready"
    found = [name for name, included in includes.items() if wanted in included]
    if not found:
        text = f"no context includes `{wanted}`: the SIP front is told that this node takes no calls"
        return [failure(CHECK, text, COPY)]
    return [finding for name in found for finding in _judged(name, contexts, includes, app)]


def _judged(name: str, contexts: dict[str, Extensions], includes: dict[str, list[str]], app: str) -> Iterator[Finding]:
    wanted = f"stasis-{app}-ready"
    reached = [name, *(each for each in includes[name] if each != wanted)]
    always = [f"{each}@{context}" for context in reached for each in contexts.get(context, {}) if matches(each, READY)]
    if always:
        text = (
            f"`{always[0]}` takes calls to `{READY}`: the SIP front is told that this node takes calls when it doesn't"
        )
        yield failure(CHECK, text, COPY)
    else:
        yield ok(CHECK, f"[{name}] tells whether this node takes calls")
    declined = [context for context in _entered(name, contexts) if _declines(contexts.get(context, {}), app)]
    if declined:
        text = f"[{declined[0]}] ends after Stasis({app}): without a controller a caller is declined, and no node tried"
        yield warning(CHECK, text, "Add ` same => n,Hangup(34)` after each such line, then `dialplan reload`.")


def read(output: str) -> tuple[dict[str, Extensions], dict[str, list[str]]]:
    """Extensions and includes of each context."""
    contexts = dialplan_output.read(output)
    extensions = {each.name: _steps(each) for each in contexts}
    return extensions, {each.name: each.includes for each in contexts}


def _steps(context: dialplan_output.Context) -> Extensions:
    return {each.pattern: list(map(str, each.steps)) for each in context.extensions if each.steps}


def matches(extension: str, number: str) -> bool:
    """Whether an extension of Asterisk's dialplan (pbx.c) takes this number as a whole."""
    if not extension.startswith("_"):
        return extension == number
    kinds = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}
    parts = re.findall(r"\[[^\]]*\]|.", extension[1:])
    pattern = "".join(
        f"[{re.escape(part[1:-1]).replace(re.escape('-'), '-')}]"
        if len(part) > 1
        else kinds.get(part.upper(), re.escape(part))
        for part in parts
    )
    try:
        return re.fullmatch(pattern, number) is not None
    except re.error:  # a set that Asterisk would not take either
        return False


def _entered(name: str, contexts: dict[str, Extensions]) -> list[str]:
    """The context, and those to which its lines go."""
    text = "\n".join(step for steps in contexts.get(name, {}).values() for step in steps)
    return [name, *dict.fromkeys(re.findall(r"Goto\(([^,()]+),[^,()]+,[^,()]+\)", text))]


def _declines(extensions: Extensions, app: str) -> bool:
    """Whether a line with Stasis() is the last one, or followed by something else than 503."""
    entrance = re.compile(rf"Stasis\({re.escape(app)}[,)]")
    for steps in extensions.values():
        for number, step in enumerate(steps):
            if entrance.match(step) and not any(_NEXT_NODE.match(later) for later in steps[number + 1 :]):
                return True
    return False
