"""The config file read again: what counts at once, tokens exchanged, nothing at all after an error."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from controller import config as configs
from controller.api.auth.authenticator import Authenticator
from controller.api.problems import Problem
from controller.api.token_exchange import exchange_tokens
from controller.cli import config_file
from controller.config import Config, ConfigErrors
from controller.store.database import Database, StoreError
from controller.versions.publisher import Publisher, told
from controller.versions.repository import VersionStore
from tests.unit.controller.configs import ENV, SMALL, with_

ADA, BEN = "ada-Hunter2-0123456789", "ben-Hunter2-0123456789"


def token(name: str, secret: str, *scopes: str) -> dict[str, Any]:
    return {"name": name, "token": secret, "scopes": list(scopes or ("read",))}


class Rig:
    def __init__(self, folder: Path, database: Database) -> None:
        self.file = folder / "config.yaml"
        self.write(token("ada", ADA), token("ben", BEN))
        first = self.read()
        self.keeper = Authenticator(first.config.api.tokens, first.config.api.rate)
        self.publisher = Publisher(first, VersionStore(database), self.read, shared=False)
        self.publisher.applied = self._applied

    async def _applied(self, before: Config, after: Config) -> None:
        exchange_tokens(self.keeper, before.api, after.api)

    def write(self, *tokens: Any, **changes: Any) -> None:
        self.file.write_text(yaml.safe_dump(with_(SMALL, api__tokens=list(tokens), **changes), sort_keys=False))

    def read(self) -> configs.ConfigFile:
        return configs.load_file(self.file, ENV)

    def known(self, secret: str) -> bool:
        try:
            self.keeper.known(secret, make_mocked_request("GET", "/"))
        except Problem:
            return False
        return True


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Database(f"sqlite+aiosqlite:///{tmp_path}/voiceai.sqlite3") as database:
        made = Rig(tmp_path, database)
        await made.publisher.start()
        yield made


async def test_a_token_that_is_gone_opens_nothing_and_a_new_one_does(rig: Rig) -> None:
    bucket = rig.keeper.known(ADA, make_mocked_request("GET", "/")).bucket
    rig.write(token("ada", ADA), token("eve", "eve-Hunter2-0123456789"))
    with capture_logs() as logs:
        assert (await rig.publisher.reload()).changed == ("api.tokens",)
    assert [rig.known(each) for each in (ADA, BEN, "eve-Hunter2-0123456789")] == [True, False, True]
    assert rig.keeper.known(ADA, make_mocked_request("GET", "/")).bucket is bucket, "no way to ask more often"
    assert (logs[-1]["new"], logs[-1]["gone"]) == (["eve"], ["ben"])
    assert (await rig.publisher.reload()).changed == ()


async def test_a_name_with_another_secret_or_other_scopes_is_told(rig: Rig) -> None:
    other = "ada-Hunter2-9876543210"
    rig.write(token("ada", other), token("ben", BEN, "call"))
    with capture_logs() as logs:
        assert (await rig.publisher.reload()).changed == ("api.tokens",)
    assert [rig.known(each) for each in (ADA, other, BEN)] == [False, True, True]
    told = {name: logs[-1][name] for name in ("new", "gone", "other_secret", "other_scopes")}
    assert told == {"new": [], "gone": [], "other_secret": ["ada"], "other_scopes": ["ben"]}
    assert "Hunter2" not in str(logs)


@pytest.mark.parametrize(
    "broken",
    [
        "api: [",
        "",
        "\x00",
        "[" * 5000,
        "api: {tokens: []}",
        yaml.safe_dump(with_(SMALL, api__tokens=[token("ada", ADA), token("ada", BEN)], agents__reception__voise="x")),
        yaml.safe_dump(with_(SMALL, api__tokens=[token("ada", ADA, "everything")], openai__api_key="${NOT_SET}")),
    ],
)
async def test_a_file_with_errors_changes_nothing_and_all_of_them_are_told(rig: Rig, broken: str) -> None:
    before = rig.publisher.current.config
    rig.file.write_text(broken)
    with pytest.raises(ConfigErrors) as refused:
        await rig.publisher.reload()
    assert rig.publisher.current.config is before
    assert rig.known(ADA)
    assert rig.known(BEN)
    with capture_logs() as logs:
        told("the config file has errors: nothing was changed", refused.value)
    assert len(logs) == 1 + logs[0]["errors"]
    assert all(each["log_level"] == "error" for each in logs)
    assert "Hunter2" not in str(logs)
    with pytest.raises(ConfigErrors) as errors:
        rig.read()
    assert [each["wrong"] for each in logs[1:]] == [each.message for each in errors.value.errors]


async def test_a_file_that_is_gone_changes_nothing(rig: Rig) -> None:
    rig.file.unlink()
    with pytest.raises(ConfigErrors):
        await rig.publisher.reload()
    assert rig.known(BEN)


async def test_what_counts_at_once_and_what_after_a_restart(rig: Rig) -> None:
    changes = {"api__listen": "127.0.0.1:1", "limits__max_calls": 3, "agents__reception__instructions": "Be rude."}
    rig.write(token("ada", ADA), token("ben", BEN), **changes)
    told_of = await rig.publisher.reload()
    assert told_of.changed == ("agents.reception", "limits")
    assert told_of.restart == ("api.listen",)
    now = rig.publisher.current.config
    assert (now.agents["reception"].instructions, now.limits.max_calls) == ("Be rude.", 3)
    assert now.api.listen.port == 8080, "what is in force is told, and not what will be"
    assert (await rig.publisher.reload()).restart == ("api.listen",)


async def test_each_load_that_changes_an_agent_is_a_version(rig: Rig) -> None:
    versions = [rig.publisher.current.config.agent_versions["reception"]]
    for text in ("Be rude.", "Be rude.", "Be kind again."):
        rig.write(token("ada", ADA), agents__reception__instructions=text)
        await rig.publisher.reload()
        versions.append(rig.publisher.current.config.agent_versions["reception"])
    assert versions == [1, 2, 2, 3]


async def test_a_store_that_is_away_keeps_no_change_from_counting(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: object) -> None:
        raise StoreError("away")

    rig.write(token("ada", ADA), agents__reception__instructions="Be rude.")
    with monkeypatch.context() as patched:
        patched.setattr(VersionStore, "writing", away)
        await rig.publisher.reload()
    now = rig.publisher.current.config
    assert (now.agents["reception"].instructions, now.agent_versions) == ("Be rude.", {})
    await rig.publisher._look()
    assert rig.publisher.current.config.agent_versions == {"reception": 2}


def test_what_would_never_end_is_not_read_for_reload(tmp_path: Path) -> None:
    pipe, device = tmp_path / "pipe", tmp_path / "device"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for odd in (pipe, device):
        with pytest.raises(ConfigErrors, match="not a regular file"):
            config_file.read_again(odd)
    with pytest.raises(ConfigErrors, match="can't be read"):
        config_file.read_again(tmp_path / "missing")


def test_a_config_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="larger than 4 MiB"):
        configs.load("/dev/zero", ENV)
