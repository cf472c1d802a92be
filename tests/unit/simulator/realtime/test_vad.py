"""Voice activity detection: the same audio gives the same turns, however it is cut."""

from hypothesis import given, strategies as st

from simulator.realtime.reply import tone
from simulator.realtime.vad import BYTES_PER_MS, Detection, Started, Stopped, VoiceDetector

SPEECH = bytes(1000 * BYTES_PER_MS) + tone(0.5, 300) + bytes(1000 * BYTES_PER_MS)


def fed(detection: Detection | None, audio: bytes, size: int) -> tuple[VoiceDetector, list[Started | Stopped]]:
    detector = VoiceDetector(detection)
    found = [each for at in range(0, len(audio), size) for each in detector.feed(audio[at : at + size])]
    return detector, found


def test_a_turn_is_the_speech_with_its_padding() -> None:
    _, found = fed(Detection(0.5, prefix_ms=300, silence_ms=400), SPEECH, 960)
    started, stopped = found
    assert isinstance(started, Started)
    assert isinstance(stopped, Stopped)
    assert started.at_ms == 700
    assert stopped.at_ms == 1900
    assert len(stopped.audio) == 1200 * BYTES_PER_MS


@given(st.integers(1, 2000).map(lambda half: half * 2))
def test_any_cut_of_the_audio_gives_the_same_turns(size: int) -> None:
    assert fed(Detection(), SPEECH, size)[1] == fed(Detection(), SPEECH, len(SPEECH))[1]


def test_a_click_is_not_speech() -> None:
    assert fed(Detection(), bytes(48000) + tone(0.04, 300) + bytes(48000), 960)[1] == []


def test_padding_never_reaches_before_the_beginning() -> None:
    _, found = fed(Detection(prefix_ms=2000), tone(0.2, 300), 960)
    assert found == [Started(0)]


def test_a_higher_threshold_needs_louder_speech() -> None:
    quiet = tone(0.5, 300, amplitude=0.02)
    assert fed(Detection(threshold=0.5), quiet, 960)[1] != []
    assert fed(Detection(threshold=0.9), quiet, 960)[1] == []


def test_a_pause_shorter_than_the_silence_does_not_end_the_turn() -> None:
    audio = tone(0.3, 300) + bytes(300 * BYTES_PER_MS) + tone(0.3, 300) + bytes(500 * BYTES_PER_MS)
    kinds = [type(each) for each in fed(Detection(silence_ms=400), audio, 960)[1]]
    assert kinds == [Started, Stopped]


def test_without_detection_all_is_buffered() -> None:
    detector, found = fed(None, SPEECH, 960)
    assert found == []
    assert detector.buffered_ms == 2500
    assert detector.take() == SPEECH
    assert detector.buffered_ms == 0
    assert detector.position_ms == 2500
