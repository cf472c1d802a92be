"""Text frames that we write without the library's layers: the library itself reads them back."""

from hypothesis import example, given, strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from bridge.realtime.transport.masking import Masking

masking = Masking()


def read_back(data: bytes) -> Frame:
    """What a server makes of it. It must be one frame and nothing beyond."""
    reader = StreamReader()
    reader.feed_data(data)
    parsing = Frame.parse(reader.read_exact, mask=True)
    try:
        next(parsing)
    except StopIteration as parsed:
        assert not reader.buffer
        frame: Frame = parsed.value
        return frame
    raise AssertionError("the frame is not whole")


@given(st.text(max_size=400))
@example("x" * 125)
@example("x" * 126)
@example("x" * 65535)
@example("x" * 65536)
@example("")
def test_any_text_is_one_whole_masked_message(text: str) -> None:
    frame = read_back(masking.text_frame(text.encode()))
    assert (frame.opcode, frame.fin) == (Opcode.TEXT, True)
    assert bytes(frame.data) == text.encode()


def test_no_key_is_used_twice() -> None:
    fresh = Masking()
    keys = [fresh.text_frame(bytes(200))[4:8] for _ in range(3000)]
    assert len(set(keys)) > 2990  # of 2^32: two alike by chance are once in a thousand runs
    assert all(len(key) == 4 for key in keys)
