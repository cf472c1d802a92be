"""Packages that a config needs and that are not installed: named, with how they are installed."""

from typing import Any

import pytest

from controller.config import files
from tests.unit.controller.configs import SMALL, config, with_


@pytest.mark.parametrize(
    ("changes", "path", "extra"),
    [
        ({"traces": {"url": "http://127.0.0.1:4318/v1/traces"}}, "traces", "otel"),
        ({"store": {"url": "postgresql+asyncpg://voiceai@127.0.0.1/voiceai"}}, "store.url", "postgres"),
    ],
)
def test_a_missing_package_is_a_fault_of_the_key_that_needs_it(
    changes: dict[str, Any], path: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = config(with_(SMALL, **changes))
    assert files.wrong(loaded) == []
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    (fault,) = files.wrong(loaded)
    assert fault.path == path
    assert f"pip install 'PATH[{extra}]'" in str(fault)
    assert "make install EXTRAS=1" in str(fault)
