"""What may be sent at all: ids, variable names, app arguments, URLs."""

import pytest
from hypothesis import given, strategies as st

from controller.ari import transport
from controller.ari.errors import BadArgument


@pytest.mark.parametrize(
    "value", ["1700000000.12", "pbx-1700000000.12", "call-2b1f3a52-x-media", "call-1;2", "a@b:c", "trunk", "x" * 149]
)
def test_ids_that_are_used(value: str) -> None:
    assert transport.checked_id("channel", value) == value
    assert "/" not in transport.segment("channel", value)


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "a/b", "a/../b", "a?b", "a#b", "a b", "a\nb", "a\r\nX: y", "é", "%2e", "a&b", "x" * 150, "\x00"],
)
def test_ids_that_are_refused(value: str) -> None:
    with pytest.raises(BadArgument):
        transport.checked_id("channel", value)


@given(st.text())
def test_an_id_never_leaves_its_segment(value: str) -> None:
    try:
        quoted = transport.segment("channel", value)
    except BadArgument:
        return
    assert quoted not in ("", ".", "..")
    assert not set("/?#&\\ \r\n") & set(quoted)


@pytest.mark.parametrize("name", ["VOICEAI_CALL", "__INH", "CDR(ai_session)", "CALLERID(num)", "PJSIP_HEADER(add,X-A)"])
def test_variable_names(name: str) -> None:
    assert transport.checked_variable(name) == name


@pytest.mark.parametrize("name", ["", "1A", "A B", "A\n", "A(b", "A(b)c", "A(b\n)", "${A}", "A=B", "A&B"])
def test_variable_names_that_are_refused(name: str) -> None:
    with pytest.raises(BadArgument):
        transport.checked_variables({name: "x"})


def test_what_is_not_given_is_not_sent_and_control_characters_never_are() -> None:
    assert transport.given(a="x", b=None, c=False, d=0) == {"a": "x", "c": False, "d": 0}
    for bad in ("a\r\nX-Evil: 1", "a\x00", "a\x7f"):
        with pytest.raises(BadArgument, match="callerId"):
            transport.given(callerId=bad)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8088/ari", "http://127.0.0.1:8088/ari/", "https://pbx/ari", "http://[::1]:8088/ari"]
)
def test_urls(url: str) -> None:
    assert transport.checked_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8088",
        "ftp://x/ari",
        "http://",
        "http://user:secret@x/ari",
        "http://x/ari?a=b",
        "http://x:99999/ari",
        "http://x:y/",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(BadArgument) as caught:
        transport.checked_url(url)
    assert "secret" not in str(caught.value)
