"""What `voiceai check-config` warns of."""

import pytest

from controller.cli.config_file import warnings
from tests.unit.controller.configs import SMALL, config

POSTGRESQL, SQLITE = "postgresql+asyncpg://u@h/db", "sqlite+aiosqlite:///x"


@pytest.mark.parametrize(
    ("cluster", "store", "warned"),
    [("redis://db", SQLITE, True), ("redis://db", POSTGRESQL, False), (None, SQLITE, False)],
)
def test_a_cluster_on_sqlite_is_warned_of(cluster: str | None, store: str, warned: bool) -> None:
    found = warnings(config(SMALL, cluster__url=cluster, store__url=store))
    assert ["PostgreSQL" in each for each in found] == [True] * warned
