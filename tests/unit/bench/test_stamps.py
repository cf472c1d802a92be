"""Stamped sound: what was put in is read out again, and nothing else is taken for it."""

from hypothesis import given, strategies as st

from bench import stamps

SMALL = st.integers(0, 2**16 - 1)
LARGE = st.integers(0, 2**32 - 1)


@given(SMALL, LARGE, st.booleans())
def test_a_callers_frame(call: int, sequence: int, speaking: bool) -> None:
    pcm = stamps.caller_frame(call, sequence, speaking)
    assert len(pcm) == stamps.FRAME_BYTES
    assert stamps.read_caller_frame(pcm) == stamps.CallerFrame(call, sequence, speaking)
    assert stamps.read_agent_frame(pcm) is None


@given(SMALL, LARGE, st.integers(0, 1000), st.integers(1, 20))
def test_the_agents_sound(call: int, reply: int, first: int, frames: int) -> None:
    sound = stamps.agent_sound(call, reply, first, frames)
    cut = [sound[at : at + stamps.FRAME_BYTES] for at in range(0, len(sound), stamps.FRAME_BYTES)]
    expected = [stamps.AgentFrame(call, reply, first + each) for each in range(frames)]
    assert [stamps.read_agent_frame(pcm) for pcm in cut] == expected
    assert {len(pcm) for pcm in cut} == {stamps.FRAME_BYTES}


def test_silence_has_no_stamp() -> None:
    assert stamps.read_caller_frame(bytes(stamps.FRAME_BYTES)) is None
    assert stamps.read_agent_frame(bytes(stamps.FRAME_BYTES)) is None
