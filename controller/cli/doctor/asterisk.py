"""Checks of Asterisk over ARI: connection, rights, version, modules, the app.

Owns one check per function; each returns its findings, and raises AriError if Asterisk refuses.
"""

import re
from collections.abc import Mapping
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
    "res_stasis_answer.so": "answers calls",
    "app_stasis.so": "is the dialplan's Stasis()",
    "res_ari_channels.so": "is how calls are controlled",
    "res_ari_bridges.so": "is how legs are joined",
    "res_ari_events.so": "sends events to the controller",
    "res_stasis_playback.so": "plays the sounds of `on_ai_failure`",
    "res_stasis_snoop.so": "lets supervisors listen",
    "bridge_simple.so": "joins caller and agent",
    "codec_resample.so": "turns the telephone's 8 kHz into 24 kHz",
    "res_rtp_asterisk.so": "carries the telephone's sound",
    "chan_pjsip.so": "is SIP",
    "res_pjsip_session.so": "is SIP's calls",
    "res_pjsip_sdp_rtp.so": "negotiates the telephone's sound",
}
WITHOUT: Mapping[str, str] = {
    "bridge_softmix.so": "joins a third party, such as a supervisor",
    "func_dialplan.so": "tells whether the dialplan has an extension, for transfers and this doctor",
    "res_musiconhold.so": "plays music to callers on hold",
}
"""Without these calls work, as long as nobody needs what they do."""
FOR_DETECTION = "app_amd.so"
FOR_CANARY = "func_talkdetect.so"


async def reach(ari: Ari) -> list[Finding]:
    """Does ARI answer, and may our user make changes?"""
    check = "ari"
    try:
        await ari.ping()
        await ari.answer("voiceai-doctor-nobody")
    except NotFound:
        return [ok(check, "answers, and this user may act")]
    except Unauthorized as error:
        if error.status == 403:
            return [
                failure(
                    check,
                    f"this user may only read: {error.message}",
                    "Set `read_only = no` for it in ari.conf, then `module reload res_ari.so`.",
                )
            ]
        fix = (
            "`asterisk.ari.username` and `password` must be a user's in ari.conf; after a change: "
            "`module reload res_ari.so`."
        )
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
            "Is Asterisk running? http.conf needs `enabled = yes`, and `bindaddr`, `bindport` as in `asterisk.ari.url`"
            "; after a change: `module reload http`. `http show status` tells where it listens."
        )
    return (
        "`asterisk.ari.url` must end with /ari (with `prefix = pbx` in http.conf: /pbx/ari); "
        "Asterisk needs the modules res_ari*.so (`module show like res_ari`), "
        "and ari.conf `enabled = yes`; after a change: `module reload res_ari.so`."
    )


async def version(ari: Ari) -> list[Finding]:
    return versions.judged((await ari.info()).version)


async def modules(ari: Ari, config: Config) -> list[Finding]:
    needed, useful = dict(MODULES), dict(WITHOUT)
    if config.trunks:
        useful[FOR_DETECTION] = "tells answering machines from people"
    if config.canary is not None:
        useful[FOR_CANARY] = "hears the agent of a canary call"
    found = []
    for name, what in {**needed, **useful}.items():
        state = await module_state(ari, name)
        if state != RUNNING:
            verdict = failure if name in needed else warning
            found.append(verdict("modules", f"{name} {state}: it {what}", load(name, state)))
    return found or [ok("modules", f"all {len(needed) + len(useful)} that a call needs are running")]


RUNNING, UNLOADED = "runs", "is not loaded"


async def module_state(ari: Ari, module: str) -> str:
    """`RUNNING`, `UNLOADED`, or what else Asterisk says of it."""
    try:
        state = await ari.module(module)
    except NotFound:
        return UNLOADED
    return RUNNING if state == "Running" else f"is loaded, and its state is {state!r}"


def load(module: str, state: str) -> str:
    """What to do about a module that does not run."""
    first = (
        "Copy asterisk/amd.conf into Asterisk's configuration: without it app_amd does not load. Then "
        if (module == FOR_DETECTION)
        else ""
    )
    again = "" if state == UNLOADED else f"`module unload {module}` and "
    do = f"`asterisk -rx 'module load {module}'`" if not again else f"{again}`module load {module}`"
    return (
        f"{first}{do}; if it fails, Asterisk's log says why. For the next start: `load = {module}` in modules.conf, "
        "where that has `autoload = no` or a `noload` for it."
    )


async def app(ari: Ari, name: str, *, controller_ready: bool) -> list[Finding]:
    """Is the app registered, and by our controller? `controller_ready`: it says that its event link is up."""
    check = "stasis app"
    try:
        await ari.application(name)
    except NotFound:
        text = f"nobody has registered {name!r} since Asterisk started: callers are declined"
        return [warning(check, text, "Start the controller: `voiceai serve`.")]
    if controller_ready:
        return [ok(check, f"{name!r} is the running controller's")]
    fix = (
        "If a controller runs elsewhere with the same `asterisk.ari.app`, the two take it from each other: stop one, "
        "or name its app differently (also in the dialplan). If none runs, start it: `voiceai serve`."
    )
    return [warning(check, f"{name!r} was registered, but not by a controller that answers at `api.listen`", fix)]


def addresses(config: Config) -> list[Finding]:
    """Pure: can Asterisk reach the workers at the advertised address?"""
    check, advertise = "advertised address", config.bridge.advertise
    asterisk = urlsplit(config.asterisk.ari.url).hostname or ""
    if on_this_machine(advertise) and not on_this_machine(asterisk):
        text = f"Asterisk is at {asterisk}, but `bridge.advertise` is {advertise}: that is Asterisk's own machine"
        return [failure(check, text, "Set `bridge.advertise` to this machine's address as Asterisk sees it.")]
    if on_this_machine(config.bridge.listen) and not on_this_machine(advertise):
        text = f"workers listen at {config.bridge.listen}, and Asterisk is told {advertise}"
        return [failure(check, text, "Set `bridge.listen` to the address in `bridge.advertise`, or to 0.0.0.0.")]
    if not re.fullmatch(r"[0-9.]+|\[?[0-9a-f:]+\]?", advertise) and advertise != "localhost":
        text = f"{advertise} is a name: Asterisk looks it up within each call, and waits for it"
        return [warning(check, text, "Set `bridge.advertise` to an IP address.")]
    return [ok(check, f"{advertise}")]
