"""Who closes the connection before it is answered has made no internal error."""

from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.testing import capture_logs

from controller.api.problems import answer_problems


@pytest.mark.parametrize(
    ("fault", "closing", "errors"),
    [
        (ConnectionResetError("Cannot write to closing transport"), True, 0),
        (ConnectionResetError("of the store"), False, 1),
        (ValueError("of ours"), True, 1),
    ],
)
async def test_only_a_connection_that_is_closed_excuses_a_failure(fault: Exception, closing: bool, errors: int) -> None:
    async def fails(_: web.Request) -> web.StreamResponse:
        raise fault

    request = make_mocked_request("GET", "/v1/events", transport=Mock(is_closing=lambda: closing))
    with capture_logs() as lines:
        await answer_problems(request, fails)
    assert sum(line["log_level"] == "error" for line in lines) == errors
