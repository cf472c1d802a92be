"""Names of server events: those of the beta time as the GA has them, and those of no use to a phone call. [pure]"""

ALIASES = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.cancelled": "response.done",
    "mcp_call.failed": "response.mcp_call.failed",
    "mcp_call.completed": "response.mcp_call.completed",
    "mcp_call.in_progress": "response.mcp_call.in_progress",
    "conversation.item.created": "conversation.item.added",
}

IGNORED_PREFIXES = (
    "conversation.created",
    "conversation.item.",
    "input_audio_buffer.",
    "mcp_list_tools.",
    "output_audio_buffer.",
    "rate_limits.updated",
    "response.content_part.",
    "response.function_call_arguments.",  # output_item.done says the same, and only once it is whole
    "response.mcp_call",
)
