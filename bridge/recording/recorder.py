"""Recordings of calls, made in the worker as each call goes: caller left, agent right, as heard.

Owns each recording's file; `tap` decides when there is one. The event loop never waits for the disk: audio goes through
a `StereoMixer`, and its blocks go to the disk thread. If the disk stalls, blocks are dropped, which is logged, and are
silence in the file, so that what follows is still at its time. If the disk is full, the recording ends and the call
goes on.

A file is named `<call>.<format>`, or `<call>-2.<format>` for the second one of a call,
and a call is a UUID. A file that is there already is left alone, and the next number taken.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from uuid import UUID

import structlog

from bridge import contract
from bridge.recording.disk import DiskThread
from bridge.recording.files import FRAME_BYTES, Format, SoundFileError, StereoFile, create
from bridge.recording.mixer import RATE, StereoMixer
from bridge.recording.retention import Retention

QUEUE_LIMIT = 2000
"""Blocks of 200 ms that may wait for the disk: 38 MB, which is 4 s of 100 calls."""
MOST_FILES = 200
"""Of one call."""
UUID_LENGTH = 36
CLOSE_SECONDS = 1.0
"""What the end of a call waits for the disk."""

Create = Callable[[Path, Format], StereoFile]

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Writing:
    """A file as the disk thread knows it. Nothing of it is touched from the loop."""

    call: str
    path: Path
    format: Format
    create: Create
    file: StereoFile | None = None
    number: int = 1
    """Of the files of this call."""
    frames: int = 0
    failed: bool = False

    def write(self, position: int, stereo: bytes) -> None:
        """`position`: the first frame's place. What was dropped before it becomes silence."""
        if self.failed:
            return
        try:
            if self.file is None:
                self.file = self._begin()
            if position > self.frames:
                self.file.write(bytes((position - self.frames) * FRAME_BYTES))
            self.file.write(stereo)
            self.frames = position + len(stereo) // FRAME_BYTES
        except (OSError, SoundFileError) as fault:
            self._fail(fault)

    def _begin(self) -> StereoFile:
        """Under the first free name: another worker may have recorded an earlier part of this call."""
        stem = self.path.stem[:UUID_LENGTH]
        while True:
            try:
                return self.create(self.path, self.format)
            except FileExistsError:
                self.number += 1
                if self.number > MOST_FILES:
                    raise
                self.path = self.path.with_name(f"{stem}-{self.number}.{self.format}")

    def close(self) -> bool:
        """Whether the file is complete."""
        file, self.file = self.file, None
        try:
            if file is not None:
                file.close()
        except (OSError, SoundFileError) as fault:
            if not self.failed:
                self._fail(fault)
        return not self.failed and self.frames > 0

    def _fail(self, fault: Exception) -> None:
        self.failed = True
        log.error("recording stopped, the call goes on", call=self.call, path=str(self.path), fault=str(fault))


class Recording:
    """One call's recording. All but `close` return at once. Nothing is written before `start`.

    `limit`: how many blocks, of all calls, may wait for the disk.
    """

    def __init__(self, disk: DiskThread, writing: Writing, *, limit: int, clock: Callable[[], float]) -> None:
        self._disk = disk
        self._writing = writing
        self._limit = limit
        self._clock = clock
        self._timeline: StereoMixer | None = None
        self._position = 0
        self._dropped = 0
        self._finished = False
        self.paused = False
        """Time goes on, in silence."""

    @property
    def started(self) -> bool:
        """Sound is written."""
        return self._timeline is not None

    def start(self) -> None:
        """The media leg is there, and the caller knows of it: time zero of the file."""
        if self._timeline is None:
            self._timeline = StereoMixer(self._clock())

    def caller(self, pcm: bytes) -> None:
        if self._timeline is not None and not self.paused:
            self._timeline.caller(pcm, self._clock())

    def agent(self, frame: bytes | None) -> None:
        """Once per tick: also hands on what is settled."""
        if self._timeline is None or self._finished:
            return
        now = self._clock()
        self._timeline.agent(None if self.paused else frame, now)
        if (block := self._timeline.take(now)) is not None:
            self._hand_over(block)

    def finish(self) -> None:
        """The media leg is gone: the end of the file."""
        if self._timeline is not None and not self._finished:
            self._finished = True
            self._hand_over(self._timeline.finish(self._clock()))

    async def close(self) -> contract.Recorded | None:
        """Complete the file. None: there is none, or not all of it could be written in `CLOSE_SECONDS`."""
        self.finish()
        if self._timeline is None:
            return None
        call = self._writing.call
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                whole = await self._completed()
        except TimeoutError:
            log.error("recording is not on the disk yet", call=call, waiting=self._disk.waiting)
            return None
        late = self._timeline.late_ms
        if self._dropped or late:
            log.warning("recording has holes", call=call, dropped_ms=self._dropped_ms, late_ms=late)
        seconds = round(self._timeline.seconds, 3)
        return contract.Recorded(call=call, path=str(self._writing.path), seconds=seconds) if whole else None

    def _completed(self) -> asyncio.Future[bool]:
        """Done when the disk thread has closed the file, which it does also if nobody waits any more."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()

        def tell(whole: bool) -> None:
            if not done.done():
                done.set_result(whole)

        def complete() -> None:
            whole = self._writing.close()
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(tell, whole)

        self._disk.put(complete)
        return done

    @property
    def _dropped_ms(self) -> int:
        return self._dropped * 1000 // RATE

    def _hand_over(self, block: bytes) -> None:
        frames = len(block) // FRAME_BYTES
        position, self._position = self._position, self._position + frames
        if self._disk.waiting < self._limit:
            self._disk.put(lambda: self._writing.write(position, block))
            return
        if not self._dropped:
            log.error("the disk does not keep up, recordings have holes", call=self._writing.call, limit=self._limit)
        self._dropped += frames


class Recordings:
    """All recordings of a worker."""

    def __init__(
        self,
        disk: DiskThread,
        *,
        create: Create = create,
        limit: int = QUEUE_LIMIT,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.retention = Retention(disk)
        self._disk = disk
        self._create = create
        self._limit = limit
        self._clock = clock

    def close(self) -> None:
        """Nothing is deleted any more. What the disk thread has, it still does."""
        self.retention.close()

    def open(self, call: str, wanted: contract.Recording, number: int = 1) -> Recording:
        """`number`: which one of this call. Raises ValueError if the call's id is no UUID."""
        again = f"-{number}" if number > 1 else ""
        path = Path(wanted.path) / f"{UUID(call)}{again}.{wanted.format}"
        writing = Writing(call, path, wanted.format, self._create, number=number)
        return Recording(self._disk, writing, limit=self._limit, clock=self._clock)
