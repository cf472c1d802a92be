"""The tools that the model calls: each is run once and always answered. [pure]

Owns each call of a tool from the model's finished item to the output that the server has got:

    state      what happens                                          next
    --------   ---------------------------------------------------   ------------------------------------
    -          item done, completed, a call id not seen before       HELD (`after_speech`) or RUNNING
    -          unknown tool, or arguments that are no JSON object,   ANSWERED with the error
               or too deep or too long
    -          more calls are unsettled than any model makes         ANSWERED with the error
    HELD       what was said is played, or its bound has passed      RUNNING (`ToolCalled` emitted)
    HELD       the caller speaks                                     ANSWERED: abandoned, and why
    RUNNING    the answer, or none for the tool's `timeout_s`        ANSWERED
    ANSWERED   the response that made the call is over               SENT (output sent)

When all calls of one response are SENT, a response is requested, once; none if no answer asks for one. Outputs are not
sent before the response is over: the server does not know its call ids until then.

A call that takes long is covered by its `filler`, a response of its own that waits for its turn like any other and is
dropped when the answer is faster.

Tools are run by the controller, which gets `ToolCalled`.
"""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from bridge.common.strict_json import BadJson, parse
from bridge.contract import FunctionTool, ToolCalled
from bridge.realtime.conversation import prompts
from bridge.realtime.conversation.effects import CancelTimer, EffectList, Emit, Note, Send, StartTimer, Timer
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.conversation.responses import ResponseRequest, Responses, State
from bridge.realtime.protocol.client_events import FunctionOutput, ItemCreate
from bridge.realtime.protocol.server_events import ItemDone

MOST_UNSETTLED = 128
"""Calls that may be open at once. Further ones are answered with `TOO_MANY` and not run."""
MOST_REFUSED = 512
"""Calls answered with `TOO_MANY` that are kept until their answer can be sent. Further ones are dropped."""
FIRST_ACT = "Not done: nothing has been said yet. Speak with the caller first."
ON_HOLD = "Not done: the caller was put on hold."
FILLER_S = 0.7
FILLER_AGAIN_S = 0.5
TOO_MANY = "Not done: too many calls of tools are open. Wait for their answers, then call this again if it is needed."
ABANDONED = "Not done: the caller began to speak. Listen first, and call this again only if it is still wanted."


class _State(Enum):
    HELD = auto()
    RUNNING = auto()
    ANSWERED = auto()
    SENT = auto()


@dataclass(slots=True)
class _Call:
    call_id: str
    name: str
    arguments: dict[str, Any]
    timeout_s: float = 0.0
    filler: str = ""
    state: _State = _State.RUNNING
    output: str = ""
    respond: bool = True


@dataclass(slots=True)
class _Round:
    """The calls of one response."""

    calls: list[_Call] = field(default_factory=list)
    over: bool = False
    outputs: set[str] = field(default_factory=set)
    """Ids of the output items that we sent."""


class ToolCalls:
    """The tool calls of one conversation. `call`: the id of the phone call, which each `ToolCalled` carries."""

    def __init__(self, call: str, tools: tuple[FunctionTool, ...], out: EffectList, responses: Responses) -> None:
        self._call = call
        self.apply(tools)
        self._out = out
        self._responses = responses
        self._rounds: dict[str, _Round] = {}
        """Responses with calls that are not all SENT, by response id."""
        self._known = RecentIds()
        self._overflowed = False
        """It was logged that too many are open."""

    def __repr__(self) -> str:
        return f"<ToolCalls [{len(self._known)} calls, {len(self._rounds)} responses unsettled]>"

    def apply(self, tools: tuple[FunctionTool, ...]) -> None:
        """The tools that may be called from now on. Calls that run go on."""
        self._tools = {tool.name: tool for tool in tools}

    @property
    def awaiting_playback(self) -> bool:
        """Some call is HELD."""
        return any(call.state is _State.HELD for call in self._all())

    @property
    def unsettled(self) -> bool:
        """Some call is not SENT."""
        return bool(self._rounds)

    # ------------------------------------------------------------ what happens

    def called(self, item: ItemDone, *, caller_spoke: bool, first_act: bool = False) -> bool:
        """The model finished a function call. False: it is ignored (cut off, or a duplicate)."""
        if item.status not in ("completed", "") or not item.call_id or item.call_id in self._known:
            return False
        unsettled = sum(len(batch.calls) for batch in self._rounds.values())
        if full := unsettled >= MOST_UNSETTLED:
            self._note_overflow()
            if unsettled >= MOST_UNSETTLED + MOST_REFUSED:
                return False
        self._known.add(item.call_id)
        call = _Call(item.call_id, item.name, {})
        self._rounds.setdefault(item.response_id, _Round()).calls.append(call)
        tool = self._tools.get(item.name)
        arguments = _arguments(item.arguments)
        if full:
            self._answer(call, TOO_MANY)
        elif tool is None:
            self._answer(call, f"There is no tool named {item.name}.")
        elif isinstance(arguments, str):
            self._out.add(Note("tool not run: its arguments can't be used", {"tool": tool.name, "why": arguments}))
            self._answer(call, f"Not done: the text of the arguments {arguments}. Call it again with other arguments.")
        elif first_act and item.name == "hang_up":
            self._answer(call, FIRST_ACT)
        elif tool.after_speech and caller_spoke:
            self._answer(call, ABANDONED, respond=False)
        else:
            call.arguments, call.timeout_s, call.filler = arguments, tool.timeout_s, tool.filler or ""
            if tool.after_speech:
                call.state = _State.HELD
            else:
                self._run(call)
        return True

    def answered(self, call_id: str, output: str, *, respond: bool) -> None:
        """The controller's answer. A second one, or one that comes too late, is ignored."""
        for call in self._all():
            if call.call_id == call_id and call.state is _State.RUNNING:
                self._out.add(CancelTimer(Timer.TOOL, call_id))
                if call.filler:
                    self._out.add(CancelTimer(Timer.FILLER, call_id))
                    self._responses.discard(for_tool=call_id)
                self._answer(call, output, respond=respond)
        self._settle()

    def expired(self, call_id: str) -> None:
        """The timer `TOOL`: the controller has not answered."""
        self._out.add(Note("tool was not answered in time", {"tool_call": call_id}))
        self.answered(call_id, "The tool did not answer in time.", respond=True)

    def slow(self, call_id: str, *, agent_speaks: bool) -> None:
        """The timer `FILLER`: say the filler, unless the agent is speaking anyway."""
        for call in self._all():
            if call.call_id != call_id or call.state is not _State.RUNNING:
                continue
            if agent_speaks:
                self._out.add(StartTimer(Timer.FILLER, FILLER_AGAIN_S, call_id))
            else:
                text = prompts.exactly(call.filler)
                self._responses.request(ResponseRequest(instructions=text, tool_choice="none", for_tool=call_id))

    def response_over(self, response_id: str) -> None:
        """The response is done, or given up: its outputs may be sent. With none running, those of all others too."""
        idle = self._responses.state is State.IDLE
        for each, batch in self._rounds.items():
            batch.over = batch.over or idle or each == response_id
        self._settle()

    def speech_played(self) -> None:
        """The caller has heard what was said before the held calls: run them."""
        for call in self._all():
            if call.state is _State.HELD:
                self._run(call)

    def abandon(self, why: str = ABANDONED) -> None:
        """Answer held calls with `why` and do not run them, since the caller speaks. The model answers the caller."""
        for call in self._all():
            if call.state is _State.HELD:
                self._answer(call, why, respond=False)
        self._settle()

    # ------------------------------------------------------------ inside

    def _note_overflow(self) -> None:
        """Log it once, until all calls are answered."""
        if not self._overflowed:
            self._overflowed = True
            self._out.add(Note("tools not run: too many calls of tools are open", {"open": MOST_UNSETTLED}))

    def _all(self) -> list[_Call]:
        return [call for batch in self._rounds.values() for call in batch.calls]

    def _run(self, call: _Call) -> None:
        call.state = _State.RUNNING
        self._out.add(
            Emit(ToolCalled(call=self._call, tool_call=call.call_id, name=call.name, arguments=call.arguments)),
            StartTimer(Timer.TOOL, call.timeout_s, call.call_id),
        )
        if call.filler:
            self._out.add(StartTimer(Timer.FILLER, FILLER_S, call.call_id))

    @staticmethod
    def _answer(call: _Call, output: str, *, respond: bool = True) -> None:
        call.state = _State.ANSWERED
        call.output = output
        call.respond = respond

    def _settle(self) -> None:
        """Send the answers that may be sent, and drop the responses whose calls are all SENT."""
        for response_id, batch in list(self._rounds.items()):
            if not batch.over:
                continue
            for call in batch.calls:
                if call.state is _State.ANSWERED:
                    self._send(call, batch)
            if all(call.state is _State.SENT for call in batch.calls):
                del self._rounds[response_id]
                if any(call.respond for call in batch.calls):
                    self._responses.request(ResponseRequest(items=batch.outputs))
        self._overflowed = self._overflowed and bool(self._rounds)

    def _send(self, call: _Call, batch: _Round) -> None:
        call.state = _State.SENT
        item_id = self._out.new_id("item")
        batch.outputs.add(item_id)
        output = FunctionOutput(item_id, call.call_id, call.output)
        self._out.add(Send(ItemCreate(self._out.new_id("output"), output)))


def _arguments(text: str) -> dict[str, Any] | str:
    """The arguments; an empty text counts as an empty object. Returns a text if they can't be used, which says why."""
    try:
        arguments = parse(text or "{}")
    except BadJson as refusal:
        return str(refusal)
    return arguments if isinstance(arguments, dict) else "is not a JSON object"
