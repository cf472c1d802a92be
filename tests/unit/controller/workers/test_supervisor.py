"""What a worker process gets of the controller's environment."""

import pytest

from controller.workers.supervisor import environment


@pytest.mark.parametrize(
    "name",
    [
        "ARI_PASSWORD",
        "VOICEAI_API_TOKEN",
        "VOICEAI_BRIDGE_TOKEN",
        "OPENAI_API_KEY",
        "TRUNK_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
        "PGPASSWORD",
        "DATABASE_URL",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "MY_PATH_SECRET",
        "HOME_TOKEN",
        "",
    ],
)
def test_no_secret_is_handed_on(name: str) -> None:
    assert environment({name: "x"}) == {}


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "PYTHONPATH", "VOICEAI_LOG"],
)
def test_what_a_program_needs_is(name: str) -> None:
    assert environment({name: "x"}) == {name: "x"}
