"""What may be sent again, what an answer means, and when a stream is asked for again."""

import json
from datetime import UTC, datetime
from math import inf
from pathlib import Path

import pytest

from voiceai_client import Client, errors
from voiceai_client.continued import ContinuedStream
from voiceai_client.events import Gap
from voiceai_client.requests import (
    NOT_GIVEN,
    Request,
    again,
    checked_url,
    common_headers,
    given,
    path_of,
    problem_in,
    set_or_cleared,
)

PROBLEM = b'{"type": "/problems/at-limit", "title": "Full", "status": 429, "detail": "Later", "request_id": "r"}'


@pytest.mark.parametrize(
    ("request_", "tried", "seconds"),
    [
        (Request("GET", "/"), 1, 0.2),
        (Request("GET", "/"), 2, 0.4),
        (Request("GET", "/"), 3, None),
        (Request("POST", "/"), 1, None),
        (Request("POST", "/", idempotency_key="k"), 1, 0.2),
        (Request("DELETE", "/"), 1, None),
    ],
)
def test_only_what_does_no_harm_is_sent_again(request_: Request, tried: int, seconds: float | None) -> None:
    assert again(request_, tried) == seconds


def test_a_key_in_use_by_our_own_first_request_is_waited_for() -> None:
    in_use = errors.ConflictError(type="key-in-use", title="", status=409)
    keyed = Request("POST", "/", idempotency_key="k")
    assert again(keyed, 1, in_use) is None
    assert again(keyed, 2, in_use) == 0.4
    assert again(Request("GET", "/"), 2, errors.UnavailableError(type="not-ready", title="", status=503)) is None


@pytest.mark.parametrize(
    ("status", "kind"), [(400, errors.BadRequestError), (404, errors.NotFoundError), (418, errors.ProblemError)]
)
def test_the_class_of_a_problem_follows_from_the_status(status: int, kind: type[Exception]) -> None:
    assert type(problem_in(Request("GET", "/"), status, {}, PROBLEM)) is kind


def test_a_problem_has_all_that_the_api_tells() -> None:
    problem = problem_in(Request("GET", "/"), 429, {"retry-after": "5"}, PROBLEM)
    assert isinstance(problem, errors.RateLimitedError)
    assert (problem.type, problem.retry_after, problem.request_id, str(problem)) == (
        "at-limit",
        5.0,
        "r",
        "Full: Later",
    )
    assert problem_in(Request("GET", "/", fine=(503,)), 503, {}, b"") is None


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"{}", b'{"type": 5}'])
def test_what_voiceai_never_answers_is_told_apart(content: bytes) -> None:
    assert isinstance(problem_in(Request("GET", "/"), 502, {}, content), errors.UnexpectedAnswerError)


def test_paths_and_values() -> None:
    assert (
        path_of("/v1/calls/{id}/participants/{leg}", id="a/b", leg="c?d é")
        == "/v1/calls/a%2Fb/participants/c%3Fd%20%C3%A9"
    )
    assert given({"a": None, "b": (1, 2), "c": {"d": datetime(2026, 1, 1, tzinfo=UTC)}}) == {
        "b": [1, 2],
        "c": {"d": "2026-01-01T00:00:00+00:00"},
    }
    assert set_or_cleared({"a": None, "b": NOT_GIVEN}) == {"a": None}
    with pytest.raises(ValueError, match="time zone"):
        given({"at": datetime(2026, 1, 1)})
    for part in ("", ".", ".."):
        with pytest.raises(ValueError, match="id must be"):
            path_of("/v1/calls/{id}", id=part)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8080", "ftp://a", "http://", "http://u:p@a", "http://a/?b", "http://a/#b"]
)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="url must be"):
        checked_url(url)


@pytest.mark.parametrize("key", ["a\nb", "\u00e9"])
def test_a_header_that_cannot_be_sent(key: str) -> None:
    with pytest.raises(ValueError, match="Idempotency-Key must be"):
        _ = Request("POST", "/", idempotency_key=key).all_headers


def test_a_ca_file_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ValueError, match=f"{name} can't be used"):
            Client("https://127.0.0.1", "token", ca_file=tmp_path / name)


def test_the_text_of_a_problem_names_the_faults() -> None:
    told = [{"pointer": "/to", "detail": "too short"}, {"pointer": "", "detail": "too large"}]
    content = json.dumps({"type": "/problems/malformed-request", "title": "Malformed", "errors": told}).encode()
    problem = problem_in(Request("GET", "/"), 400, {}, content)
    assert str(problem) == "Malformed (/to: too short; too large)"


@pytest.mark.parametrize("token", ["", "a b", "sécret", "a\r\nX: y"])
def test_a_token_that_is_none_is_not_repeated(token: str) -> None:
    with pytest.raises(ValueError, match="token must be") as caught:
        common_headers(token)
    assert not token or token not in str(caught.value)


def event(number: int) -> bytes:
    data = {"call": "c", "attempt": 1, "number": number, "state": "talking"}
    told = {"id": f"e-{number}", "type": "call.adopted", "timestamp": "2026-01-01T00:00:00Z", "data": data}
    return f"id: e-{number}\nevent: call.adopted\ndata: {json.dumps(told)}\n\n".encode()


def continued(*, one_call: bool = False, bound: float = 10.0, last: str | None = None) -> ContinuedStream:
    return ContinuedStream(Request("GET", "/v1/events"), last, bound, one_call=one_call)


def test_a_stream_goes_on_behind_what_was_returned() -> None:
    stream = continued()
    assert stream.next_request().headers == {}
    assert list(stream.opened()) == []
    assert len(list(stream.feed(event(1) + event(2)[:-1]))) == 1
    assert stream.last_event_id == "e-1"
    assert stream.delay(0.0) is not None
    assert stream.next_request().headers == {"Last-Event-ID": "e-1"}
    assert list(stream.opened()) == []


def test_without_a_place_what_was_missed_is_a_gap() -> None:
    stream = continued()
    stream.next_request()
    list(stream.opened())
    assert stream.delay(0.0) is not None
    assert stream.next_request().headers == {}
    assert list(stream.opened()) == [Gap(None, None)]


def test_the_servers_gap_and_overflow() -> None:
    stream = continued(last="old-1")
    assert stream.next_request().headers == {"Last-Event-ID": "old-1"}
    list(stream.opened())
    sent = b'event: gap\ndata: {"asked": "old-1", "oldest": "e-9"}\n\nevent: overflow\ndata: {}\n\n'
    assert list(stream.feed(sent)) == [Gap("old-1", "e-9")]


def test_the_first_connection_is_tried_as_any_request_and_a_lost_one_until_the_bound() -> None:
    stream = continued()
    assert [stream.delay(at) for at in (0.0, 1.0, 2.0)] == [0.2, 0.4, None]
    stream = continued()
    list(stream.opened())
    found = [stream.delay(at) for at in (0.0, 5.0, 9.0)]
    assert all(each is not None and 0.25 <= each <= 2.0 for each in found)
    assert stream.delay(10.0) is None
    forever = continued(bound=inf)
    list(forever.opened())
    assert [forever.delay(at) is None for at in (0.0, 1e9)] == [False, False]
    assert 15.0 <= ([forever.delay(1e9) for _ in range(20)][-1] or 0) <= 30.0


def test_what_coming_back_does_not_mend_ends_the_stream_and_retry_after_is_heeded() -> None:
    stream = continued()
    list(stream.opened())
    assert stream.delay(0.0, errors.UnauthorizedError(type="unauthorized", title="", status=401)) is None
    full = errors.UnavailableError(type="too-many-streams", title="", status=503, retry_after=9.0)
    assert stream.delay(0.0, full) == 9.0


def test_a_server_that_only_opens_the_stream_is_given_up() -> None:
    stream = continued()
    for at in (0.0, 4.0, 8.0):
        stream.next_request()
        list(stream.opened())
        list(stream.feed(b"retry: 2000\n\n"))
        assert stream.delay(at) is not None
    assert stream.delay(12.0) is None


def test_the_stream_of_a_call_ends_when_nothing_came_twice() -> None:
    stream = continued(one_call=True)
    stream.next_request()
    list(stream.feed(event(1)))
    assert not stream.is_over()
    stream.next_request()
    assert not stream.is_over()
    stream.next_request()
    assert stream.is_over()
    assert not continued().is_over()
