"""Prompts as templates: the agent's words with the call's variables in them. [pure]

Owns the sandbox (Jinja2's, immutable) and its bounds. A variable's own text is never looked at again: a caller or a
look-up can't bring a template in. Unknown variables are nothing. A template that fails while it is filled must not cost
a call: then only its plain `{{name}}` places are filled.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 100_000
"""Characters of a filled template."""
LONGEST_LOOP = 1000

_PLAIN = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's own bound for `range` is 100,000, inside of each other without end."""

    def __init__(self) -> None:
        super().__init__(undefined=jinja2.ChainableUndefined, keep_trailing_newline=True, autoescape=False)
        self.globals = {"range": _short_range}


def _short_range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > LONGEST_LOOP:
        raise OverflowError(f"a range of more than {LONGEST_LOOP}")
    return found


_sandbox = _Sandbox()


def problem(text: str) -> str | None:
    """What is wrong with a template, without its text; None: nothing."""
    try:
        _sandbox.parse(text)
    except jinja2.TemplateSyntaxError as error:
        return f"is no template: line {error.lineno}: {error.message}"
    return None


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """Never raises."""
    try:
        pieces, size = [], 0
        for piece in _compiled(template).generate(dict(variables)):
            size += len(piece)
            if size > LONGEST:
                raise OverflowError("a template that never ends")
            pieces.append(piece)
        return "".join(pieces)
    except Exception:  # the operator's template may do anything; the call goes on with what is plain in it
        return _PLAIN.sub(lambda match: str(variables.get(match[1], "")), template)


@lru_cache(maxsize=512)
def _compiled(template: str) -> jinja2.Template:
    return _sandbox.from_string(template)
