"""bridge.media.playout: exact accounts of what was heard, whatever the order of deltas, ticks and interruptions."""

import time

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bridge.media.playout import (
    FRAME_BYTES,
    HOLD_POPS,
    LONGEST_QUEUE,
    MOST_UNFINISHED,
    REMEMBERED_PARTS,
    Heard,
    Playout,
)

MS = 48


def tone(length: int, start: int = 0) -> bytes:
    """Bytes that tell where they came from and are never zero, so that padding is recognised."""
    return bytes(1 + (start + n) % 255 for n in range(length))


def drain(playout: Playout) -> list[bytes]:
    frames = []
    while (frame := playout.pop()) is not None:
        frames.append(frame)
    return frames


def test_nothing_pushed_is_silence() -> None:
    playout = Playout()
    assert playout.pop() is None
    assert playout.idle
    assert playout.remaining_ms == 0
    assert playout.interrupt() == []
    assert playout.heard("item") is None


def test_whole_frames_come_out_as_they_went_in() -> None:
    playout = Playout()
    sound = tone(3 * FRAME_BYTES)
    playout.push("r", "i", 0, sound)
    assert playout.remaining_ms == 60
    assert drain(playout) == [sound[:960], sound[960:1920], sound[1920:]]
    assert playout.heard("i") == Heard("r", "i", 0, heard_ms=60, received_ms=60)


@pytest.mark.parametrize("cuts", [[1], [1, 1, 1], [959], [961, 3], [480, 481, 482], [1919, 1, 7]])
def test_odd_lengths_are_joined(cuts: list[int]) -> None:
    playout = Playout()
    sound = tone(4 * FRAME_BYTES)
    at = 0
    for cut in [*cuts, len(sound) - sum(cuts)]:
        playout.push("r", "i", 0, sound[at : at + cut])
        at += cut
    assert b"".join(drain(playout)) == sound


def test_half_samples_of_two_items_do_not_shift_each_other() -> None:
    playout = Playout()
    playout.push("r", "a", 0, b"\x01\x02\x03")
    playout.push("r", "b", 0, b"\x11\x12\x13\x14")
    playout.push("r", "a", 0, b"\x04")
    playout.end("a")
    playout.end("b")
    assert drain(playout) == [(b"\x01\x02" + b"\x11\x12\x13\x14" + b"\x03\x04").ljust(FRAME_BYTES, b"\0")]


def test_a_part_of_a_frame_waits_while_its_item_grows() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(500))
    assert playout.pop() is None
    assert not playout.idle
    playout.push("r", "i", 0, tone(460, 500))
    assert playout.pop() == tone(960)


def test_but_not_for_ever() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(500))
    assert [playout.pop() for _ in range(HOLD_POPS)] == [None] * HOLD_POPS
    assert playout.pop() == tone(500).ljust(FRAME_BYTES, b"\0")
    assert playout.counters.padded_frames == 1


def test_the_end_of_an_item_is_played_at_once() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(500))
    playout.end("i")
    assert playout.pop() == tone(500).ljust(FRAME_BYTES, b"\0")
    assert playout.idle
    assert playout.interrupt() == []


def test_two_items_share_a_frame_and_are_charged_their_own_bytes() -> None:
    playout = Playout()
    playout.push("r", "a", 0, tone(10 * MS))
    playout.push("r", "b", 0, tone(30 * MS))
    playout.pop()
    assert playout.heard("a") == Heard("r", "a", 0, 10, 10)
    assert playout.heard("b") == Heard("r", "b", 0, 10, 30)


def test_an_interruption_names_the_partly_heard_and_the_queued_in_order() -> None:
    playout = Playout()
    for item in ("heard", "partly", "queued"):
        playout.push("r", item, 0, tone(30 * MS))
    playout.end("heard")
    playout.pop()
    playout.pop()
    assert playout.interrupt() == [Heard("r", "partly", 0, 10, 30), Heard("r", "queued", 0, 0, 30)]
    assert playout.pop() is None
    assert playout.idle
    assert playout.heard("partly") == Heard("r", "partly", 0, 10, 30)
    assert playout.interrupt() == []


def test_an_item_whose_generation_ended_but_still_plays_is_named() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(100 * MS))
    playout.end("i")
    playout.pop()
    assert playout.interrupt() == [Heard("r", "i", 0, 20, 100)]


def test_an_item_that_still_grows_is_named_even_when_all_so_far_was_heard() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(20 * MS))
    playout.pop()
    assert playout.interrupt() == [Heard("r", "i", 0, 20, 20)]


def test_late_sound_of_a_cut_item_is_never_played() -> None:
    playout = Playout()
    playout.push("r1", "i", 0, tone(1000))
    playout.interrupt()
    playout.push("r1", "i", 0, tone(5000))
    assert playout.pop() is None
    playout.push("r2", "j", 0, tone(960))
    assert playout.pop() == tone(960)
    assert playout.counters.dropped_bytes == 6000


def test_sound_after_its_items_end_is_still_played() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(960))
    playout.end("i")
    assert playout.pop() is not None
    playout.push("r", "i", 0, tone(500))
    assert playout.pop() == tone(500).ljust(FRAME_BYTES, b"\0")
    assert playout.heard("i") == Heard("r", "i", 0, 1460 // MS, 1460 // MS)
    assert playout.interrupt() == []


def test_half_a_sample_at_the_end_is_no_sound() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(961))
    playout.end("i")
    assert drain(playout) == [tone(960)]
    assert playout.idle
    assert playout.counters.dropped_bytes == 1
    assert playout.interrupt() == []


def test_parts_of_one_item_have_their_own_accounts() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(960))
    playout.push("r", "i", 1, tone(960))
    playout.pop()
    assert playout.heard("i") == Heard("r", "i", 1, 20, 40)
    assert playout.interrupt() == [Heard("r", "i", 1, 0, 20, before_ms=20)]


def test_of_several_parts_the_one_in_which_the_cut_fell_is_named() -> None:
    playout = Playout()
    for index in range(3):
        playout.push("r", "i", index, tone(960 * 2))
    for _ in range(3):
        playout.pop()
    assert playout.interrupt() == [Heard("r", "i", 1, 20, 40, before_ms=40)]
    assert playout.interrupt() == []


def test_an_underrun_is_counted_once() -> None:
    playout = Playout()
    playout.push("r", "i", 0, tone(960))
    playout.pop()
    assert [playout.pop(), playout.pop()] == [None, None]
    assert playout.counters.underruns == 1
    playout.push("r", "i", 0, tone(960))
    playout.end("i")
    playout.pop()
    assert playout.pop() is None
    assert playout.counters.underruns == 1


def test_the_memory_of_a_long_call_is_bounded() -> None:
    playout = Playout()
    for n in range(3 * REMEMBERED_PARTS):
        playout.push("r", f"said-{n}", 0, tone(960))
        playout.end(f"said-{n}")
        playout.pop()
        playout.push("r", f"cut-{n}", 0, tone(960))
        playout.interrupt()
    assert playout.heard("said-0") is None
    assert playout.heard(f"cut-{3 * REMEMBERED_PARTS - 1}") is not None
    assert len(playout._parts) == len(playout._cut) == REMEMBERED_PARTS


def test_items_that_grow_are_never_forgotten() -> None:
    playout = Playout()
    growing = [f"i{n}" for n in range(MOST_UNFINISHED - 1)]
    for item in growing:
        playout.push("r", item, 0, tone(20))
    for n in range(REMEMBERED_PARTS + 50):
        playout.push("r", f"over{n}", 0, tone(20))
        playout.end(f"over{n}")
        while playout.pop():
            pass
    assert [heard.item_id for heard in playout.interrupt()] == growing


def test_sound_of_more_items_than_a_server_has_is_dropped() -> None:
    playout = Playout()
    for n in range(10 * MOST_UNFINISHED):
        playout.push("r", f"i{n}", 0, tone(20 * MS))
        playout.push("r", "i0", n + 1, tone(20 * MS))
        playout.push("r", "i1", 0, tone(20 * MS))
    playout.push("r", "i1", 0, tone(20 * MS))
    received = playout.heard("i1")
    assert received is not None
    assert received.received_ms == 20 * (10 * MOST_UNFINISHED + 2)
    assert len(playout.interrupt()) <= MOST_UNFINISHED
    assert playout.counters.dropped_bytes > 0


def test_sound_for_longer_than_any_call_listens_is_dropped() -> None:
    playout = Playout()
    whole = bytes(LONGEST_QUEUE)
    for _ in range(4):
        playout.push("r", "i", 0, whole)
    assert playout.remaining_ms == LONGEST_QUEUE // MS
    assert playout.counters.dropped_bytes == 3 * LONGEST_QUEUE


@pytest.mark.parametrize("delta", [30_000 * FRAME_BYTES, 4801])
def test_ten_minutes_in_one_burst(delta: int) -> None:
    """A quadratic queue needs minutes for this; ours needs a small part of a second. CPU time, generous."""
    playout = Playout()
    sound = bytes(30_000 * FRAME_BYTES)
    started = time.process_time()
    for at in range(0, len(sound), delta):
        playout.push("r", "i", 0, sound[at : at + delta])
    playout.end("i")
    frames = sum(1 for _ in iter(playout.pop, None))
    assert frames == 30_000
    assert time.process_time() - started < 5
    assert playout.heard("i") == Heard("r", "i", 0, 600_000, 600_000)


@given(st.lists(st.binary(max_size=3000), max_size=20))
def test_what_goes_in_comes_out(deltas: list[bytes]) -> None:
    playout = Playout()
    for delta in deltas:
        playout.push("r", "i", 0, delta)
    playout.end("i")
    played = b"".join(drain(playout))
    sound = b"".join(deltas)
    whole = len(sound) & ~1
    assert played[:whole] == sound[:whole]
    assert not any(played[whole:])
    assert len(played) - whole < FRAME_BYTES


class AnyOrder(RuleBasedStateMachine):
    """Deltas, ticks, ends and interruptions in any order, against an account kept the slow way."""

    def __init__(self) -> None:
        super().__init__()
        self.playout = Playout()
        self.received: dict[str, int] = {}
        self.halves: dict[str, bytes] = {}
        self.ended: set[str] = set()
        self.cut: set[str] = set()
        self.expected = b""
        self.owners: list[str] = []
        self.played: dict[str, int] = {}
        self.at = 0

    @rule(item=st.sampled_from("abcdef"), length=st.integers(0, 2500))
    def push(self, item: str, length: int) -> None:
        sound = tone(length, self.at)
        self.at += length
        self.playout.push(f"r-{item}", item, 0, sound)
        if item in self.cut or not length:
            return
        self.received[item] = self.received.get(item, 0) + length
        samples = self.halves.pop(item, b"") + sound
        whole = len(samples) & ~1
        self.halves[item] = samples[whole:]
        self.expected += samples[:whole]
        self.owners += [item] * whole

    @rule(item=st.sampled_from("abcdef"))
    def end(self, item: str) -> None:
        self.playout.end(item)
        if item in self.received and item not in self.cut | self.ended:
            self.ended.add(item)
            self.halves.pop(item, None)

    @rule()
    def pop(self) -> None:
        frame = self.playout.pop()
        if frame is None:
            assert len(self.expected) < FRAME_BYTES
            return
        assert len(frame) == FRAME_BYTES
        length = min(FRAME_BYTES, len(self.expected))
        assert length
        assert frame == self.expected[:length] + bytes(FRAME_BYTES - length)
        for owner in self.owners[:length]:
            self.played[owner] = self.played.get(owner, 0) + 1
        self.expected = self.expected[length:]
        self.owners = self.owners[length:]

    @rule()
    def interrupt(self) -> None:
        queued = set(self.owners)
        due = {item for item in self.received if item not in self.cut} - (self.ended - queued)
        affected = self.playout.interrupt()
        named = [heard.item_id for heard in affected]
        assert len(named) == len(set(named))
        assert set(named) == due
        for heard in affected:
            assert heard.response_id == f"r-{heard.item_id}"
        self.cut |= set(named)
        self.expected = b""
        self.owners = []
        assert self.playout.pop() is None

    @invariant()
    def accounts_agree(self) -> None:
        assert self.playout.remaining_ms == -(-len(self.expected) // MS)
        assert self.playout.idle == (not self.expected)
        for item, received in self.received.items():
            heard = self.playout.heard(item)
            assert heard is not None
            assert heard.heard_ms == self.played.get(item, 0) // MS
            assert heard.heard_ms <= heard.received_ms == received // MS


TestAnyOrder = AnyOrder.TestCase
