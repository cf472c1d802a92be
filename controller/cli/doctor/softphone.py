"""Checks what browsers need of Asterisk to telephone (docs/talk.md): modules, transport, websocket, dynamic objects."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from bridge.common.tls import client_context
from controller.ari.errors import AriError, NotFound
from controller.ari.rest import Ari
from controller.cli.doctor import asterisk
from controller.cli.doctor.findings import Finding, failure, ok, warning
from controller.config import Config
from controller.softphone.relay import SIP, websocket_of

CHECK = "softphone"
MODULES: Mapping[str, str] = {
    "res_http_websocket.so": "is Asterisk's websocket",
    "res_pjsip_transport_websocket.so": "is SIP on it",
    "res_srtp.so": "encrypts the sound, without which no browser talks",
}
OPUS = ("codec_opus_open_source.so", "codec_opus.so")
SECONDS = 5.0


async def look(ari: Ari, config: Config) -> list[Finding]:
    """Makes an object of PJSIP and removes it again; calls nobody."""
    settings = config.softphone
    if settings is None:
        return []
    found = await _modules(ari)
    try:
        await ari.settings("transport", settings.transport)
    except NotFound:
        fix = (
            "Copy [transport-ws] from asterisk/pjsip.conf and restart Asterisk, or name yours in `softphone.transport`."
        )
        found.append(failure(CHECK, f"PJSIP has no transport named {settings.transport}", fix))
    found += await _objects(ari)
    url, ca_file = websocket_of(config.asterisk.ari.url), config.asterisk.ari.ca_file
    found += await _websocket(url, ca_file, "the controller passes the browsers' SIP on to it")
    if settings.websocket_url is not None:
        found += await _websocket(settings.websocket_url, None, "browsers are sent there (`softphone.websocket_url`)")
    if settings.websocket_url is None and config.api.tls is None and not config.api.listen.host.startswith("127."):
        fix = "Set `api.tls`, put a proxy with TLS in front, or open the console as localhost (docs/talk.md)."
        found.append(warning(CHECK, "browsers give the console no microphone without https, but on localhost", fix))
    if any(each.fix for each in found):
        return found
    return [ok(CHECK, "Asterisk has the modules, the transport and the websocket that browsers need")]


async def _modules(ari: Ari) -> list[Finding]:
    found = []
    for name, what in MODULES.items():
        if (state := await asterisk.module_state(ari, name)) != asterisk.RUNNING:
            found.append(failure(CHECK, f"{name} {state}: it {what}", asterisk.load(name, state)))
    if all([await asterisk.module_state(ari, name) != asterisk.RUNNING for name in OPUS]):
        fix = (
            f"`module load {OPUS[0]}` (Debian) or `module load {OPUS[1]}` (asterisk.org), and "
            "`module load res_format_attr_opus.so`."
        )
        found.append(warning(CHECK, "Asterisk has no codec for Opus: browsers speak G.722, 16 kHz", fix))
    return found


async def _objects(ari: Ari) -> list[Finding]:
    name = f"voiceai-doctor-{secrets.token_hex(4)}"
    try:
        await ari.put_settings("aor", name, {"max_contacts": "1"})
    except AriError as error:
        fix = "Copy asterisk/sorcery.conf into Asterisk's configuration, and restart it."
        return [failure(CHECK, f"Asterisk takes no endpoints at run time: {error.message}", fix)]
    finally:
        with suppress(AriError):
            await ari.delete_settings("aor", name)
    return []


async def _websocket(url: str, ca_file: str | None, why: str) -> list[Finding]:
    try:
        async with asyncio.timeout(SECONDS):
            async with connect(url, subprotocols=[SIP], ssl=client_context(url, ca_file), proxy=None):
                return []
    except InvalidStatus as error:
        told = f"{url} answers {error.response.status_code} to a websocket"
    except (OSError, TimeoutError, WebSocketException) as error:
        told = f"{url} can't be reached: {error or type(error).__name__}"
    fix = (
        "Is res_pjsip_transport_websocket.so loaded, and the certificate trusted and readable for Asterisk (http.conf)?"
    )
    return [failure(CHECK, f"{told}; {why}", fix)]
