"""`voiceai` in odd environments: never a traceback, always the fault and its remedy."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from typer.testing import CliRunner, Result

from bridge.common.proxies import proxy_for
from bridge.realtime.protocol.client_events import SessionUpdate
from bridge.realtime.protocol.errors import ConfigRefused
from bridge.realtime.transport.client import open_client
from controller.cli.main import app
from controller.config.models.agents import AiProvider
from tests.unit.controller.configs import SMALL, with_

PROVIDER = "wss://127.0.0.2:9/v1/realtime"
"""This machine, but nothing that is taken for its loopback: proxies are asked."""


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("SSL_CERT")]:
        monkeypatch.delenv(name)
    yield
    structlog.reset_defaults()


def doctor(folder: Path, env: dict[str, str], *words: str, **changes: Any) -> Result:
    config = folder / "config.yaml"
    known: dict[str, Any] = {"openai__url": PROVIDER, "openai__api_key": "sk-test-key", "asterisk__ari__password": "p"}
    known |= {"asterisk__ari__url": "http://127.0.0.1:9/ari", "store__url": f"sqlite+aiosqlite:///{folder}/voiceai.db"}
    config.write_text(yaml.safe_dump(with_(SMALL, **known | changes)))
    return CliRunner().invoke(app, ["doctor", "--live", "--json", "--config", str(config), *words], env=env)


def findings(result: Result) -> dict[str, dict[str, str]]:
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    return {each["check"]: each for each in json.loads(result.stdout)["findings"]}


@pytest.mark.parametrize(
    ("env", "check", "words"),
    [
        ({"HTTP_PROXY": "http://127.0.0.1:9"}, "proxy", "HTTP_PROXY is set"),
        (
            {"ALL_PROXY": "socks5://127.0.0.1:9"},
            "provider openai",
            "the proxy socks5://127.0.0.1:9 (ALL_PROXY) can't be",
        ),
        ({"all_proxy": "nonsense"}, "provider openai", "no proxy's URL"),
        (
            {"SOCKS_PROXY": "http://127.0.0.1:9"},
            "provider openai",
            "the proxy socks5h://127.0.0.1:9 (SOCKS_PROXY) can't",
        ),
        (
            {"https_proxy": "socks5h://user:hidden@127.0.0.1:9"},
            "provider openai",
            "socks5h://127.0.0.1:9 (https_proxy)",
        ),
        ({"HTTPS_PROXY": "ftp://127.0.0.1:9"}, "provider openai", "no proxy's URL"),
        ({"HTTPS_PROXY": "nonsense"}, "provider openai", "no proxy's URL"),
        ({"HTTPS_PROXY": "http://127.0.0.1:99999"}, "provider openai", "no proxy's URL"),
        ({"HTTPS_PROXY": "http://127.0.0.1:port"}, "provider openai", "no proxy's URL"),
        ({"HTTPS_PROXY": "http://[::1"}, "provider openai", "no proxy's URL"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9/path"}, "provider openai", "no proxy's URL"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, "provider openai", "can't be reached"),
        ({"HTTPS_PROXY": ""}, "provider openai", "can't be reached"),
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "certificate store", "SSL_CERT_FILE can't be read"),
        ({"SSL_CERT_FILE": "/"}, "certificate store", "SSL_CERT_FILE"),
        ({"SSL_CERT_FILE": "/etc/hostname"}, "certificate store", "no certificate"),
        ({"SSL_CERT_DIR": "/nowhere"}, "certificate store", "SSL_CERT_DIR"),
        ({}, "provider openai", "can't be reached"),
    ],
)
def test_the_doctor_finds_it(tmp_path: Path, env: dict[str, str], check: str, words: str) -> None:
    result = doctor(tmp_path, env)
    found = findings(result)[check]
    assert found["verdict"] == ("warning" if check == "proxy" else "failure")
    assert words in found["told"]
    assert found["fix"]
    assert "hidden" not in result.stdout


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"asterisk__ari__url": "https://127.0.0.1:9/ari"}, "config: asterisk.ari.ca_file", "can't be read"),
        ({"asterisk__ari__url": "https://127.0.0.1:9/ari"}, "certificate of ari", "can't be used"),
        ({"openai__api_key": "sk-schlüssel"}, "provider openai", "can't be sent"),
    ],
)
def test_files_and_keys(tmp_path: Path, changes: dict[str, Any], check: str, words: str) -> None:
    ca = {"asterisk__ari__ca_file": str(tmp_path / "nowhere.pem")} if "asterisk__ari__url" in changes else {}
    assert words in findings(doctor(tmp_path, {}, **changes | ca))[check]["told"]


def test_a_command_line_of_asterisk_that_is_none(tmp_path: Path) -> None:
    assert isinstance(doctor(tmp_path, {}, "--rx", "asterisk 'unclosed").exception, SystemExit)


def test_a_check_that_breaks_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("controller.cli.doctor.host.files", broken)
    assert "ZeroDivisionError" in findings(doctor(tmp_path, {}))["open files"]["told"]


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"ALL_PROXY": "socks5://127.0.0.1:9"}, "the proxy socks5://127.0.0.1:9 (ALL_PROXY) can't be reached"),
        ({"ALL_PROXY": "socks5://127.0.0.1:port"}, "(ALL_PROXY) is no proxy's URL"),
        ({"ALL_PROXY": "ftp://127.0.0.1:9"}, "proxy"),
        ({"SSL_CERT_FILE": "/nowhere"}, "SSL_CERT_FILE"),
        ({"VOICEAI_URL": "http://[::1"}, "no URL"),
        ({"VOICEAI_URL": "nonsense"}, "is no URL"),
        ({"VOICEAI_API_TOKEN": "töken"}, "letters"),
    ],
)
@pytest.mark.parametrize("command", [["calls"], ["call", "1"], ["doctor", "--call", "x"]])
def test_other_commands_say_what_is_wrong(command: list[str], env: dict[str, str], words: str) -> None:
    given = {"VOICEAI_URL": "http://127.0.0.2:9", "VOICEAI_API_TOKEN": "token"} | env
    if command[0] == "doctor":
        command = [*command, "--url", given["VOICEAI_URL"]]
    result = CliRunner().invoke(app, command, env=given)
    assert isinstance(result.exception, SystemExit), result.exception
    assert words in result.output.replace("\n", " ")


def test_a_controller_on_this_machine_is_reached_whatever_proxy_there_is() -> None:
    env = {
        "VOICEAI_URL": "http://127.0.0.1:9",
        "VOICEAI_API_TOKEN": "t",
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "SSL_CERT_FILE": "/nowhere",
    }
    assert "not answering" in CliRunner().invoke(app, ["calls"], env=env).output


# ---------------------------------------------------------------- workers


@pytest.mark.parametrize("proxy", ["socks5://x:hidden@y:z", "ftp://x:hidden@y", "http://[::1", "http://h:port", "x"])
async def test_a_worker_takes_an_odd_proxy_for_a_fault_of_the_config(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not for one of its own, which would end the call with another reason."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    provider = AiProvider.model_validate({"url": PROVIDER, "api_key": "k"})
    with pytest.raises(ConfigRefused, match="environment") as refused:
        await open_client(provider, SessionUpdate("s", {}), timeout=2)
    assert "hidden" not in str(refused.value)


def test_which_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert proxy_for("wss://api.openai.com/v1/realtime") == "http://proxy.example:3128"
    assert proxy_for("wss://127.0.0.1:9/x") is None
    monkeypatch.setenv("NO_PROXY", "api.openai.com")
    assert proxy_for("wss://api.openai.com/v1/realtime") is None
    monkeypatch.setenv("HTTPS_PROXY", "socks4://proxy.example")
    assert proxy_for("wss://other.example/") == "socks4://proxy.example:1080"


def test_a_key_log_that_can_t_be_written_is_ignored_and_told(tmp_path: Path) -> None:
    """Only in a process of its own: libraries make TLS contexts while they are imported."""
    env = os.environ | {"SSLKEYLOGFILE": str(tmp_path / "missing" / "keys")}
    command = (sys.executable, "-c", "from controller.cli.main import app; app()", "check-config", "-c", "/missing")
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "SSLKEYLOGFILE is ignored" in done.stderr
