"""deploy/helm: each shipped values file renders to what Kubernetes accepts, and to what a node needs."""

import re
import secrets
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bridge.worker import process
from controller.config import load

helm = pytest.importorskip("helm_python", reason="Helm's library is there for Linux on x86-64 only")
chart = pytest.importorskip("tests.peers.helm")

KUBERNETES = ("1.29", kubernetes_validate.latest_version())
SECRETS = {
    "ARI_PASSWORD": secrets.token_hex(24),
    "VOICEAI_API_TOKEN": secrets.token_hex(24),
    "VOICEAI_BRIDGE_TOKEN": secrets.token_hex(24),
    "OPENAI_API_KEY": "sk-" + secrets.token_hex(24),
    "VOICEAI_STORE": "postgresql+asyncpg://voiceai:secret@db/voiceai",
    "CRM_WEBHOOK_SECRET": "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4" * 2,
    "VOICEAI_NODE": "voiceai-0",
    "VOICEAI_NODE_URL": "http://10.0.0.1:8080",
    "VOICEAI_CLUSTER_TOKEN": secrets.token_hex(32),
    "VOICEAI_CLUSTER_URL": "redis+sentinel://:secret@10.0.0.11,10.0.0.12,10.0.0.13/voiceai",
}


@pytest.fixture(scope="module", params=chart.SHIPPED)
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    return chart.shipped(request.param)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def text(values: dict[str, Any]) -> str:
    return chart.render(values)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def found(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    return chart.manifests(text)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def pod(found: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    return chart.pod(found)  # type: ignore[no-any-return]


def config_of(found: dict[tuple[str, str], dict[str, Any]]) -> str:
    return str(found["ConfigMap", "voiceai"]["data"]["config.yaml"])


def specs(found: dict[tuple[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        each["spec"]["template"]["spec"] for (kind, _), each in found.items() if kind in {"StatefulSet", "DaemonSet"}
    ]


def all_containers(found: dict[tuple[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for spec in specs(found) for each in spec["containers"]]


def test_helm_has_nothing_to_complain_of(values: dict[str, Any]) -> None:
    told = helm.lint(chart.CHART, values, strict=True)
    assert told["errors"] == []
    assert [each for each in told["messages"] if each["severity"] > 1] == []


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_key(found: dict[tuple[str, str], dict[str, Any]], version: str) -> None:
    for manifest in found.values():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_controller_accepts_the_config(
    found: dict[tuple[str, str], dict[str, Any]], values: dict[str, Any], tmp_path: Any
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(config_of(found))
    config = load(path, SECRETS)
    assert config.cluster.node == "voiceai-0"
    assert config.shutdown.drain_s == values["drain"]["longestCallSeconds"]
    assert config.asterisk.readiness_app is values.get("kamailio", {}).get("enabled", False)
    asked = set(re.findall(r"\$\{([A-Z_]+)\}", config_of(found)))
    given = {each["name"] for each in chart.containers(chart.pod(found))["controller"]["env"]}
    assert asked == given
    assert bool(config.cluster.url) is values.get("cluster", {}).get("valkey", False)
    assert bool(config.cluster.token) is bool(config.cluster.url and config.cluster.api_url)


def test_the_grace_is_longer_than_all_that_is_waited_for(pod: dict[str, Any], values: dict[str, Any]) -> None:
    drain, grace = values["drain"]["longestCallSeconds"], pod["terminationGracePeriodSeconds"]
    each = chart.containers(pod)
    deadline = int(re.search(r"SECONDS \+ (\d+)", pre_stop(each["asterisk"]))[1])  # type: ignore[index]
    # The controller ends itself 50 s after the drain, whatever hangs (docs/production.md).
    assert drain + 50 < deadline <= grace - 30
    for name, container in each.items():
        if name.startswith("bridge"):
            assert drain + 50 < bridge(container).drain < deadline
    for agent in values["config"]["agents"].values():
        assert agent["max_call_s"] <= drain


def bridge(container: dict[str, Any]) -> process.Options:
    verb, guarded, *arguments = container["args"]
    assert (verb, guarded) == ("bridge", "--guarded")
    return process.parse(arguments)


def pre_stop(container: dict[str, Any]) -> str:
    shell, option, script = container["lifecycle"]["preStop"]["exec"]["command"]
    assert (shell, option) == ("bash", "-c")
    return str(script)


def test_liveness_is_not_readiness(pod: dict[str, Any]) -> None:
    each = chart.containers(pod)
    controller = each["controller"]
    assert controller["livenessProbe"]["httpGet"]["path"] == controller["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert controller["readinessProbe"]["httpGet"]["path"] == "/readyz"
    for name, container in each.items():
        assert "livenessProbe" in container or "--guarded" in container["args"], name
        if "livenessProbe" in container:  # what stands still is killed, and not given an hour to drain
            assert container["livenessProbe"]["terminationGracePeriodSeconds"] <= 10


def test_one_pod_on_each_machine_one_at_a_time(
    found: dict[tuple[str, str], dict[str, Any]], pod: dict[str, Any]
) -> None:
    stateful = found["StatefulSet", "voiceai"]
    assert stateful["spec"]["updateStrategy"] == {"type": "OnDelete"}
    [rule] = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    labels = stateful["spec"]["template"]["metadata"]["labels"].items()
    budget = found["PodDisruptionBudget", "voiceai"]["spec"]
    assert budget["maxUnavailable"] == 1
    services = [each["spec"]["selector"] for (kind, _), each in found.items() if kind == "Service"]
    selectors = [budget["selector"]["matchLabels"], stateful["spec"]["selector"]["matchLabels"], *services]
    for selector in [*selectors, rule["labelSelector"]["matchLabels"]]:
        assert selector.items() <= labels
        assert selector["app.kubernetes.io/component"] == "node"


def test_the_parts_find_each_other(found: dict[tuple[str, str], dict[str, Any]], pod: dict[str, Any]) -> None:
    each = chart.containers(pod)
    config = yaml.safe_load(config_of(found))
    port = int(config["api"]["listen"].rpartition(":")[2])
    probes = [probe for name, probe in each["controller"].items() if name.endswith("Probe")]
    assert {(probe["httpGet"]["host"], probe["httpGet"]["port"]) for probe in probes} == {("127.0.0.1", port)}
    assert f"/dev/tcp/127.0.0.1/{port})" in pre_stop(each["asterisk"])
    asterisk = {one["name"]: one.get("value") for one in each["asterisk"]["env"]}
    assert config["asterisk"]["ari"]["url"] == f"http://{asterisk['HTTP_HOST']}:{asterisk['HTTP_PORT']}/ari"
    bridges = [bridge(container) for name, container in each.items() if name.startswith("bridge")]
    assert bridges
    assert {one.controller for one in bridges} == {f"ws://127.0.0.1:{port}/link"}
    assert len({tuple(one.ports) for one in bridges}) == len({one.name for one in bridges}) == len(bridges)
    ports = [(one["hostPort"], one.get("protocol")) for container in pod["containers"] for one in container["ports"]]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("tls", [False, True])
def test_nodes_reach_each_other_by_name_and_by_tls_if_asked_to(tls: bool, tmp_path: Path) -> None:
    more = {"controller": {"tls": {"secretName": "cert"}}, "cluster": {"caSecret": "cert"}} if tls else {}
    found = chart.manifests(chart.render(chart.merged(chart.shipped("values-three-nodes.yaml"), more)))
    for manifest in found.values():
        kubernetes_validate.validate(manifest, KUBERNETES[1], strict=True)
    each, spec = chart.containers(chart.pod(found)), chart.pod(found)
    environment = {one["name"]: one.get("value") for one in each["controller"]["env"]}
    url = "://$(VOICEAI_NODE).voiceai-nodes.calls.svc:8080"
    assert environment["VOICEAI_NODE_URL"] == ("https" if tls else "http") + url
    names = [one["name"] for one in each["controller"]["env"]]
    assert names.index("VOICEAI_NODE") < names.index("VOICEAI_NODE_URL")  # or it is not replaced
    assert found["Service", "voiceai-nodes"]["spec"]["clusterIP"] == "None"

    path = tmp_path / "config.yaml"
    path.write_text(config_of(found))
    config = load(path, SECRETS)
    mounted = {name: {one["mountPath"] for one in container["volumeMounts"]} for name, container in each.items()}
    assert {one["name"] for one in spec["volumes"]} >= {
        mount["name"] for container in each.values() for mount in container["volumeMounts"] if mount["name"] != "state"
    }
    probes = [probe["httpGet"].get("scheme") for name, probe in each["controller"].items() if name.endswith("Probe")]
    worker = bridge(each["bridge-1"])
    if not tls:
        assert (config.api.tls, config.cluster.ca_file, set(probes), worker.ca) == (None, None, {None}, None)
        return
    assert set(probes) == {"HTTPS"}
    assert config.api.tls is not None
    for file in (config.api.tls.certificate, config.api.tls.key, config.cluster.ca_file):
        assert str(Path(str(file)).parent) in mounted["controller"]
    assert (worker.controller, worker.ca) == ("wss://127.0.0.1:8080/link", config.cluster.ca_file)
    assert str(Path(str(worker.ca)).parent) in mounted["bridge-1"]


def test_secure_by_default(found: dict[tuple[str, str], dict[str, Any]]) -> None:
    for spec in specs(found):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
    users = {}
    for container in all_containers(found):
        security = container["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert "memory" in container["resources"]["limits"]
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        users[container["image"].rpartition("/")[2].partition(":")[0]] = security["runAsUser"]
    dockerfiles = {
        "voiceai": "Dockerfile",
        "voiceai-asterisk": "asterisk/Dockerfile",
        "voiceai-kamailio": "deploy/kamailio/Dockerfile",
    }
    for image, user in users.items():
        assert f"--uid {user} " in (chart.ROOT / dockerfiles[image]).read_text()


def test_no_secret_is_in_the_text(found: dict[tuple[str, str], dict[str, Any]], text: str) -> None:
    assert not [name for kind, name in found if kind == "Secret"]
    for container in all_containers(found):
        for each in container.get("env", ()):
            if re.search("PASSWORD|TOKEN|KEY|SECRET|STORE|USERNAME|CLUSTER", each["name"]):
                assert "value" not in each, each
                assert each["valueFrom"]["secretKeyRef"]["name"] == "voiceai"
    for key in re.findall(r"(?:password|token|secret|api_key): (\S+)", text):
        assert re.fullmatch(r"\$\{[A-Z_]+\}", key), key


def test_asterisk_and_kamailio_get_only_settings_that_their_scripts_know(
    found: dict[tuple[str, str], dict[str, Any]],
) -> None:
    scripts = {"asterisk": ("asterisk/asterisk", {"NODE"}), "kamailio": ("deploy/kamailio/kamailio", set())}
    for container in all_containers(found):
        if container["name"] in scripts:
            path, more = scripts[container["name"]]
            known = set(re.findall(r"\[([A-Z_]+)\]=", (chart.ROOT / path).read_text()))
            assert {each["name"] for each in container["env"]} <= known | more


def test_every_script_is_bash(found: dict[tuple[str, str], dict[str, Any]]) -> None:
    scripts = [each["args"][0] for each in all_containers(found) if each.get("command") == ["bash", "-c"]]
    scripts.append(pre_stop(chart.containers(chart.pod(found))["asterisk"]))
    for script in scripts:
        done = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True, timeout=10)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_autoscaler_removes_one_node_a_minute_and_keeps_some_warm() -> None:
    values = chart.shipped("values-kamailio.yaml")
    found = chart.manifests(chart.render(values))
    scaler = found["HorizontalPodAutoscaler", "voiceai"]["spec"]
    assert "replicas" not in found["StatefulSet", "voiceai"]["spec"]  # or each upgrade would set it back
    [metric] = scaler["metrics"]
    assert (metric["type"], metric["pods"]["metric"]["name"]) == ("Pods", "voiceai_calls_live")
    assert 0 < int(metric["pods"]["target"]["averageValue"]) < values["autoscaling"]["callsPerNode"]
    assert scaler["behavior"]["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    metrics = (chart.ROOT / "docs/metrics.md").read_text()
    assert f"`{metric['pods']['metric']['name']}`" in metrics


def test_nodes_call_through_kamailio_and_take_calls_from_it_alone() -> None:
    values = chart.shipped("values-kamailio.yaml")
    asterisk = chart.containers(chart.pod(chart.manifests(chart.render(values))))["asterisk"]
    environment = {each["name"]: each.get("value") for each in asterisk["env"]}
    assert environment["TRUNK_MATCH"] == "203.0.113.9,203.0.113.10"
    script = asterisk["args"][0].replace("exec /opt/voiceai/asterisk/asterisk run", "echo $SIP_PROXY")
    for node, proxy in (("voiceai-0", "203.0.113.9:5060"), ("voiceai-3", "203.0.113.10:5060")):
        told = subprocess.run(["bash", "-c", script], env={"NODE": node}, capture_output=True, text=True, timeout=10)
        assert told.stdout.strip() == proxy


def test_a_list_of_nodes_that_can_not_be_had_changes_nothing() -> None:
    """The loop of Kamailio's pod, with three look-ups: a failure, an empty answer, two nodes."""
    values = chart.shipped("values-kamailio.yaml")
    found = chart.manifests(chart.render(values))
    [loop] = [each["args"][0] for each in all_containers(found) if each["name"] == "nodes"]
    loop = loop.replace("/opt/voiceai/deploy/kamailio/kamailio reload", "reload")
    stand_ins = """
turn=0
sleep() { turn=$((turn + 1)); ((turn < 6)); }
getent() { case $turn in 1) return 2 ;; 2) ;; *) printf '%s STREAM\\n' 10.0.0.2 10.0.0.2 10.0.0.1 ;; esac; }
reload() { echo "$NODES"; }
"""
    told = subprocess.run(["bash", "-c", stand_ins + loop], capture_output=True, text=True, timeout=10)
    assert told.stdout.splitlines() == ["10.0.0.1:5070 10.0.0.2:5070 "]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("values-one-node.yaml", {"secret": {"name": ""}}, "secret/name"),
    ("values-one-node.yaml", {"images": {"voiceai": ""}}, "images/voiceai"),
    ("values-one-node.yaml", {"replicas": 3}, "additional properties 'replicas' not allowed"),
    ("values-one-node.yaml", {"nodes": {"replicas": 0}}, "nodes/replicas"),
    ("values-one-node.yaml", {"nodes": {"replicas": 2}}, "SQLite"),
    ("values-one-node.yaml", {"nodes": {"storage": {"enabled": False}}}, "nodes.storage.enabled"),
    ("values-one-node.yaml", {"asterisk": {"trunk": {"host": ""}}}, "asterisk/trunk/host"),
    ("values-one-node.yaml", {"drain": {"marginSeconds": 10}}, "drain/marginSeconds"),
    ("values-one-node.yaml", {"drain": {"longestCallSeconds": 600}}, "agents.reception.max_call_s is 3600"),
    ("values-three-nodes.yaml", {"cluster": {"valkey": False}}, "several nodes need cluster.valkey"),
    ("values-kamailio.yaml", {"cluster": {"valkey": False}}, "several nodes need cluster.valkey"),
    ("values-three-nodes.yaml", {"controller": {"tls": {"secretName": "cert"}}}, "needs cluster.caSecret"),
    ("values-three-nodes.yaml", {"cluster": {"caSecret": "../x"}}, "cluster/caSecret"),
    ("values-three-nodes.yaml", {"asterisk": {"trunk": {"mode": "registration"}}}, "asterisk/trunk/mode"),
    ("values-kamailio.yaml", {"kamailio": {"addresses": []}}, "kamailio/addresses"),
    ("values-kamailio.yaml", {"kamailio": {"trunks": "main=1.2.3.4; reboot"}}, "kamailio/trunks"),
    ("values-kamailio.yaml", {"kamailio": {"addresses": ["$(reboot)"]}}, "kamailio/addresses/0"),
    ("values-kamailio.yaml", {"images": {"kamailio": ""}}, "images/kamailio"),
    ("values-kamailio.yaml", {"asterisk": {"sipPort": 5060}}, "kamailio.sipPort and asterisk.sipPort are the same"),
    ("values-kamailio.yaml", {"autoscaling": {"minReplicas": 20}}, "autoscaling.minReplicas is more"),
    ("values-kamailio.yaml", {"controller": {"expose": False}}, "autoscaling needs controller.expose"),
    ("values-one-node.yaml", {"cluster": {"caSecret": "ca"}}, "cluster.caSecret does nothing"),
    ("values-one-node.yaml", {"config": {"agents": {"sales": None}}}, "config.agents.sales is empty"),
    ("values-three-nodes.yaml", {"config": {"cluster": {"node": "x"}}}, "config.cluster.node is set by the chart"),
    ("values-three-nodes.yaml", {"config": {"api": {"listen": "0.0.0.0:1"}}}, "config.api.listen is set by the chart"),
    ("values-one-node.yaml", {"config": {"shutdown": {"keep_calls": True}}}, "config.shutdown.keep_calls is set"),
]


@pytest.mark.parametrize(("name", "changes", "told"), WRONG, ids=[told for *_, told in WRONG])
def test_wrong_values_are_named(name: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(helm.HelmError) as error:
        chart.render(chart.merged(chart.shipped(name), changes))
    assert told in str(error.value)


def test_the_defaults_alone_say_what_is_missing() -> None:
    with pytest.raises(helm.HelmError) as error:
        chart.render({})
    for path in ("images/voiceai", "images/asterisk", "secret/name", "asterisk/trunk/host", "config"):
        assert path in str(error.value)


def test_each_value_is_in_the_schema_and_explained() -> None:
    with helm.Chart.load(chart.CHART) as loaded:
        schema, values = loaded.schema, loaded.values

    def compare(given: dict[str, Any], known: dict[str, Any], path: str) -> None:
        assert set(given) == set(known["properties"]) - {"global"}, path
        for key, value in given.items():
            inner = known["properties"][key]
            if isinstance(value, dict) and "properties" in inner and key != "resources":
                compare(value, inner, f"{path}.{key}")

    assert schema is not None
    compare(values, schema, "values")
