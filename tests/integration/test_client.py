"""The Python client as a program has it: from its wheel, alone in an environment with httpx, against a real controller.

The controller has no Asterisk: calls wait in the queue, are cancelled there, and tell events and webhooks.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from controller.api.openapi import document
from docs.reference.__main__ import operations
from simulator.ports import free_port
from tests.pages import blocks
from tests.peers.distribution import BUILD, run
from voiceai_client import (
    AsyncClient,
    Client,
    ForbiddenError,
    Gap,
    NotFoundError,
    UnauthorizedError,
    UnprocessableError,
    UnreachableError,
)
from voiceai_client.models import CallQueued

ROOT = Path(__file__).parents[2]
TOKEN, SECRET = "4b8e0d6f2a9c7153e1b5d7f9", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NUMBER = "+493012345678"
PAGES = (ROOT / "docs/client.md", ROOT / "client/README.md")
EXAMPLES = [each.text for page in PAGES for each in blocks(page) if each.language == "python"]


@dataclass(frozen=True)
class Controller:
    url: str
    hook: int
    """The port that webhooks are sent to."""
    environment: dict[str, str] = field(default_factory=lambda: {"VOICEAI_API_TOKEN": TOKEN, "WEBHOOK_SECRET": SECRET})


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("controller")
    made = Controller(f"http://127.0.0.1:{free_port()}", free_port())
    hook = {"url": f"http://127.0.0.1:{made.hook}/", "secret": SECRET, "allowed_hosts": ["127.0.0.1"], "personal": True}
    config = {
        "asterisk": {"ari": {"url": f"http://127.0.0.1:{free_port()}/ari", "password": "none"}},
        "openai": {"api_key": "sk-none"},
        "bridge": {"workers": 1, "realtime": False, "ports": str(free_port())},
        "api": {
            "listen": made.url.removeprefix("http://"),
            "tokens": [{"name": "test", "token": TOKEN, "scopes": ["admin"]}],
        },
        "trunks": {"main": {"endpoint": "PJSIP/{number}@trunk", "allow": [r"\+?[0-9]{4,15}"], "country_code": "49"}},
        "agents": {"reception": {"instructions": "You are the receptionist."}},
        "webhooks": {"examples": hook},
        "shutdown": {"drain_s": 0},
        "store": {"url": f"sqlite+aiosqlite:///{folder}/voiceai.sqlite3"},
    }
    (folder / "config.yaml").touch(mode=0o600)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = (Path(sys.executable).with_name("voiceai"), "serve", "-c", "config.yaml")
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        with Client(made.url, TOKEN) as client:
            wait_until(lambda: answers(client), child, folder / "log")
        yield made
    finally:
        child.terminate()
        child.wait(20)


def wait_until(true: Callable[[], bool], child: subprocess.Popen[Any], log: Path) -> None:
    end = time.monotonic() + 30
    while not true():
        assert child.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def answers(client: Client) -> bool:
    try:
        return client.health() is not None
    except UnreachableError:
        return False


# ---------------------------------------------------------------- the distribution


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("client")
    shutil.copytree(
        ROOT / "client", folder / "tree", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    )
    run(sys.executable, "-c", BUILD, "build_wheel", folder, cwd=folder / "tree")
    (made,) = folder.glob("voiceai_client-*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """Of an environment with the wheel and what it needs, and nothing else."""
    home = wheel.parent / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=wheel.parent)
    ours = Path(sysconfig.get_paths()["purelib"])
    for name in needed("httpx"):
        for top in {each.parts[0] for each in metadata.distribution(name).files or []} - {"..", "__pycache__"}:
            (home / ours.relative_to(sys.prefix) / top).symlink_to(ours / top)
    run(sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "-q", "--no-index", wheel, cwd=home)
    return home / "bin/python"


def needed(name: str) -> set[str]:
    """The package and all that it needs here."""
    try:
        found = metadata.distribution(name).requires or []
    except metadata.PackageNotFoundError:
        return set()  # for another Python
    plain = [re.match(r"[\w.-]+", each) for each in found if "extra ==" not in each]
    return {name}.union(*(needed(each[0]) for each in plain if each))


def test_the_wheel_is_typed_has_its_licence_and_needs_httpx_only(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    files = {path.relative_to(ROOT / "client").as_posix() for path in (ROOT / "client/voiceai_client").rglob("*.py")}
    assert {each for each in names if ".dist-info/" not in each} == files | {"voiceai_client/py.typed"}
    (licence,) = (each for each in names if each.endswith("licenses/LICENSE"))
    assert zipfile.ZipFile(wheel).read(licence) == (ROOT / "LICENSE").read_bytes()
    (about,) = (each for each in names if each.endswith("METADATA"))
    told = zipfile.ZipFile(wheel).read(about).decode()
    assert re.findall("^Requires-Dist: (.*)$", told, re.MULTILINE) == ["httpx<1,>=0.28"]
    assert f"\nVersion: {metadata.version('voiceai')}\n" in told


def placed_at(text: str, controller: Controller) -> str:
    return text.replace("http://127.0.0.1:8080", controller.url).replace("9000", str(controller.hook))


def test_the_examples_of_the_page_run(python: Path, controller: Controller, tmp_path: Path) -> None:
    """One after the other, with the receiver of webhooks beside them, which prints what the controller has signed."""
    (receiver,) = (each for each in EXAMPLES if "serve_forever" in each)
    others = [each for each in EXAMPLES if each != receiver]
    (tmp_path / "receiver.py").write_text(placed_at(receiver, controller))
    for number, each in enumerate(others):
        (tmp_path / f"example{number}.py").write_text(placed_at(each, controller))
    (tmp_path / "all.py").write_text(
        "import runpy, sys\n"
        f"for number in range({len(others)}):\n"
        "    runpy.run_path(f'example{number}.py', run_name='__main__')\n"
        "import importlib.util, voiceai_client\n"
        "assert importlib.util.find_spec('controller') is None and 'site-packages' in voiceai_client.__file__\n"
    )
    with subprocess.Popen(
        (python, "receiver.py"), cwd=tmp_path, env=controller.environment, stdout=subprocess.PIPE, text=True
    ) as beside:
        try:
            wait_until(lambda: is_open(controller.hook), beside, tmp_path / "receiver.py")
            done = subprocess.run(
                (python, "all.py"), cwd=tmp_path, env=controller.environment, capture_output=True, text=True, timeout=40
            )
            assert done.returncode == 0, done.stderr
            settled = re.search(r"^(\S+) cancelled\ncontinue later", done.stdout, re.MULTILINE)
            assert settled, done.stdout
            assert "not-allowed" in done.stdout
            assert beside.stdout is not None
            assert any(f" {settled[1]} cancelled" in line for line in beside.stdout), "no such webhook"
        finally:
            beside.kill()


def is_open(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    except httpx.TransportError:
        return False
    return True


def test_a_program_that_uses_it_is_checked_strictly(python: Path, tmp_path: Path) -> None:
    """The examples, and lines whose errors only types tell."""
    for number, each in enumerate(EXAMPLES):
        (tmp_path / f"example{number}.py").write_text(each)
    (tmp_path / "wrong.py").write_text(
        "from voiceai_client import Client\n\n"
        "client = Client('http://127.0.0.1', 'token')\n"
        "client.calls.mute('id', side='both')\n"
        "client.calls.show('id').states\n"
        "client.calls.place(agent='reception')\n"
    )
    command = (sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--python-executable", python)
    done = subprocess.run(
        (*command, *sorted(tmp_path.glob("*.py"))), cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    faults = re.findall(r"^(?:\S*/)?(\w+\.py):(\d+): error", done.stdout, re.MULTILINE)
    assert faults == [("wrong.py", line) for line in ("4", "5", "6")], done.stdout + done.stderr


# ---------------------------------------------------------------- requests


def test_what_the_api_refuses_is_an_exception_of_its_own(controller: Controller) -> None:
    with Client(controller.url, TOKEN) as client:
        with pytest.raises(NotFoundError) as missing:
            client.calls.show("00000000-0000-4000-8000-000000000000")
        assert (missing.value.type, missing.value.status) == ("unknown-call", 404)
        with pytest.raises(ForbiddenError, match="not allowed"):
            client.calls.place(to="+4930" + "1" * 20)
        first = client.calls.place(to=NUMBER, idempotency_key="once")
        assert client.calls.place(to=NUMBER, idempotency_key="once").id == first.id
        with pytest.raises(UnprocessableError) as reused:
            client.calls.place(to=NUMBER, priority=1, idempotency_key="once")
        assert reused.value.type == "key-reused"
        assert client.calls.hang_up(first.id).state == "ended"
    with Client(controller.url, "another-token") as stranger, pytest.raises(UnauthorizedError):
        stranger.calls.list()
    with Client(f"http://127.0.0.1:{free_port()}", TOKEN) as nobody, pytest.raises(UnreachableError, match="127.0.0.1"):
        nobody.health()


def test_the_controller_serves_what_the_client_was_made_from(controller: Controller) -> None:
    served = httpx.get(f"{controller.url}/openapi.json", trust_env=False).json()
    made = document(operations(), served["info"]["version"])
    assert set(served["paths"]) == set(made["paths"])
    assert served["components"]["schemas"] == json.loads(json.dumps(made["components"]["schemas"]))


async def test_pages_a_503_that_is_an_answer_a_text_and_a_download(controller: Controller) -> None:
    async with AsyncClient(controller.url, TOKEN) as client:
        made = [(await client.calls.place(to=NUMBER)).id for _ in range(3)]
        queued = [each.id async for each in client.queue.all(status="queued", limit=1)]
        assert set(made) <= set(queued)
        for each in made:
            await client.calls.hang_up(each)
        assert (await client.health.readiness()).ready is False
        assert "reception" in await client.config.export()
        assert b"".join([piece async for piece in client.history.export(format="csv")]).startswith(b"call,attempt,")
        assert "reception" in (await client.config.show()).config["agents"]


# ---------------------------------------------------------------- streams that break


@dataclass
class Cable:
    """A proxy for TCP that can be cut. `loses`: so many answers are cut off before they arrive."""

    controller: Controller
    loses: int = 0
    port: int = 0
    connections: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = int(self.controller.url.rpartition(":")[2])
        there_reader, there = await asyncio.open_connection("127.0.0.1", port)
        self.connections += [writer, there]
        if self.loses:
            self.loses -= 1
            there.write(await reader.read(65536))
            await there_reader.read(1)
            self.cut()
            return
        await asyncio.gather(pump(reader, there), pump(there_reader, writer))

    def cut(self) -> None:
        for each in self.connections:
            each.transport.abort()
        self.connections.clear()


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    except ConnectionError:
        return
    finally:
        sink.close()


@asynccontextmanager
async def cable(controller: Controller, loses: int = 0) -> AsyncIterator[Cable]:
    made = Cable(controller, loses)
    server = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.cut()


async def test_a_stream_that_breaks_goes_on_and_nothing_is_missing_or_doubled(controller: Controller) -> None:
    async with cable(controller) as between, AsyncClient(controller.url, TOKEN) as direct:
        async with AsyncClient(between.url, TOKEN) as client, client.events(type=["call.queued"]) as events:
            for _ in range(3):
                call = await direct.calls.place(to=NUMBER)
                event = await asyncio.wait_for(anext(events), 10)
                assert isinstance(event, CallQueued)
                assert (event.data.call, event.data.callee) == (call.id, NUMBER)
                between.cut()
            place = events.last_event_id
        missed = [(await direct.calls.place(to=NUMBER)).id for _ in range(2)]
        async with direct.events(type=["call.queued"], last_event_id=place) as later:
            assert [(await asyncio.wait_for(anext(later), 10)).data.call for _ in missed] == missed  # type: ignore[union-attr]
        async with direct.events(last_event_id="lost-1") as lost:
            gap = await asyncio.wait_for(anext(lost), 10)
            assert isinstance(gap, Gap)
            assert gap.asked == "lost-1"


async def test_a_call_whose_answer_is_lost_is_placed_once(controller: Controller) -> None:
    async with AsyncClient(controller.url, TOKEN) as direct, cable(controller, loses=2) as between:
        before = {each.id async for each in direct.queue.all()}
        async with AsyncClient(between.url, TOKEN) as client:
            call = await client.calls.place(to=NUMBER)
        assert {each.id async for each in direct.queue.all()} - before == {call.id}
        async with AsyncClient(between.url, TOKEN) as client:
            between.loses = 1
            with pytest.raises(UnreachableError):
                await client.calls.hang_up(call.id)
        assert (await direct.calls.show(call.id)).outcome == "cancelled"


async def test_the_synchronous_stream_of_a_call_goes_on_and_ends_with_the_call(controller: Controller) -> None:
    async with cable(controller) as between:
        loop = asyncio.get_running_loop()

        def follow() -> list[str]:
            found = []
            with Client(between.url, TOKEN) as client:
                call = client.calls.place(to=NUMBER)
                for event in client.calls.events(call.id):
                    assert not isinstance(event, Gap)
                    found.append(event.type)
                    if isinstance(event, CallQueued):
                        loop.call_soon_threadsafe(between.cut)
                        with Client(controller.url, TOKEN) as direct:
                            direct.calls.hang_up(call.id)
            return found

        assert await asyncio.wait_for(asyncio.to_thread(follow), 20) == ["call.queued", "call.settled"]
