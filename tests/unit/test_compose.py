"""compose.yaml, .env.example and the Dockerfiles, without a Docker engine: do they fit each other and the rules?"""

import fnmatch
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge import contract
from bridge.worker import process

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILES = ("Dockerfile", "asterisk/Dockerfile", "deploy/kamailio/Dockerfile")
NODES = (1, 2)
SECRETS = ("ARI_PASSWORD", "OPENAI_API_KEY", "VOICEAI_API_TOKEN", "VOICEAI_BRIDGE_TOKEN")

VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def script_settings() -> set[str]:
    return settings_of("asterisk/asterisk")


def settings_of(script: str) -> set[str]:
    return set(re.findall(r"\[([A-Z_]+)\]=", (ROOT / script).read_text()))


def by_default(text: str) -> str:
    """Without a .env."""
    return VARIABLE.sub(lambda match: match[3] if match[2] == "-" else "", text)


def test_the_services_are_there() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        "asterisk",
        "controller",
        "bridge",
    }
    nodes = {f"node{each}-{part}" for each in NODES for part in ("asterisk", "controller", "bridge")}
    others = {"kamailio", "valkey", "valkey-replica", "sentinel", "postgresql"}
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["cluster"]} == nodes | others
    assert set(COMPOSE["volumes"]) == {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if volume[0] != "."
    }


def test_each_service_is_ours_or_named_by_digest_and_is_watched() -> None:
    for name, service in SERVICES.items():
        watched = "healthcheck" in service
        if "build" in service:
            dockerfile = ROOT / service["build"]["context"] / service["build"]["dockerfile"]
            assert dockerfile.is_file()
            watched |= "HEALTHCHECK" in dockerfile.read_text()
        else:
            assert re.fullmatch(r"[a-z/.]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}", service["image"]), name
            assert service["user"] != "root"
        assert watched, name
        assert service["restart"] == "unless-stopped"
        assert service["cap_drop"] == ["ALL"]


def test_nothing_is_published_beyond_loopback_by_default() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    for port in published:
        assert re.match(r"\$\{[A-Z_]+:-127\.0\.0\.1\}:", port), port


def test_ari_audiosocket_and_link_are_not_published_at_all() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert not re.search(r":(8088|909\d)(/|$)", port), port


def test_any_number_of_bridges_fits_on_one_host() -> None:
    bridge = SERVICES["bridge"]
    assert not {"ports", "container_name", "hostname", "network_mode"} & set(bridge)
    verb, guarded, *arguments = (VARIABLE.sub(lambda match: match[3], word) for word in bridge["command"])
    assert (verb, guarded) == ("bridge", "--guarded")
    options = process.parse(arguments)
    assert options.advertise == "auto"
    assert options.controller == "ws://controller:8080" + contract.LINK_PATH
    assert list(options.ports) == [9092]
    assert list(options.allow) == [COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"].split(":-")[1][:-1]]
    assert f":{options.ports[0]:X} " in bridge["healthcheck"]["test"][-1]
    assert options.drain < 120 == 60 * int(bridge["stop_grace_period"].removesuffix("m"))


def test_variables_and_the_example_are_the_same() -> None:
    assert {match[1] for match in VARIABLE.finditer(TEXT)} == set(example())


def test_the_example_explains_each_variable() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            above = lines[number - 1]
            assert above.startswith("# ") or "=" in above, line


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_required_and_have_no_default(secret: str) -> None:
    uses = [match for match in VARIABLE.finditer(TEXT) if match[1] == secret]
    assert uses
    assert {match[2] for match in uses} == {"?"}
    assert example()[secret] == ""


def test_no_password_has_a_default() -> None:
    for name, _, default in VARIABLE.findall(TEXT):
        assert not (name.endswith(("PASSWORD", "TOKEN", "KEY")) and default and "set it" not in default), name


def test_defaults_agree_with_the_example() -> None:
    written = example()
    for name, kind, default in VARIABLE.findall(TEXT):
        if kind == "-" and written[name]:
            assert written[name] == default, name


def test_asterisk_gets_only_settings_that_its_script_knows() -> None:
    assert set(SERVICES["asterisk"]["environment"]) <= script_settings()


def test_ports_agree_with_what_asterisk_is_told() -> None:
    environment = SERVICES["asterisk"]["environment"]
    sip, rtp = (port.rsplit(":", 2)[1:] for port in SERVICES["asterisk"]["ports"])
    assert sip == [environment["SIP_PORT"], f"{environment['SIP_PORT']}/udp"]
    span = f"{environment['RTP_START']}-{environment['RTP_END']}"
    assert rtp == [span, f"{span}/udp"]


def test_the_controller_gets_every_variable_that_the_config_asks_for() -> None:
    without_comments = str(yaml.safe_load((ROOT / "config.yaml").read_text()))
    asked = set(re.findall(r"\$\{([A-Z_]+)\}", without_comments))
    assert asked
    assert asked <= set(SERVICES["controller"]["environment"])


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_what_the_images_copy_exists_and_reaches_the_build(dockerfile: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = [line[1:].rstrip("/") for line in ignored if line.startswith("!")]
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / dockerfile).read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        places = [source.rstrip("/"), *map(str, Path(source).parents)]
        assert any(fnmatch.fnmatch(place, pattern) for place in places for pattern in kept), source


def test_the_image_has_the_drivers_that_several_nodes_need() -> None:
    assert "--require-hashes -r requirements-extras.lock" in (ROOT / "Dockerfile").read_text()
    assert {"asyncpg", "redis"} <= set(re.findall(r"^(\S+)==", (ROOT / "requirements-extras.lock").read_text(), re.M))


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_base_images_are_named_by_digest(dockerfile: str) -> None:
    """A tag moves: the same source would give another image tomorrow."""
    bases = re.findall(r"(?mi)^FROM\s+(?:--\S+\s+)*(\S+)", (ROOT / dockerfile).read_text())
    assert bases
    for base in bases:
        assert re.fullmatch(r"[a-z/.]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}", base), base
    assert len(set(bases)) == 1


@pytest.mark.parametrize("node", NODES)
def test_the_parts_of_a_node_find_each_other(node: int) -> None:
    asterisk, controller, bridge = (SERVICES[f"node{node}-{part}"] for part in ("asterisk", "controller", "bridge"))
    sip, told = asterisk["environment"], controller["environment"]
    assert told["ARI_URL"] == f"http://{sip['HTTP_HOST']}:{sip['HTTP_PORT']}/ari"
    assert set(sip) <= script_settings()
    assert told["VOICEAI_NODE_URL"] == f"http://{told['VOICEAI_API_LISTEN']}"
    assert f"http://{told['VOICEAI_API_LISTEN']}/healthz" in controller["healthcheck"]["test"][-1]
    verb, guarded, *arguments = bridge["command"]
    assert (verb, guarded) == ("bridge", "--guarded")
    options = process.parse(arguments)
    assert options.controller == f"ws://{told['VOICEAI_API_LISTEN']}{contract.LINK_PATH}"
    assert f":{options.ports[0]:X} " in bridge["healthcheck"]["test"][-1]
    assert options.drain < 120
    kamailio = SERVICES["kamailio"]["environment"]
    assert set(kamailio) <= settings_of("deploy/kamailio/kamailio")
    assert f"{sip['SIP_HOST']}:{sip['SIP_PORT']}" in kamailio["NODES"].split()
    assert sip["SIP_PROXY"] == f"{kamailio['SIP_HOST']}:{kamailio['SIP_PORT']}"


def test_nodes_share_a_machine() -> None:
    """All on its own network, so each has ports, a name and files of its own, and nothing but SIP leaves loopback."""
    ports: list[str] = [
        "5060",
        "5433",
        SERVICES["valkey"]["environment"]["PORT"],
        SERVICES["sentinel"]["environment"]["PORT"],
    ]
    ports.append(SERVICES["valkey-replica"]["environment"]["PORT"])
    spans, names = [], []
    for node in NODES:
        sip, told = (SERVICES[f"node{node}-{part}"]["environment"] for part in ("asterisk", "controller"))
        ports += [sip["HTTP_PORT"], sip["SIP_PORT"], told["VOICEAI_API_LISTEN"].split(":")[1]]
        ports.append(SERVICES[f"node{node}-bridge"]["command"][5].split("-")[0])
        spans.append(range(int(sip["RTP_START"]), int(sip["RTP_END"]) + 1))
        names.append(told["VOICEAI_NODE"])
        assert (
            by_default(sip["SIP_HOST"]) == sip["HTTP_HOST"] == told["VOICEAI_API_LISTEN"].split(":")[0] == "127.0.0.1"
        )
        assert not SERVICES[f"node{node}-asterisk"]["ports"]
    assert len(set(ports)) == len(ports)
    assert not set(spans[0]) & set(spans[1])
    assert len(set(names)) == len(names)
    assert by_default(SERVICES["kamailio"]["environment"]["SIP_HOST"]) == "127.0.0.1"
    assert {each["network_mode"] for each in SERVICES.values() if "profiles" in each} == {"host"}


@pytest.mark.parametrize("service", ["valkey", "valkey-replica", "sentinel"])
@pytest.mark.parametrize("password", ["", "secret"])
def test_valkey_does_not_start_without_a_password(service: str, password: str, tmp_path: Path) -> None:
    told = {name: by_default(value) for name, value in SERVICES[service]["environment"].items()}
    [script] = SERVICES[service]["command"]
    script = script.replace("$$", "$").replace("cd /tmp", f"cd {tmp_path}").replace("exec ", "echo ")
    environment = {**os.environ, **told, "VALKEY_PASSWORD": password}
    done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=10)
    assert (done.returncode == 0) is bool(password)
    lines = (tmp_path / "server.conf").read_text().splitlines() if password else []
    if password:
        assert "bind 127.0.0.1" in lines
        assert f"port {told['PORT']}" in lines
        assert any(line.endswith(" secret") for line in lines)


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_images_do_not_run_as_root(dockerfile: str) -> None:
    users = re.findall(r"^USER (\S+)$", (ROOT / dockerfile).read_text(), re.MULTILINE)
    assert users
    assert users[-1] not in {"root", "0"}
