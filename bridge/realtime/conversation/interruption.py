"""Barge-in: what the caller did not hear must not be played, and must not stay in the model's memory. [pure]

Owns the one synchronous step between `speech_started` and silence. The playout is cleared and tells how much of each
unfinished item was handed to Asterisk. Each of these items is truncated there, or deleted if nothing of it was heard,
once. All responses up to now are muted, so that what still comes of them is dropped.

An item that was played in full and has ended is left alone. A finished reply that is still being played is interrupted
like one that is being generated. An item with several content parts is truncated once, in the part that was being
played (OpenAI: one part, index 0), and deleted only if nothing of any part was heard.

Source: OpenAI "Realtime conversations", Interruption and Truncation.
"""

from bridge.contract import BargedIn
from bridge.media.playout import Heard, Playout
from bridge.realtime.conversation.agent_transcript import AgentTranscript
from bridge.realtime.conversation.effects import EffectList, Emit, Send
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.conversation.responses import Responses
from bridge.realtime.protocol.client_events import ItemDelete, ItemTruncate


class Interruptions:
    """The barge-ins of one conversation. `delay_ms`: what a frame still takes to the caller's ear after it was handed
    to Asterisk; that much does not count as heard."""

    def __init__(
        self,
        call: str,
        delay_ms: int,
        out: EffectList,
        playout: Playout,
        responses: Responses,
        transcript: AgentTranscript,
    ) -> None:
        self._call = call
        self._delay_ms = delay_ms
        self._out = out
        self._playout = playout
        self._responses = responses
        self._transcript = transcript
        self.count = 0
        self._taken_back = RecentIds()
        self._untold: tuple[Heard, float] | None = None
        """A barge-in that is not reported yet: what was cut first, and when."""

    @property
    def watching(self) -> bool:
        """The first silent tick after a barge-in is still to come."""
        return self._untold is not None

    def barge_in(self, now: float, *, server_cancels: bool) -> bool:
        """The caller began to speak at `now` (seconds of a monotonic clock). False: no audio of the agent was cut."""
        cut = self.silence(server_cancels=server_cancels)
        if cut:
            self.count += 1
            self._tell(now)
            self._untold = (cut[0], now)
        return bool(cut)

    def silence(self, *, server_cancels: bool = False) -> list[Heard]:
        """The agent stops at once. Returns what was cut."""
        cut = self._playout.interrupt()
        self._responses.interrupt(server_cancels=server_cancels)
        for part in cut:
            self._take_back(part)
        self._transcript.played()
        return cut

    def drops(self, response_id: str, item_id: str, content_index: int) -> bool:
        """Whether audio of this item must not be played. An item that begins after the interruption is deleted."""
        if not self._responses.is_muted(response_id) and item_id not in self._taken_back:
            return False
        if item_id not in self._taken_back:
            self._end_here(item_id, content_index)
        return True

    def ticked(self, now: float) -> None:
        """The first tick after a barge-in: from here on the caller hears silence."""
        self._tell(now)

    def close(self) -> None:
        """The call ends: what is queued will never be heard."""
        if self._untold:
            self._tell(self._untold[1])
        for part in self._playout.interrupt():
            self._transcript.cut(part.item_id, part.before_ms + self._heard_ms(part))
        self._transcript.close()

    # ------------------------------------------------------------ inside

    def _take_back(self, part: Heard) -> None:
        """Truncate or delete an item, so that the model knows how much of it was heard."""
        if part.item_id in self._taken_back:
            return
        heard_ms = self._heard_ms(part)
        self._transcript.cut(part.item_id, part.before_ms + heard_ms)
        if not heard_ms and not part.before_ms:
            self._delete(part.item_id)
            return
        self._truncate(part.item_id, part.content_index, heard_ms)

    def _end_here(self, item_id: str, content_index: int) -> None:
        """More audio came for an item of a muted response: truncate it at what had come before."""
        account = self._playout.heard(item_id)
        if account is None:
            self._delete(item_id)
            return
        if self._playout.idle:
            self._transcript.cut(item_id, account.heard_ms)
        self._truncate(item_id, content_index, self._playout.received_ms(item_id, content_index))

    def _truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        self._taken_back.add(item_id)
        event_id = self._out.new_id("truncate")
        self._out.add(Send(ItemTruncate(event_id, item_id, content_index, audio_end_ms)))

    def _delete(self, item_id: str) -> None:
        self._taken_back.add(item_id)
        self._out.add(Send(ItemDelete(self._out.new_id("delete"), item_id)))

    def _heard_ms(self, part: Heard) -> int:
        return max(0, min(part.heard_ms, part.received_ms) - self._delay_ms)

    def _tell(self, now: float) -> None:
        if self._untold is None:
            return
        part, at = self._untold
        self._untold = None
        heard_ms = self._heard_ms(part)
        event = BargedIn(call=self._call, item=part.item_id, heard_ms=heard_ms, latency_ms=(now - at) * 1000)
        self._out.add(Emit(event))
