"""Prompts as templates: the agent's words with the call's variables in them. [pure]

Owns the filling, and what becomes of a template that can't be filled; what a template may say and cost is
`template_sandbox`'s. A variable's own text is never looked at again: a caller or a look-up can't bring a template in.
Unknown variables are nothing. A template that fails while it is filled must not cost a call: then only its plain
`{{name}}` places are filled.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.exceptions import SecurityError

from controller.config.template_sandbox import BUDGET, LONGEST, LONGEST_LOOP, PromptSandbox, TooMuch

_PLAIN = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")

_sandbox = PromptSandbox()


def problem(text: str) -> str | None:
    """What is wrong with a template, without its text; None: nothing. It is filled for that, without variables."""
    if len(text) > LONGEST:
        return f"is longer than {LONGEST} characters"
    try:
        _filled(_compiled(text), {})
    except jinja2.TemplateSyntaxError as error:
        return f"is no template: line {error.lineno}: {error.message}"
    except TooMuch:
        return f"is too much: {LONGEST} characters, {BUDGET} steps, and {LONGEST_LOOP} turns in a loop are allowed"
    except SecurityError as error:
        return f"does what prompts can't: {error}"
    except (RecursionError, MemoryError, SyntaxError):
        return "is no template: there is too much in brackets"
    except Exception:  # whatever an unknown variable leads to: it is known in a call
        return None
    return None


def names(text: str) -> set[str]:
    """The variables that a template asks for. One that is no template asks for none."""
    try:
        return set(meta.find_undeclared_variables(_sandbox.parse(text))) - {"range"}
    except (jinja2.TemplateSyntaxError, RecursionError):
        return set()


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """At most LONGEST characters. Never raises, and takes milliseconds at most."""
    try:
        return _filled(_compiled(template), variables)
    except Exception:  # the operator's template may do anything; the call goes on with what is plain in it
        return _plain(template, variables)


def _filled(template: jinja2.Template, variables: Mapping[str, Any]) -> str:
    _sandbox.refill()
    pieces, size = [], 0
    for piece in template.generate(dict(variables)):
        size += len(piece)
        if size > LONGEST:
            raise TooMuch
        pieces.append(piece)
    return "".join(pieces)


def _plain(template: str, variables: Mapping[str, Any]) -> str:
    pieces, size, end = [], 0, 0
    for place in _PLAIN.finditer(template):
        pieces += [template[end : place.start()], str(variables.get(place[1], ""))]
        size, end = size + len(pieces[-1]) + len(pieces[-2]), place.end()
        if size > LONGEST:
            break
    return "".join((*pieces, template[end:]))[:LONGEST]


@lru_cache(maxsize=512)
def _compiled(template: str) -> jinja2.Template:
    return _sandbox.prompt(template)
