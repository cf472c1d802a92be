"""What the log says when Valkey answers with an error."""

import pytest
from redis.exceptions import AuthenticationError, ConnectionError, DataError, NoPermissionError, ResponseError

from controller.cluster.port import BackendError
from controller.cluster.valkey_connection import ValkeyConnection
from controller.config import cluster_url


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ResponseError("MISCONF disk\r\nfull"),
            'ResponseError: MISCONF disk full: it can\'t save to its disk; repair that, or set `save ""`',
        ),
        (
            NoPermissionError("no permissions to access a key"),
            "NoPermissionError: no permissions to access a key: give the user of `cluster.url` the rights ~{test}* "
            "+@all -@admin",
        ),
        (
            AuthenticationError("invalid username-password pair"),
            "AuthenticationError: invalid username-password pair: set the user and password in `cluster.url`",
        ),
        (
            ResponseError(
                "Command # 1 (SET s3cret) of pipeline caused error: unknown, with args beginning with: 's3cret'"
            ),
            "ResponseError: unknown",
        ),
        (ResponseError("x" * 5000), "ResponseError: " + "x" * 200),
        (ResponseError(), "ResponseError"),
        (DataError("s3cret"), "DataError"),
        (ConnectionError("s3cret"), "ConnectionError"),
        (OSError("s3cret"), "OSError"),
    ],
)
async def test_the_server_s_answer_is_told_and_nothing_that_was_sent(error: Exception, reason: str) -> None:
    connection = ValkeyConnection(cluster_url.parse("redis://127.0.0.1:1"), "test")
    with pytest.raises(BackendError) as told, connection.asking():
        raise error
    assert str(told.value) == reason
