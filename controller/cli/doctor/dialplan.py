"""Checks whether calls enter Asterisk's dialplan. Needs a live channel, for DIALPLAN_EXISTS().

What an extension does is not visible over ARI; `asterisk_cli` checks that.
"""

import re

from controller.ari.errors import AriError, NotFound
from controller.ari.rest import Ari
from controller.calls.machine.rows import answer_detection
from controller.calls.runtime import dialplan, readiness_app
from controller.cli.doctor import edge
from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.cli.doctor.trunks import endpoint_of
from controller.config import Config

CHECK = "dialplan"
SAMPLES = ("5551234567", "+15551234567", "s")
"""Called numbers as carriers send them: digits, with a plus, or nothing."""


async def look(ari: Ari, channel: str, config: Config) -> list[Finding]:
    """Does the context of each trunk accept calls, and do the contexts exist that our calls pass through?"""
    try:
        found = [await _entrance(ari, channel, config, name) for name in config.trunks]
        if config.asterisk.readiness_app:
            found += [await _readiness(ari, channel, config, name) for name in config.trunks]
        if config.trunks and not await _exists(ari, channel, answer_detection.CONTEXT, "detect"):
            found.append(_lacks(answer_detection.CONTEXT, "answering machines can't be told from people"))
        if any(trunk.refer for trunk in config.trunks.values()):
            if not await _exists(ari, channel, dialplan.CONTEXT, "s"):
                found.append(_lacks(dialplan.CONTEXT, "transfers by REFER fail"))
        if config.softphone and not await _exists(ari, channel, config.softphone.context, "agent"):
            found.append(_lacks(config.softphone.context, "browsers can't call (it needs the extension `agent`)"))
    except AriError as error:
        return [skipped(CHECK, f"can't be looked at ({error.message}): is func_dialplan.so loaded?")]
    return [each for each in found if each is not None]


async def _exists(ari: Ari, channel: str, context: str, extension: str) -> bool:
    return await ari.get_variable(channel, f"DIALPLAN_EXISTS({context},{extension},1)") == "1"


def _lacks(context: str, harm: str) -> Finding:
    fix = "Copy it from asterisk/extensions.conf, then `dialplan reload`."
    return warning(CHECK, f"there is no context `{context}`: {harm}", fix)


async def _entrance(ari: Ari, channel: str, config: Config, trunk: str) -> Finding | None:
    """None if the endpoint is unknown: `trunks` reports that."""
    context, check = await _context(ari, config, trunk), f"trunk {trunk}"
    if context is None:
        return None
    numbers = [route.to for route in config.routes if re.fullmatch(r"[+0-9]{1,32}", route.to)]
    for number in (*numbers, *SAMPLES):
        if await _exists(ari, channel, context, number):
            return ok(check, f"calls enter the dialplan at [{context}]")
    app = config.asterisk.ari.app
    fix = f"Add `exten => _X!,1,Stasis({app})` to [{context}] in extensions.conf, then `dialplan reload`."
    return failure(check, f"its context [{context}] takes no number: whoever calls is refused (404)", fix)


async def _context(ari: Ari, config: Config, trunk: str) -> str | None:
    endpoint = endpoint_of(config.trunks[trunk].endpoint)
    try:
        return None if endpoint is None else (await ari.settings("endpoint", endpoint)).get("context") or "default"
    except NotFound:
        return None


async def _readiness(ari: Ari, channel: str, config: Config, trunk: str) -> Finding | None:
    """Is `sip:ready@` answered 200 when the controller takes calls, and only then?"""
    context, app = await _context(ari, config, trunk), config.asterisk.ari.app + readiness_app.SUFFIX
    if context is None:
        return None
    try:
        await ari.application(app)
        registered = True
    except NotFound:
        registered = False
    if await _exists(ari, channel, context, edge.READY) is registered:
        told = "takes calls" if registered else "takes no calls (the controller does not run, or takes none)"
        return ok(edge.CHECK, f"trunk {trunk}: the SIP front is told that this node {told}")
    if registered:
        return failure(edge.CHECK, f"[{context}] does not include `stasis-{app}`: no call comes", edge.COPY)
    return failure(
        edge.CHECK, f"[{context}] takes calls to `{edge.READY}` without a controller: calls are lost", edge.COPY
    )
