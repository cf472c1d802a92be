"""bridge.audiosocket.resampler: whole frames at once, speech kept, what the lower rate can't carry removed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.audiosocket import wire
from bridge.audiosocket.resampler import OUR_RATE, Resampler

SECONDS = 1


def tone(rate: int, hertz: float) -> NDArray[np.int16]:
    at = np.arange(rate * SECONDS) / rate
    return (10_000 * np.sin(2 * np.pi * hertz * at)).astype("<i2")


def frames(rate: int, samples: NDArray[np.int16]) -> list[bytes]:
    step = rate // 50
    return [samples[at : at + step].tobytes() for at in range(0, len(samples), step)]


def level_db(pcm: bytes, rate: int, hertz: float) -> float:
    """Of one frequency, against the tone that went in; the first and last 100 ms left out."""
    samples = np.frombuffer(pcm, dtype="<i2")[rate // 10 : -rate // 10].astype(float)
    at = np.arange(len(samples)) / rate
    amplitude = 2 * abs(np.mean(samples * np.exp(-2j * np.pi * hertz * at)))
    return float(20 * np.log10(max(amplitude, 1e-3) / 10_000))


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_speech_arrives_at_24_khz(rate: int, hertz: float) -> None:
    converter = Resampler(rate)
    pieces = [converter.to_ours(frame) for frame in frames(rate, tone(rate, hertz))]
    assert {len(piece) for piece in pieces} == {960}
    heard = b"".join(pieces)
    tolerated = 4 if hertz > 0.3 * rate else 1.5
    assert level_db(heard, OUR_RATE, hertz) == pytest.approx(0, abs=tolerated)


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000])
@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_the_answer_has_the_legs_rate_and_whole_frames(rate: int, hertz: float) -> None:
    converter = Resampler(rate)
    answer = [converter.to_theirs(frame) for frame in frames(OUR_RATE, tone(OUR_RATE, hertz))]
    assert {len(frame) for frame in answer} == {wire.frame_bytes(rate)}
    assert level_db(b"".join(answer), rate, hertz) == pytest.approx(0, abs=1.5)


@pytest.mark.parametrize("rate", [44_100, 48_000, 192_000])
def test_a_leg_above_24_khz_is_answered_in_one_tcp_segment(rate: int) -> None:
    converter = Resampler(rate)
    assert converter.answer_rate == OUR_RATE
    assert converter.to_theirs(b"\1\2" * 480) == b"\1\2" * 480
    assert converter.to_theirs(None) == bytes(960)


def test_what_8_khz_cannot_carry_is_removed_and_not_folded_back() -> None:
    converter = Resampler(8_000)
    answer = b"".join(converter.to_theirs(frame) for frame in frames(OUR_RATE, tone(OUR_RATE, 6_000)))
    assert level_db(answer, 8_000, 2_000) < -40


def test_no_mirror_image_above_what_8_khz_carried() -> None:
    converter = Resampler(8_000)
    heard = b"".join(converter.to_ours(frame) for frame in frames(8_000, tone(8_000, 2_000)))
    assert level_db(heard, OUR_RATE, 6_000) < -40


def test_silence_stays_silence() -> None:
    converter = Resampler(8_000)
    assert [converter.to_theirs(None) for _ in range(10)] == [bytes(320)] * 10
    assert not any(converter.to_ours(bytes(320)))


def test_loud_sound_is_clipped_and_does_not_wrap() -> None:
    converter = Resampler(8_000)
    square = np.repeat(np.array([32_767, -32_768] * 12, dtype="<i2"), 20).tobytes()
    answer = np.frombuffer(b"".join(converter.to_theirs(square) for _ in range(20)), dtype="<i2")
    middle = np.abs(answer[400:800].astype(int))
    assert middle.max() >= 32_000
    assert np.median(middle) > 25_000
