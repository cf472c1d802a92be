"""TLS of the API, the workers' link, ARI and Valkey; a wrong certificate is refused."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr
from websockets.asyncio.client import connect

from bridge import contract
from bridge.common.tls import client_context, server_context
from bridge.worker.control_link import ControlLink
from controller.api.server import ApiServer
from controller.ari.errors import Unavailable
from controller.ari.rest import Ari
from controller.cli.doctor import host
from controller.cluster.node import NodeId
from controller.cluster.peer import PeerError, PeerNode, PeerRequest, Peers, answers
from controller.cluster.port import BackendError, NodeFacts, Report
from controller.cluster.valkey import ValkeyBackend
from controller.config import cluster_url, files as config_files
from controller.workers.pool import WorkerPool
from controller.workers.worker_admission import WorkerAdmission
from tests.peers.certificates import Certificate, certificate
from tests.peers.tls_terminator import terminator
from tests.peers.valkey import Server as Valkey
from tests.unit.controller.configs import SMALL, config

TOKEN = "a-long-enough-token"


class Quiet:
    """A worker's sessions, of which there are none."""

    def __init__(self) -> None:
        self.up = asyncio.Event()

    def on_command(self, command: contract.Command) -> None: ...
    def on_unreadable(self, head: contract.Head) -> None: ...
    def on_unsendable(self, call: str) -> None: ...

    def on_up(self) -> None:
        self.up.set()

    def on_down(self) -> None: ...


@pytest.fixture
def ours(tmp_path: Path) -> Certificate:
    """Of a public name, as a certificate that one buys; here it is reached as 127.0.0.1."""
    return certificate(tmp_path, "voice.example")


@asynccontextmanager
async def door(ours: Certificate) -> AsyncIterator[tuple[str, WorkerPool]]:
    async def pong(_: web.Request) -> web.Response:
        return web.json_response({"asterisk_id": "x", "timestamp": "now", "ping": "pong"})

    workers = WorkerPool(WorkerAdmission("secret", shared=TOKEN), lambda _: None, lambda _: None)
    app = web.Application()
    app.router.add_get("/ari/asterisk/ping", pong)
    app.router.add_get(contract.LINK_PATH, workers.endpoint)
    async with ApiServer(app, "127.0.0.1", 0, server_context(*astuple(ours))) as server:
        yield f"127.0.0.1:{server.port}", workers
    workers.close()


def link(url: str, listener: Quiet, ca_file: str | None) -> ControlLink:
    def hello(_: str) -> contract.Hello:
        return contract.Hello(worker="w1", boot="b" * 32, pid=1, host="127.0.0.1", port=9092, capacity=1)

    return ControlLink(url, TOKEN, hello=hello, load=contract.Load, listener=listener, ca_file=ca_file)


async def test_a_worker_that_knows_the_certificate_comes_in(ours: Certificate) -> None:
    async with door(ours) as (address, workers):
        listener = Quiet()
        running = asyncio.create_task(link(f"wss://{address}/link", listener, ours.certificate).run())
        async with asyncio.timeout(10):
            await listener.up.wait()
        assert [worker.name for worker in workers.all()] == ["w1"]
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("whose", ["the system's", "another's"])
async def test_a_worker_does_not_show_its_token_to_somebody_else(ours: Certificate, tmp_path: Path, whose: str) -> None:
    ca_file = None if whose == "the system's" else certificate(tmp_path, "other.example").certificate
    async with door(ours) as (address, workers):
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(f"wss://{address}/link", ssl=client_context(f"wss://{address}", ca_file), proxy=None)
        assert workers.all() == []


async def test_ari_over_tls(ours: Certificate) -> None:
    async with door(ours) as (address, _):
        trust = client_context(f"https://{address}/ari", ours.certificate)
        async with Ari(f"https://{address}/ari", "u", "p", "voiceai", trust=trust) as ari:
            await ari.ping()
        async with Ari(f"https://{address}/ari", "u", "p", "voiceai") as ari:
            with pytest.raises(Unavailable, match="certificate"):
                await ari.ping()


async def test_a_node_shows_the_password_of_valkey_to_nobody_else(tmp_path: Path) -> None:
    ours, report = certificate(tmp_path), Report(NodeFacts(), "2026-11-30")
    with Valkey() as server:
        async with terminator(server.port, server_context(*astuple(ours))) as port:
            url = cluster_url.parse(f"rediss://localhost:{port}")
            for ca_file in (ours.certificate, None):
                backend = ValkeyBackend(NodeId("a", 1), url, "test", ca_file)
                if ca_file is None:
                    with pytest.raises(BackendError):
                        await backend.beat(report)
                else:
                    assert not (await backend.beat(report)).asserted
                await backend.close()


async def test_a_node_shows_the_cluster_token_to_nobody_else(tmp_path: Path) -> None:
    ours, request = certificate(tmp_path), PeerRequest("GET", "/v1/calls")
    async with door(ours) as (address, _):
        node = PeerNode("b", f"https://localhost:{address.rpartition(':')[2]}")
        for ca_file in (ours.certificate, None):
            peers = Peers(SecretStr("t" * 40), ca_file=ca_file)
            if ca_file is None:
                with pytest.raises(PeerError, match="ConnectError"):
                    await peers.ask(node, request, most=1000)
                with pytest.raises(PeerError, match="SSLCertVerificationError"):
                    await peers.websocket(node, request, ["sip"])
            else:
                assert (await peers.ask(node, request, most=1000)).status == 404
                with pytest.raises(PeerError, match="another node answers"):
                    await peers.websocket(node, request, ["sip"])
            await peers.close()


async def test_a_node_lives_if_it_answers_by_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    ours = certificate(tmp_path)

    async def health(_: web.Request) -> web.Response:
        return web.json_response({}, headers={"Voiceai-Node": "b"})

    app = web.Application()
    app.router.add_get("/healthz", health)
    async with ApiServer(app, "127.0.0.1", 0, server_context(*astuple(ours))) as server:
        node = PeerNode("b", f"https://localhost:{server.port}")
        assert await answers(node, ours.certificate)
        assert not await answers(node)
        assert not await answers(PeerNode("b", f"http://localhost:{server.port}"), ours.certificate)


async def test_the_doctor_finds_the_controller_that_speaks_tls(tmp_path: Path) -> None:
    async def readyz(_: web.Request) -> web.Response:
        return web.json_response({"ready": True, "parts": {"asterisk": True}, "warnings": ["b refused"]})

    ours, app = certificate(tmp_path), web.Application()
    app.router.add_get("/readyz", readyz)
    async with ApiServer(app, "127.0.0.1", 0, server_context(*astuple(ours))) as server:
        tls = {"certificate": ours.certificate, "key": ours.key}
        for how, told in ((tls, "a controller runs, and warns: b refused"), (None, "another program listens")):
            [found] = await host.api(config(api={"listen": f"127.0.0.1:{server.port}", "tls": how}))
            assert told in found.told


async def test_the_api_does_not_speak_in_clear(ours: Certificate) -> None:
    async with door(ours) as (address, _), httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx.RequestError):
            await http.get(f"http://{address}/ari/asterisk/ping")


def test_elsewhere_the_name_counts(ours: Certificate) -> None:
    """Only on this machine is the file enough."""
    found = {
        url: client_context(url, ours.certificate)
        for url in ("wss://127.0.0.1:1/link", "wss://10.0.0.5/link", "ws://x")
    }
    assert [each and each.check_hostname for each in found.values()] == [False, True, None]


@pytest.mark.parametrize("file", ["absent.pem", "voice.example.key"])
def test_a_file_that_is_none(ours: Certificate, tmp_path: Path, file: str) -> None:
    with pytest.raises(OSError, match=r"No such file|X509|PEM"):
        client_context("https://pbx.example", str(tmp_path / file))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (("voice.example.crt", "voice.example.key"), ""),
        (("absent.crt", "voice.example.key"), "can't be read"),
        (("voice.example.key", "voice.example.key"), "is unusable"),
        (("voice.example.crt", "other.example.key"), "is unusable: key values mismatch"),
    ],
)
def test_files_of_the_config_are_looked_at(
    ours: Certificate, tmp_path: Path, files: tuple[str, str], told: str
) -> None:
    certificate(tmp_path, "other.example")
    both = {name: str(tmp_path / file) for name, file in zip(("certificate", "key"), files, strict=True)}
    found = config_files.wrong(
        config(SMALL, api__tls=both, asterisk__ari__ca_file=both["certificate"], cluster__ca_file=both["certificate"])
    )
    paths = [each.path for each in found]
    assert ("cluster.ca_file" in paths) is ("asterisk.ari.ca_file" in paths)
    assert (not told and not found) or told in next(each.message for each in found if each.path == "api.tls")
