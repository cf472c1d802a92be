"""controller.events.webhooks.signing: the published example, and every way in which a request can be not ours."""

import base64

import pytest
from hypothesis import given, strategies as st

from controller.config.models.webhook_secrets import key_of
from controller.events.webhooks.signing import Forged, headers, verify

# The example that the reference libraries of Standard Webhooks test themselves with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EXAMPLE = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'
NOW = 1614265330.7
KEY = key_of(SECRET)
OLD = b"o" * 24


def test_the_published_example() -> None:
    assert headers([KEY], EXAMPLE["webhook-id"], BODY, NOW) == EXAMPLE
    verify([KEY], EXAMPLE, BODY, NOW)


@given(
    keys=st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=3), body=st.binary(), now=st.floats(0, 4e9)
)
def test_what_is_signed_verifies_with_any_of_its_keys(keys: list[bytes], body: bytes, now: float) -> None:
    signed = headers(keys, "e-1", body, now)
    for key in keys:
        verify([key], signed, body, now)
    with pytest.raises(Forged):
        verify(keys, signed, body + b".", now)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"webhook-id": "msg_other"}, "no signature"),
        ({"webhook-timestamp": "1614265331"}, "no signature"),
        ({"webhook-timestamp": "1614264000"}, "too far"),
        ({"webhook-timestamp": "1614266000"}, "too far"),
        ({"webhook-timestamp": "-1614265330"}, "malformed"),
        ({"webhook-timestamp": "9" * 5000}, "malformed"),
        ({"webhook-timestamp": "\u0661"}, "malformed"),
        ({"webhook-id": ""}, "malformed"),
        ({"webhook-signature": ""}, "no signature"),
        ({"webhook-signature": "v1,\u00fc"}, "no signature"),
        ({"webhook-signature": EXAMPLE["webhook-signature"].replace("v1,", "v2,")}, "no signature"),
        ({"webhook-signature": EXAMPLE["webhook-signature"].replace("g0h", "G0h")}, "no signature"),
    ],
)
def test_what_is_not_ours(change: dict[str, str], why: str) -> None:
    with pytest.raises(Forged, match=why):
        verify([KEY, OLD], EXAMPLE | change, BODY, NOW)
    with pytest.raises(Forged, match="malformed"):
        verify([KEY], {}, BODY, NOW)


def test_while_a_secret_is_replaced_both_sign() -> None:
    signed = headers([KEY, OLD], "e-1", BODY, NOW)
    assert signed["webhook-signature"].count("v1,") == 2
    with pytest.raises(Forged):
        verify([b"x" * 24], signed, BODY, NOW)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        SECRET.removeprefix("whsec_"),
        "whsec_ not base64 at all, really not",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_\u00fc" + "A" * 40,
    ],
)
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and 24 to 64 bytes in base64"):
        key_of(secret)
