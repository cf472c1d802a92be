"""Fills prompt templates with the variables of a call. [pure]

Owns the filling, and the fallback for a template that fails: only its plain `{{name}}` places are filled, so that the
call continues. `template_sandbox` limits what a template may do. The value of a variable is never read as a template.
Unknown variables are empty.
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
    """What is wrong with a template, without its text; None: nothing. Fills it without variables."""
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
    except Exception:  # any error of an unknown variable, which a call may set
        return None
    return None


def names(text: str) -> set[str]:
    """The names of a template's variables; empty for an invalid template."""
    try:
        return set(meta.find_undeclared_variables(_sandbox.parse(text))) - {"range"}
    except (jinja2.TemplateSyntaxError, RecursionError):
        return set()


def fill(template: str, variables: Mapping[str, Any]) -> str:
    """At most LONGEST characters. Never raises, and takes milliseconds at most."""
    try:
        return _filled(_compiled(template), variables)
    except Exception:  # a template may raise anything; the call continues with its plain places
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
