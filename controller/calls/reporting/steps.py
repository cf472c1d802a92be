"""Inputs and commands of a call as steps of its trace. [pure]

A step holds kinds, ids, states, times and counts; never a word that was said, a number, or what a tool was given.
"""

import re
from dataclasses import fields as fields_of, is_dataclass
from typing import Literal

from pydantic import BaseModel

from controller.calls.machine import inputs as m
from controller.calls.reporting import lifecycle

Fact = str | int | float | bool


Side = Literal["asterisk", "call", "worker", "ai"]
"""Who said so: Asterisk's events, we (states, requests to Asterisk and worker), the worker, the AI's connection."""


PLAIN = frozenset(
    (
        *("channel", "bridge", "playback", "timer", "snoop", "leg", "kind", "by", "side", "mode", "action", "model"),
        *("provider", "state", "before", "outcome", "direction", "who", "tool", "transfer", "worker", "sip_reason"),
    )
)
"""Texts that we, Asterisk or the config make up: no caller, callee or model does."""


FREE = frozenset(("reason", "message", "why", "detail", "code"))
"""Texts for people, which may quote."""


_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|«[^»]*»|“[^”]*”")


_DIGITS = re.compile(r"\+?\d(?:[\d ()./-]*\d){3,}")


_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")


ASTERISK = {
    m.LegEntered: "StasisStart",
    m.LegHungUp: "ChannelHangupRequest",
    m.LegRinging: "ChannelStateChange",
    m.SoundOver: "PlaybackFinished",
    m.LegReturned: "StasisStart",
}


def scrubbed(text: str) -> str:
    """Without what is quoted, long digits (telephone numbers, PINs) and addresses; no longer than a line."""
    for pattern in (_QUOTED, _ADDRESS, _DIGITS):
        text = pattern.sub("…", text)
    return text[:200]


def facts_of(what: object) -> dict[str, Fact]:
    """The fields of an input, command, milestone or worker's event that are harmless."""
    if isinstance(what, BaseModel):
        names = list(type(what).model_fields)
    else:
        names = [each.name for each in fields_of(what)] if is_dataclass(what) else []
    found: dict[str, Fact] = {}
    for name in names:
        value = getattr(what, name)
        if isinstance(value, bool | int | float):
            found[name] = round(value, 3) if isinstance(value, float) else value
        elif isinstance(value, str) and (name in PLAIN or name in FREE):
            found[name] = str(value)[:100] if name in PLAIN else scrubbed(value)
    return found


def took(call: str, what: m.Input) -> lifecycle.Stepped:
    """An input of the call, as its actor takes it."""
    name = type(what).__name__
    if isinstance(what, m.LegGone):
        name = "StasisEnd" if what.in_dialplan else "ChannelDestroyed"
        return lifecycle.Stepped(call, "asterisk", name, facts_of(what))
    return lifecycle.Stepped(call, "asterisk" if type(what) in ASTERISK else "call", _event(what, name), facts_of(what))


def _event(what: m.Input, name: str) -> str:
    return ASTERISK.get(type(what), name)


def did(call: str, command: m.Command, error: Exception | None = None) -> lifecycle.Stepped:
    """A command that was carried out, or could not be."""
    failed = {} if error is None else {"failed": type(error).__name__, "reason": scrubbed(str(error))}
    return lifecycle.Stepped(call, "call", type(command).__name__, facts_of(command) | failed)
