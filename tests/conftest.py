"""For all tests: on which kind of store they run, and that no property is judged by the speed of the machine."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.peers import stores

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", choices=["sqlite", "postgresql"], default="sqlite", help="what tests keep things in")


@pytest.fixture(scope="session", autouse=True)
def store_server(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--store") == "postgresql":
        with stores.postgresql():
            yield
    else:
        yield
