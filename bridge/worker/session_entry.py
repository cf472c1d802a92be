"""One call of a worker: its session, its task, and where its media leg is."""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto

from bridge import contract
from bridge.engine import VoiceSession
from bridge.media.levels import Levels
from bridge.media.sink import MediaSink
from bridge.recording.tap import RecordingTap

SAYING = 1000
"""Characters of the agent's present words that a live report shows."""


class Media(Enum):
    """Where the media leg of a call is."""

    AWAITED = auto()
    HERE = auto()
    GONE = auto()


@dataclass(slots=True, eq=False)
class SessionEntry:
    """One call of this worker."""

    call: str
    session: VoiceSession | None = None
    sink: MediaSink | None = None
    """What its media leg will talk to."""
    task: asyncio.Task[None] | None = None
    media: Media = Media.AWAITED
    ended: bool = False
    tap: RecordingTap | None = None
    end: contract.Ended | None = None
    """What the session said last, kept back until the recording is complete."""
    successor: contract.Prepare | None = None
    """Asked for while this one was still there: begins when it is over."""
    successor_end: str | None = None
    """Why the successor does not begin: its end is told instead."""
    reason: str = "the session ended"
    """For the `Ended` that is told on the session's behalf."""

    def live_status(self) -> contract.LiveStatus | None:
        """What is heard at this moment, once somebody watches and there is sound."""
        if self.session is None or self.tap is None or self.media is not Media.HERE:
            return None
        measured = self.tap.levels = self.tap.levels or Levels()
        caller, agent = measured.read()
        return contract.LiveStatus(
            call=self.call,
            caller_dbfs=caller,
            agent_dbfs=agent,
            speaking=self.session.speaking(),
            saying=self.session.saying()[-SAYING:],
        )
