"""What a conversation does when the connection to the AI is lost, and when there is another one. [pure]

Owns what is unfinished at that moment. Audio that was received goes on being played. The response that was being
generated ends where its audio ends. Tools that run go on; their answers are sent on the next connection. Requests wait.
When there is a connection again:

    at the loss                                        afterwards
    ------------------------------------------------   ---------------------------------------------------
    the greeting was not even half received            it is said again, from the start
    a given text (a notice, last words) was cut off    it is said again
    the model's own answer was asked for or cut off    it is asked to go on, once what it said is played
    the caller had just stopped speaking               an answer is asked for
    the caller was speaking                            the rest is heard; unanswered, an answer is asked for
    nobody spoke                                       nothing

Connections are opened by `transport.reconnecting`; the history is sent by `connection`.
"""

from bridge.contract import SessionSpec
from bridge.media.playout import Playout
from bridge.realtime.conversation.agent_transcript import SPOKEN_MS, AgentTranscript
from bridge.realtime.conversation.connection import Connection
from bridge.realtime.conversation.responses import ResponseRequest, Responses
from bridge.realtime.conversation.tool_calls import ToolCalls
from bridge.realtime.conversation.turns import Turns


class Recovery:
    """`lost` and `back` are called in turns, `quiet` whenever all audio has been played."""

    def __init__(
        self,
        spec: SessionSpec,
        playout: Playout,
        responses: Responses,
        tools: ToolCalls,
        turns: Turns,
        transcript: AgentTranscript,
        connection: Connection,
    ) -> None:
        self._greeting_ms = len(spec.greeting or "") * SPOKEN_MS
        self._playout = playout
        self._responses = responses
        self._tools = tools
        self._turns = turns
        self._transcript = transcript
        self._connection = connection
        self._go_on = False
        """The caller waits for the rest, or for an answer."""
        self._was_speaking = False

    def lost(self) -> str:
        """The connection is lost. Returns the id of the response that was being generated, or ""."""
        cut = self._responses.response_id
        speaking, due = self._turns.speaking, self._turns.answer_due
        self._turns.connection_lost()
        self._was_speaking = self._was_speaking or speaking
        request = self._responses.connection_lost()
        if request is not None and request.opening == "greeting":
            request = request if self._mostly_unsaid(cut) else None
        if request is not None and request.instructions:
            self._responses.request(request, first=True)
        elif request is not None or due:
            self._go_on = True
        self._transcript.connection_lost(cut)
        return cut

    def back(self) -> None:
        """There is a connection again, and it has the history."""
        if self._was_speaking:
            self._was_speaking = False
            self._turns.expect_answer()
        self._responses.flush()
        self.quiet()

    def quiet(self) -> None:
        """If all audio has been played: request what the caller waits for."""
        if not self._go_on or not self._connection.open or not self._playout.idle:
            return
        self._go_on = False
        if not self._tools.unsettled:  # the model reacts to their answers anyway
            self._responses.request(ResponseRequest())

    def _mostly_unsaid(self, response_id: str) -> bool:
        """Whether less than half of the greeting has come. Then what is queued of it is dropped: it is said again."""
        items = self._transcript.items_of(response_id) if response_id else []
        accounts = [self._playout.heard(item_id) for item_id in items]
        if sum(each.received_ms for each in accounts if each) * 2 >= max(self._greeting_ms, 1):
            return False
        for part in self._playout.interrupt():
            self._transcript.cut(part.item_id, part.before_ms + part.heard_ms)
        return True
