"""Sends the caller's audio to the AI: fifty frames a second, each written at once or not at all.

Owns the caller's time line towards the server (`filler`), what is kept for the next connection (`kept`), the account of
what the present connection was sent (`appended`), and whether anything comes from the caller. Silence goes
instead of the caller's audio while the agent is not to hear it, and where Asterisk sends nothing.
"""

from collections.abc import Callable

from bridge.media.audio_presence import AudioPresence
from bridge.media.gap_filler import GapFiller
from bridge.media.input_clock import InputClock
from bridge.media.levels import CallerSound
from bridge.media.playout import BYTES_PER_MS, FRAME_BYTES, FRAME_MS
from bridge.media.reconnect_buffer import ReconnectBuffer
from bridge.realtime.protocol.client_events import audio_append
from bridge.realtime.transport.client import MAX_BACKLOG, RealtimeClient

_NOTHING = bytes(FRAME_BYTES)
_SILENCE = audio_append(_NOTHING)


class CallerAudioSender:
    """The caller's audio of one call. `now`: seconds of a monotonic clock. Nothing is sent before `start`.

    `send` writes a frame (`client_events.audio_append`), or returns False. `muted`: whether the agent hears silence.
    `flow_changed` is told when audio of the caller ceases to come from Asterisk, and when it comes again.
    """

    def __init__(
        self,
        send: Callable[[bytes], bool],
        muted: Callable[[], bool],
        appended: InputClock,
        sound: CallerSound,
        flow_changed: Callable[[bool], None],
    ) -> None:
        self._send = send
        self._muted = muted
        self._flow = AudioPresence()
        self._flow_changed = flow_changed
        self._sound = sound
        self._appended = appended
        self.filler = GapFiller()
        self.kept = ReconnectBuffer()
        self.frames = 0
        """Frames of the caller, whether sent or not."""

    def start(self, now: float) -> None:
        """The caller is there: send from now on."""
        self.filler.start(now)
        self._flow.start(now)

    def caller_audio(self, pcm: bytes, now: float) -> None:
        """A frame of the caller, 24 kHz s16le: send it, or silence in its place."""
        self.frames += 1
        if self._flow.frame(now):
            self._flow_changed(True)
        milliseconds = len(pcm) / BYTES_PER_MS
        if not self.filler.started or not self.filler.accept(milliseconds / 1000, now):
            return
        if self._sound.wanted:
            self._sound.heard(pcm, now)
        if self._muted():
            pcm = bytes(len(pcm))
        self.kept.keep(pcm, now)
        if self._send(audio_append(pcm)):
            self._appended.add(milliseconds, now)

    def fill(self, now: float) -> None:
        """To be called at each tick: send silence for frames that did not come from Asterisk."""
        for _ in range(self.filler.missing(now)):
            self.kept.keep(_NOTHING, now)
            if self._send(_SILENCE):
                self._appended.add(FRAME_MS, now)
        if self._flow.ceased(self.filler.known):
            self._flow_changed(False)

    def catch_up(self, client: RealtimeClient) -> None:
        """Send what the caller said while there was no connection to the new one."""
        for at, pcm in self.kept.missed():
            client.send_audio(audio_append(pcm), most=MAX_BACKLOG)
            self._appended.add(len(pcm) / BYTES_PER_MS, at)
