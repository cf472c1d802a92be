"""What is done by Asterisk's dialplan and not by us: legs that it dials, and sending a caller's far end elsewhere, by
REFER.

Owns the formats of Local channels, the marks by which a call of ours is known, and the context `voiceai-refer`
(asterisk/extensions.conf) as seen from here: what it is given, and what comes back.
"""

from typing import TypedDict

import structlog

from controller.ari.channels import MEDIA_FORMAT
from controller.ari.events import StasisStart
from controller.ari.rest import Ari, AriError, Refused
from controller.calls import errors
from controller.calls.machine import inputs, loops
from controller.calls.machine.plan import Plan

log = structlog.get_logger()

CONTEXT = "voiceai-refer"
NO_FORWARDING = "voiceai-no-forwarding"
"""A context that no dialplan has."""
RETURNED = "referred"
"""The first argument with which a leg comes back; then TRANSFERSTATUS and TRANSFERSTATUSPROTOCOL."""


class Formats(TypedDict, total=False):
    """Arguments of `Ari.originate`."""

    originator: str
    formats: str


def formats_of(dial: str, channel: str, leg: str) -> Formats:
    """Of a Local channel: as the call's own leg has, so that nothing is transcoded in between; of that leg itself, as
    the media leg. Untold, Asterisk takes the widest that it knows, 192 kHz (res/ari/resource_channels.c)."""
    if not dial.startswith("Local/"):
        return {}
    return {"formats": MEDIA_FORMAT} if channel == leg else {"originator": leg}


def marks(origin: loops.Origin, dial: str) -> dict[str, str]:
    """Variables of a leg that is dialled. Its telephone may answer with a redirection (3xx): Asterisk would then call
    its Contact's user in the trunk's context, as a caller who comes in, or out again at whatever price. It is pointed
    to a context that there is not. What a dialplan dials is its own to decide."""
    forwarding = {} if dial.startswith("Local/") else {"FORWARD_CONTEXT": NO_FORWARDING}
    return loops.marks(origin, dial) | forwarding


async def origin_of(ari: Ari, plan: Plan) -> loops.Origin:
    """Of a caller: what is known of them, and what their channel is marked with."""
    return loops.merged(plan.origin, await marked(ari, plan.leg, plan.marked_by))


async def marked(ari: Ari, channel: str, marked_by: str | None) -> loops.Origin:
    """One that is gone is marked with nothing: the call finds out by itself."""
    if marked_by is None:
        return loops.Origin()
    try:
        return loops.read(await ari.get_variable(channel, marked_by))
    except AriError:
        return loops.Origin()


async def send_on(ari: Ari, channel: str, origin: loops.Origin, context: str, extension: str) -> None:
    """Out of our app, for good: into the dialplan, which may lead back to us. Raises AriError."""
    await ari.set_variable(channel, loops.SENT_ON, str(origin.onward().hops))
    await ari.continue_in_dialplan(channel, context=context, extension=extension, priority=1)


async def refer(ari: Ari, channel: str, to: str) -> None:
    """`to` as `Transfer()` takes it. Raises AriError; Refused where the context is missing: that would end the call."""
    if await ari.get_variable(channel, f"DIALPLAN_EXISTS({CONTEXT},s,1)") != "1":
        raise Refused("refer", None, f"Asterisk has no context {CONTEXT}; see asterisk/extensions.conf")
    await ari.set_variable(channel, "VOICEAI_REFER_TO", to)
    await ari.subscribe(f"channel:{channel}")  # otherwise nobody tells us when it hangs up out there
    await ari.continue_in_dialplan(channel, context=CONTEXT, extension="s", priority=1)


async def detect(ari: Ari, channel: str, context: str, extension: str) -> None:
    """Send it where Asterisk listens who has answered. Raises AriError, and `errors.WrongState` where the context is
    missing: a channel that is sent where there is nothing would be hung up, and ARI would call it a success."""
    if await ari.get_variable(channel, f"DIALPLAN_EXISTS({context},{extension},1)") != "1":
        log.warning("nobody can tell who has answered: Asterisk's dialplan lacks a context", context=context)
        raise errors.WrongState(f"Asterisk has no context `{context}` (docs/asterisk.md)")
    await ari.continue_in_dialplan(channel, context=context, extension=extension, priority=1)


def returned(event: StasisStart) -> inputs.LegReturned | None:
    """None: it is not one that comes back."""
    if not event.args or event.args[0] != RETURNED:
        return None
    status, sip = (*event.args[1:], "", "")[:2]
    return inputs.LegReturned(event.channel.id, status, int(sip) if sip.isdecimal() else None)
