"""Checks over ARI which extensions Asterisk's dialplan has. Needs a live channel, for DIALPLAN_EXISTS().

What an extension does is not visible over ARI; `inbound` asks Asterisk's command line for that.
"""

import re
from collections.abc import Iterator, Mapping

from controller.ari.errors import AriError, NotFound, Refused
from controller.ari.rest import Ari
from controller.calls.machine.rows import answer_detection
from controller.calls.runtime import dialplan, readiness_app
from controller.cli.doctor import called_numbers, edge
from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.cli.doctor.trunks import endpoint_of
from controller.config import Config

CHECK = "dialplan"
LOCAL = re.compile(r"Local/\{number\}@(?P<context>[^/@]+)(?:/.*)?")
"""A trunk that is dialled through the dialplan."""
MOST_ENDPOINTS = 100
BY_COMMAND_LINE = (
    "Run the doctor where `asterisk -rx` works (as root on Asterisk's machine), or name Asterisk's command line: "
    "`--rx 'docker exec … asterisk -rx'`."
)


async def contexts_of_trunks(ari: Ari, config: Config) -> dict[str, str]:
    """By trunk: the context of its endpoint, into which its calls come. Trunks that are no PJSIP endpoint, or an
    unknown one, are left out: `trunks` reports them."""
    found = {}
    for name, trunk in config.trunks.items():
        endpoint = endpoint_of(trunk.endpoint)
        try:
            if endpoint is not None:
                found[name] = (await ari.settings("endpoint", endpoint)).get("context") or "default"
        except NotFound:
            continue
    return found


async def contexts_of_endpoints(ari: Ari) -> dict[str, list[str]]:
    """The endpoints of each context into which Asterisk lets PJSIP calls come; of the first `MOST_ENDPOINTS`."""
    found: dict[str, list[str]] = {}
    for each in (await ari.endpoints("PJSIP"))[:MOST_ENDPOINTS]:
        try:
            context = (await ari.settings("endpoint", each.resource)).get("context") or "default"
        except (NotFound, Refused):
            continue
        found.setdefault(context, []).append(each.resource)
    return found


async def look(
    ari: Ari, channel: str, config: Config, contexts: Mapping[str, str], *, lines_known: bool
) -> list[Finding]:
    """Do the contexts exist that calls come into and pass through? `contexts`: of the trunks. `lines_known`: the
    command line has told where their calls go."""
    found: list[Finding | None] = []
    try:
        for name, context in contexts.items():
            if not lines_known:
                found.append(await _entrance(ari, channel, config, name, context))
            if config.asterisk.readiness_app:
                found.append(await _readiness(ari, channel, config, name, context))
        found += [await _local(ari, channel, name, trunk.endpoint) for name, trunk in config.trunks.items()]
        if config.trunks and not await _exists(ari, channel, answer_detection.CONTEXT, "detect"):
            found.append(_lacks(answer_detection.CONTEXT, "answering machines can't be told from people"))
        if any(trunk.refer for trunk in config.trunks.values()):
            if not await _exists(ari, channel, dialplan.CONTEXT, "s"):
                found.append(_lacks(dialplan.CONTEXT, "transfers by REFER fail"))
        if config.softphone and not await _exists(ari, channel, config.softphone.context, "agent"):
            found.append(_lacks(config.softphone.context, "browsers can't call (it needs the extension `agent`)"))
        found += [await _place(ari, channel, key, place) for key, place in _places(config)]
    except AriError as error:
        return [skipped(CHECK, f"can't be looked at ({error.message}): is func_dialplan.so loaded?")]
    return [each for each in found if each is not None]


async def _exists(ari: Ari, channel: str, context: str, extension: str | None = None) -> bool:
    place = context if extension is None else f"{context},{extension},1"
    return await ari.get_variable(channel, f"DIALPLAN_EXISTS({place})") == "1"


def _lacks(context: str, harm: str) -> Finding:
    fix = "Copy it from asterisk/extensions.conf, then `dialplan reload`."
    return warning(CHECK, f"there is no context `{context}`: {harm}", fix)


async def _entrance(ari: Ari, channel: str, config: Config, trunk: str, context: str) -> Finding:
    app, check = config.asterisk.ari.app, f"trunk {trunk}"
    fix = f"Add `exten => _X!,1,Stasis({app})` to [{context}] in extensions.conf, then `dialplan reload`."
    if not await _exists(ari, channel, context):
        return failure(check, f"Asterisk has no context [{context}]: whoever calls is refused (404)", fix)
    called = called_numbers.of_trunk(config, trunk)
    refused = [
        each for each in called if not any([await _exists(ari, channel, context, number) for number in each.numbers])
    ]
    if refused and len(refused) == len(called):
        return failure(check, f"its context [{context}] takes no number: whoever calls is refused (404)", fix)
    if refused:
        routes = ", ".join(each.route for each in refused)
        return failure(check, f"its context [{context}] has no line for {routes}: such calls get 404", fix)
    told = f"its context [{context}] takes calls; whether they reach Stasis({app}) is not visible over ARI"
    return warning(check, told, BY_COMMAND_LINE)


async def _local(ari: Ari, channel: str, trunk: str, endpoint: str) -> Finding | None:
    """A trunk of the dialplan's: does its context take numbers? None: it is none."""
    local = LOCAL.fullmatch(endpoint)
    if local is None:
        return None
    check, context = f"trunk {trunk}", local["context"]
    if not await _exists(ari, channel, context):
        fix = "Name a context that dials out (`dialplan show` lists all; FreePBX has from-internal)."
        return failure(check, f"Asterisk has no context [{context}]: no call can be placed", fix)
    taken = [each for each in called_numbers.SAMPLES[:2] if await _exists(ari, channel, context, each)]
    if not taken:
        fix = f"Look whether `dialplan show NUMBER@{context}` has a line for the numbers that you dial."
        return warning(check, f"[{context}] takes neither {' nor '.join(called_numbers.SAMPLES[:2])}", fix)
    return ok(check, f"[{context}] takes {' and '.join(taken)}; where it dials is its own affair")


def _places(config: Config) -> Iterator[tuple[str, str]]:
    """Key and `extension@context` of each place in the dialplan that the config names."""
    for number, route in enumerate(config.routes):
        for step, each in enumerate(route.overflow):
            if each.context is not None:
                yield f"routes[{number}].overflow[{step}]", each.context
    for name, target in config.transfer.targets.items():
        if re.fullmatch(r"[A-Za-z0-9+*#_.-]+@[A-Za-z0-9_.-]+", target):
            yield f"transfer.targets.{name}", target


async def _place(ari: Ari, channel: str, key: str, place: str) -> Finding | None:
    extension, _, context = place.partition("@")
    if await _exists(ari, channel, context, extension):
        return None
    fix = f"Name one that exists (`dialplan show {context}`), or add it to extensions.conf, then `dialplan reload`."
    return failure(CHECK, f"{key}: Asterisk has no extension {place}: a call that is sent there ends", fix)


async def _readiness(ari: Ari, channel: str, config: Config, trunk: str, context: str) -> Finding | None:
    """Is `sip:ready@` answered 200 when the controller takes calls, and only then?"""
    app = config.asterisk.ari.app + readiness_app.SUFFIX
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
