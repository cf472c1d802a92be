"""bridge.media.levels: the loudest frame since the last look, and the words that were heard by now."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from bridge.contract import Provider, SessionSpec
from bridge.media.levels import EVERY, Levels, dbfs, power
from bridge.media.playout import FRAME_BYTES, Playout
from bridge.realtime.conversation.agent_transcript import AgentTranscript
from bridge.realtime.conversation.ai_warnings import AiWarnings
from bridge.realtime.conversation.effects import EffectList


def frame(amplitude: int) -> bytes:
    return np.full(480, amplitude, "<i2").tobytes()


@pytest.mark.parametrize(("amplitude", "expected"), [(32767, 0.0), (16384, -6.0), (-3277, -20.0), (1, -90.3)])
def test_levels_are_told_in_decibels_below_full_scale(amplitude: int, expected: float) -> None:
    found = dbfs(power(frame(amplitude)))
    assert found == pytest.approx(expected, abs=0.05)


@given(st.binary(max_size=2000))
def test_any_bytes_have_a_level_or_none(pcm: bytes) -> None:
    found = dbfs(power(pcm))
    assert (found is None) == (not any(pcm[: len(pcm) // 2 * 2]))
    assert found is None or found <= 0.0


def test_the_loudest_since_the_last_look_is_told_of_each_side() -> None:
    levels = Levels()
    for amplitude in (100, 16384, 200):
        for _ in range(EVERY):
            levels.caller(frame(amplitude))
            levels.agent(None)
    caller, agent = levels.read()
    assert caller == pytest.approx(-6.0, abs=0.05)
    assert agent is None
    for _ in range(EVERY):
        levels.agent(frame(3277))
    caller, agent = levels.read()
    assert caller is None
    assert agent == pytest.approx(-20.0, abs=0.05)


def test_one_frame_in_a_few_is_looked_at() -> None:
    levels = Levels()
    for _ in range(EVERY - 1):
        levels.caller(frame(16384))
    assert levels.read() == (None, None)


def test_the_words_of_this_moment_grow_with_what_is_heard() -> None:
    playout = Playout()
    spec = SessionSpec(agent="a", provider=Provider(api_key="sk"), instructions="Be kind.")
    said = AgentTranscript("c", spec, EffectList(), playout, AiWarnings("c", EffectList()))
    assert said.saying() == ""
    said.text_done("r", "i", "one two three four five")
    for _ in range(50):
        playout.push("r", "i", 0, frame(100))
        said.sound("r", "i", FRAME_BYTES)
    said.sound_done("i")
    assert said.saying() == "", "nothing was heard yet"
    heard = []
    for _ in range(50):
        playout.pop()
        heard.append(said.saying())
    assert heard == sorted(heard, key=len)
    assert heard[25] == "one two"
    assert heard[-1] == "one two three four five"


def test_words_that_run_ahead_of_their_sound_are_not_told_before_they_are_heard() -> None:
    playout = Playout()
    spec = SessionSpec(agent="a", provider=Provider(api_key="sk"), instructions="Be kind.")
    said = AgentTranscript("c", spec, EffectList(), playout, AiWarnings("c", EffectList()))
    said.text_delta("r", "i", "a story that goes on and on for much longer than a fifth of a second")
    for _ in range(10):
        playout.push("r", "i", 0, frame(100))
        said.sound("r", "i", FRAME_BYTES)
        playout.pop()
    assert len(said.saying()) < 10
