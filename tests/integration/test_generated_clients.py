"""Clients that others generate from the OpenAPI document: nothing of a request is lost in them, and they work."""

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.api.openapi import document
from docs.reference.__main__ import operations
from tests.integration.test_client import TOKEN, Controller, controller
from tests.peers.client_generators import SOURCE, installed, run
from tests.peers.openid import BIN

__all__ = ["controller"]

PROGRAM = """
    import sys
    from generated import AuthenticatedClient
    from generated.api.calls import change_call, list_calls, place_call, show_call
    from generated.models import (
        CallAnswer, ChangeCall, ChangeCallMetadata, PlaceCall, PlaceCallMetadata, PlaceCallVariables, ProblemAnswer
    )

    client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
    body = PlaceCall(
        to="+493012345678",
        variables=PlaceCallVariables.from_dict({"name": "Ms Gray"}),
        metadata=PlaceCallMetadata.from_dict({"order": "A-1017", "shop": "b"}),
    )
    assert body.to_dict()["variables"] == {"name": "Ms Gray"}
    placed = place_call.sync(client=client, body=body)
    assert isinstance(placed, CallAnswer) and placed.metadata["order"] == "A-1017", placed
    changes = ChangeCall(metadata=ChangeCallMetadata.from_dict({"order": None, "late": "yes"}))
    changed = change_call.sync(placed.id, client=client, body=changes)
    assert changed.metadata.to_dict() == {"shop": "b", "late": "yes"}, changed
    page = list_calls.sync(client=client, metadata=["late=no"])
    assert page.calls == [] and page.unreachable_nodes == [], page
    shown = show_call.sync(placed.id, client=client)
    assert (shown.callee, shown.direction) == ("+493012345678", "outbound"), shown
    refused = show_call.sync("nobody", client=client)
    assert isinstance(refused, ProblemAnswer) and refused.type_ == "/problems/unknown-call", refused
    wrong = place_call.sync(client=client, body=PlaceCall(to=""))
    assert [each.pointer for each in wrong.errors] == ["/to"], wrong
    print(placed.id)
"""


@pytest.fixture(scope="module")
def generators() -> Path:
    return installed()


def test_a_generated_python_client_against_a_controller(
    controller: Controller, generators: Path, tmp_path: Path
) -> None:
    (tmp_path / "openapi.json").write_text(httpx.get(f"{controller.url}/openapi.json").text)
    said = run(
        tmp_path,
        *(generators / "python/bin/openapi-python-client", "generate", "--path", "openapi.json"),
        *("--output-path", "generated", "--meta", "none", "--config", SOURCE / "generator.yaml"),
    )
    assert "WARNING" not in said, said
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    call = run(tmp_path, generators / "python/bin/python", "program.py", controller.url, TOKEN).strip()
    auth = {"Authorization": f"Bearer {TOKEN}"}
    (queued,) = httpx.get(f"{controller.url}/v1/queue?metadata=late=yes", headers=auth).json()["calls"]
    assert queued["id"] == call


def test_generated_typescript_types(generators: Path, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(document(operations(), "")))
    shutil.copy(SOURCE / "use.ts", tmp_path)
    (tmp_path / "node_modules").symlink_to(generators / "node_modules")
    node, modules = BIN / "node", generators / "node_modules"
    run(tmp_path, node, modules / "openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.d.ts")
    options = ("--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
    run(tmp_path, node, modules / "typescript/bin/tsc", *options, "use.ts")


def test_no_schema_is_of_a_form_that_generators_drop() -> None:
    """Names by pattern become a class without fields, defaults of a request fields that must be given."""
    schemas = document(operations(), "")["components"]["schemas"]
    bodies = {name for name, _ in _bodies()}
    for name, schema in schemas.items():
        for part in _parts(schema):
            assert "patternProperties" not in part, name
            assert name not in bodies or "default" not in part, name
            unions = [each for each in part.get("anyOf", part.get("oneOf", ())) if "$ref" in each]
            assert len(unions) < 2 or "discriminator" in part, f"{name}: a union that can't be told apart"


def _bodies() -> Iterator[tuple[str, Any]]:
    return ((each.body.__name__, each) for each in operations() if each.body is not None)


def _parts(part: Any) -> Iterator[Mapping[str, Any]]:
    """All objects in it."""
    if isinstance(part, list):
        for each in part:
            yield from _parts(each)
    elif isinstance(part, Mapping):
        yield part
        for each in part.values():
            yield from _parts(each)
