"""The parts of one conversation, each made once, and the question that takes several of them to answer. [pure]

`UserSpeech`, `AgentSpeech` and `AgentHandoff` take all parts; each of the parts takes those few that it needs.
"""

import weakref
from dataclasses import dataclass

from bridge.contract import SessionSpec
from bridge.media.playout import Playout
from bridge.realtime.conversation.agent_commands import AgentCommands
from bridge.realtime.conversation.agent_transcript import AgentTranscript
from bridge.realtime.conversation.ai_warnings import AiWarnings
from bridge.realtime.conversation.closing import HeldTools, LastWords
from bridge.realtime.conversation.connection import Connection
from bridge.realtime.conversation.dtmf import DtmfCollector
from bridge.realtime.conversation.effective_session import EffectiveSession
from bridge.realtime.conversation.effects import EffectList
from bridge.realtime.conversation.greeting import Greeting
from bridge.realtime.conversation.interruption import Interruptions
from bridge.realtime.conversation.interruption_filter import InterruptionFilter
from bridge.realtime.conversation.mcp_failures import McpFailures
from bridge.realtime.conversation.no_input import NoInputPolicy
from bridge.realtime.conversation.recovery import Recovery
from bridge.realtime.conversation.response_errors import ResponseErrors
from bridge.realtime.conversation.responses import Responses
from bridge.realtime.conversation.text_turns import TextTurns
from bridge.realtime.conversation.tool_calls import ToolCalls
from bridge.realtime.conversation.turn_detection import TurnDetection
from bridge.realtime.conversation.turns import Turns
from bridge.realtime.conversation.usage import UsageMeter


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Parts:
    """All parts of one conversation. `call`: the id of the call, which each event carries."""

    call: str
    out: EffectList
    playout: Playout
    warnings: AiWarnings
    connection: Connection
    turn_detection: TurnDetection
    effective_session: EffectiveSession
    responses: Responses
    tools: ToolCalls
    turns: Turns
    transcript: AgentTranscript
    greeting: Greeting
    interruption: Interruptions
    interruption_filter: InterruptionFilter
    closing: LastWords
    held_tools: HeldTools
    commands: AgentCommands
    errors: ResponseErrors
    recovery: Recovery
    usage_meter: UsageMeter
    no_input: NoInputPolicy
    dtmf: DtmfCollector
    mcp: McpFailures
    text_turns: TextTurns

    @property
    def blocked(self) -> bool:
        """No response may be requested at the moment: requests wait in `Responses`."""
        callers = self.turns.callers and not self.closing.firm
        return callers or self.commands.on_hold or self.closing.over or not self.connection.open


def make_parts(call: str, spec: SessionSpec, playout: Playout) -> Parts:
    """The parts of a new conversation."""
    out = EffectList()
    warnings = AiWarnings(call, out)
    whole: weakref.ref[Parts] | None = None  # weak: `responses` is one of the parts

    def blocked() -> bool:
        parts = whole() if whole is not None else None
        return parts is not None and parts.blocked

    responses = Responses(out, blocked)
    tools = ToolCalls(call, spec.tools, out, responses)
    turns = Turns(call, spec, out, playout)
    transcript = AgentTranscript(call, spec, out, playout, warnings)
    turn_detection = TurnDetection(spec, out)
    connection = Connection(call, turn_detection)
    interruption = Interruptions(call, spec.playout_delay_ms, out, playout, responses, transcript)
    interruption_filter = InterruptionFilter(spec, out)
    closing = LastWords(call, out, playout, interruption_filter)
    held_tools = HeldTools(out, playout, responses, tools, interruption_filter)
    parts = Parts(
        call=call,
        out=out,
        playout=playout,
        warnings=warnings,
        connection=connection,
        turn_detection=turn_detection,
        effective_session=EffectiveSession(out, turn_detection, warnings),
        responses=responses,
        tools=tools,
        turns=turns,
        transcript=transcript,
        greeting=Greeting(spec, out, turn_detection, playout, responses),
        interruption=interruption,
        interruption_filter=interruption_filter,
        closing=closing,
        held_tools=held_tools,
        commands=AgentCommands(
            spec, out, playout, turn_detection, closing, held_tools, responses, tools, turns, interruption
        ),
        errors=ResponseErrors(spec, out, responses, tools, turns, warnings),
        recovery=Recovery(spec, playout, responses, tools, turns, transcript, connection),
        usage_meter=UsageMeter(call, spec, out),
        no_input=NoInputPolicy(spec.no_input, out),
        dtmf=DtmfCollector(call, spec.digit_actions, out, responses),
        mcp=McpFailures(spec, warnings),
        text_turns=TextTurns(call, spec, out, responses, connection),
    )
    whole = weakref.ref(parts)
    return parts
