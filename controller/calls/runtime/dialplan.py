"""What Asterisk's dialplan does for us: dialling contexts, REFER, answer detection, sending callers on.

Owns the formats of Local channels, the channel variables that mark calls of ours, and the interface of the context
`voiceai-refer` (asterisk/extensions.conf).
"""

from typing import TypedDict

import structlog

from controller.ari.channels import MEDIA_FORMAT
from controller.ari.events import StasisStart
from controller.ari.rest import Ari, AriError, Refused
from controller.calls import errors
from controller.calls.machine import call_loops, inputs
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
    """For a Local channel: the formats of the call's own leg, so that nothing is transcoded in between; for that leg
    itself, those of the media leg. By default Asterisk takes the format with the highest rate that it knows, 192 kHz
    (res/ari/resource_channels.c)."""
    if not dial.startswith("Local/"):
        return {}
    return {"formats": MEDIA_FORMAT} if channel == leg else {"originator": leg}


def marks(origin: call_loops.Origin, dial: str) -> dict[str, str]:
    """Channel variables of a leg that is dialled. If a telephone answers with a redirection (3xx), Asterisk calls the
    user of its Contact in the trunk's context: that could be a new inbound call, or a dialled one at any price. So it
    is given a context that does not exist. Not for legs that go through the dialplan."""
    forwarding = {} if dial.startswith("Local/") else {"FORWARD_CONTEXT": NO_FORWARDING}
    return call_loops.marks(origin, dial) | forwarding


async def origin_of(ari: Ari, plan: Plan) -> call_loops.Origin:
    """The origin of an inbound call, from its plan and the mark on its channel."""
    return call_loops.merged(plan.origin, await marked(ari, plan.leg, plan.marked_by))


async def marked(ari: Ari, channel: str, marked_by: str | None) -> call_loops.Origin:
    """The origin that the channel is marked with. No mark if the channel is gone."""
    if marked_by is None:
        return call_loops.Origin()
    try:
        return call_loops.read(await ari.get_variable(channel, marked_by))
    except AriError:
        return call_loops.Origin()


async def send_on(ari: Ari, channel: str, origin: call_loops.Origin, context: str, extension: str) -> None:
    """Sends a caller out of our app into the dialplan, for good; the dialplan may lead back. Raises AriError."""
    await ari.set_variable(channel, call_loops.SENT_ON, str(origin.onward().hops))
    await ari.continue_in_dialplan(channel, context=context, extension=extension, priority=1)


async def refer(ari: Ari, channel: str, to: str) -> None:
    """`to` as `Transfer()` takes it. Raises AriError; Refused where the context is missing: that would end the call."""
    if await ari.get_variable(channel, f"DIALPLAN_EXISTS({CONTEXT},s,1)") != "1":
        raise Refused("refer", None, f"Asterisk has no context {CONTEXT}; see asterisk/extensions.conf")
    await ari.set_variable(channel, "VOICEAI_REFER_TO", to)
    await ari.subscribe(f"channel:{channel}")  # otherwise no event comes when it hangs up in the dialplan
    await ari.continue_in_dialplan(channel, context=CONTEXT, extension="s", priority=1)


async def detect(ari: Ari, channel: str, context: str, extension: str) -> None:
    """Sends the channel to the context with AMD(). Raises AriError, and `errors.WrongState` if there is no such
    context: ARI would report success, and Asterisk hang the channel up."""
    if await ari.get_variable(channel, f"DIALPLAN_EXISTS({context},{extension},1)") != "1":
        log.warning("nobody can tell who has answered: Asterisk's dialplan lacks a context", context=context)
        raise errors.WrongState(f"Asterisk has no context `{context}` (docs/asterisk.md)")
    await ari.continue_in_dialplan(channel, context=context, extension=extension, priority=1)


def returned(event: StasisStart) -> inputs.LegReturned | None:
    """None: the channel does not come back from a REFER."""
    if not event.args or event.args[0] != RETURNED:
        return None
    status, sip = (*event.args[1:], "", "")[:2]
    return inputs.LegReturned(event.channel.id, status, int(sip) if sip.isdecimal() else None)
