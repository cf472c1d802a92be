"""One call with OpenAI Realtime: connects the media leg, the connection to the AI and the conversation.

Owns the life of the call. It is the `MediaSink` of the leg and the `ConnectionListener` of the connection, carries out
the conversation's effects, runs its timers, reads the clock for it, and closes everything. It never waits where audio
is concerned: the tick takes a frame, the reader hands over an event, each effect is done at once.

`run` is its only task. It returns after `close`, with no task, socket or timer left. While there is no connection, what
was received goes on being played and what the caller says is kept for the next connection. If there is no AI any more,
the leg goes on in silence until the controller has decided what becomes of the caller.

What is said is decided in `conversation`, how the AI is reached in `transport`.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Literal

import structlog

from bridge import contract
from bridge.common.limited_warnings import LimitedWarnings
from bridge.contract.log_lines import line_of
from bridge.engine import Emit
from bridge.media.comfort_tone import ComfortTone
from bridge.media.playout import Playout
from bridge.media.repeated_digits import Keys
from bridge.media.sink import MediaLeg
from bridge.realtime.caller_audio import CallerAudioSender
from bridge.realtime.conversation import effects, handoff, inputs
from bridge.realtime.conversation.core import Conversation
from bridge.realtime.event_trace import EventTrace
from bridge.realtime.leg_counts import LegCounts
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import ClientEvent, SessionUpdate
from bridge.realtime.protocol.connection_info import ConnectionInfo
from bridge.realtime.protocol.errors import ProviderError
from bridge.realtime.session_log import settings
from bridge.realtime.timers import Timers
from bridge.realtime.transport.client import Opener, ProxySetting, RealtimeClient, open_client
from bridge.realtime.transport.reconnecting import ReconnectingClient
from bridge.realtime.transport.retry import PACE, RetryTiming

LEG_CLOSE_S = 0.5
"""How long the media leg may take to confirm that it is closed."""

_log = structlog.get_logger()


class RealtimeSession:
    """A `VoiceSession`. `clock`: seconds, monotonic. `opener`: opens connections to the AI."""

    def __init__(
        self,
        spec: contract.SessionSpec,
        call: str,
        emit: Emit,
        *,
        proxy: ProxySetting = True,
        pace: RetryTiming = PACE,
        clock: Callable[[], float] = monotonic,
        opener: Opener = open_client,
    ) -> None:
        self.call = call
        self._spec = spec
        self._emit = emit
        self._clock = clock
        self._log = _log.bind(call=call)
        self._warnings = LimitedWarnings(self._log)
        self._playout = Playout()
        self._conversation = Conversation(call, spec, self._playout)
        turns = self._conversation.parts.turns
        self._caller_audio = CallerAudioSender(
            self._send_audio,
            lambda: self._conversation.parts.commands.sends_silence,
            turns.appended,
            turns.caller_sound,
            self._flow_changed,
        )
        self._comfort = ComfortTone()
        self._keys = Keys()
        self._trace = EventTrace()
        self._connection = ReconnectingClient(call, self, (spec.provider, *spec.fallbacks), pace, proxy, opener)
        self._ai_task: asyncio.Task[None] | None = None
        self._leg: MediaLeg | None = None
        self._leg_gone = asyncio.Event()
        self._timers = Timers(lambda timer, subject: self._feed(inputs.TimerFired(timer, subject)))
        self._greet, self._greet_due = inputs.Greet(), False
        self._failed = False
        self._to_caller = LegCounts()
        """Frames to legs that are gone."""
        self._reconnects = 0
        self._reason: str | None = None
        self._closing = asyncio.Event()
        self._crash: Exception | None = None
        self._told_end = False

    def __repr__(self) -> str:
        leg = "leg" if self._leg else "no leg"
        return f"<RealtimeSession {self.call} [{leg}, {self._connection!r}, {self._conversation!r}]>"

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Carry the call until `close`. Raises faults of our own code; the call is closed then, too."""
        self._trace.begin(self._clock())
        try:
            async with asyncio.TaskGroup() as tasks:
                self._ai_task = tasks.create_task(self._converse(), name=f"realtime-{self.call}")
                await self._closing.wait()
                self._ai_task.cancel()
            if self._leg is not None:
                await self._leg_closed()
        finally:
            self._ai_task = None  # it has the traceback of its cancellation, and so all that it held
            self._shut("the session's task ended")
            self._warnings.close()
        if self._crash is not None:
            raise self._crash
        ended = contract.Ended(call=self.call, reason=self._reason or "", counters=self._counters())
        self._tell(ended.model_copy(update={"connection_trace": self._trace.steps}))
        self._forget()

    def _forget(self) -> None:
        """The session and its parts refer to each other. They are freed here, with the call's sound and texts: the
        garbage collector comes late in a worker. Nothing may be asked of the session any more."""
        del self._connection, self._caller_audio, self._timers, self._conversation, self._playout, self._trace

    def remember(self, turns: Sequence[contract.HistoryItem]) -> None:
        """See `VoiceSession`."""
        self._greet = inputs.Greet(True, tuple(turn.text for turn in turns if turn.role == "assistant"))
        self._conversation.parts.connection.history.restore(turns)

    def greet(self) -> None:
        """The caller listens: send their audio and say the greeting, now or as soon as there is a connection."""
        if self._connection.client is None:
            self._greet_due = True
            return
        if not self._caller_audio.filler.started:
            self._caller_audio.start(self._clock())
            self._feed(self._greet)

    def answer_tool(self, tool_call: str, output: str, *, ok: bool = True, respond: bool = True) -> None:
        """The answer to a `ToolCalled`."""
        self._log.info("tool answered", tool_call=tool_call, ok=ok)
        self._feed(inputs.ToolAnswered(tool_call, output, respond))

    def command(self, command: contract.AgentCommand) -> None:
        """A command of the controller to the agent."""
        if isinstance(command, contract.Rejoined):
            self._keys.rejoined()
            return
        if handoff.is_repeated(command, self._spec):
            return
        self._log.info("ordered", order=command.type)
        self._feed(command)
        if isinstance(command, contract.SwitchAgent):
            before, self._spec = self._spec, command.spec
            if handoff.needs_new_connection(before, command.spec):
                self._connection.move((command.spec.provider, *command.spec.fallbacks))

    def close(self, reason: str) -> None:
        """End the call. The first reason counts."""
        if self._reason is None:
            self._reason = reason
            self._shut(reason)

    def _shut(self, reason: str) -> None:
        """End everything that can be ended at once. `run` waits for the rest."""
        if self._crash is None:
            self._feed(inputs.Closing())
        self._timers.clear()
        if self._leg is not None:
            self._leg.close(reason)
        self._closing.set()

    async def _leg_closed(self) -> None:
        try:
            async with asyncio.timeout(LEG_CLOSE_S):
                await self._leg_gone.wait()
        except TimeoutError:
            self._log.warning("media leg does not confirm its end")

    # ------------------------------------------------------------ the AI's side: the ConnectionListener

    async def _converse(self) -> None:
        error = await self._connection.run()
        self._fail(error.kind, str(error))

    @property
    def quiet(self) -> bool:
        """Another connection may take over unnoticed."""
        return self._conversation.at_rest and self._caller_audio.filler.started

    def setup(self) -> SessionUpdate:
        """The `session.update` with which each connection begins."""
        return self._conversation.parts.connection.setup()

    def connected(self, client: RealtimeClient, info: ConnectionInfo) -> None:
        """Use this connection from now on: it gets the history and the kept audio. One step, nothing comes in
        between."""
        self._log.info("session configured", provider=info.provider.name, **settings(client.updated))
        self._trace.note("line up", self._clock())
        self._feed(inputs.ConnectionOpened(info, client.updated))
        self._caller_audio.catch_up(client)
        if self._greet_due:
            self.greet()

    def received(self, event: server_events.Event) -> None:
        """An event of the server."""
        silent = self._playout.idle
        self._trace.heard(event, self._clock())
        if isinstance(event, server_events.SpeechStopped):
            self._caller_audio.kept.turn_over(self._clock())
        self._feed(event)
        if silent and not self._playout.idle and self._leg is not None:
            self._leg.expedite()

    def disconnected(self, error: ProviderError) -> None:
        """The connection is lost."""
        self._trace.note("line down", self._clock())
        self._feed(inputs.ConnectionLost())

    def _fail(self, kind: Literal["config", "account", "transient"], message: str) -> None:
        """There is no AI any more. The leg stays, silent, until the controller decides."""
        if self._failed or self._closing.is_set():
            return
        self._failed = True
        self._feed(inputs.Closing())
        self._tell(contract.Failed(call=self.call, kind=kind, message=message))

    # ------------------------------------------------------------ the caller's side: the Sink

    def media_connected(self, leg: MediaLeg) -> None:
        self._leg = leg
        self._tell(contract.MediaConnected(call=self.call))
        if self._closing.is_set():
            leg.close(self._reason or "the call is over")

    def media_format(self, rate: int, frame_bytes: int) -> None:
        self._tell(contract.MediaFormat(call=self.call, rate=rate, frame_bytes=frame_bytes))

    def caller_audio(self, pcm: bytes) -> None:
        """A frame of 24 kHz s16le. Nothing is sent to the AI before `greet`."""
        self._keys.sound()
        self._caller_audio.caller_audio(pcm, self._clock())

    def _flow_changed(self, flowing: bool) -> None:
        self._tell(contract.CallerAudio(call=self.call, flowing=flowing))

    def caller_digit(self, digit: str) -> None:
        if self._keys.again(digit):
            return
        muted = self._conversation.parts.commands.caller_muted
        if self._caller_audio.filler.started and not self._conversation.closed and not muted:
            self._feed(inputs.Digit(digit))
        elif not muted or digit in self._spec.digit_actions:
            self._tell(contract.DigitPressed(call=self.call, digit=digit))

    def media_gone(self, reason: str) -> None:
        self._to_caller = self._to_caller.plus(self._leg)
        self._leg = None
        self._leg_gone.set()
        self._tell(contract.MediaGone(call=self.call, reason=reason))

    def next_frame(self) -> bytes | None:
        """The tick: 960 bytes of the agent, or None for silence. Gaps in the caller's audio are filled here, too."""
        playout, conversation = self._playout, self._conversation
        frame = playout.pop()
        if frame is not None and playout.idle:
            self._feed(inputs.Drained())
        if conversation.watching:
            self._feed(inputs.Ticked())
        now = self._clock()
        self._caller_audio.fill(now)
        if frame is None:
            down_since = None if self._failed else conversation.parts.connection.lost_at
            tone = self._comfort.frame(now, down_since=down_since, waiting=conversation.parts.responses.backing_off)
            return tone if self._caller_audio.filler.started else None
        return None if conversation.parts.commands.agent_muted else frame

    @property
    def consented(self) -> bool:
        """The caller has heard all that must be said before a recording."""
        return self._conversation.parts.greeting.consented

    def speaking(self) -> tuple[Literal["caller", "agent"], ...]:
        """Who speaks at this moment: the caller as the server hears it, the agent as the caller does."""
        sides: tuple[tuple[Literal["caller", "agent"], bool], ...] = (
            ("caller", self._conversation.parts.turns.speaking),
            ("agent", not self._playout.idle),
        )
        return tuple(side for side, speaks in sides if speaks)

    def saying(self) -> str:
        """The agent's present words, as far as they were heard."""
        return self._conversation.parts.transcript.saying()

    # ------------------------------------------------------------ what the conversation wants

    def _feed(self, what: server_events.Event | inputs.Input) -> None:
        """Give an input to the conversation. A fault of our own code ends this call and no other."""
        try:
            for effect in self._conversation.handle(what, self._clock()):
                self._do(effect)
        except Exception as error:  # the top of what happens in a call: `run` logs it and ends this call
            if self._crash is None:
                self._crash = error
                self._shut("fault in the worker")

    def _do(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Send(event):
                self._send(event)
            case effects.Emit(event):
                self._tell(event)
            case effects.StartTimer(timer, seconds, subject):
                self._timers.start(timer, seconds, subject)
            case effects.CancelTimer(timer, subject):
                self._timers.cancel(timer, subject)
            case effects.Note(text, fields):
                self._warnings.warning(text, **fields)
            case effects.EndSession(kind, message, again):
                self._connection.fail(kind, message, again=again)

    def _send(self, event: ClientEvent) -> None:
        if (client := self._connection.client) is not None:
            self._trace.sent(event, self._clock())
            client.send(event)

    def _send_audio(self, frame: bytes) -> bool:
        client = self._connection.client
        return client is not None and client.send_audio(frame)

    def _tell(self, event: contract.CallEvent) -> None:
        if self._told_end:
            return
        self._told_end = isinstance(event, contract.Ended)
        text, fields = line_of(event)
        write = self._log.warning if isinstance(event, contract.Failed) else self._log.debug
        if isinstance(event, contract.Reconnected):
            write = self._warnings.warning
            self._reconnects += not event.planned
        write(text, **fields)  # the controller logs the same, from the event
        self._emit(event)

    def _counters(self) -> contract.Counters:
        conversation = self._conversation
        to_caller = self._to_caller.plus(self._leg)
        return contract.Counters(
            frames_in=self._caller_audio.frames,
            late_frames=self._caller_audio.filler.late_frames,
            dropped_frames=self._connection.dropped_frames,
            frames_out=to_caller.sent,
            speech_frames_out=self._playout.counters.frames,
            late_frames_out=to_caller.late,
            dropped_frames_out=to_caller.dropped,
            barge_ins=conversation.parts.interruption.count,
            false_barge_ins=conversation.parts.interruption_filter.false_barge_ins,
            turns=conversation.parts.turns.count,
            reconnects=self._reconnects,
            benign_errors=conversation.parts.errors.benign_errors,
            usage=conversation.parts.usage_meter.sums,
        )
