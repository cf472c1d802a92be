"""Whether Asterisk reaches a worker, when that is checked, and who gets a call meanwhile."""

from typing import Any, cast

from aiohttp import web

from controller.workers.reachability import FIRST_DELAY, LAST_DELAY, Reachability
from controller.workers.worker import Worker
from controller.workers.worker_choice import choose, with_room


def test_one_that_a_call_did_not_reach_is_checked_at_once_and_comes_back() -> None:
    media = Reachability(check_due=None)
    assert media.call_failed("refused", 10.0)
    assert (media.reached, media.check_due) == (False, 10.0)
    assert not media.call_failed("refused again", 11.0), "no news"
    assert (media.reason, media.check_due) == ("refused", 10.0)
    assert media.check_succeeded()
    assert (media.reached, media.check_due) == (True, None)
    assert not media.check_succeeded()


def test_checks_that_fail_come_less_and_less_often() -> None:
    media, now, pauses = Reachability(check_due=0.0), 0.0, []
    for number in range(60):
        assert media.check_failed("nobody there", now) is (number == 0), "told once"
        assert media.check_due is not None
        pauses.append(media.check_due - now)
        now = media.check_due
    assert pauses[:3] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert pauses[-1] == LAST_DELAY
    assert media.check_succeeded()
    media.check_failed("again", now)
    assert media.check_due == now + FIRST_DELAY


def test_a_check_that_could_not_be_made_says_nothing() -> None:
    media = Reachability(check_due=0.0)
    media.check_impossible(5.0)
    assert (media.reached, media.check_due) == (True, 5.0 + FIRST_DELAY)
    media.call_failed("refused", 6.0)
    media.check_impossible(7.0)
    assert (media.reached, media.reason) == (False, "refused")


def test_it_is_certain_after_two_checks_in_a_row_and_open_again_after_one_that_succeeds() -> None:
    media = Reachability(check_due=0.0)
    media.call_failed("refused", 0.0)
    media.check_failed("refused", 0.0)
    assert not media.hopeless, "it may have been a moment"
    media.check_failed("refused", 1.0)
    assert media.hopeless
    media.check_succeeded()
    assert (media.hopeless, media.reached) == (False, True)


def worker(name: str, *, capacity: int = 2, up: bool = True, **keys: Any) -> Worker:
    socket = cast(web.WebSocketResponse, object()) if up else None
    return Worker(name, 1, "127.0.0.1", 9092, capacity, socket, boot=name, **keys)


def unreached(name: str, **keys: Any) -> Worker:
    made = worker(name, **keys)
    made.media.call_failed("refused", 0.0)
    return made


def chosen(*workers: Worker, **failed: int) -> str | None:
    found = choose(workers, failed)
    return found.name if found else None


def test_one_that_is_not_reached_gets_no_call_however_idle_it_is() -> None:
    busy = worker("w1", calls={"a"})
    assert chosen(busy, unreached("w2")) == "w1"
    full = worker("w1", calls={"a", "b"})
    assert with_room([full, unreached("w2")]) == [], "better a place in the line"
    assert chosen(worker("w1", up=False), unreached("w2")) == "w2", "an attempt is better than none"


def test_one_that_is_certainly_not_reached_gets_no_call_even_if_it_is_the_only_one() -> None:
    """The caller would be answered, and hear nothing: what the route says for the case is better."""
    only = unreached("w1")
    assert chosen(only) == "w1"
    only.media.check_failed("refused", 1.0)
    only.media.check_failed("refused", 2.0)
    assert (chosen(only), with_room([only])) == (None, [])
    assert chosen(only, worker("w2")) == "w2"


def test_a_call_does_not_try_the_same_one_again() -> None:
    one, two = worker("w1", calls={"a"}), worker("w2")
    assert chosen(one, two) == "w2"
    assert chosen(one, two, w2=1) == "w1"
    assert chosen(one, two, w1=1, w2=1) is not None, "there is no third one"
    assert chosen(one, two, w1=2, w2=2) is None, "never three times"


def test_the_only_one_there_is_gets_a_second_try_and_no_third() -> None:
    only = unreached("w1")
    assert chosen(only, w1=1) == "w1"
    assert chosen(only, w1=2) is None
    assert chosen(only, worker("w2", up=False), w1=1) == "w1"
    assert chosen(only, worker("w2", calls={"a", "b"}), w1=1) is None, "the other one may have room in a moment"
