"""What is known of a call that comes in before it has an agent: who calls whom, and what the dialplan says of it.

Owns the door: here everything that a caller, a carrier or the dialplan has said is cleaned (`caller_text`), and it is
used nowhere else.
"""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import structlog

from controller import caller_text, routing
from controller.ari.resources import Channel
from controller.ari.rest import Ari, AriError
from controller.config import Config

log = structlog.get_logger()

READ_S = 1.0
"""Seconds for all variables of one caller."""


def arrival_of(config: Config, channel: Channel, args: Sequence[str]) -> routing.Arrival:
    """`args`: the arguments of Stasis()."""
    return routing.Arrival(
        str(uuid4()),
        caller_text.number(channel.exten),
        caller_text.number(channel.caller_number),
        routing.trunk_of(config, channel.name),
        routing.arguments(args, channel.caller_name, channel.caller_number, channel.exten),
        caller_text.name(channel.caller_name),
    )


async def channel_variables(ari: Ari, call: str, channel: str, names: Sequence[str]) -> dict[str, str]:
    """What the dialplan has said by `Set(VOICEAI_VAR_name=…)`; the call goes on without what can't be read."""
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
