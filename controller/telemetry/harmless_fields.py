"""What may be kept of anything that happens in a call, without what is personal. [pure]

Owns the rule: of an input, a command, a lifecycle event or a worker's event only fields are taken that are known to be
harmless (kinds, ids, states, times, counts); free text passes `scrubbed`. Never a word that was said, a telephone
number, or what a tool was given.
"""

import re
from dataclasses import fields as fields_of, is_dataclass

from pydantic import BaseModel

Fact = str | int | float | bool


PLAIN = frozenset(
    (
        *("channel", "bridge", "playback", "timer", "snoop", "leg", "kind", "by", "side", "mode", "action", "model"),
        *("provider", "state", "before", "outcome", "direction", "who", "tool", "transfer", "worker", "sip_reason"),
    )
)
"""Texts that we, Asterisk or the config make up: no caller, callee or model does."""


FREE_TEXT = frozenset(("reason", "message", "why", "detail", "code"))
"""Texts for people, which may quote."""


_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|«[^»]*»|“[^”]*”")


_DIGITS = re.compile(r"\+?\d(?:[\d ()./-]*\d){3,}")


_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")


def scrubbed(text: str) -> str:
    """Without what is quoted, long digits (telephone numbers, PINs) and addresses; no longer than a line."""
    for pattern in (_QUOTED, _ADDRESS, _DIGITS):
        text = pattern.sub("…", text)
    return text[:200]


def facts_of(what: object) -> dict[str, Fact]:
    """The harmless fields of an input, a command, a lifecycle event or a worker's event, by name."""
    if isinstance(what, BaseModel):
        names = list(type(what).model_fields)
    else:
        names = [each.name for each in fields_of(what)] if is_dataclass(what) else []
    found: dict[str, Fact] = {}
    for name in names:
        value = getattr(what, name)
        if isinstance(value, bool | int | float):
            found[name] = round(value, 3) if isinstance(value, float) else value
        elif isinstance(value, str) and (name in PLAIN or name in FREE_TEXT):
            found[name] = str(value)[:100] if name in PLAIN else scrubbed(value)
    return found
