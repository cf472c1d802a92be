"""The measures themselves: every figure of the demo and every verdict on sound in the end-to-end tests is theirs."""

import numpy as np
import pytest

from simulator.audio.sound import (
    FRAME_SAMPLES,
    RATE,
    Frame,
    Samples,
    compare,
    has_tone,
    is_tone,
    level,
    purity,
    stretches,
    timeline,
    tone,
)

SILENCE = np.zeros(FRAME_SAMPLES, np.int16)


def frames(samples: Samples, *, at: float = 100.0, stamp: int = 0) -> list[Frame]:
    starts = range(0, len(samples), FRAME_SAMPLES)
    return [Frame(at + start / RATE, stamp + start, samples[start : start + FRAME_SAMPLES]) for start in starts]


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.int16)


def speech(seconds: float, seed: int = 1) -> Samples:
    """Noise whose loudness and colour change all the time: like speech, no piece of it is like another."""
    noise = np.random.default_rng(seed).normal(0, 1, round(seconds * RATE))
    swell = 1 + np.sin(2 * np.pi * 3 * np.arange(len(noise)) / RATE)
    return np.asarray(2500 * swell * np.convolve(noise, np.hanning(7), "same"), np.int16)


def test_levels() -> None:
    assert level(SILENCE) == -120
    assert level(SILENCE[:0]) == -120
    assert level(tone(0.02, 400, amplitude=1.0)) == pytest.approx(-3.0, abs=0.1)
    assert level(tone(0.02, 400, amplitude=0.1)) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("hz", [300, 440, 620, 1100, 3300])
def test_a_tone_is_known_by_its_frequency(hz: int) -> None:
    sound = tone(0.2, hz)
    assert is_tone(sound, hz)
    assert not is_tone(sound, hz + 60)
    assert not is_tone(sound // 500, hz)


def test_two_tones_at_once_are_both_heard_and_neither_alone() -> None:
    both = tone(0.2, 440) + tone(0.2, 620)
    assert has_tone(both, 440)
    assert has_tone(both, 620)
    assert not has_tone(both, 880)
    assert not is_tone(both, 440)
    assert purity(silence(0.2), 440) == 0


def test_stretches_are_parted_by_pauses() -> None:
    sound = np.concatenate([silence(0.2), tone(1.0, 440), silence(0.3), tone(0.5, 440), silence(0.6), tone(0.1, 440)])
    first, second = stretches(frames(sound), pause=0.4)
    assert first.start == pytest.approx(100.2)
    assert first.end == pytest.approx(102.0)
    assert first.seconds == pytest.approx(1.8)
    assert first.longest_silence == pytest.approx(0.3)
    assert second.seconds == pytest.approx(0.1)
    assert [each.seconds for each in stretches(frames(sound), pause=0.2)] == pytest.approx([1.0, 0.5, 0.1])
    assert stretches(frames(silence(1.0))) == []


def test_silence_put_in_and_packets_left_out_both_show() -> None:
    whole = frames(tone(1.0, 440))
    assert stretches(whole)[0].longest_silence == 0
    lost = whole[:20] + whole[23:]
    assert stretches(lost)[0].longest_silence == pytest.approx(0.06)
    put_in = frames(np.concatenate([tone(0.4, 440), silence(0.06), tone(0.4, 440)]))
    assert stretches(put_in)[0].longest_silence == pytest.approx(0.06)


def test_a_late_packet_shows_as_a_wait_only() -> None:
    late = [
        Frame(each.at + (0.1 if number >= 20 else 0), each.stamp, each.samples)
        for number, each in enumerate(frames(tone(1.0, 440)))
    ]
    (stretch,) = stretches(late)
    assert stretch.longest_silence == 0
    assert stretch.longest_wait == pytest.approx(0.1)


def test_timeline_puts_frames_where_the_stream_says() -> None:
    sound = tone(0.2, 440)
    shaken = [
        Frame(each.at + 0.03 * (number % 2), each.stamp, each.samples) for number, each in enumerate(frames(sound))
    ]
    track = timeline(shaken, 99.9, 100.3)
    assert len(track) == round(0.4 * RATE)
    assert np.array_equal(track[800:2400], sound)
    assert not track[:800].any()
    assert not track[2400:].any()


def test_timeline_follows_the_clock_when_the_stream_starts_anew() -> None:
    sound = tone(0.1, 440)
    track = timeline(frames(sound) + frames(sound, at=101.0, stamp=77), 100.0, 101.1)
    assert np.array_equal(track[:800], sound)
    assert np.array_equal(track[8000:], sound)
    assert not track[800:8000].any()


def test_timeline_cuts_what_is_outside() -> None:
    assert np.array_equal(timeline(frames(tone(0.2, 440)), 100.02, 100.1), tone(0.2, 440)[160:800])


def test_the_same_sound_is_known_again_whatever_its_loudness() -> None:
    said = speech(3.0)
    found = compare(np.concatenate([said // 2, silence(0.2)]), np.concatenate([silence(0.1), said]))
    assert found.alike > 0.99
    assert found.gap == 0


@pytest.mark.parametrize("seconds", [0.02, 0.04, 0.1])
def test_silence_put_into_speech_is_measured(seconds: float) -> None:
    said = speech(3.0)
    torn = np.concatenate([said[:9600], silence(seconds), said[9600:]])
    assert compare(torn, said).gap == pytest.approx(seconds, abs=0.001)


def test_other_words_are_not_alike() -> None:
    assert compare(speech(3.0, seed=1), speech(3.0, seed=2)).alike < 0.5
    assert compare(silence(3.0), speech(3.0)).alike < 0.5
    assert compare(speech(3.0), silence(3.0)).alike == 0


def test_speech_that_was_cut_off_is_compared_as_far_as_it_goes() -> None:
    said = speech(3.0)
    assert compare(said[:12000], said).alike > 0.99
