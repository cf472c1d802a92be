"""What a process of a plain installation loads at its start: what only others use costs memory in each of them."""

import subprocess
import sys

import pytest

CONTROLLER = "import sys; sys.argv = ['voiceai', 'serve']; from controller.cli import __main__ as it; it._serve()"
WORKER = "import bridge.worker.__main__"
SHOW = "; import sys; print(*(name for name, module in sys.modules.items() if module))"


@pytest.mark.parametrize(
    ("start", "needed", "unneeded"),
    [
        (
            CONTROLLER,
            {"controller.app", "sqlalchemy", "aiohttp"},
            {"alembic", "asyncpg", "click", "controller.cli.doctor", "controller.cli.main", "joserfc", "jsonschema"}
            | {"numpy", "opentelemetry", "pygments", "rich", "sqlalchemy.dialects.postgresql"},
        ),
        (WORKER, {"bridge.worker.process", "numpy"}, {"aiohttp", "jinja2", "prometheus_client", "rich", "sqlalchemy"}),
    ],
    ids=["controller", "worker"],
)
def test_nothing_that_a_plain_installation_does_not_use_is_loaded(
    start: str, needed: set[str], unneeded: set[str]
) -> None:
    done = subprocess.run([sys.executable, "-c", start + SHOW], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(done.stdout.split())
    assert needed <= loaded
    assert not unneeded & loaded
