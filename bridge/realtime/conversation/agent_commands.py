"""Carries out the controller's commands to the agent: speak, wrap up, hold, mute, add a message. [pure]

Owns the hold, and the rule who may speak during a hold or the last words. Texts to say are requested from `Responses`,
like every other response. On hold the agent is silent from the next frame on, as after a barge-in, and the server gets
silence; tools go on. Last words interrupt what the agent is saying, unless little of it is left or tools wait for it.

    command                   unless                              ends
    -----------------------   ---------------------------------   -----------------------------------------
    Speak                     last words are said                 when it was said, or interrupted
    WrapUp                    other firm last words are said      `WrapUpDone`, always
    goodbye of `no_input`     -                                   `WrapUpDone`, or the caller speaks
    Hold on                   firm last words are said            Hold off, WrapUp
    Mute                      -                                   another Mute
    AddMessage                -                                   at once; a reaction comes like any response
"""

from bridge.contract import AddMessage, Hold, Mute, SessionSpec, Speak, WrapUp
from bridge.media.playout import Playout
from bridge.realtime.conversation import prompts
from bridge.realtime.conversation.agent_transcript import SPOKEN_MS
from bridge.realtime.conversation.closing import HeldTools, LastWords
from bridge.realtime.conversation.effects import EffectList, Send
from bridge.realtime.conversation.interruption import Interruptions
from bridge.realtime.conversation.responses import ResponseRequest, Responses, State
from bridge.realtime.conversation.tool_calls import ON_HOLD, ToolCalls
from bridge.realtime.conversation.turn_detection import TurnDetection
from bridge.realtime.conversation.turns import Turns
from bridge.realtime.protocol.client_events import ItemCreate, Message

PATIENCE_MS = 4000
"""Audio that may still be played before last words, in milliseconds; more is cut."""


class AgentCommands:
    """Speak, WrapUp, Hold, Mute and AddMessage of one conversation. `spec` is that of the present agent."""

    def __init__(
        self,
        spec: SessionSpec,
        out: EffectList,
        playout: Playout,
        turn_detection: TurnDetection,
        closing: LastWords,
        held_tools: HeldTools,
        responses: Responses,
        tools: ToolCalls,
        turns: Turns,
        interruption: Interruptions,
    ) -> None:
        self.spec = spec
        self._out = out
        self._playout = playout
        self._turn_detection = turn_detection
        self._closing = closing
        self._held_tools = held_tools
        self._responses = responses
        self._tools = tools
        self._turns = turns
        self._interruption = interruption
        self.on_hold = False
        self.waiting = False
        """The caller waits for an answer when the hold ends."""
        self._again: ResponseRequest | None = None
        """The request for the greeting, if the hold began before half of it was heard."""
        self.caller_muted = False
        """The agent does not hear the caller."""
        self.agent_muted = False
        """The caller does not hear the agent."""

    @property
    def sends_silence(self) -> bool:
        """The server gets silence instead of the caller's audio."""
        return self.on_hold or self.caller_muted

    @property
    def talking(self) -> bool:
        """Caller and agent hear each other, so silence of the caller means something."""
        return not (self.on_hold or self.caller_muted or self.agent_muted)

    @property
    def refuses(self) -> bool:
        """The running response must not be heard: it is to be cancelled."""
        current = self._responses.current
        return self.on_hold or (self._closing.firm and (current is None or current is not self._closing.request))

    # ------------------------------------------------------------ speech

    def speak(self, command: Speak) -> None:
        """Let the agent say something. Ignored once last words are being said."""
        if self._closing.active or not command.text:
            return
        exact = "none" if command.exact else None
        text = command.text if command.exact else ""
        request = ResponseRequest(
            instructions=prompts.asked(command, self.spec), tool_choice=exact, required=True, text=text
        )
        self._responses.request(request)

    def prompt(self, text: str) -> None:
        """Say this to a silent caller. Dropped if the caller speaks first."""
        self._responses.request(ResponseRequest(instructions=prompts.exactly(text), tool_choice="none", text=text))

    def wrap_up(self, command: WrapUp) -> None:
        """Say the last words, whatever the caller does. `WrapUpDone` follows."""
        if self._closing.firm:
            return
        self.on_hold = False
        self._closing.begin(command.why, firm=True)
        self._set_muted(True)
        self._responses.discard()
        running = self._responses.state is State.ACTIVE
        if not self._tools.awaiting_playback and (running or self._playout.remaining_ms > PATIENCE_MS):
            self._interruption.silence()
        self._last_words(command.text)

    def goodbye(self, text: str, why: str) -> None:
        """Say the last words, unless the caller speaks before they are over. `WrapUpDone` follows."""
        self._closing.begin(why, firm=False)
        self._last_words(text)

    def spoke_up(self) -> None:
        """The caller spoke during a goodbye that is not firm: the call goes on, and the model is told."""
        if not self._closing.active or self._closing.firm or self._closing.over:
            return
        self._closing.abandon()
        self._responses.discard(last_words=True)
        self._tell(prompts.CALLER_SPOKE_UP)

    def _last_words(self, text: str) -> None:
        if text:
            words = prompts.exactly(text)
            request = ResponseRequest(instructions=words, tool_choice="none", last_words=True, required=True, text=text)
            self._closing.request = request
            self._responses.request(request)
        else:
            self._closing.said()

    # ------------------------------------------------------------ hold

    def hold(self, command: Hold) -> None:
        """On or off. The same again changes nothing, but a note is always passed on to the model."""
        if self._closing.firm:
            return
        if command.on and not self.on_hold:
            self._pause()
        elif not command.on:
            self._go_on(command.note)

    def _pause(self) -> None:
        running = self._responses.state in (State.REQUESTED, State.ACTIVE)
        self.waiting = running or self._turns.callers or not self._playout.idle
        current = self._responses.current
        greeting = current if self.waiting and current and current.opening == "greeting" else None
        self.on_hold = True
        if self._closing.active:
            self._closing.abandon()
            self._responses.discard(last_words=True)
        self._set_muted(True)
        running_id = self._responses.response_id
        cut = self._interruption.silence()
        own = running_id if running else cut[-1].response_id if cut else ""  # the consent may be cut as well
        parts = [part for part in cut if part.response_id == own]
        heard_ms = sum(part.before_ms + part.heard_ms for part in parts)
        whole_ms = sum(part.before_ms + part.received_ms for part in parts)
        if running or not parts:
            whole_ms = max(whole_ms, len(self.spec.greeting or "") * SPOKEN_MS)
        if greeting and heard_ms * 2 < whole_ms and (cut or running):
            self._again = greeting
        self._held_tools.stop()
        self._turns.connection_lost()
        self._tools.abandon(ON_HOLD)

    def _go_on(self, note: str | None) -> None:
        was, self.on_hold = self.on_hold, False
        self._set_muted(False)
        again, self._again = self._again, None
        if note:
            self._responses.request(ResponseRequest(items={self._tell(note)}))
        elif again:
            self._responses.request(again)
        elif was and self.waiting and not self._tools.unsettled and not self._responses.pending("greeting"):
            self._responses.request(ResponseRequest())
        self.waiting = False
        self._responses.flush()

    # ------------------------------------------------------------ the rest

    def mute(self, command: Mute) -> None:
        """Sets which sides are heard from now on. Neither side is told, and present speech goes on."""
        self.caller_muted, self.agent_muted = command.caller, command.agent

    def add_message(self, command: AddMessage) -> None:
        item_id = self._tell(command.text)
        if command.respond and not self._closing.active:
            self._responses.request(ResponseRequest(items={item_id}))

    def _set_muted(self, muted: bool) -> None:
        self._turn_detection.muted = muted
        self._turn_detection.changed()

    def _tell(self, text: str) -> str:
        item_id = self._out.new_id("item")
        self._out.add(Send(ItemCreate(self._out.new_id("note"), Message(item_id, "system", text))))
        return item_id
