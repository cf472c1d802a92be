"""Which error an answer of Asterisk is. The messages are those of res/ari/*.c."""

import pytest

from controller.ari.errors import AriError, NotFound, Refused, Unauthorized, Unavailable, refusal


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "Channel not found", NotFound),
        (404, "Bridge not found", NotFound),
        (404, "Provided variable was not found", NotFound),
        (404, "Application not found", NotFound),
        (400, "Channel not found", NotFound),  # addChannel
        (404, None, Unavailable),  # res_ari is not loaded yet: the page is not ARI's
        (404, "Resource not found", Unavailable),  # res_ari_channels is not loaded yet
        (503, "Asterisk not booted", Unavailable),
        (500, "An internal error prevented this request from being handled", Unavailable),
        (500, "Allocation failed", Unavailable),
        (400, "Invalid parameters", Refused),
        (400, None, Refused),
        (405, "Invalid method", Refused),
        (409, "Channel with given unique ID already exists", Refused),
        (412, "Channel in invalid state", Refused),
        (422, "Channel not in Stasis application", Refused),
        (403, "Unsupported channel type", Refused),  # RTP statistics of a Local channel
        (401, "Authentication required", Unauthorized),
        (403, "Write access denied", Unauthorized),
        (403, "Access denied by ACL", Unauthorized),
        (302, None, Refused),
    ],
)
def test_refusals(status: int, message: str | None, kind: type[AriError]) -> None:
    error = refusal("answer", status, message)
    assert type(error) is kind
    assert (error.operation, error.status) == ("answer", status)
    assert str(error).startswith(f"answer: {status}: ")
    assert (message or "not by ARI") in str(error)


def test_what_asterisk_quotes_is_not_repeated() -> None:
    error = refusal("redirect", 422, "Endpoint parameter '+4930'12' does not contain tech/resource")
    assert str(error) == "redirect: 422: Endpoint parameter '...' does not contain tech/resource"


def test_no_answer_has_no_status() -> None:
    assert str(Unavailable("ping", None, "refused")) == "ping: no answer: refused"
