"""Which requests the client's `webhooks.verify` believes: those that the controller signs, and no others."""

import json

import pytest
from hypothesis import given, strategies as st

from controller.config.models import webhook_secrets
from controller.events.webhooks import signing
from voiceai_client import webhooks
from voiceai_client.events import UnknownEvent
from voiceai_client.models import CallAnswered

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "QUJD" * 8
NOW = 1_800_000_000.0
DATA = {"call": "c1", "attempt": 1, "number": 3, "after_s": 1.25}
BODY = json.dumps(
    {"id": "e-1", "type": "call.answered", "timestamp": "2026-11-23T05:58:59.301Z", "data": DATA}
).encode()


def signed(body: bytes = BODY, secret: str = SECRET, now: float = NOW) -> dict[str, str]:
    return signing.headers([webhook_secrets.key_of(secret)], "e-1", body, now)


def test_what_the_controller_signed_is_the_event() -> None:
    event = webhooks.verify(SECRET, signed(), BODY, now=NOW)
    assert isinstance(event, CallAnswered)
    assert (event.id, event.data.call, event.data.after_s) == ("e-1", "c1", 1.25)


def test_names_of_headers_are_of_any_case_and_the_body_may_be_text() -> None:
    shouted = {name.title(): text for name, text in signed().items()}
    assert webhooks.verify(SECRET, shouted, BODY.decode(), now=NOW).type == "call.answered"


@pytest.mark.parametrize("secrets", [[OTHER, SECRET], (SECRET, OTHER)])
def test_any_of_several_secrets_fits_while_one_is_replaced(secrets: list[str]) -> None:
    assert webhooks.verify(secrets, signed(), BODY, now=NOW).id == "e-1"
    both = signed() | {"webhook-signature": f"v1,AAAA {signed()['webhook-signature']} v1a,x"}
    assert webhooks.verify(SECRET, both, BODY, now=NOW).id == "e-1"


def test_an_event_of_a_later_version() -> None:
    body = BODY.replace(b"call.answered", b"call.levitated")
    event = webhooks.verify(SECRET, signed(body), body, now=NOW)
    assert isinstance(event, UnknownEvent)
    assert event.data == DATA


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"webhook-id": ""}, webhooks.MissingHeaderError),
        ({"webhook-signature": ""}, webhooks.MissingHeaderError),
        ({"webhook-timestamp": "soon"}, webhooks.MalformedTimestampError),
        ({"webhook-timestamp": "١٢٣"}, webhooks.MalformedTimestampError),
        ({"webhook-timestamp": "9" * 16}, webhooks.MalformedTimestampError),
        ({"webhook-timestamp": str(int(NOW) - 301)}, webhooks.TimestampTooOldError),
        ({"webhook-timestamp": str(int(NOW) + 301)}, webhooks.TimestampTooNewError),
        ({"webhook-timestamp": str(int(NOW) - 1)}, webhooks.SignatureError),
        ({"webhook-id": "e-2"}, webhooks.SignatureError),
        ({"webhook-signature": "v1,é"}, webhooks.SignatureError),
        ({"webhook-signature": "v2," + signed()["webhook-signature"][3:]}, webhooks.SignatureError),
    ],
)
def test_each_failure_has_its_error(changed: dict[str, str], error: type[webhooks.WebhookError]) -> None:
    with pytest.raises(error) as caught:
        webhooks.verify(SECRET, signed() | changed, BODY, now=NOW)
    assert type(caught.value) is error


def test_another_secret_and_another_tolerance() -> None:
    with pytest.raises(webhooks.SignatureError):
        webhooks.verify(OTHER, signed(), BODY, now=NOW)
    assert webhooks.verify(SECRET, signed(), BODY, 1000, now=NOW + 999).id == "e-1"
    with pytest.raises(webhooks.TimestampTooOldError):
        webhooks.verify(SECRET, signed(), BODY, 1, now=NOW + 2)


@given(st.binary(max_size=200))
def test_a_body_that_is_no_event_is_told_apart(body: bytes) -> None:
    with pytest.raises(webhooks.MalformedBodyError):
        webhooks.verify(SECRET, signed(body), body, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_QUJD", SECRET[6:], "whsec_!!!!", []])
def test_a_secret_that_is_none_is_the_programs_fault(secret: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        webhooks.verify(secret, signed(), BODY, now=NOW)
