"""The chart of deploy/helm as Helm renders it, without Kubernetes."""

from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/voiceai"
SHIPPED = sorted(path.name for path in CHART.glob("values-*.yaml"))


def shipped(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CHART / name).read_text())
    return values


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """As several `--values` do."""
    found = dict(values)
    for key, value in changes.items():
        old = found.get(key)
        found[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


def render(values: dict[str, Any]) -> str:
    """All manifests, as `helm template voiceai deploy/helm/voiceai --namespace calls` prints them. Raises HelmError."""
    with helm.Chart.load(CHART) as chart:
        texts = chart.render(values, name="voiceai", namespace="calls")
    return "\n---\n".join(text for name, text in sorted(texts.items()) if name.endswith(".yaml"))


def manifests(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """By kind and name."""
    documents = [each for each in yaml.safe_load_all(text) if each]
    found = {(each["kind"], each["metadata"]["name"]): each for each in documents}
    assert len(found) == len(documents)
    return found


def pod(found: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """The pod of a node."""
    spec: dict[str, Any] = found["StatefulSet", "voiceai"]["spec"]["template"]["spec"]
    return spec


def containers(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in spec["containers"]}
