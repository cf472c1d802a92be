"""For all tests: on which kind of store they run."""

from collections.abc import Iterator

import pytest

from tests.peers import stores


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--store", choices=["sqlite", "postgresql"], default="sqlite", help="what tests keep things in")


@pytest.fixture(scope="session", autouse=True)
def store_server(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--store") == "postgresql":
        with stores.postgresql():
            yield
    else:
        yield
