"""What follows from the server's events of a response: the agent's side of the conversation. [pure]

Audio is queued or dropped, words are kept until they were heard, tools are run or held, and a response that is over
leaves nothing open. The caller's side is `user_speech`.
"""

from bridge.realtime.conversation.parts import Parts
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.conversation.responses import UNATTRIBUTED_S, ResponseRequest
from bridge.realtime.conversation.user_speech import UserSpeech
from bridge.realtime.protocol import server_events

REMOTE_TOOL_S = 60.0
"""How long a response may be quiet while the server calls a tool by itself."""


class AgentSpeech:
    """Takes what the server sends of its responses. `now`: seconds of a monotonic clock."""

    def __init__(self, parts: Parts, user_speech: UserSpeech) -> None:
        self._parts = parts
        self._user_speech = user_speech
        self._remote = RecentIds()
        """Responses that had the server call a tool, and have not spoken since."""

    def sound(self, delta: server_events.AudioDelta, now: float) -> None:
        """A piece of audio: queued, or dropped if the caller has interrupted its response."""
        response_id, item_id, pcm = delta.response_id, delta.item_id, delta.pcm
        self.seen(response_id, now)
        if not pcm:
            return
        self._parts.transcript.sound(response_id, item_id, len(pcm))
        if self._parts.interruption.drops(response_id, item_id, delta.content_index):
            return
        self._parts.errors.productive.add(response_id)
        self._remote.discard(response_id)
        self._user_speech.begun = True
        self._parts.playout.push(response_id, item_id, delta.content_index, pcm)
        self._parts.turns.sound(response_id, item_id, now)
        self._parts.greeting.sound(item_id)

    def text(self, delta: server_events.TranscriptDelta, now: float) -> None:
        """A piece of the transcript."""
        self.seen(delta.response_id, now)
        self._parts.transcript.text_delta(delta.response_id, delta.item_id, delta.delta, delta.content_index)

    def text_done(self, done: server_events.TranscriptDone, now: float) -> None:
        """The whole transcript of an item."""
        self.seen(done.response_id, now)
        self._parts.transcript.text_done(done.response_id, done.item_id, done.transcript, done.content_index)
        self.played()

    def written(self, what: server_events.Text, now: float) -> None:
        """Of a session without sound: a piece of what the agent writes, or all of an item."""
        self.seen(what.response_id, now)
        if what.text and what.text.strip():
            self._parts.errors.productive.add(what.response_id)
            self._user_speech.begun = True
            self._parts.text_turns.written(what.item_id, what.content_index, what.text.strip())

    def sound_done(self, item_id: str) -> None:
        """All audio of an item has come."""
        self._parts.playout.end(item_id)
        self._parts.transcript.sound_done(item_id)
        self.played()

    def seen(self, response_id: str, now: float, *, announced: bool = False) -> None:
        """An event of a response has come. The first one is its beginning, whether it is `response.created` or not."""
        before = self._parts.responses.response_id
        notice = self._parts.responses.created if announced else self._parts.responses.seen
        self._lost(notice(response_id, now))
        if self._parts.responses.response_id == before:
            return
        if self._parts.commands.refuses or (self._parts.responses.current and self._user_speech.has_the_word):
            # The caller spoke up while our request was on its way; the server cancels only what ran before.
            self._parts.responses.cancel()
        self._parts.turns.answered()

    def response_done(self, done: server_events.ResponseDone, now: float) -> None:
        """`response.done`: it is completed, cancelled, incomplete or failed."""
        self._parts.usage_meter.response(done.usage)
        stuck = done.response_id == self._parts.responses.stuck
        interrupted = self._parts.responses.is_muted(done.response_id) and not stuck
        if not self._parts.responses.done(done.response_id, failed=done.status == "failed"):
            return
        asked = self._parts.responses.current is not None
        last = asked and self._parts.responses.current is self._parts.closing.request
        if done.status in ("incomplete", "failed"):
            self._parts.transcript.broken_off(done.response_id)
        said = self._parts.transcript.words_of(done.response_id)
        self.response_over(done.response_id)
        rest = None
        if done.status == "failed":
            rest = self._parts.errors.failed(done, said, now)
        elif done.status == "incomplete":
            rest = self._parts.errors.incomplete(done, "" if interrupted else said)
        elif stuck or not (interrupted or done.status == "cancelled"):
            self._parts.errors.check(done.response_id)
        elif (
            not (interrupted or self._parts.turns.callers or done.response_id in self._parts.errors.productive)
            and asked
        ):
            self._parts.responses.back_off(
                UNATTRIBUTED_S
            )  # we did not cancel it; perhaps the server has just heard the caller
            self._parts.errors.check(done.response_id)
        if done.response_id in self._remote:
            self._remote.discard(done.response_id)
            self._parts.turns.expect_answer()
        if last:
            self._last_words(done, rest)
        self._parts.responses.flush()

    def _last_words(self, done: server_events.ResponseDone, rest: ResponseRequest | None) -> None:
        """That was the response with the last words: they are said now, or `rest` was requested."""
        if rest is not None:
            self._parts.closing.request = rest
            self._parts.closing.goes_on()
        elif done.response_id in self._parts.errors.productive and done.status != "failed":
            self._parts.closing.said()

    def _lost(self, response_id: str) -> None:
        """A response that is over without a `response.done`."""
        if response_id:
            self.response_over(response_id)

    def response_over(self, response_id: str) -> None:
        """Nothing more comes of this response: its items end with what has come."""
        for item_id in self._parts.transcript.items_of(response_id):
            self._parts.playout.end(item_id)
        self._parts.transcript.response_over(response_id)
        self._parts.tools.response_over(response_id)
        self.played()
        self._parts.held_tools.wait()

    def played(self) -> None:
        """If all is played: report the utterances that are complete."""
        if self._parts.playout.idle:
            self._parts.transcript.played()

    def drained(self) -> None:
        """The last sound has just been handed to Asterisk."""
        self.played()
        self._parts.recovery.quiet()
        self._parts.closing.drained()
        self._parts.held_tools.drained()

    def item_done(self, item: server_events.ItemDone, now: float) -> None:
        """An item is complete: a tool is to be run, by us or by the server itself."""
        self.seen(item.response_id, now)
        if item.kind == "mcp_call":  # the server goes on by itself when it has its answer; else we ask
            self._parts.errors.productive.add(item.response_id)
            self._remote.add(item.response_id)
            return
        if item.kind != "function_call":
            return
        spoke = self._parts.turns.speaking or self._parts.responses.is_muted(item.response_id)
        if self._parts.tools.called(item, caller_spoke=spoke, first_act=not self._user_speech.begun):
            self._parts.errors.productive.add(item.response_id)
            if self._parts.responses.is_over(item.response_id):
                self.response_over(item.response_id)

    def remote_tool(self, *, over: bool, now: float) -> None:
        """The server calls a tool by itself, or is done with that. Meanwhile the response may be quiet."""
        self._parts.responses.extend_deadline(0 if over else REMOTE_TOOL_S, now)

    def cancel_expired(self) -> None:
        """The response that was cancelled is still not over."""
        given_up = self._parts.responses.cancel_expired()
        self._lost(given_up)
        if given_up and given_up == self._parts.responses.stuck:
            self._parts.errors.check(given_up)
        self._parts.responses.flush()
