"""Wheel and sdist are built, and the wheel works by itself: in an empty environment, outside the checkout."""

import asyncio
import os
import re
import shutil
import signal
import zipfile
from importlib import metadata
from pathlib import Path

import httpx
import pytest
import yaml

from controller.app import EXIT_OK
from simulator.ports import free_port
from tests.integration.webhook_harness import eventually
from tests.peers import distribution
from tests.peers.distribution import BESIDE, ENVIRONMENT, PACKAGES, ROOT, run

SCRIPTS = ("install", "rollback", "uninstall")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of sdist and wheel."""
    return distribution.build(tmp_path_factory.mktemp("distribution"))


@pytest.fixture(scope="module")
def voiceai(built: Path) -> Path:
    return distribution.environment(built) / "bin/voiceai"


def files(folder: Path) -> set[str]:
    found = (path for name in PACKAGES for path in (folder / name).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found if path.suffix != ".pyc"}


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {each for each in names if ".dist-info/" not in each} == files(ROOT)
    assert any(each.endswith(".dist-info/licenses/LICENSE") for each in names)


def test_the_sdist_holds_what_an_installation_needs(built: Path) -> None:
    (source,) = (built / "unpacked").iterdir()
    assert files(source) == files(ROOT)
    beside = {each.name for each in source.iterdir()}
    assert {*BESIDE, *(each.name for each in ROOT.glob("requirements*.lock"))} <= beside
    assert not beside & {"tests", "bench"}
    units = {each.name for each in (ROOT / "deploy/systemd").iterdir()}
    assert {each.name for each in (source / "deploy").rglob("*") if each.is_file()} == {*SCRIPTS, *units}
    assert all(os.access(source / "deploy" / each, os.X_OK) for each in SCRIPTS)


def test_it_tells_its_version_and_checks_a_config(voiceai: Path, tmp_path: Path) -> None:
    assert run(voiceai, "--version", cwd=tmp_path) == f"voiceai {metadata.version('voiceai')}\n"
    shutil.copy(ROOT / "config.yaml", tmp_path)
    run(voiceai, "check-config", "-c", "config.yaml", cwd=tmp_path)
    where = "import controller, bridge; print(controller.__file__, bridge.__file__)"
    assert str(ROOT) not in run(voiceai.with_name("python"), "-c", where, cwd=tmp_path)


async def test_it_serves(voiceai: Path, tmp_path: Path) -> None:
    """Without an Asterisk, and it says so. Tables, console and API document are there; a worker connects."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    url = f"http://127.0.0.1:{free_port()}"
    config["asterisk"]["ari"]["url"] = f"http://127.0.0.1:{free_port()}/ari"
    config["api"]["listen"] = url.removeprefix("http://")
    config["bridge"] |= {"workers": 1, "ports": str(free_port())}
    (tmp_path / "config.yaml").touch(mode=0o600)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    log = tmp_path / "log"
    env = {"PATH": os.environ["PATH"], **ENVIRONMENT}
    with log.open("w") as output:
        child = await asyncio.create_subprocess_exec(
            *(voiceai, "serve", "-c", "config.yaml"), cwd=tmp_path, env=env, stdout=output, stderr=output
        )
    try:
        async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as http:

            async def worker_is_up() -> bool:
                assert child.returncode is None, log.read_text()
                try:
                    answer = await http.get("/readyz")
                except httpx.TransportError:
                    return False
                parts = answer.json()["parts"]
                return answer.status_code == 503 and parts == {"asterisk": False, "workers": True, "accepting": True}

            await eventually(worker_is_up, 30)
            page = (await http.get("/console/", follow_redirects=True)).text
            [script] = re.findall(r'src="(/console/[^"]+/app\.js)"', page)
            for path in (script, script.replace("app.js", "vendor/jssip.js"), "/docs", "/openapi.json"):
                assert (await http.get(path, follow_redirects=True)).status_code == 200, path
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 20) == EXIT_OK, log.read_text()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
