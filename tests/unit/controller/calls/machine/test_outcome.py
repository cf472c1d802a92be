"""What the network answers to a call that we place, and what becomes of it: every status and every cause."""

import re
from pathlib import Path

import pytest

from controller.calls.machine.outcome import Outcome, of_unanswered

DOCS = Path(__file__).parents[5] / "docs/outbound.md"
OF_ASTERISK = {404: 1, 480: 19, 486: 17, 488: 58, 503: 34, 603: 21, 302: 23, 408: 18, 403: 21}
"""The cause that Asterisk tells with a status when the network gave none."""
BY_STATUS = {
    Outcome.BUSY: {486, 600},
    Outcome.NO_ANSWER: {408, 430, 480, 487},
    Outcome.DECLINED: {403, 433, 470, 603, 607, 608},
    Outcome.INVALID_NUMBER: {404, 410, 414, 416, 484, 485, 604},
    Outcome.INCOMPATIBLE: {406, 415, 420, 421, 422, 423, 488, 493, 494, 606},
}
NAMED = {status: outcome for outcome, statuses in BY_STATUS.items() for status in statuses}
REST = {3: Outcome.REDIRECTED, 4: Outcome.TRUNK_FAULT, 5: Outcome.CONGESTION, 6: Outcome.BUSY}


@pytest.mark.parametrize("status", range(300, 700))
def test_every_status_has_an_outcome_of_the_network(status: int) -> None:
    expected = NAMED.get(status, REST[status // 100])
    assert of_unanswered(OF_ASTERISK.get(status, 127), status) is expected
    assert of_unanswered(None, status) is expected
    assert expected not in (Outcome.FAILED, Outcome.CANCELLED, Outcome.ANSWERED)


@pytest.mark.parametrize("status", [400, 403, 480, 487, 500, 503, 599])
def test_a_clear_cause_decides_where_the_status_says_little(status: int) -> None:
    assert of_unanswered(17, status) is Outcome.BUSY
    assert {of_unanswered(cause, status) for cause in (1, 22, 28)} == {Outcome.INVALID_NUMBER}


@pytest.mark.parametrize(("cause", "status"), [(1, 486), (17, 404), (17, 603), (1, 401), (28, 302)])
def test_a_clear_status_needs_no_cause(cause: int, status: int) -> None:
    assert of_unanswered(cause, status) is of_unanswered(None, status)


def test_the_documented_table_is_the_one_of_the_code() -> None:
    told = DOCS.read_text().partition("### SIP status and outcome")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([0-9, ]+) \| `(\w+)`", told, re.MULTILINE))
    assert {Outcome(name): set(map(int, statuses.split(", "))) for statuses, name in rows.items()} == BY_STATUS
    sentence = told.partition("only the cause decides:")[2].partition("; all others")[0].replace("\n", " ")
    causes: dict[int, str] = {}
    for numbers, name in re.findall(r"([0-9, to]+) `(\w+)`", sentence):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", numbers):
            causes |= dict.fromkeys(range(int(first), int(last or first) + 1), name)
    for cause in range(128):
        assert of_unanswered(cause, None) == causes.get(cause, "failed"), cause
