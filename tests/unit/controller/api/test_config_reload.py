"""controller.api.config_reload: the file read again, tokens exchanged, nothing at all after an error."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from controller import config as configs
from controller.api.auth.authenticator import Authenticator
from controller.api.config_reload import ConfigReload
from controller.api.problems import Problem
from controller.cli import main
from controller.config.errors import ConfigErrors
from tests.unit.controller.configs import ENV, SMALL, with_

ADA, BEN = "ada-Hunter2-0123456789", "ben-Hunter2-0123456789"


def token(name: str, secret: str, *scopes: str) -> dict[str, Any]:
    return {"name": name, "token": secret, "scopes": list(scopes or ("read",))}


class Rig:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "config.yaml"
        self.write(token("ada", ADA), token("ben", BEN))
        first = self.read()
        self.keeper = Authenticator(first.api.tokens, first.api.rate)
        self.reload = ConfigReload(self.read, first, self.keeper)

    def write(self, *tokens: Any, **changes: Any) -> None:
        self.file.write_text(yaml.safe_dump(with_(SMALL, api__tokens=list(tokens), **changes), sort_keys=False))

    def read(self) -> configs.Config:
        return configs.load(self.file, ENV)

    def known(self, secret: str) -> bool:
        try:
            self.keeper.known(secret, make_mocked_request("GET", "/"))
        except Problem:
            return False
        return True


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_token_that_is_gone_opens_nothing_and_a_new_one_does(rig: Rig) -> None:
    bucket = rig.keeper.known(ADA, make_mocked_request("GET", "/")).bucket
    rig.write(token("ada", ADA), token("eve", "eve-Hunter2-0123456789"))
    with capture_logs() as logs:
        assert await rig.reload.run() == "changed"
    assert [rig.known(each) for each in (ADA, BEN, "eve-Hunter2-0123456789")] == [True, False, True]
    assert rig.keeper.known(ADA, make_mocked_request("GET", "/")).bucket is bucket, (
        "reading again is no way to ask more often"
    )
    assert (logs[0]["new"], logs[0]["gone"]) == (["eve"], ["ben"])
    assert await rig.reload.run() == "same"


async def test_a_name_with_another_secret_or_other_scopes_is_told(rig: Rig) -> None:
    other = "ada-Hunter2-9876543210"
    rig.write(token("ada", other), token("ben", BEN, "call"))
    with capture_logs() as logs:
        assert await rig.reload.run() == "changed"
    assert [rig.known(each) for each in (ADA, other, BEN)] == [False, True, True]
    told = {name: logs[0][name] for name in ("new", "gone", "other_secret", "other_scopes")}
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
    rig.file.write_text(broken)
    with capture_logs() as logs:
        assert await rig.reload.run() == "refused"
    assert rig.known(ADA)
    assert rig.known(BEN)
    assert logs[0]["event"] == "the config file has errors: nothing was changed"
    assert len(logs) == 1 + logs[0]["errors"]
    assert all(each["log_level"] == "error" for each in logs)
    assert "Hunter2" not in str(logs)
    with pytest.raises(configs.ConfigErrors) as errors:
        rig.read()
    assert [each["wrong"] for each in logs[1:]] == [each.message for each in errors.value.errors]


async def test_a_file_that_is_gone_or_breaks_the_reader_changes_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.file.unlink()
    assert await rig.reload.run() == "refused"
    monkeypatch.setattr(rig.reload, "_read", lambda: [].pop())
    assert await rig.reload.run() == "refused"
    assert rig.known(BEN)


async def test_what_counts_only_after_a_restart_is_said(rig: Rig) -> None:
    rig.write(
        token("ada", ADA), token("ben", BEN), api__listen="127.0.0.1:1", agents__reception__instructions="Be rude."
    )
    with capture_logs() as logs:
        assert await rig.reload.run() == "same"
    assert logs[0]["keys"] == ["agents", "api.listen"]


def test_what_would_never_end_is_not_read_for_reload(tmp_path: Path) -> None:
    pipe, device = tmp_path / "pipe", tmp_path / "device"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for odd in (pipe, device):
        with pytest.raises(ConfigErrors, match="not a regular file"):
            main._read_for_reload(odd)
    with pytest.raises(ConfigErrors, match="can't be read"):
        main._read_for_reload(tmp_path / "missing")


def test_a_config_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="larger than 4 MiB"):
        configs.load("/dev/zero", ENV)
