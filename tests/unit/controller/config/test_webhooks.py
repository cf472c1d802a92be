"""The config's `webhooks` and `call_webhooks`: what is taken, what is refused in which words, and what never shows."""

from typing import Any

import pytest

from tests.unit.controller.config.test_loader import errors_of
from tests.unit.controller.configs import SMALL, config, with_

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = {"url": "https://crm.example/hook/", "secret": SECRET}


def test_what_is_taken() -> None:
    made = config(SMALL, webhooks={"crm": HOOK}, call_webhooks={"secret": SECRET, "allowed_hosts": ["crm.example"]})
    crm = made.webhooks["crm"]
    assert (crm.url, crm.events, crm.personal, crm.timeout_s) == ("https://crm.example/hook/", (), False, 10.0)
    assert made.call_webhooks is not None
    assert SECRET not in f"{made!r} {made.redacted()}"
    assert config(SMALL).call_webhooks is None


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"secret": "geheim"}, "webhooks.crm.secret", "must be whsec_ and 24 to 64 bytes in base64"),
        ({"previous_secret": "whsec_eA=="}, "webhooks.crm.previous_secret", "24 to 64 bytes"),
        ({"url": "crm.example"}, "webhooks.crm.url", "must begin with http:// or https:// and name a host"),
        ({"url": "https://me:secret@crm.example"}, "webhooks.crm.url", "must have no user name, password or #"),
        ({"url": "https://[crm"}, "webhooks.crm.url", "is not a URL"),
        ({"url": "https://crm.example/\u00e4"}, "webhooks.crm.url", "must be plain ASCII"),
        ({"events": ["call.begun"]}, "webhooks.crm.events[0]", "there is no such event; there are: call.queued"),
        ({"allowed_hosts": ["other.example"]}, "webhooks.crm.allowed_hosts", "does not have the host of the url"),
        ({"timeout_s": 0}, "webhooks.crm.timeout_s", "must be greater than 0"),
    ],
)
def test_what_is_refused(change: dict[str, Any], path: str, message: str) -> None:
    (error,) = errors_of(with_(SMALL, webhooks={"crm": HOOK | change})).values()
    assert error.path == path
    assert message in error.message
    assert "geheim" not in str(error)
