"""bridge.audiosocket.wire: real bytes of Asterisk 22, any cut of the stream, and what must be refused."""

import pytest
from hypothesis import given, strategies as st

from bridge.audiosocket import wire
from bridge.audiosocket.wire import Audio, Decoder, Digit, Fault, Hangup, Message, RemoteProtocolError, Uuid

CALL = "0e4b9b86-6f3a-4cde-9d0c-2f6a1f0b9a77"

# As seen from Asterisk 22.10.1.
REAL = [
    (bytes.fromhex("010010" + CALL.replace("-", "")), Uuid(CALL)),
    (bytes.fromhex("1303c0") + b"\x01\x80" * 480, Audio(24_000, b"\x01\x80" * 480)),
    (bytes.fromhex("100140") + b"\x01\x80" * 160, Audio(8_000, b"\x01\x80" * 160)),
    (bytes.fromhex("03000131"), Digit("1")),
]


@pytest.mark.parametrize(("frame", "message"), REAL)
def test_real_bytes(frame: bytes, message: Message) -> None:
    decoder = Decoder()
    assert decoder.feed(frame) == [message]
    assert decoder.pending == 0
    assert decoder.error is None


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (wire.encode_uuid(CALL), Uuid(CALL)),
        (wire.encode_digit("#"), Digit("#")),
        (wire.encode_digit("a"), Digit("A")),
        (wire.encode_hangup(), Hangup()),
        (wire.encode_fault(b"\x02"), Fault(b"\x02")),
        (wire.encode_fault(), Fault(b"")),
        *[(wire.encode_audio(rate, b"\1\2\3\4"), Audio(rate, b"\1\2\3\4")) for rate in wire.TYPE_OF_RATE],
    ],
)
def test_every_type_there_and_back(frame: bytes, message: Message) -> None:
    assert Decoder().feed(frame) == [message]


def test_encoded_bytes_are_asterisks() -> None:
    assert wire.encode_uuid(CALL) == REAL[0][0]
    assert wire.encode_audio(24_000, b"\x01\x80" * 480) == REAL[1][0]
    assert wire.encode_audio(8_000, b"\x01\x80" * 160) == REAL[2][0]
    assert wire.encode_digit("1") == REAL[3][0]


@pytest.mark.parametrize(("rate", "size"), [(8_000, 320), (16_000, 640), (24_000, 960), (44_100, 1764)])
def test_silence_lasts_20_ms(rate: int, size: int) -> None:
    assert wire.frame_bytes(rate) == size
    assert Decoder().feed(wire.silence(rate)) == [Audio(rate, bytes(size))]


def test_one_byte_at_a_time() -> None:
    stream = b"".join(frame for frame, _ in REAL)
    decoder = Decoder()
    messages = [message for byte in stream for message in decoder.feed(bytes((byte,)))]
    assert messages == [message for _, message in REAL]
    assert decoder.frames == len(REAL)


messages_strategy = st.lists(
    st.one_of(
        st.uuids().map(lambda call: Uuid(str(call))),
        st.sampled_from("0123456789*#ABCD").map(Digit),
        st.just(Hangup()),
        st.binary(max_size=40).map(Fault),
        st.builds(
            Audio,
            st.sampled_from(sorted(wire.TYPE_OF_RATE)),
            st.one_of(st.just(bytes(960)), st.binary(min_size=1, max_size=600).map(lambda half: half * 2)),
        ),
    ),
    max_size=12,
)


def encoded(message: Message) -> bytes:
    match message:
        case Uuid(call):
            return wire.encode_uuid(call)
        case Audio(rate, pcm):
            return wire.encode_audio(rate, pcm)
        case Digit(digit):
            return wire.encode_digit(digit)
        case Hangup():
            return wire.encode_hangup()
        case Fault(payload):
            return wire.encode_fault(payload)


@given(messages_strategy, st.lists(st.integers(0, 20_000), max_size=20), st.binary(max_size=2))
def test_any_cut_gives_the_same_messages(messages: list[Message], cuts: list[int], rest: bytes) -> None:
    rest = wire.silence(24_000)[: len(rest)]
    stream = b"".join(map(encoded, messages)) + rest
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    decoder = Decoder()
    got = [
        message for start, stop in zip(edges, edges[1:], strict=False) for message in decoder.feed(stream[start:stop])
    ]
    assert got == messages
    assert decoder.pending == len(rest)
    assert decoder.frames == len(messages)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_garbage_gives_the_same_end_however_it_is_cut(garbage: bytes, step: int) -> None:
    whole, cut = Decoder(), Decoder()
    at_once = whole.feed(garbage)
    piecewise = [m for at in range(0, len(garbage), step) for m in cut.feed(garbage[at : at + step])]
    assert piecewise == at_once
    assert str(cut.error) == str(whole.error)
    assert whole.pending <= len(garbage)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (b"GET / HTTP/1.1\r\n", "unknown frame type 0x47"),
        (b"\x02\x00\x00", "unknown frame type 0x02"),
        (b"\x19\x00\x02", "unknown frame type 0x19"),
        (b"\x01\x00\x0f", "0x01 with an impossible length of 15"),
        (b"\x01\x00\x11", "0x01 with an impossible length of 17"),
        (b"\x03\x00\x02", "0x03 with an impossible length of 2"),
        (b"\x03\x00\x01\x00", "DTMF digit 0x00"),
        (b"\x03\x00\x01\x0a", "DTMF digit 0x0a"),
        (b"\x00\x00\x01", "0x00 with an impossible length of 1"),
        (b"\x13\x00\x00", "0x13 with an impossible length of 0"),
        (b"\x13\x03\xbf", "0x13 with an impossible length of 959"),
        (b"\x13\xff\xfe", "0x13 with an impossible length of 65534"),
        (b"\xff\x01\x01", "0xff with an impossible length of 257"),
    ],
)
def test_their_faults_are_named_by_the_header_alone(stream: bytes, says: str) -> None:
    decoder = Decoder()
    assert decoder.feed(wire.encode_digit("5") + stream) == [Digit("5")]
    assert isinstance(decoder.error, RemoteProtocolError)
    assert says in str(decoder.error)
    assert decoder.feed(wire.encode_digit("5")) == []
    assert decoder.pending == 0


@pytest.mark.parametrize(
    "ours",
    [
        lambda: wire.encode_audio(11_025, b"\0\0"),
        lambda: wire.encode_audio(24_000, b""),
        lambda: wire.encode_audio(24_000, b"\0"),
        lambda: wire.encode_audio(24_000, bytes(65_536)),
        lambda: wire.frame_bytes(22_050),
        lambda: wire.encode_uuid("not-a-uuid"),
        lambda: wire.encode_digit("12"),
        lambda: wire.encode_digit("x"),
        lambda: wire.encode_fault(bytes(257)),
    ],
)
def test_our_own_faults_are_caught_before_they_are_sent(ours: object) -> None:
    assert callable(ours)
    with pytest.raises(wire.LocalProtocolError):
        ours()
