"""`voiceai doctor` on a damaged Asterisk, or behind a faulty proxy: every cause is named."""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import astuple
from pathlib import Path

import aiohttp
from aiohttp import web

from bridge.common.tls import server_context
from controller.ari.link import Link, LinkUp
from simulator.ports import free_port
from simulator.services import SCRIPT
from tests.e2e.doctor_harness import doctor, settings_of
from tests.peers.asterisk import Asterisk, free_udp_port
from tests.peers.certificates import certificate
from tests.peers.http_server import http_server

# ---------------------------------------------------------------- spoiled from inside

SPOILED = """
[nat]
type = transport
protocol = udp
bind = 127.0.0.1:{nat}
external_signaling_address = 203.0.113.9

[silent]
type = endpoint
context = from-trunk
transport = transport-udp
disallow = all
allow = g729
aors = silent
direct_media = yes
dtmf_mode = inband
rtp_symmetric = no
[silent]
type = aor
contact = sip:127.0.0.1:{closed}
qualify_frequency = 1
qualify_timeout = 0.5
[silent]
type = identify
endpoint = silent
match = 192.0.2.77
[desk]
type = endpoint
[desk]
type = identify
endpoint = desk
match = 192.0.2.77

[nowhere]
type = endpoint
transport = nat
context = nobody-wrote-it
allow = ulaw
aors = nowhere
[nowhere]
type = aor
contact = sip:127.0.0.1:{closed}

[refused]
type = registration
transport = transport-udp
server_uri = sip:127.0.0.1:{closed}
client_uri = sip:me@127.0.0.1
"""


@contextmanager
def appended(asterisk: Asterisk, file: str, text: str, reload: str) -> Iterator[None]:
    """To one of Asterisk's files, for a while."""
    path = Path(asterisk.settings["ASTERISK_HOME"]) / "etc" / file
    before = path.read_text()
    path.write_text(before + text)
    try:
        asterisk.rx(reload)
        yield
    finally:
        path.write_text(before)
        asterisk.rx(reload)


async def offline(asterisk: Asterisk, endpoint: str) -> None:
    """Until Asterisk has noticed that nobody answers there."""
    for _ in range(60):  # Asterisk has no word for it that could be waited for
        if "Unavail" in await asyncio.to_thread(asterisk.rx, f"pjsip show aor {endpoint}"):
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{endpoint} does not go offline")


async def test_trunks_that_are_wrong(asterisk: Asterisk, tmp_path: Path) -> None:
    settings = settings_of(asterisk, tmp_path)
    for name in ("silent", "nowhere"):
        settings["trunks"][name] = {**settings["trunks"]["main"], "endpoint": f"PJSIP/{{number}}@{name}"}
    settings["asterisk"]["ari"]["app"] = "another-name"
    text = SPOILED.format(nat=free_udp_port(), closed=free_udp_port())
    with appended(asterisk, "pjsip.conf", text, "module reload res_pjsip.so"):
        await offline(asterisk, "silent")
        report = await doctor(settings, tmp_path, "--rx", f"{SCRIPT} --name {asterisk.name} rx")
    assert report.status == 1
    report.names("trunk silent", "failure", "silent is offline", "firewall")
    report.names("trunk silent", "warning", "direct_media = true", "direct_media = no")
    report.names("trunk silent", "warning", "rtp_symmetric = false", "rtp_symmetric = yes")
    report.names("trunk silent", "warning", "dtmf_mode = inband", "rfc4733")
    report.names("trunk silent", "warning", "g729", "ulaw,alaw")
    report.names("trunk silent", "failure", "the endpoint desk has the same `match` (192.0.2.77/32)", "Remove it")
    report.names("trunk silent", "warning", "its contact 127.0.0.1 is not among the addresses", "Add 127.0.0.1")
    report.names("trunk nowhere", "warning", "no `identify` names nowhere", "type = identify")
    report.names("trunk silent", "failure", "goes to Stasis(voiceai): that is another app", "asterisk.ari.app")
    report.names("trunk nowhere", "failure", "no external_media_address", "external_media_address")
    report.names("trunk nowhere", "failure", "finds no line in [nobody-wrote-it]", "Stasis(another-name)")
    report.names("trunk main", "warning", "does not check it", "qualify_frequency = 30")
    report.names("registration", "failure", "refused is not registered", "carrier")
    report.names("dialplan", "failure", "no line calls Stasis(another-name), but there is", "asterisk.ari.app")


async def test_a_user_that_may_only_read(asterisk: Asterisk, tmp_path: Path) -> None:
    settings = settings_of(asterisk, tmp_path)
    settings["asterisk"]["ari"].update(username="reader", password="only-reads")
    text = "\n[reader]\ntype = user\nread_only = yes\npassword = only-reads\n"
    with appended(asterisk, "ari.conf", text, "module reload res_ari.so"):
        report = await doctor(settings, tmp_path)
    report.names("ari", "failure", "this user may only read", "read_only = no")


async def test_another_owner_of_the_app_and_of_the_port(asterisk: Asterisk, tmp_path: Path) -> None:
    settings = settings_of(asterisk, tmp_path)
    app, up = "held-by-another", asyncio.Event()
    settings["asterisk"]["ari"]["app"] = app

    async def hold() -> None:
        link = Link(asterisk.ari_url, asterisk.ari_username, asterisk.ari_password, app)
        async with aclosing(link.stream()) as events:
            async for event in events:
                if isinstance(event, LinkUp):
                    up.set()

    stranger = await asyncio.start_server(lambda _, writer: writer.close(), *settings["api"]["listen"].split(":"))
    holding = asyncio.create_task(hold())
    try:
        await up.wait()
        report = await doctor(settings, tmp_path)
    finally:
        holding.cancel()
        stranger.close()
    report.names("stasis app", "warning", "not by a controller that answers", "stop one")
    report.names("api", "failure", "another program listens", "api.listen")


# ---------------------------------------------------------------- spoiled in between


@asynccontextmanager
async def in_between(asterisk: Asterisk) -> AsyncIterator[str]:
    """A real Asterisk seen through somebody who makes it older, late, and narrow: its ARI url."""
    origin = asterisk.ari_url.removesuffix("/ari")
    async with aiohttp.ClientSession(origin) as http:

        async def passed(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await _events(request, http)
            body = (await request.read()).replace(b"slin24", b"slin")  # 8 kHz
            kept = {
                name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers
            }
            async with http.request(request.method, request.raw_path, data=body, headers=kept) as answer:
                told = await answer.read()
            if request.path.endswith("/asterisk/info"):
                info = json.loads(told)
                info["system"]["version"] = "20.9.3"
                told = json.dumps(info).encode()
            headers = {"Date": "Mon, 23 Nov 2020 12:00:00 GMT"}
            return web.Response(body=told, status=answer.status, headers=headers, content_type="application/json")

        async with http_server(passed) as at:
            yield f"http://{at}/ari"


async def _events(request: web.Request, http: aiohttp.ClientSession) -> web.StreamResponse:
    ours = web.WebSocketResponse()
    await ours.prepare(request)
    authorization = {"Authorization": request.headers["Authorization"]}
    async with http.ws_connect(request.raw_path, headers=authorization) as theirs:

        async def down() -> None:
            async for message in theirs:
                await ours.send_str(message.data)

        task = asyncio.create_task(down())
        try:
            async for _ in ours:
                pass
        finally:
            task.cancel()
    return ours


async def test_old_late_and_narrow(asterisk: Asterisk, tmp_path: Path) -> None:
    settings = settings_of(asterisk, tmp_path)
    async with in_between(asterisk) as url:
        settings["asterisk"]["ari"]["url"] = url
        report = await doctor(settings, tmp_path)
    assert report.status == 1
    report.names("asterisk version", "failure", "20.9.3 sends AudioSocket at 8 kHz only", "22.7")
    report.names("audio loop-back", "failure", "0x10 (8 kHz), 320 bytes", "slin24")
    report.names("clock", "warning", "s apart", "chrony")


async def test_an_asterisk_that_does_not_answer(asterisk: Asterisk, tmp_path: Path) -> None:
    settings = settings_of(asterisk, tmp_path)
    callers: list[asyncio.StreamWriter] = []
    mute = await asyncio.start_server(lambda _, writer: callers.append(writer), "127.0.0.1", 0)
    try:
        settings["asterisk"]["ari"]["url"] = f"http://127.0.0.1:{mute.sockets[0].getsockname()[1]}/ari"
        report = await doctor(settings, tmp_path)
    finally:
        mute.close()
        for each in callers:
            each.close()
            await each.wait_closed()
    report.names("ari", "failure", "no answer in time", "core show channels")


# ---------------------------------------------------------------- the AI's side


def context(folder: Path, days: int) -> ssl.SSLContext:
    return server_context(*astuple(certificate(folder, days=days)))


async def test_dead_key_and_dead_certificate(tmp_path: Path) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)

    app = web.Application()
    app.router.add_get("/v1/models/{model}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    plain, dead = (
        web.TCPSite(runner, "127.0.0.1", 0),
        web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context(tmp_path, -1)),
    )
    await plain.start()
    await dead.start()
    ports = [address[1] for address in runner.addresses]
    settings = {
        "asterisk": {"ari": {"url": f"http://127.0.0.1:{free_port()}/ari", "password": "none"}},
        "openai": {"api_key": "sk-doctor-secret", "url": f"ws://127.0.0.1:{ports[0]}/v1/realtime"},
        "providers": {"other": {"api_key": "sk-doctor-secret", "url": f"wss://localhost:{ports[1]}/v1/realtime"}},
        "api": {"listen": f"127.0.0.1:{free_port()}"},
        "agents": {"reception": {"instructions": "Be brief."}},
        "store": {"url": f"sqlite+aiosqlite:///{tmp_path}/voiceai.sqlite3"},
    }
    try:
        report = await doctor(settings, tmp_path, "--live", SSL_CERT_FILE=os.fspath(tmp_path / "localhost.crt"))
    finally:
        await runner.cleanup()
    report.names("provider openai", "failure", "refuses the key (401)", "OPENAI_API_KEY")
    report.names("certificate of provider other", "failure", "has expired", "Renew")
    report.names("provider other", "failure", "can't be reached", "TLS")
