"""What it means that the agent speaks, or stops. [pure]

Owns what follows from each response and its items: sound is queued or dropped, words are kept until they were heard,
tools are run or held, a response that ends leaves nothing open. The counterpart of `caller`.
"""

from bridge.media.playout import Playout
from bridge.realtime.conversation.agent_commands import AgentCommands
from bridge.realtime.conversation.agent_transcript import AgentTranscript
from bridge.realtime.conversation.closing import HeldTools, LastWords
from bridge.realtime.conversation.greeting import Greeting
from bridge.realtime.conversation.interruption import Interruptions
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.conversation.recovery import Recovery
from bridge.realtime.conversation.response_errors import ResponseErrors
from bridge.realtime.conversation.responses import DOUBT_S, ResponseRequest, Responses
from bridge.realtime.conversation.tool_calls import ToolCalls
from bridge.realtime.conversation.turns import Turns
from bridge.realtime.conversation.usage import UsageMeter
from bridge.realtime.conversation.user_speech import UserSpeech
from bridge.realtime.protocol import server_events

REMOTE_TOOL_S = 60.0
"""How long a response may be quiet while the server calls a tool by itself."""


class AgentSpeech:
    """See the module."""

    def __init__(
        self,
        playout: Playout,
        responses: Responses,
        utterances: AgentTranscript,
        turns: Turns,
        tools: ToolCalls,
        greeting: Greeting,
        interruptions: Interruptions,
        setbacks: ResponseErrors,
        meter: UsageMeter,
        orders: AgentCommands,
        closing: LastWords,
        outage: Recovery,
        held_tools: HeldTools,
        caller: UserSpeech,
    ) -> None:
        self._playout = playout
        self._responses = responses
        self._utterances = utterances
        self._turns = turns
        self._tools = tools
        self._greeting = greeting
        self._interruptions = interruptions
        self._setbacks = setbacks
        self._meter = meter
        self._orders = orders
        self._closing = closing
        self._outage = outage
        self._held_tools = held_tools
        self._caller = caller
        self._remote = RecentIds()
        """Responses that had the server call a tool, and have not spoken since."""

    def sound(self, delta: server_events.AudioDelta, now: float) -> None:
        """A piece of the agent's sound: queued, or dropped when the caller has interrupted its response."""
        response_id, item_id, pcm = delta.response_id, delta.item_id, delta.pcm
        self.seen(response_id, now)
        if not pcm:
            return
        self._utterances.sound(response_id, item_id, len(pcm))
        if self._interruptions.drops(response_id, item_id, delta.content_index):
            return
        self._setbacks.productive.add(response_id)
        self._remote.discard(response_id)
        self._caller.begun = True
        self._playout.push(response_id, item_id, delta.content_index, pcm)
        self._turns.sound(response_id, item_id, now)
        self._greeting.sound(item_id)

    def text(self, delta: server_events.TranscriptDelta, now: float) -> None:
        """A piece of what is being said, in words."""
        self.seen(delta.response_id, now)
        self._utterances.text_delta(delta.response_id, delta.item_id, delta.delta, delta.content_index)

    def text_done(self, done: server_events.TranscriptDone, now: float) -> None:
        """All the words of an item."""
        self.seen(done.response_id, now)
        self._utterances.text_done(done.response_id, done.item_id, done.transcript, done.content_index)
        self.played()

    def sound_done(self, item_id: str) -> None:
        """All the sound of an item."""
        self._playout.end(item_id)
        self._utterances.sound_done(item_id)
        self.played()

    def seen(self, response_id: str, now: float, *, announced: bool = False) -> None:
        """A response shows a sign of life; the first one is its beginning, `response.created` or not."""
        before = self._responses.response_id
        notice = self._responses.created if announced else self._responses.seen
        self._lost(notice(response_id, now))
        if self._responses.response_id == before:
            return
        if self._orders.refuses or (self._responses.granted and self._caller.has_the_word):
            # The caller spoke up while our request was on its way; the server cancels only what ran before.
            self._responses.cancel()
        self._turns.answered()

    def response_done(self, done: server_events.ResponseDone, now: float) -> None:
        """The server is through with a response, one way or another."""
        self._meter.response(done.usage)
        stuck = done.response_id == self._responses.stuck
        interrupted = self._responses.is_muted(done.response_id) and not stuck
        if not self._responses.done(done.response_id, failed=done.status == "failed"):
            return
        asked = self._responses.granted is not None
        last = asked and self._responses.granted is self._closing.wish
        if done.status in ("incomplete", "failed"):
            self._utterances.broken_off(done.response_id)
        said = self._utterances.words_of(done.response_id)
        self.response_over(done.response_id)
        rest = None
        if done.status == "failed":
            rest = self._setbacks.failed(done, said, now)
        elif done.status == "incomplete":
            rest = self._setbacks.incomplete(done, "" if interrupted else said)
        elif stuck or not (interrupted or done.status == "cancelled"):
            self._setbacks.check(done.response_id)
        elif not (interrupted or self._turns.callers or done.response_id in self._setbacks.productive) and asked:
            self._responses.back_off(DOUBT_S)  # we did not cancel it; perhaps the server has just heard the caller
            self._setbacks.check(done.response_id)
        if done.response_id in self._remote:
            self._remote.discard(done.response_id)
            self._turns.expect_answer()
        if last:
            self._last_words(done, rest)
        self._responses.flush()

    def _last_words(self, done: server_events.ResponseDone, rest: ResponseRequest | None) -> None:
        """The response was the one with the last words: they are said, or their rest is asked for."""
        if rest is not None:
            self._closing.wish = rest
            self._closing.goes_on()
        elif done.response_id in self._setbacks.productive and done.status != "failed":
            self._closing.said()

    def _lost(self, response_id: str) -> None:
        """A response that is over without a `response.done`."""
        if response_id:
            self.response_over(response_id)

    def response_over(self, response_id: str) -> None:
        """Nothing more comes of it: its items end where they are."""
        for item_id in self._utterances.items_of(response_id):
            self._playout.end(item_id)
        self._utterances.response_over(response_id)
        self._tools.response_over(response_id)
        self.played()
        self._held_tools.wait()

    def played(self) -> None:
        """Utterances that were played to their end are told of."""
        if self._playout.idle:
            self._utterances.played()

    def drained(self) -> None:
        """The last sound has just been handed to Asterisk."""
        self.played()
        self._outage.quiet()
        self._closing.drained()
        self._held_tools.drained()

    def item_done(self, item: server_events.ItemDone, now: float) -> None:
        """An item is complete: a tool is to be run, by us or by the server itself."""
        self.seen(item.response_id, now)
        if item.kind == "mcp_call":  # the server goes on by itself when it has its answer; else we ask
            self._setbacks.productive.add(item.response_id)
            self._remote.add(item.response_id)
            return
        if item.kind != "function_call":
            return
        spoke = self._turns.speaking or self._responses.is_muted(item.response_id)
        if self._tools.called(item, caller_spoke=spoke, first_act=not self._caller.begun):
            self._setbacks.productive.add(item.response_id)
            if self._responses.is_over(item.response_id):
                self.response_over(item.response_id)

    def remote_tool(self, *, over: bool, now: float) -> None:
        """The server waits for somebody else: no watchdog barks meanwhile."""
        self._responses.patient(0 if over else REMOTE_TOOL_S, now)

    def cancel_expired(self) -> None:
        """The response that was cancelled is still not over."""
        given_up = self._responses.cancel_expired()
        self._lost(given_up)
        if given_up and given_up == self._responses.stuck:
            self._setbacks.check(given_up)
        self._responses.flush()
