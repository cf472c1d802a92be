"""The queue of the agent's audio: bursts from OpenAI in, frames of 20 ms for Asterisk out. [pure]

Owns the audio that is not yet handed to Asterisk, and counts per item exactly what was received and what was handed
over ("heard"). It counts bytes and frames and reads no clock: `pop` is called every 20 ms.

Sound is played in the order in which it was pushed, whichever items it belongs to; two items may share a frame
and each is charged its own bytes. Only whole samples are queued: half a sample waits, per item, for its other half.

A last part of a frame waits while its item still grows, because padding it would click in the middle of a word.
It waits for `HOLD_POPS` pops at most (a generator that stalled must not swallow the end of a word for ever); then,
or as soon as its item has ended, it is filled up with silence and played.

An item that was cut by `interrupt` stays cut: sound that comes for it later is counted and thrown away.

Of an item with several content parts a new part ends the ones before; the item is heard as far as all of them were.

Turns, muted responses and what to send to OpenAI are the business of `bridge.realtime.conversation`.
"""

from collections import deque
from dataclasses import dataclass, field, replace

SAMPLE_RATE = 24_000
BYTES_PER_MS = 48
FRAME_MS = 20
FRAME_BYTES = FRAME_MS * BYTES_PER_MS
"""20 ms of 24 kHz signed 16 bit little endian mono: what OpenAI sends is what Asterisk gets."""

HOLD_POPS = 5
"""100 ms: longer than the gaps between deltas of a healthy generator, shorter than a pause between words."""

REMEMBERED_PARTS = 256
"""Accounts of finished items that `heard` still answers for; older ones are forgotten."""

MOST_UNFINISHED = 64
"""Parts that grow or are queued at once. A server has a few of them; what comes for one more is dropped."""

LONGEST_QUEUE = 15 * 60 * 1000 * BYTES_PER_MS
"""Bytes. While this much is queued, further sound is dropped."""

MOST_CHUNKS = 100_000
"""Deltas. `LONGEST_QUEUE` in pieces of 9 ms: each one costs memory besides its sound."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How much audio of one content part was handed to Asterisk. Milliseconds, rounded down; heard <= received.

    `before_ms`: what was heard of the item's other parts.
    """

    response_id: str
    item_id: str
    content_index: int
    heard_ms: int
    received_ms: int
    before_ms: int = 0


@dataclass(slots=True)
class Counters:
    """What this playout did since it was made."""

    frames: int = 0
    """20 ms frames handed out, padded ones included."""
    padded_frames: int = 0
    """Frames whose last part was silence."""
    underruns: int = 0
    """Times that the queue ran dry in the middle of an item, before its end was known: mostly an audible gap."""
    dropped_bytes: int = 0
    """Received and never played: cut by an interruption, or come too late for a cut item, or half a sample."""
    interrupts: int = 0


@dataclass(slots=True, eq=False)
class _Part:
    """The account of one content part of one item, in bytes."""

    response_id: str
    item_id: str
    content_index: int
    received: int = 0
    queued: int = 0
    played: int = 0
    half_sample: bytes = b""
    ended: bool = False

    def heard(self) -> Heard:
        return Heard(
            self.response_id,
            self.item_id,
            self.content_index,
            self.played // BYTES_PER_MS,
            self.received // BYTES_PER_MS,
        )


@dataclass(slots=True)
class Playout:
    """The queue of one call. Every method returns at once; each byte is touched a bounded number of times."""

    counters: Counters = field(default_factory=Counters)
    _chunks: deque[tuple[_Part, bytes]] = field(default_factory=deque, init=False)
    _offset: int = field(default=0, init=False)
    """Bytes of the first chunk that are already played."""
    _queued: int = field(default=0, init=False)
    _held: int = field(default=0, init=False)
    """How many pops the present incomplete frame has waited."""
    _dry: bool = field(default=False, init=False)
    """This underrun is already counted."""
    _parts: dict[tuple[str, int], _Part] = field(default_factory=dict, init=False)
    """Accounts by (item, content index), oldest first: the live ones, and finished ones for `heard`."""
    _live: dict[_Part, None] = field(default_factory=dict, init=False)
    """Parts not fully heard: still growing, or still queued. In order of their first sound."""
    _cut: dict[str, None] = field(default_factory=dict, init=False)
    """Items that were interrupted."""

    # ------------------------------------------------------------ in

    def push(self, response_id: str, item_id: str, content_index: int, pcm: bytes) -> None:
        """Queue sound of an item: any length, 24 kHz s16le, odd lengths are joined across pushes.

        Sound after the item's `end` is still played; sound of an interrupted item is not.
        """
        if not pcm:
            return
        if item_id in self._cut or self._full(item_id, content_index):
            self.counters.dropped_bytes += len(pcm)
            return
        part = self._part(response_id, item_id, content_index)
        part.received += len(pcm)
        samples = part.half_sample + pcm if part.half_sample else pcm
        whole = len(samples) & ~1
        part.half_sample = samples[whole:]
        if whole:
            self._chunks.append((part, samples if whole == len(samples) else samples[:whole]))
            part.queued += whole
            self._queued += whole
            self._held = 0
            self._live.setdefault(part)

    def end(self, item_id: str) -> None:
        """Generation of this item is finished: its last part of a frame need not wait. Unknown items are ignored."""
        for part in [part for part in self._live if part.item_id == item_id and not part.ended]:
            self._end(part)

    # ------------------------------------------------------------ out

    def pop(self) -> bytes | None:
        """The next 20 ms for Asterisk, exactly `FRAME_BYTES`, counted as heard; None: send silence."""
        if self._queued < FRAME_BYTES and not self._plays_short():
            self._note_underrun()
            return None
        part, chunk = self._chunks[0]
        start = self._offset
        stop = start + FRAME_BYTES
        if stop < len(chunk):  # the common case: a burst lies in one large chunk
            self._offset = stop
            part.queued -= FRAME_BYTES
            part.played += FRAME_BYTES
            self._queued -= FRAME_BYTES
            frame = chunk[start:stop]
        else:
            frame = self._gather()
        self.counters.frames += 1
        self._held = 0
        self._dry = False
        return frame

    def interrupt(self) -> list[Heard]:
        """Forget all that is not yet played, in one step, and say how far each unfinished item was heard.

        Named, in order and once: items with sound still queued, and items still growing; of several content parts the
        first of those. Not named: items that were heard to their end. `pop` gives None until an item that was not cut
        is pushed.
        """
        affected: dict[str, Heard] = {}
        for part in self._live:
            if part.item_id not in affected:
                affected[part.item_id] = replace(part.heard(), before_ms=self._before(part))
        for part in self._live:
            self.counters.dropped_bytes += part.queued + len(part.half_sample)
            part.queued = 0
            part.half_sample = b""
            part.ended = True
            self._cut[part.item_id] = None
        self._live.clear()
        self._chunks.clear()
        self._offset = self._queued = self._held = 0
        self.counters.interrupts += 1
        self._forget()
        return list(affected.values())

    # ------------------------------------------------------------ questions

    def heard(self, item_id: str) -> Heard | None:
        """The account of an item, also after it was played or cut; None: no sound of it is remembered.

        Of several content parts it is the sum, under the index of the last one.
        """
        parts = self._parts_of(item_id)
        if not parts:
            return None
        played, received = sum(part.played for part in parts), sum(part.received for part in parts)
        last = parts[-1]
        return Heard(last.response_id, item_id, last.content_index, played // BYTES_PER_MS, received // BYTES_PER_MS)

    def was_cut(self, item_id: str) -> bool:
        """It was interrupted: not all of it was played."""
        return item_id in self._cut

    def received_ms(self, item_id: str, content_index: int) -> int:
        """How much of one content part has come, rounded down."""
        part = self._parts.get((item_id, content_index))
        return part.received // BYTES_PER_MS if part else 0

    @property
    def remaining_ms(self) -> int:
        """How long the queued sound lasts, rounded up: 0 only when there is none."""
        return -(-self._queued // BYTES_PER_MS)

    @property
    def idle(self) -> bool:
        """Nothing is queued. An item may still be growing."""
        return not self._queued

    def __repr__(self) -> str:
        return f"<Playout [{self.remaining_ms} ms queued, {len(self._live)} items unfinished]>"

    # ------------------------------------------------------------ inside

    def _full(self, item_id: str, content_index: int) -> bool:
        """Whether no more is queued, so that a server that sends without end costs neither memory nor time of other
        calls."""
        if self._queued >= LONGEST_QUEUE or len(self._chunks) >= MOST_CHUNKS:
            return True
        return len(self._live) >= MOST_UNFINISHED and self._parts.get((item_id, content_index)) not in self._live

    def _part(self, response_id: str, item_id: str, content_index: int) -> _Part:
        key = (item_id, content_index)
        part = self._parts.get(key)
        if part is None:
            self.end(item_id)
            part = self._parts[key] = _Part(response_id, item_id, content_index)
            self._live[part] = None
            self._forget()
        return part

    def _parts_of(self, item_id: str) -> list[_Part]:
        return [part for part in self._parts.values() if part.item_id == item_id]

    def _before(self, cut: _Part) -> int:
        others = [part for part in self._parts_of(cut.item_id) if part is not cut]
        return sum(part.played for part in others) // BYTES_PER_MS

    def _end(self, part: _Part) -> None:
        part.ended = True
        self.counters.dropped_bytes += len(part.half_sample)
        part.half_sample = b""
        self._retire(part)

    def _plays_short(self) -> bool:
        """Whether less than a frame is played now. Called once per pop, because it counts the waiting."""
        if not self._queued:
            return False
        growing = not self._chunks[-1][0].ended
        if growing and self._held < HOLD_POPS:
            self._held += 1
            return False
        return True

    def _note_underrun(self) -> None:
        if not self._dry and self._live:
            self._dry = any(part.played for part in self._live)
            self.counters.underruns += self._dry

    def _gather(self) -> bytes:
        """One frame out of as many chunks as it takes, with silence at its end if they are too short."""
        pieces: list[bytes] = []
        missing = FRAME_BYTES
        while missing and self._chunks:
            part, chunk = self._chunks[0]
            piece = chunk[self._offset : self._offset + missing]
            pieces.append(piece)
            missing -= len(piece)
            self._offset += len(piece)
            self._queued -= len(piece)
            part.queued -= len(piece)
            part.played += len(piece)
            if self._offset == len(chunk):
                self._chunks.popleft()
                self._offset = 0
                self._retire(part)
        if missing:
            pieces.append(bytes(missing))
            self.counters.padded_frames += 1
        return b"".join(pieces)

    def _retire(self, part: _Part) -> None:
        """A part that has ended and is fully played needs no truncation any more."""
        if part.ended and not part.queued:
            self._live.pop(part, None)

    def _forget(self) -> None:
        """Drop the oldest accounts of finished parts."""
        while len(self._parts) > REMEMBERED_PARTS:
            # There is one: fewer than these (`MOST_UNFINISHED`) are live.
            del self._parts[next(key for key, part in self._parts.items() if part not in self._live)]
        while len(self._cut) > REMEMBERED_PARTS:
            del self._cut[next(iter(self._cut))]
