"""What is known of an inbound call before it has an agent: who calls whom, and the variables of the dialplan.

Owns the cleaning of everything that a caller, a carrier or the dialplan has sent (`planning/caller_text`); uncleaned
texts are used nowhere else.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import structlog

from controller.ari.channels import NO_FUNCTION
from controller.ari.resources import Channel
from controller.ari.rest import Ari, AriError, NotFound
from controller.calls.planning import caller_text, routing
from controller.calls.reporting.view import CallView
from controller.config import Config
from controller.config.number_redaction import logged
from controller.dialing import number_spellings, withheld_numbers

log = structlog.get_logger()

READ_S = 1.0
"""Seconds for all variables of one caller."""


def arrival_of(config: Config, channel: Channel, args: Sequence[str]) -> routing.Arrival:
    """`args`: the arguments of Stasis()."""
    trunk = routing.trunk_of(config, channel.name)
    country = number_spellings.country_of(config, trunk)
    called, caller = caller_text.number(channel.exten), caller_text.number(channel.caller_number)
    arrival = routing.Arrival(
        str(uuid4()),
        number_spellings.normalised(called, country),
        number_spellings.normalised(caller, country),
        trunk,
        routing.arguments(args, channel.caller_name, channel.caller_number, channel.exten),
        caller_text.name(channel.caller_name),
        to_sent=number_spellings.plain(called),
        caller_sent=number_spellings.plain(caller),
    )
    none = any(map(withheld_numbers.means_withheld, (caller, arrival.caller)))
    return without_caller(arrival) if none else arrival


def without_caller(arrival: routing.Arrival) -> routing.Arrival:
    """For a caller who withholds the number: without the number, and without the name."""
    return replace(arrival, caller="", caller_sent="", caller_name="")


def may_be_private(config: Config, arrival: routing.Arrival) -> bool:
    """Whether the caller may have withheld the number: there is one, and the trunk is not set to show withheld ones."""
    trunk = config.trunks.get(arrival.trunk or "")
    return bool(arrival.caller) and not (trunk is not None and trunk.show_withheld)


def unrouted(config: Config, arrival: routing.Arrival, now: datetime) -> dict[str, str | None]:
    """For the log, of a caller whom no route fits."""
    called = logged(arrival.to, config.records)
    return {"called": called, "trunk": arrival.trunk, "nearest": routing.nearest(config, arrival, now)}


async def wants_privacy(ari: Ari, call: str, channel: Channel) -> bool:
    """Whether the caller withholds the number: by the name, Asterisk's presentation, and SIP headers (RFC 3323, 3325).
    True if Asterisk can't be asked: a number must not be shown against the caller's wish."""
    if withheld_numbers.is_anonymous_name(caller_text.name(channel.caller_name)):
        return True
    sip = channel.name.startswith("PJSIP/")
    names = (
        (withheld_numbers.PRIVACY_HEADER, withheld_numbers.REMOTE_PARTY, withheld_numbers.FROM)
        if sip
        else (withheld_numbers.PRESENTATION,)
    )
    try:
        async with asyncio.timeout(READ_S):
            values = await ari.evaluate(channel.id, *withheld_numbers.IN_ONE) if sip else None
            if values is not None:
                return withheld_numbers.privacy_requested(*values)
            told = await asyncio.gather(*(_told(ari, channel.id, name) for name in names))
    except (TimeoutError, AriError) as error:
        log.warning("whether a caller withholds their number is not known: taken for yes", call=call, reason=str(error))
        return True
    presentation, _, privacy = told[0].partition(";")
    return withheld_numbers.privacy_requested(presentation, privacy, *told[1:])


async def as_wished(ari: Ari, arrival: routing.Arrival, channel: Channel) -> routing.Arrival:
    """Without number and name if the caller withholds them. The number is removed from the channel, too: Asterisk would
    write it into its CDRs."""
    if not await wants_privacy(ari, arrival.call, channel):
        return arrival
    try:
        async with asyncio.timeout(READ_S):
            await ari.set_variable(channel.id, withheld_numbers.CALLER_ID, "")
    except (TimeoutError, AriError) as error:
        log.warning("a withheld number may stand in Asterisk's records", call=arrival.call, reason=str(error))
    return without_caller(arrival)


async def _told(ari: Ari, channel: str, name: str) -> str:
    """The variable or function's value; empty if Asterisk does not have the function (its module is not loaded), or if
    the value is no UTF-8."""
    try:
        return await ari.get_variable(channel, name) or ""
    except NotFound:
        return ""
    except AriError as error:
        if error.message == NO_FUNCTION or name in (withheld_numbers.REMOTE_PARTY, withheld_numbers.FROM):
            return ""
        raise


async def channel_variables(ari: Ari, call: str, channel: str, names: Sequence[str]) -> dict[str, str]:
    """Variables that the dialplan has set by `Set(VOICEAI_VAR_name=…)`. Those that can't be read are left out."""
    given: dict[str, str] = {}

    async def read(name: str) -> None:
        value = await ari.get_variable(channel, routing.CHANNEL_VARIABLE + name)
        if value is not None:
            given[name] = caller_text.variable(value)

    try:
        async with asyncio.timeout(READ_S):
            for reason in await asyncio.gather(*map(read, names), return_exceptions=True):
                if isinstance(reason, AriError):
                    log.warning("a channel variable can't be read", call=call, reason=str(reason))
                elif isinstance(reason, BaseException):
                    raise reason
    except TimeoutError:
        log.warning("channel variables can't be read in time", call=call)
    return given


def refused_view(arrival: routing.Arrival, why: str, detail: str, now: datetime) -> CallView:
    """The view of a caller for whom no call begins, for records. `detail`: without telephone numbers."""
    return CallView(
        id=arrival.call,
        direction="inbound",
        state="ended",
        agent="",
        trunk=arrival.trunk,
        caller=arrival.caller or None,
        callee=arrival.to or None,
        started_at=now,
        answered_at=None,
        ended_at=now,
        outcome="no_room" if why == "busy" else why,
        ended_by="system",
        cause=None,
        detail=detail,
        transfer=None,
    )
