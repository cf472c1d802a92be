"""The lossy network's measures: what was put in, left out, doubled, clipped or never came is seen, and nothing else."""

import numpy as np
import pytest

from simulator.audio.sound import RATE, Samples
from tests.chaos.lossy_caller import LossyCall, Moved, Said, Spoken
from tests.chaos.lossy_model import Arrival, Line
from tests.chaos.lossy_plan import Move, Plan
from tests.chaos.lossy_sound import jumps, narrow, noise, pieces, silences, wide
from tests.chaos.lossy_verdict import Tally, heard_badly, of_record, of_turn

LINE = Line("caller 1 turn 1", 4.0, 2.0)
MOVE = Move("said", -300, 0, new_source=False, port=True)
QUIET = np.zeros(RATE // 2, np.int16)


def said(*heard: Samples, moved: float | None = None, lost: tuple[float, ...] = ()) -> Said:
    """It was said from 100 s on; the server took these sounds for turns."""
    arrived = [Arrival(105.0, LINE.key, each, pieces(each, LINE.sound)) for each in heard]
    return Said(LINE, 100.0, 104.0, lost, arrived, () if moved is None else (Moved(100.0 + moved, MOVE),))


def faults(turn: Said) -> list[str]:
    return [each.text for each in of_turn(turn, Tally())]


def padded(*parts: Samples) -> Samples:
    return np.concatenate([QUIET, *parts, QUIET])


def hushed(since: float, seconds: float) -> Samples:
    sound = LINE.sound.copy()
    sound[round(since * RATE) : round((since + seconds) * RATE)] = 0
    return sound


def spoken(heard: Samples, *, cut: bool = False) -> Spoken:
    return Spoken(LINE.answer, LINE.answer_sound, 100.0, heard, cut)


def test_noise_is_itself_and_none_other_at_another_rate_too() -> None:
    sound = noise("a", 2.0)
    found = pieces(narrow(wide(padded(sound))), sound)
    assert {each.place is not None for each in found} == {True}
    assert jumps(found, 0.002) == []
    assert pieces(padded(noise("b", 2.0)), sound) == []


def test_what_comes_whole_is_no_fault() -> None:
    assert faults(said(padded(LINE.sound))) == []
    assert faults(said(padded(hushed(2.0, 0.06)))) == [], "single packets are lost"
    assert faults(said(padded(hushed(2.0, 0.16)), lost=(102.05, 102.07, 102.09))) == []
    assert heard_badly(spoken(padded(LINE.answer_sound))) == []
    assert heard_badly(spoken(padded(LINE.answer_sound[:8000]), cut=True)) == []


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (said(), "never came"),
        (said(padded(LINE.sound[:16000]), padded(LINE.sound[16000:])), "was cut"),
        (said(padded(hushed(2.0, 0.16))), "160 ms of silence at 2.00 s"),
        (said(padded(LINE.sound[:16000], np.zeros(1600, np.int16), LINE.sound[16000:])), "200 ms of silence"),
        (said(padded(LINE.sound[:16000], LINE.sound[18000:])), "250 ms are left out"),
        (said(padded(LINE.sound[:24000])), "ms of silence at 3.0"),
        (said(padded(hushed(1.0, 1.7)), moved=1.0), "deaf for 1.70 s"),
        (said(padded(LINE.sound[12000:]), moved=-0.2), "deaf for 1.70 s"),
        (said(np.clip(padded(LINE.sound).astype(np.int32) * 8, -32768, 32767).astype(np.int16)), "full scale"),
        (said(padded(LINE.sound) + np.roll(padded(LINE.sound), 400)), "heard twice"),
    ],
)
def test_what_is_wrong_with_a_turn_is_told(turn: Said, told: str) -> None:
    assert [each for each in faults(turn) if told in each], faults(turn)


def test_a_turn_is_deaf_where_the_media_moved_and_nowhere_else() -> None:
    tally = Tally()
    assert of_turn(said(padded(hushed(1.0, 0.4)), moved=1.0), tally) == []
    assert tally.deaf == pytest.approx([0.4], abs=0.02)
    assert faults(said(padded(hushed(2.6, 0.4)), moved=1.0)) != []


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (np.zeros(RATE, np.int16), "was not heard"),
        (padded(LINE.answer_sound[:8000]), "only 0.0 to 1.0 s"),
        (padded(LINE.answer_sound[:8000], np.zeros(320, np.int16), LINE.answer_sound[8000:]), "40 ms are put in"),
        (padded(LINE.answer_sound[:8000], LINE.answer_sound[7680:]), "40 ms are put in"),
        (padded(LINE.answer_sound[:8000], LINE.answer_sound[8320:]), "40 ms are left out"),
        (padded(LINE.answer_sound, LINE.answer_sound), "more than it"),
    ],
)
def test_what_is_wrong_with_an_answer_is_told(heard: Samples, told: str) -> None:
    assert [each for each in heard_badly(spoken(heard)) if told in each], heard_badly(spoken(heard))


def test_silence_is_measured_between_sounds() -> None:
    ((at, seconds),) = silences(padded(hushed(1.0, 0.1)), 0.05)
    assert at == pytest.approx(1.5, abs=0.01)
    assert seconds == pytest.approx(0.1, abs=0.01)


def test_a_record_holds_all_once_and_in_order() -> None:
    call = LossyCall("49301", 99.0, events=[spoken(QUIET), said(padded(LINE.sound)), spoken(QUIET, cut=True)])
    rows = [("agent", LINE.answer, False), ("caller", LINE.key, False), ("agent", "Answer to", True)]

    def told(*rows: tuple[str, str, bool]) -> list[str]:
        written = [{"who": who, "text": text, "interrupted": cut} for who, text, cut in rows]
        times = {"ended_at": "x", "answered_at": "x", "ended_by": "caller"}
        return of_record(call, {**times, "transcript": written})

    assert told(*rows) == []
    assert told(*rows[:2]) == [], "nothing of what was cut need have been heard"
    assert told(rows[0], rows[2]) != []
    assert told(rows[1], rows[0], rows[2]) != []
    assert told(*rows, rows[1]) != []
    assert told(rows[0], rows[1], rows[1], rows[2]) != []


def test_the_same_seed_gives_the_same_plan() -> None:
    def of(seed: int) -> list[object]:
        plan = Plan(seed, 1)
        return [plan.line(), plan.pause(), plan.move(), plan.hold(), plan.move()]

    assert of(3) == of(3) != of(4)
