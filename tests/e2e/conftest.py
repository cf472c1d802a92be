"""A real Asterisk for the end-to-end tests.

`asterisk` is shared by the whole session: leave no channel behind. `own_asterisk` belongs to one test, which may
kill it. Both are removed at the end, folder and passwords included.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.installation import end_shared
from tests.peers.asterisk import Asterisk, instance


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What tests share lives in one event loop."""
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _ended_with_the_file() -> AsyncIterator[None]:
    yield
    await end_shared()


@pytest.fixture(scope="session")
def asterisk() -> Iterator[Asterisk]:
    with instance(f"e2e-{os.getpid()}") as running:
        yield running


@pytest.fixture
def own_asterisk() -> Iterator[Asterisk]:
    with instance(f"e2e-{os.getpid()}-own") as running:
        yield running
