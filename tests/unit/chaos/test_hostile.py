"""What excuses a gap, what is held against an installation, and whether hostile values follow from their seed."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos import (
    hostile_dialogs,
    hostile_frames,
    hostile_monologues,
    hostile_sip,
    hostile_values as odd,
    hostile_verdict,
)
from tests.chaos.callers import Visit
from tests.chaos.machine_load import Sample, busy_machine, starved_test
from tests.chaos.missed_audio import Heard, Hole

BUSY, QUIET = Sample(10.0, waited=0.05, others=1.5), Sample(10.0, waited=0.01, others=1.5)
OURS = Sample(10.0, waited=0.5, others=0.1)


@pytest.mark.parametrize(("sample", "excused"), [(BUSY, True), (QUIET, False), (OURS, False)])
def test_only_the_work_of_others_excuses_a_gap(sample: Sample, excused: bool) -> None:
    assert busy_machine([sample], 9.9, 10.0) is excused


@pytest.mark.parametrize(
    ("test_waited", "others", "test_used", "excused"),
    [(0.08, 1.5, 0.2, True), (0.04, 1.5, 0.2, False), (0.08, 0.3, 0.0, False), (0.08, 1.0, 0.8, False)],
)
def test_a_test_that_stood_still_for_others_cannot_tell_what_was_heard(
    test_waited: float, others: float, test_used: float, excused: bool
) -> None:
    samples = [Sample(10 + n / 10, 0.0, others, 0.0, test_waited, test_used) for n in range(40)]
    assert starved_test(samples, 10.0, 13.5) is excused
    deaf = hostile_verdict.of_innocents([visit(first=0.0, began=10.0, ended=13.5)], samples)
    assert deaf == ([] if excused else ["49 never heard the agent"])
    assert not starved_test(samples, 20.0, 21.0)
    assert not starved_test([], 10.0, 11.0)


def test_a_busy_machine_at_another_time_excuses_nothing() -> None:
    assert not busy_machine([BUSY], 12.0, 12.1)
    assert not busy_machine([], 9.9, 10.0)


def visit(
    outcome: str = "done", first: float = 1.0, holes: tuple[Hole, ...] = (), began: float = 0.0, ended: float = 10.0
) -> Visit:
    return Visit("49", began, ended, outcome, Heard(first, 9.9, holes, 0.02))


def test_what_innocent_callers_may_complain_of() -> None:
    assert hostile_verdict.of_innocents([visit()], []) == []
    gap = visit(holes=(Hole(9.9, 0.1),))
    assert hostile_verdict.of_innocents([gap], []) == ["49 heard nothing for 100 ms at 9.90"]
    assert hostile_verdict.of_innocents([gap], [BUSY]) == []
    assert hostile_verdict.of_innocents([visit("left")], [OURS]) == ["49: left "]
    assert hostile_verdict.of_innocents([visit(first=0.0)], [BUSY]) == ["49 never heard the agent"]


def test_a_log_without_faults_and_with(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("{}\n")
    started = [{"event": "worker started"}] * 2
    assert hostile_verdict.in_log(started, log, 2) == []
    assert hostile_verdict.in_log([*started, *started], log, 2) == ["2 workers were started"]
    log.write_text("{}\nTraceback (most recent call last):\n")
    lost = [{"event": "worker started"}, {"event": "worker lost"}, {"event": "x", "exception": "Traceback …"}]
    assert len(hostile_verdict.in_log(lost, log, 0)) == 4


def test_a_worker_that_others_starved_is_not_held_against_us(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    started = [{"event": "worker started", "worker": name} for name in ("w1", "w2", "w2")]
    lost = {"event": "worker lost", "worker": "w2", "timestamp": "1970-01-01T00:00:10Z"}
    long = Sample(10.0, waited=0.9, others=1.5)
    for samples, starved, found in (([long], ["w2"], 0), ([BUSY], [], 2), ([OURS], [], 2)):
        assert hostile_verdict.starved_workers([*started, lost], samples) == starved
        assert len(hostile_verdict.in_log([*started, lost], log, 2, starved)) == found


def test_a_seed_gives_the_same_values() -> None:
    once, again = ([odd.dumps(odd.value(random.Random(seed))) for seed in range(200)] for _ in range(2))
    assert once == again
    assert all(each.isascii() for each in once)


def test_mutated_trees_differ_and_can_be_written() -> None:
    given = {"type": "error", "error": {"code": "x", "list": [1, 2]}}
    made = {odd.dumps(odd.mutated(random.Random(seed), given)) for seed in range(100)}
    assert len(made) > 50


@pytest.mark.parametrize("seed", range(30))
def test_every_hostile_request_is_a_datagram_and_can_be_read_again(seed: int) -> None:
    chance = random.Random(seed)
    dialog = hostile_sip.Dialog("id", "127.0.0.1:5060", 5061, "6660", f"{chance.choice(hostile_sip.NAMES)}<sip:a@b>")
    raw = dialog.request("INVITE", hostile_sip.odd_headers(chance), hostile_sip.odd_sdp(chance, 9))
    assert hostile_sip.field(raw, "Call-ID") == "id"
    assert hostile_sip.status_of(hostile_sip.answer(raw, "200 OK")) == 200


@pytest.mark.parametrize("story", hostile_monologues.STORIES)
def test_every_story_can_be_told(story: Callable[[random.Random, str, str], hostile_monologues.Story]) -> None:
    for seed in range(5):
        told = [odd.dumps(event) for event in story(random.Random(seed), "resp_1", "item_1")]
        assert told == [odd.dumps(event) for event in story(random.Random(seed), "resp_1", "item_1")] != []
        assert all(each.isascii() for each in told)


def test_frames_of_a_hostile_server() -> None:
    assert hostile_frames.frame(hostile_frames.TEXT, b"ab") == b"\x81\x02ab"
    assert hostile_frames.frame(hostile_frames.PING, bytes(300), end=False, reserved=4)[:4] == b"\x49\x7e\x01\x2c"
    for seed in range(50):
        assert hostile_frames.odd_frames(random.Random(seed), b"{}")
    assert hostile_frames.flood(random.Random(1), "r", "i")


@pytest.mark.parametrize("kind", hostile_dialogs.KINDS)
def test_what_a_telephone_sends_within_a_call(
    kind: Callable[[random.Random, hostile_sip.Dialog, int], list[bytes]],
) -> None:
    for seed in range(5):
        dialog = hostile_sip.Dialog("id", "127.0.0.1:5060", 5061, "6660", "<sip:a@b>")
        sent = kind(random.Random(seed), dialog, 9)
        assert sent
        assert all(hostile_sip.field(each, "Call-ID") == "id" and len(each) < 65_000 for each in sent)
