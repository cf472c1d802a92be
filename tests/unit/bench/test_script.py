"""The benchmark's conversation: who speaks when, and what the server's voice detector makes of it."""

from bench.script import (
    INTERRUPT_AFTER,
    PATIENCE_FRAMES,
    PAUSE_FRAMES,
    REPLY_FRAMES,
    SPEAKING_FRAMES,
    CallerPlan,
    VoiceDetector,
)


def spoken(plan: CallerPlan, frames: int) -> list[bool]:
    return [plan.speaks() for _ in range(frames)]


def test_a_caller_speaks_after_a_while_and_then_waits() -> None:
    said = spoken(CallerPlan(begins_in=3), 3 + SPEAKING_FRAMES + 10)
    assert said == [False] * 3 + [True] * SPEAKING_FRAMES + [False] * 10


def test_the_first_reply_is_interrupted_and_the_second_heard_to_its_end() -> None:
    plan = CallerPlan(begins_in=1)
    spoken(plan, 1 + SPEAKING_FRAMES)
    for frame in range(INTERRUPT_AFTER + 1):
        assert not plan.speaks()
        plan.heard(frame)
    assert plan.speaks()
    plan.heard(INTERRUPT_AFTER + 1)  # on its way already
    assert spoken(plan, SPEAKING_FRAMES) == [True] * (SPEAKING_FRAMES - 1) + [False]
    for frame in range(REPLY_FRAMES):
        assert not plan.speaks()
        plan.heard(frame)
    assert spoken(plan, PAUSE_FRAMES + SPEAKING_FRAMES) == [False] * (PAUSE_FRAMES) + [True] * SPEAKING_FRAMES


def test_a_caller_whom_nobody_answers_says_it_again() -> None:
    plan = CallerPlan(begins_in=1)
    spoken(plan, 1 + SPEAKING_FRAMES)
    assert not any(spoken(plan, PATIENCE_FRAMES + 1))
    assert plan.speaks()
    assert plan.unanswered == 1


def test_two_frames_of_speech_begin_a_turn_and_ten_of_silence_end_it() -> None:
    detector = VoiceDetector()
    assert [detector.hear(speech) for speech in (True, False, True, True, True)] == [None, None, None, True, None]
    assert [detector.hear(False) for _ in range(9)] == [None] * 9
    assert detector.hear(True) is None
    assert [detector.hear(False) for _ in range(10)] == [None] * 9 + [False]
