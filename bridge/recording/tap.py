"""Records a call: stands between its media leg and its session, and copies the audio of both directions.

Owns the recordings of a call, one after the other. One that the `SessionSpec` asks for begins with the media leg;
others begin and end by `Record` commands. None begins before the caller has heard the consent, if there is one. Each
complete file is reported (`Recorded`). Measures the levels of both sides while somebody watches. The audio itself is
not changed.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

import structlog

from bridge import contract
from bridge.media.levels import Levels
from bridge.media.sink import MediaLeg, MediaSink
from bridge.recording.recorder import Recording, Recordings

log = structlog.get_logger()


class RecordingTap:
    """A `MediaSink`. Raises ValueError if `wanted`, and the call's id is no UUID."""

    def __init__(
        self,
        sink: MediaSink,
        call: str,
        recordings: Recordings,
        wanted: contract.Recording | None,
        tell: Callable[[contract.Recorded | contract.RecordingState], None],
        consented: Callable[[], bool] = lambda: True,
    ) -> None:
        self._sink = sink
        self._call = call
        self._recordings = recordings
        self._tell = tell
        self._consented = consented
        self._count = 0
        self._leg_here = False
        self._completing: set[asyncio.Task[None]] = set()
        self._recording = self._open(wanted)
        self.levels: Levels | None = None
        """Measured while somebody watches."""

    def command(self, command: contract.Record) -> None:
        log.info("recording", call=self._call, action=command.action)
        recording = self._recording
        match command.action:
            case "start" if recording is None:
                self._recording = self._open(command.recording)
            case "pause" | "resume" if recording is not None:
                recording.paused = command.action == "pause"
            case "stop" if recording is not None:
                self._recording = None
                recording.finish()
                task = asyncio.create_task(self._complete(recording), name=f"recording of {self._call}")
                self._completing.add(task)
                task.add_done_callback(self._completing.discard)
        self._tell(contract.RecordingState(call=self._call, state=self._state))

    @property
    def _state(self) -> Literal["on", "paused", "off"]:
        if self._recording is None:
            return "off"
        return "paused" if self._recording.paused else "on"

    async def close(self) -> None:
        """The call is over: returns when all is told. Bounded by `recorder.CLOSE_SECONDS`."""
        last, self._recording = self._recording, None
        await asyncio.gather(*self._completing, *([self._complete(last)] if last else []))

    # ------------------------------------------------------------ the Sink

    def media_connected(self, leg: MediaLeg) -> None:
        self._leg_here = True
        self._begin(self._recording)
        self._sink.media_connected(leg)

    def media_format(self, rate: int, frame_bytes: int) -> None:
        self._sink.media_format(rate, frame_bytes)

    def caller_audio(self, pcm: bytes) -> None:
        if self._recording is not None:
            self._recording.caller(pcm)
        if self.levels is not None:
            self.levels.caller(pcm)
        self._sink.caller_audio(pcm)

    def caller_digit(self, digit: str) -> None:
        self._sink.caller_digit(digit)

    def media_gone(self, reason: str) -> None:
        self._leg_here = False
        if self._recording is not None:
            self._recording.finish()
        self._sink.media_gone(reason)

    def next_frame(self) -> bytes | None:
        self._begin(self._recording)
        frame = self._sink.next_frame()
        if self._recording is not None:
            self._recording.agent(frame)
        if self.levels is not None:
            self.levels.agent(frame)
        return frame

    # ------------------------------------------------------------ inside

    def _open(self, wanted: contract.Recording | None) -> Recording | None:
        if wanted is None:
            return None
        self._count += 1
        recording = self._recordings.open(self._call, wanted, self._count)
        self._begin(recording)
        return recording

    def _begin(self, recording: Recording | None) -> None:
        """If it is not there yet, and may be."""
        if recording is not None and not recording.started and self._leg_here and self._consented():
            recording.start()

    async def _complete(self, recording: Recording) -> None:
        if (told := await recording.close()) is not None:
            log.info("recorded", call=self._call, path=told.path, seconds=told.seconds)
            self._tell(told)
