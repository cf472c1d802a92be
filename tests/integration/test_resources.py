"""Resources with versions over the API: drafts, publication, two editors, secrets, import and export."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from controller.config import ConfigErrors
from controller.config.resources import STARS
from controller.store.database import Database
from controller.versions.editor import ResourceEditor
from controller.versions.edits import NoSuchResource, Upon
from controller.versions.publisher import Publisher
from controller.versions.repository import VersionStore
from tests.integration.resources_harness import CRM, SECRETS, STORED, Desk, desk, file_of
from tests.peers.stores import store_at
from tests.unit.controller.configs import with_

AGENT = "/v1/resources/agents/reception"
KIND, RUDE = {"instructions": "Be kind.", "tools": ["crm", "hang_up"]}, {"instructions": "Be rude.", "tools": ["crm"]}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        yield made


def prompt(here: Desk) -> str:
    return here.publisher.current.config.agents["reception"].instructions


async def test_the_first_start_imports_the_file_and_later_ones_ignore_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        assert prompt(here) == "Be kind."
        assert (await here.change(AGENT, RUDE))[0] == 200
    async with desk(tmp_path, with_(STORED, agents__reception={"instructions": "Be new."})) as here:
        assert prompt(here) == "Be rude."
        assert here.publisher.current.config.agent_versions == {"reception": 2, "night": 1}
        assert here.publisher.ignored == ["agents", "http_tools", "routes"]
    minimal = {name: part for name, part in STORED.items() if name not in ("agents", "http_tools", "routes")}
    async with desk(tmp_path, minimal) as here:
        assert prompt(here) == "Be rude."


async def test_from_draft_to_version_and_back(here: Desk) -> None:
    status, headers, told = await here.ask("GET", AGENT)
    assert (status, told["published"]["version"], told["published"]["content"]) == (200, 1, KIND)
    assert told["draft"] is None
    status, headers, told = await here.ask("PUT", f"{AGENT}/draft", {"content": RUDE}, etag=headers["ETag"])
    assert (status, told["draft"]["content"], told["draft"]["by"]) == (200, RUDE, "admin")
    assert prompt(here) == "Be kind.", "a draft is for nobody's call"

    status, _, told = await here.ask("GET", f"{AGENT}/diff")
    assert [(each["path"], each["kind"]) for each in told["changes"]] == [
        ("instructions", "changed"),
        ("tools[1]", "removed"),
    ]
    assert "-instructions: Be kind." in told["lines"]
    assert "+instructions: Be rude." in told["lines"]

    assert (await here.ask("POST", f"{AGENT}/validate", {}))[0] == 200
    etag = headers["ETag"]
    status, headers, told = await here.ask("POST", f"{AGENT}/publish", {"comment": "ruder"}, etag=etag)
    assert (status, told["published"]["version"], told["draft"]) == (200, 2, None)
    assert (told["published"]["by"], told["published"]["comment"]) == ("admin", "ruder")
    assert prompt(here) == "Be rude."
    assert here.publisher.current.config.agent_versions["reception"] == 2

    status, headers, told = await here.ask("POST", f"{AGENT}/rollback", {"version": 1}, etag=headers["ETag"])
    assert (status, told["published"]["version"], told["published"]["comment"]) == (200, 3, "as version 1")
    assert prompt(here) == "Be kind."
    _, _, told = await here.ask("GET", f"{AGENT}/versions")
    assert [each["version"] for each in told["versions"]] == [3, 2, 1]
    assert (await here.ask("GET", f"{AGENT}/versions/2"))[2]["content"] == RUDE
    assert (await here.ask("GET", f"{AGENT}/diff?from=1&to=3"))[2] == {"changes": [], "lines": []}


async def test_two_editors_never_overwrite_each_other(here: Desk) -> None:
    ada = ben = await here.etag(AGENT)
    status, headers, _ = await here.ask("PUT", f"{AGENT}/draft", {"content": RUDE}, etag=ada)
    assert status == 200
    for method, path, body in (
        ("PUT", f"{AGENT}/draft", {"content": KIND}),
        ("DELETE", f"{AGENT}/draft", None),
        ("POST", f"{AGENT}/publish", {}),
        ("POST", f"{AGENT}/rollback", {"version": 1}),
        ("DELETE", AGENT, None),
    ):
        assert (await here.ask(method, path, body, etag=ben))[0] == 412
        assert (await here.ask(method, path, body))[0] == 428
        assert (await here.ask(method, path, body, etag="nonsense"))[0] == 412
    assert (await here.ask("PUT", f"{AGENT}/draft", {"content": KIND}, new=True))[0] == 412
    assert (await here.ask("GET", AGENT))[2]["draft"]["content"] == RUDE
    assert (await here.ask("DELETE", f"{AGENT}/draft", etag=headers["ETag"]))[0] == 200
    assert (await here.ask("GET", AGENT))[2]["draft"] is None


async def test_what_would_break_the_whole_is_not_published(here: Desk) -> None:
    status, told = await here.change(AGENT, {"instructions": "x", "voise": "marin", "tools": ["fax"], "speed": 9})
    assert (status, told["type"]) == (422, "/problems/invalid-config")
    assert sorted(each["path"] for each in told["errors"]) == [
        "agents.reception.speed",
        "agents.reception.tools[0]",
        "agents.reception.voise",
    ]
    assert any("voice" in each.get("hint", "") for each in told["errors"])
    assert prompt(here) == "Be kind."
    status, _, told = await here.ask("POST", f"{AGENT}/validate", {"content": {"instructions": "x", "tools": ["fax"]}})
    assert (status, [each["path"] for each in told["errors"]]) == (422, ["agents.reception.tools[0]"])
    tool = "/v1/resources/http_tools/crm"
    status, _, told = await here.ask("DELETE", tool, etag=await here.etag(tool))
    assert (status, told["errors"][0]["path"]) == (422, "agents.reception.tools[0]"), "an agent names it"
    await here.change(AGENT, {"instructions": "x", "tools": ["hang_up"]})
    assert (await here.ask("DELETE", tool, etag=await here.etag(tool)))[0] == 204
    assert (await here.ask("GET", tool))[0] == 404
    assert "crm" not in here.publisher.current.config.http_tools
    status, told = await here.change(tool, CRM)
    assert (status, told["published"]["version"]) == (200, 2), "what is made again goes on with its numbers"


async def test_new_agents_routes_and_limits(here: Desk) -> None:
    sales = "/v1/resources/agents/sales"
    status, headers, _ = await here.ask("PUT", f"{sales}/draft", {"content": {"instructions": "Sell."}}, new=True)
    assert status == 200
    assert "sales" not in here.publisher.current.config.agents
    assert (await here.ask("POST", f"{sales}/publish", {}, etag=headers["ETag"]))[0] == 200
    routes = [{"to": "5002", "agent": "sales"}, {"to": "*", "agent": {"reception": 90, "sales": 10}}]
    assert (await here.change("/v1/resources/routes/routes", routes))[0] == 200
    assert (await here.change("/v1/resources/trunk-limits/main", {"max_calls": 7, "calls_per_second": 2}))[0] == 200
    assert (await here.change("/v1/resources/webhooks/crm", {"url": "https://crm.example/", "secret": "x"}))[0] == 422
    now = here.publisher.current.config
    assert list(now.agents) == ["reception", "night", "sales"]
    assert [each.to for each in now.routes] == ["5002", "*"]
    assert (now.trunks["main"].max_calls, now.trunks["main"].calls_per_second) == (7, 2)
    assert now.trunks["main"].caller_id == "+4930123"
    for path, content in (
        ("/v1/resources/trunk-limits/moon", {"max_calls": 1}),
        ("/v1/resources/trunk-limits/main", {"allow": [".*"]}),
        ("/v1/resources/routes/others", []),
        ("/v1/resources/routes/routes", {}),
        ("/v1/resources/agents/x", []),
        ("/v1/resources/agents/no name", {"instructions": "x"}),
    ):
        status, told = await here.change(path, content)
        assert (status, told["type"]) == (422, "/problems/invalid-config"), path
    for path in (
        "/v1/resources/dreams",
        "/v1/resources/dreams/x",
        "/v1/resources/agents/nobody",
        f"{AGENT}/versions/9",
    ):
        assert (await here.ask("GET", path))[0] == 404


@pytest.mark.parametrize(
    ("headers", "wrong"),
    [
        ({"Authorization": "Bearer plain-Hunter2"}, "plain text"),
        ({"X-Key": "${CRM_TOKEN:-Hunter2}"}, "default"),
        ({"X-Key": "${OPENAI_API_KEY}"}, "resources may not use"),
        ({"X-Key": "Hunter2${CRM_TOKEN}"}, "plain text"),
    ],
)
async def test_a_secret_is_a_reference_that_is_allowed(here: Desk, headers: dict[str, str], wrong: str) -> None:
    status, told = await here.change("/v1/resources/http_tools/crm", CRM | {"headers": headers})
    assert (status, told["type"]) == (422, "/problems/invalid-config")
    assert any(wrong in each["detail"] for each in told["errors"])
    assert "Hunter2" not in json.dumps(told)


async def test_references_stand_only_where_secrets_belong_and_are_never_resolved(here: Desk, tmp_path: Path) -> None:
    status, told = await here.change(AGENT, {"instructions": "Say ${CRM_TOKEN}."})
    assert (status, told["errors"][0]["path"]) == (422, "agents.reception.instructions")
    assert here.publisher.current.config.http_tools["crm"].headers == {"Authorization": "Bearer crm-Hunter2-secret"}
    told = [
        (await here.ask("GET", path))[2]
        for path in ("/v1/resources/http_tools/crm", "/v1/resources/http_tools/crm/versions/1", "/v1/config/export")
    ]
    assert "Bearer ${CRM_TOKEN}" in json.dumps(told)
    assert "Hunter2" not in json.dumps(told)
    assert here.it.kept is not None
    await here.it.kept.audit_log.drain()
    async with here.it.kept.database.reading() as store:
        assert "Hunter2" not in str((await store.execute(text("SELECT * FROM audit"))).all())


async def test_secrets_in_plain_text_are_not_imported(tmp_path: Path) -> None:
    plain = with_(STORED, http_tools__crm__headers={"Authorization": "Bearer crm-Hunter2-secret"})
    with pytest.raises(ConfigErrors) as refused:
        async with desk(tmp_path, plain):
            pass
    assert [each.path for each in refused.value.errors] == ["http_tools.crm.headers.Authorization"]


async def test_the_file_has_them_until_that_is_changed(tmp_path: Path) -> None:
    plain = with_(
        STORED,
        resources={"source": "file"},
        http_tools__crm__headers={"Authorization": "Bearer crm-Hunter2-secret", "Accept": "application/json"},
    )
    async with desk(tmp_path, plain) as here:
        told = (await here.ask("GET", "/v1/resources/http_tools/crm"))[2]["published"]
        assert told["content"]["headers"] == {"Authorization": STARS, "Accept": "application/json"}
        assert told["by"] == "file"
        assert (await here.ask("GET", "/v1/resources/agents"))[2]["source"] == "file"
        for method, path, body in (
            ("PUT", f"{AGENT}/draft", {"content": RUDE}),
            ("POST", f"{AGENT}/publish", {}),
            ("POST", f"{AGENT}/rollback", {"version": 1}),
            ("DELETE", AGENT, None),
            ("POST", "/v1/config/import", {"yaml": "agents: {}"}),
        ):
            status, _, told = await here.ask(method, path, body, etag="*")
            assert (status, told["type"]) == (409, "/problems/file-source")
            assert "resources.source: store" in told["detail"]
        assert (await here.ask("POST", f"{AGENT}/validate", {"content": RUDE}))[0] == 200


async def test_an_export_is_read_back_as_it_is(here: Desk) -> None:
    exported = (await here.ask("GET", "/v1/config/export"))[2]
    assert yaml.safe_load(exported)["agents"]["reception"] == KIND
    assert yaml.safe_load(exported)["trunks"] == {"main": {"max_calls": 5}}
    status, _, told = await here.ask("POST", "/v1/config/import", {"yaml": exported})
    assert (status, told) == (200, {"changed": []})
    changed = exported.replace("Be kind.", "Be new.") + "webhooks: {}\n"
    status, _, told = await here.ask("POST", "/v1/config/import", {"yaml": changed, "dry_run": True})
    assert (status, told) == (200, {"changed": ["agents/reception"]})
    assert prompt(here) == "Be kind."
    await here.ask("POST", "/v1/config/import", {"yaml": changed, "comment": "from git"})
    assert prompt(here) == "Be new."
    _, _, told = await here.ask("GET", AGENT)
    assert (told["published"]["version"], told["published"]["comment"]) == (2, "from git")
    for wrong in ("agents: [", "agents: []", "agents: {a: b}", "agents: {a: {}, a: {}}", "", "- a", "agents: {}"):
        status, _, told = await here.ask("POST", "/v1/config/import", {"yaml": wrong})
        assert (status, told["type"]) == (422, "/problems/invalid-config"), wrong
    assert prompt(here) == "Be new."


async def test_the_audit_log_says_who_what_before_and_after(here: Desk) -> None:
    await here.change(AGENT, RUDE)
    await here.ask("PUT", f"{AGENT}/draft", {"content": KIND}, etag="999")
    assert here.it.kept is not None
    await here.it.kept.audit_log.drain()
    rows = (await here.ask("GET", "/v1/audit"))[2]["entries"]
    refused, published, drafted = rows[:3]
    assert (refused["operation"], refused["status"], refused["asked"]["name"]) == ("put_draft", 412, "reception")
    assert (published["operation"], published["by"], published["asked"]["version"]) == ("publish_draft", "admin", 2)
    assert published["asked"]["changes"][0] == {
        "path": "instructions",
        "kind": "changed",
        "before": "Be kind.",
        "after": "Be rude.",
    }
    assert drafted["operation"] == "put_draft"


async def test_another_controller_notices_what_was_published(tmp_path: Path) -> None:
    """Two publishers on one store; SQLite has one controller, so here they share a connection."""
    async with Database(store_at(tmp_path / "other")) as database:
        first, second = (Publisher(file_of(), VersionStore(database), shared=True) for _ in range(2))
        await first.start()
        await second.start()
        editor = ResourceEditor(first)
        await editor.put_draft(("agents", "reception"), RUDE, upon=Upon(anything=True), by="ada")
        await editor.publish(("agents", "reception"), upon=Upon(anything=True), by="ada", comment="")
        assert first.current.config.agents["reception"].instructions == "Be rude."
        assert second.current.config.agents["reception"].instructions == "Be kind."
        await second._look()
        assert second.current.config.agents["reception"].instructions == "Be rude."
        assert second.current.config.agent_versions["reception"] == 2


async def test_the_file_is_read_again_beside_the_store(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        fresh: Any = with_(STORED, limits={"max_calls": 3}, agents__reception={"instructions": "Not this."})
        here.publisher._read = lambda: file_of(fresh)
        told = await here.publisher.reload()
        assert told.changed == ("limits",)
        assert told.ignored == ("agents", "http_tools", "routes")
        assert prompt(here) == "Be kind."
        assert here.publisher.current.config.limits.max_calls == 3
        here.publisher._read = lambda: file_of(fresh, {**SECRETS, "CRM_TOKEN": "other-Hunter2-x"})
        assert (await here.publisher.reload()).changed == ("http_tools.crm",)


async def test_a_version_gets_a_share_of_the_calls(here: Desk) -> None:
    await here.change(AGENT, RUDE)
    trial, etag = f"{AGENT}/trial", await here.etag(AGENT)
    assert (await here.ask("PUT", trial, {"version": 1, "share": 30}))[0] == 428
    status, headers, told = await here.ask("PUT", trial, {"version": 1, "share": 30}, etag=etag)
    assert (status, told["trial"], told["published"]["version"]) == (200, {"version": 1, "share": 30}, 2)
    current = here.publisher.current
    calls = [f"call-{number}" for number in range(2000)]
    got = [current.for_call(call) for call in calls]
    assert 0.25 < sum(each.agent_versions["reception"] == 1 for each in got) / len(got) < 0.35
    for config in got:
        kind = config.agent_versions["reception"] == 1
        assert config.agents["reception"].instructions == ("Be kind." if kind else "Be rude.")
        assert config.agents["night"] is current.config.agents["night"]
    assert all(current.for_call(call) is config for call, config in zip(calls, got, strict=True))
    await here.change("/v1/resources/trunk-limits/main", {"max_calls": 9})
    kept = [current.for_call(call).agent_versions["reception"] for call in calls]
    assert kept == [each.agent_versions["reception"] for each in got], "another publication draws nothing anew"
    assert (await here.ask("PUT", trial, {"version": 9, "share": 30}, etag="*"))[0] == 404
    assert (await here.ask("PUT", trial, {"version": 1, "share": 101}, etag="*"))[0] == 400
    tool = "/v1/resources/http_tools/crm"
    await here.change(AGENT, {"instructions": "x", "tools": []})
    status, _, told = await here.ask("DELETE", tool, etag="*")
    assert (status, told["errors"][0]["path"]) == (422, "agents.reception.tools[0]"), "the tried version names it"
    assert (await here.ask("DELETE", trial, etag=await here.etag(AGENT)))[2]["trial"] is None
    assert {current.for_call(call).agent_versions["reception"] for call in calls} == {3}
    assert (await here.ask("DELETE", tool, etag="*"))[0] == 204
    assert (await here.ask("PUT", trial, {"version": 1, "share": 30}, etag="*"))[0] == 422, "its tool is gone"


async def test_a_call_that_is_taken_over_gets_the_version_it_began_with(here: Desk) -> None:
    await here.change(AGENT, RUDE)
    for version, instructions in ((1, "Be kind."), (2, "Be rude."), (None, "Be rude."), (99, "Be rude.")):
        config = await here.publisher.with_agent("reception", version)
        assert config.agents["reception"].instructions == instructions
        assert config.agent_versions["reception"] == (1 if version == 1 else 2)
    await here.change(AGENT, {"instructions": "x", "tools": []})
    await here.ask("DELETE", "/v1/resources/http_tools/crm", etag="*")
    config = await here.publisher.with_agent("reception", 1)
    assert config.agents["reception"].instructions == "x", "what can't be used any more is not"


async def test_a_call_that_tries_a_draft_or_a_version_has_it_and_the_rest_as_it_is_in_force(here: Desk) -> None:
    editor = ResourceEditor(here.publisher)
    await here.change(AGENT, RUDE)
    await here.ask("PUT", f"{AGENT}/draft", {"content": {"instructions": "Be brave."}}, etag="*")
    await here.ask("PUT", "/v1/resources/agents/later/draft", {"content": {"instructions": "Be late."}}, new=True)
    for name, which, instructions, number in (
        ("reception", "draft", "Be brave.", 0),
        ("reception", 1, "Be kind.", 1),
        ("reception", 2, "Be rude.", 2),
        ("later", "draft", "Be late.", 0),
    ):
        config = await editor.with_agent(name, which)  # type: ignore[arg-type]
        assert config.agents[name].instructions == instructions
        assert (config.agent_versions[name], config.agent_versions["night"]) == (number, 1)
        assert config.trunks is here.publisher.current.config.trunks
    assert prompt(here) == "Be rude."
    for name, which in (("night", "draft"), ("reception", 9), ("nobody", 1)):
        with pytest.raises(NoSuchResource):
            await editor.with_agent(name, which)  # type: ignore[arg-type]
    await here.ask("PUT", f"{AGENT}/draft", {"content": {"instructions": "x", "tools": ["nothing"]}}, etag="*")
    with pytest.raises(ConfigErrors):
        await editor.with_agent("reception", "draft")


async def test_the_file_has_no_drafts_to_try_but_its_earlier_versions(tmp_path: Path) -> None:
    async with desk(tmp_path, with_(STORED, resources={"source": "file"})) as here:
        editor = ResourceEditor(here.publisher)
        assert (await editor.with_agent("reception", 1)).agents["reception"].instructions == "Be kind."
        with pytest.raises(NoSuchResource, match="There are no drafts: the config file has the agents"):
            await editor.with_agent("reception", "draft")
