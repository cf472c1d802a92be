"""Asterisk as ARI shows it: reach, rights, version, modules, the app.

Owns one check per function; each returns what it found and raises AriError where Asterisk does not let it look.
"""

import re
from urllib.parse import urlsplit

from bridge.common.tls import on_this_machine
from controller.ari.errors import AriError, NotFound, TimedOut, Unauthorized
from controller.ari.rest import Ari
from controller.cli.doctor import versions
from controller.cli.doctor.findings import Finding, failure, ok, warning
from controller.config import Config

MODULES = {
    "chan_audiosocket.so": "carries the sound to the workers",
    "res_audiosocket.so": "carries the sound to the workers",
    "res_stasis.so": "hands calls to the controller",
    "app_stasis.so": "is the dialplan's Stasis()",
    "res_ari_channels.so": "is how calls are controlled",
    "res_ari_bridges.so": "is how legs are joined",
    "res_ari_events.so": "tells what happens",
    "res_stasis_playback.so": "plays the sounds of `on_ai_failure`",
    "res_stasis_snoop.so": "lets supervisors listen",
    "codec_resample.so": "turns the telephone's 8 kHz into 24 kHz",
    "res_rtp_asterisk.so": "carries the telephone's sound",
    "chan_pjsip.so": "is SIP",
}
FOR_DETECTION = "app_amd.so"
FOR_CANARY = "func_talkdetect.so"


async def reach(ari: Ari) -> list[Finding]:
    """Does ARI answer, and may we act?"""
    check = "ari"
    try:
        await ari.ping()
        await ari.answer("voiceai-doctor-nobody")
    except NotFound:
        return [ok(check, "answers, and this user may act")]
    except Unauthorized as error:
        if error.status == 403:
            return [
                failure(check, f"this user may only read: {error.message}", "Set `read_only = no` for it in ari.conf.")
            ]
        fix = "`asterisk.ari.username` and `password` must be a user's in ari.conf; after a change: `ari reload`."
        return [failure(check, "Asterisk does not accept user or password", fix)]
    except TimedOut:
        fix = "Asterisk hangs, or a firewall swallows the connection. `asterisk -rx 'core show channels'` tells which."
        return [failure(check, "no answer in time", fix)]
    except AriError as error:
        return [failure(check, f"can't be reached: {error.message}", _how_to_reach(error))]
    return [failure(check, "Asterisk answered a channel that does not exist", "Is `asterisk.ari.url` Asterisk's own?")]


def _how_to_reach(error: AriError) -> str:
    if error.status is None:
        return (
            "Is Asterisk running? http.conf needs `enabled = yes`, and `bindaddr`, `bindport` as in `asterisk.ari.url`."
        )
    return (
        "`asterisk.ari.url` must end with /ari; Asterisk needs the modules res_ari*.so, and ari.conf `enabled = yes`."
    )


async def version(ari: Ari) -> list[Finding]:
    return versions.judged((await ari.info()).version)


async def modules(ari: Ari, config: Config) -> list[Finding]:
    wanted = dict(MODULES)
    if config.trunks:
        wanted[FOR_DETECTION] = "tells answering machines from people"
    if config.canary is not None:
        wanted[FOR_CANARY] = "hears the agent of a canary call"
    missing = [name for name in wanted if not await _runs(ari, name)]
    found = [
        (warning if name in (FOR_DETECTION, FOR_CANARY) else failure)(
            "modules",
            f"{name} is not loaded: it {wanted[name]}",
            f"Add `load = {name}` to modules.conf and restart Asterisk.",
        )
        for name in missing
    ]
    return found or [ok("modules", f"all {len(wanted)} that a call needs are running")]


async def _runs(ari: Ari, module: str) -> bool:
    try:
        return await ari.module(module) == "Running"
    except NotFound:
        return False


async def app(ari: Ari, name: str, *, ours: bool) -> list[Finding]:
    """Is the app registered, and by us? `ours`: our controller says that its link stands."""
    check = "stasis app"
    try:
        await ari.application(name)
    except NotFound:
        told = f"nobody has registered {name!r} since Asterisk started: callers are declined"
        return [warning(check, told, "Start the controller: `voiceai serve`.")]
    if ours:
        return [ok(check, f"{name!r} is the running controller's")]
    fix = (
        "If a controller runs elsewhere with the same `asterisk.ari.app`, the two take it from each other: stop one, "
        "or name its app differently (also in the dialplan). If none runs, start it: `voiceai serve`."
    )
    return [warning(check, f"{name!r} was registered, but not by a controller that answers at `api.listen`", fix)]


def addresses(config: Config) -> list[Finding]:
    """Pure: can Asterisk reach the workers at the address that it is told?"""
    check, advertise = "advertised address", config.bridge.advertise
    asterisk = urlsplit(config.asterisk.ari.url).hostname or ""
    if on_this_machine(advertise) and not on_this_machine(asterisk):
        told = f"Asterisk is at {asterisk}, and is told to find the workers at {advertise}: that is itself"
        return [failure(check, told, "Set `bridge.advertise` to this machine's address as Asterisk sees it.")]
    if on_this_machine(config.bridge.listen) and not on_this_machine(advertise):
        told = f"workers listen at {config.bridge.listen}, and Asterisk is told {advertise}"
        return [failure(check, told, "Set `bridge.listen` to the address in `bridge.advertise`, or to 0.0.0.0.")]
    if not re.fullmatch(r"[0-9.]+|\[?[0-9a-f:]+\]?", advertise) and advertise != "localhost":
        told = f"{advertise} is a name: Asterisk looks it up within each call, and waits for it"
        return [warning(check, told, "Set `bridge.advertise` to an IP address.")]
    return [ok(check, f"{advertise}")]
