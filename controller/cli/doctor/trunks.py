"""Checks trunks over ARI: can the carrier be reached, and are endpoint, aor and transport set up correctly?

Owns the checks that need no call. `settings`, `qualified` and `nat` are pure. `asterisk_cli` checks registrations,
`dialplan` where calls of a trunk go.
"""

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from controller.ari.errors import NotFound, Refused
from controller.ari.rest import Ari
from controller.cli.doctor import identification
from controller.cli.doctor.asterisk import RUNNING, UNLOADED, load, module_state
from controller.cli.doctor.findings import Finding, failure, ok, skipped, warning
from controller.config import Config, Trunk
from controller.dialing import number_format

LOOKUP_SECONDS = 3.0

REQUIRED = {
    "direct_media": (("false", "no"), "or the sound may bypass Asterisk and never reach the agent"),
    "rtp_symmetric": (("true", "yes"), "or there is no sound through NAT"),
    "force_rport": (("true", "yes"), "or answers get lost behind NAT"),
    "rewrite_contact": (("true", "yes"), "or BYE and re-INVITE get lost behind NAT"),
}
CODECS = ("ulaw", "alaw", "g722", "opus", "slin")
CODEC_MODULES = {
    "ulaw": ("codec_ulaw.so",),
    "alaw": ("codec_alaw.so",),
    "g722": ("codec_g722.so",),
    "gsm": ("codec_gsm.so",),
    "opus": ("codec_opus.so", "codec_opus_open_source.so"),
}
"""Any one of them does. Others (such as g729) have modules of many names."""
MOST_NAMES = 10
NO_CODEC = ("(nothing)", "()", "nothing")
"""How Asterisk writes that an endpoint has no codec."""


def sent(check: str, trunk: Trunk) -> Finding:
    """Pure: in which format the carrier gets numbers."""
    known = number_format.example(trunk.number_format, trunk.country_code)
    if trunk.number_format == "as_given" or known is None:
        told = "as they are given" if trunk.number_format == "as_given" else f"as {trunk.number_format}"
        return ok(check, f"numbers are dialled {told} (`number_format`)")
    return ok(check, f"numbers are dialled as {trunk.number_format}: {known[0]} is sent as {known[1]}")


async def trunks(ari: Ari, config: Config) -> list[Finding]:
    found: list[Finding] = []
    for name, trunk in config.trunks.items():
        found.append(sent(f"trunk {name}", trunk))
        found += await _trunk(ari, f"trunk {name}", trunk, urlsplit(config.asterisk.ari.url).hostname or "")
    return found or [skipped("trunks", "the config has none")]


async def _trunk(ari: Ari, check: str, trunk: Trunk, asterisk: str) -> list[Finding]:
    endpoint = endpoint_of(trunk.endpoint)
    if trunk.endpoint.startswith("Local/"):
        return []  # `dialplan` looks at its context
    if endpoint is None:
        told = f"{trunk.endpoint!r} is no PJSIP endpoint: whether it works can't be looked at"
        return [skipped(check, told)]
    try:
        state = (await ari.endpoint("PJSIP", endpoint)).state
    except NotFound:
        return [_no_endpoint(check, endpoint, [each.resource for each in await ari.endpoints("PJSIP")])]
    try:
        keys = await ari.settings("endpoint", endpoint)
        aors = [await _settings(ari, "aor", aor) or {} for aor in _names(keys, "aors")]
        transport = await _settings(ari, "transport", keys["transport"]) if keys.get("transport") else None
    except (NotFound, Refused):
        return [_state(check, endpoint, state), skipped(check, "its settings can't be read over ARI")]
    found = [qualified(check, endpoint, state, aors), *settings(check, keys), *identification.admitted(check, keys)]
    found += await _codecs(ari, check, keys)
    if keys.get("transport") and transport is None:
        told = f"its transport {keys['transport']} is not there: every call is refused (500)"
        found.append(failure(check, told, "Name one of `pjsip show transports`; a new transport needs a restart."))
    if transport is not None:
        found += await _behind_nat(check, transport, aors, asterisk)
    return found


def _names(keys: Mapping[str, str], name: str) -> list[str]:
    return [each.strip() for each in keys.get(name, "").split(",") if each.strip()]


async def _settings(ari: Ari, kind: str, name: str) -> dict[str, str] | None:
    """None: there is none of this name."""
    try:
        return await ari.settings(kind, name)
    except NotFound:
        return None


def _no_endpoint(check: str, endpoint: str, there: Sequence[str]) -> Finding:
    named = ", ".join(sorted(there)[:MOST_NAMES]) + (", …" if len(there) > MOST_NAMES else "")
    known = f"; it has {named}" if there else "; it has none at all"
    fix = (
        "Write the name of the carrier's endpoint into `endpoint` (`PJSIP/{number}@NAME`), or add it to pjsip.conf and "
        "`module reload res_pjsip.so`."
    )
    return failure(check, f"Asterisk has no PJSIP endpoint {endpoint!r}{known}", fix)


async def _codecs(ari: Ari, check: str, keys: Mapping[str, str]) -> list[Finding]:
    """Does a module convert each codec to our 24 kHz? Asterisk agrees on a codec without one, and nobody hears."""
    lacking = {}
    for codec in re.findall(r"[a-z0-9]+", keys.get("allow", "")):
        modules = CODEC_MODULES.get(codec, ())
        if modules and not any([await module_state(ari, each) == RUNNING for each in modules]):
            lacking[codec] = modules[-1]
    if not lacking:
        return []
    told = f"it allows {', '.join(lacking)}, and no module converts that: calls with it are connected and silent"
    fix = f"{load(next(iter(lacking.values())), UNLOADED)} Or remove the codec from `allow`."
    return [failure(check, told, fix)]


async def identified(ari: Ari, config: Config, identifies: str) -> list[Finding]:
    """`identifies`: what `pjsip show identifies` printed."""
    found, matches = list[Finding](), identification.read(identifies)
    for name, trunk in config.trunks.items():
        endpoint = endpoint_of(trunk.endpoint)
        keys = await _settings(ari, "endpoint", endpoint) if endpoint is not None else None
        if endpoint is None or keys is None:
            continue
        aors = [await _settings(ari, "aor", aor) or {} for aor in _names(keys, "aors")]
        host = next((host_of(aor["contact"]) for aor in aors if aor.get("contact")), None)
        carrier = host if host is not None and _is_address(host) else None
        found += identification.identified(f"trunk {name}", endpoint, keys, matches, carrier)
    return found


def endpoint_of(dialled: str) -> str | None:
    """`PJSIP/{number}@trunk` and `PJSIP/trunk/sip:…` → `trunk`."""
    found = re.fullmatch(r"PJSIP/(?:[^@/]*@(?P<after>[^/@]+)|(?P<before>[^/@]+)/sips?:.*)", dialled)
    return (found["after"] or found["before"]) if found else None


def qualified(check: str, endpoint: str, state: str, aors: list[Mapping[str, str]] | list[dict[str, str]]) -> Finding:
    """Pure: Asterisk calls an endpoint online that it does not check (`qualify_frequency = 0`)."""
    if state == "offline" and not any(aor.get("contact") for aor in aors):
        told = f"{endpoint} is offline: no aor of it has a `contact`, and nobody has registered: no call can be placed"
        fix = "Add `contact = sip:CARRIER` to its aor in pjsip.conf (`aors` of the endpoint names it). "
        return failure(check, told, fix + "If the other side registers here, it has not: `pjsip show contacts`.")
    if state == "online" and aors and all(aor.get("qualify_frequency", "0") == "0" for aor in aors):
        state = "Asterisk does not check it"
    return _state(check, endpoint, state)


def _state(check: str, endpoint: str, state: str) -> Finding:
    match state:
        case "online":
            return ok(check, f"{endpoint} is online")
        case "offline":
            fix = "The carrier does not answer OPTIONS: check `pjsip show contacts`, the address, the firewall."
            return failure(check, f"{endpoint} is offline", fix)
        case _:
            fix = "Set `qualify_frequency = 30` at its aor, so that Asterisk checks the carrier."
            return warning(check, f"unknown whether {endpoint} can be reached ({state})", fix)


def settings(check: str, keys: Mapping[str, str]) -> list[Finding]:
    """Pure: what is wrong with an endpoint's settings."""
    found = [
        warning(check, f"{name} = {keys[name]}, {why}", f"Set `{name} = {values[-1]}` at the endpoint in pjsip.conf.")
        for name, (values, why) in REQUIRED.items()
        if name in keys and keys[name] not in values
    ]
    mode = keys.get("dtmf_mode", "rfc4733")
    if mode not in ("rfc4733", "auto", "auto_info"):
        text = f"dtmf_mode = {mode}: keys come as tones, or not at all"
        found.append(warning(check, text, "Set `dtmf_mode = rfc4733` at the endpoint in pjsip.conf."))
    codecs = keys.get("allow", "")
    if codecs in NO_CODEC:
        fix = "Set `allow = ulaw,alaw` behind `disallow = all` at the endpoint in pjsip.conf."
        found.append(failure(check, "it allows no codec: every call is refused (SIP 488)", fix))
    elif codecs and not any(codec in codecs for codec in CODECS):
        fix = "Allow `ulaw,alaw` (or g722, opus) at the endpoint in pjsip.conf."
        found.append(warning(check, f"allow = {codecs}: none that Asterisk converts to 24 kHz without a licence", fix))
    return found


# ---------------------------------------------------------------- behind NAT


async def _behind_nat(
    check: str, transport: Mapping[str, str], aors: list[dict[str, str]], asterisk: str
) -> list[Finding]:
    contact = next((aor["contact"] for aor in aors if aor.get("contact")), "")
    host = host_of(contact)
    try:
        carrier = await _looked_up(host) if host else None
    except (OSError, TimeoutError):
        fix = "Look at the contact of its aor in pjsip.conf, and at /etc/resolv.conf on Asterisk's machine."
        return [warning(check, f"the carrier's name {host} can't be looked up here", fix)]
    bound = transport.get("bind", "").rpartition(":")[0].strip("[]")
    return nat(check, transport, _own_address(bound, asterisk, carrier), carrier)


def host_of(contact: str) -> str | None:
    """`sip:user@[::1]:5060;lr` → `::1`."""
    found = re.match(r"sips?:(?:[^@]*@)?(\[[^\]]+\]|[^:;,>]+)", contact)
    return found[1].strip("[]") if found else None


async def _looked_up(host: str) -> str:
    async with asyncio.timeout(LOOKUP_SECONDS):
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    return str(found[0][4][0])


def _own_address(bound: str, asterisk: str, carrier: str | None) -> str | None:
    """Asterisk's own address: the one it is bound to, that of ARI's URL, or this machine's. None: unknown."""
    for each in (bound, asterisk):
        if _is_address(each) and not (ip_address(each).is_unspecified or ip_address(each).is_loopback):
            return each
    if carrier is None or not _is_address(asterisk):
        return None
    with socket.socket(socket.AF_INET6 if ":" in carrier else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((carrier, 9))  # sends nothing: the kernel only chooses the address
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def nat(check: str, transport: Mapping[str, str], own: str | None, carrier: str | None) -> list[Finding]:
    """Pure: does the transport send the carrier our public address? `own`: Asterisk's own address, if known."""
    media, signalling = transport.get("external_media_address"), transport.get("external_signaling_address")
    if bool(media) != bool(signalling):
        missing = "external_signaling_address" if media else "external_media_address"
        harm = "the carrier's answers and BYEs get lost" if media else "calls are answered, and nobody hears the caller"
        fix = f"Set `{missing}` at the transport in pjsip.conf to the public address, as the other one is."
        return [failure(check, f"its transport has no {missing}, only the other one: {harm}", fix)]
    if media and not transport.get("local_net"):
        fix = "Set `local_net` at the transport in pjsip.conf (e.g. 192.168.0.0/16), once per net."
        return [warning(check, "its transport has no local_net: phones in your network get the public address", fix)]
    if not media and own and carrier and ip_address(carrier).is_global and not ip_address(own).is_global:
        fix = (
            "Set `external_media_address` and `external_signaling_address` to the public address, and `local_net`, "
            "at the transport in pjsip.conf (docs/asterisk.md)."
        )
        text = f"Asterisk sends from {own}, the carrier is on the internet, and the transport has no public address"
        return [warning(check, f"{text}: one-way sound, or none", fix)]
    return []
