"""The client events of OpenAI's Realtime API in their GA form, to the last field. [pure]

Owns what a client may send. Unknown fields, wrong types and values out of range do not validate; a test holds
each model's fields against the `openai` package, which the product itself does not depend on.

Refuses `prompt` on purpose: stored prompts are shut down on 2026-11-30.

Source: OpenAI API reference, Realtime client events.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, TypeAdapter

APPEND_LIMIT = 15 * 1024 * 1024
"""The most characters of base64 in one `input_audio_buffer.append`."""

ToolName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=64)]
ItemId = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Milliseconds = Annotated[int, Field(ge=0)]
OutputTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]
Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
Status = Literal["completed", "incomplete", "in_progress"]
VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
VoiceName = Literal["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]


class Strict(BaseModel):
    """JSON as it is: no coercion, no unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True)


# ---------------------------------------------------------------- session


class Pcm(Strict):
    """16 bit little-endian mono. The server wants the rate said, though OpenAI's own types call it optional."""

    type: Literal["audio/pcm"]
    rate: Literal[24000]


class Pcmu(Strict):
    """G.711 µ-law, 8 kHz; a `rate` is refused."""

    type: Literal["audio/pcmu"]


class Pcma(Strict):
    """G.711 A-law, 8 kHz; a `rate` is refused."""

    type: Literal["audio/pcma"]


Format = Annotated[Pcm | Pcmu | Pcma, Field(discriminator="type")]


class NoiseReduction(Strict):
    """Input filter. Accepted and ignored here."""

    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = Field(None, ge=0, le=1)


class Transcription(Strict):
    """Turns on the caller's transcripts."""

    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    keywords: list[str] | None = None
    prompt: str | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class ServerVad(Strict):
    """Turn detection by energy and silence."""

    type: Literal["server_vad"]
    threshold: float | None = Field(None, ge=0, le=1)
    prefix_padding_ms: Milliseconds | None = None
    silence_duration_ms: Milliseconds | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5000, le=30000)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SemanticVad(Strict):
    """Turn detection by meaning."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class AudioInput(Strict):
    """`session.audio.input`."""

    format: Format | None = None
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | None = None


class VoiceId(Strict):
    """A custom voice."""

    id: str


def _voice_kind(value: Any) -> str:
    return "custom" if isinstance(value, dict) else "name"


Voice = Annotated[Annotated[VoiceName, Tag("name")] | Annotated[VoiceId, Tag("custom")], Discriminator(_voice_kind)]


class AudioOutput(Strict):
    """`session.audio.output`."""

    format: Format | None = None
    voice: Voice | None = None
    speed: float | None = Field(None, ge=0.25, le=1.5)


class Audio(Strict):
    """`session.audio`."""

    input: AudioInput | None = None
    output: AudioOutput | None = None


class FunctionTool(Strict):
    """A tool the client runs."""

    type: Literal["function"]
    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None


class McpToolFilter(Strict):
    """Which tools of an MCP server."""

    read_only: bool | None = None
    tool_names: list[str] | None = None


class McpApproval(Strict):
    """Which of them need the client's word."""

    always: McpToolFilter | None = None
    never: McpToolFilter | None = None


class McpTool(Strict):
    """A remote MCP server. Accepted and ignored here."""

    type: Literal["mcp"]
    server_label: str
    server_url: str | None = None
    server_description: str | None = None
    connector_id: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = None
    allowed_tools: list[str] | McpToolFilter | None = None
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None
    require_approval: Literal["always", "never"] | McpApproval | None = None
    defer_loading: bool | None = None
    tunnel_id: str | None = None


Tool = Annotated[FunctionTool | McpTool, Field(discriminator="type")]


class ChosenFunction(Strict):
    """`tool_choice` of one function."""

    type: Literal["function"]
    name: str


class ChosenMcp(Strict):
    """`tool_choice` of an MCP server."""

    type: Literal["mcp"]
    server_label: str
    name: str | None = None


def _choice_kind(value: Any) -> str:
    if not isinstance(value, dict):
        return "option"
    return "mcp" if value.get("type") == "mcp" else "function"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("option")]
    | Annotated[ChosenFunction, Tag("function")]
    | Annotated[ChosenMcp, Tag("mcp")],
    Discriminator(_choice_kind),
]


class Reasoning(Strict):
    """2.x models only."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class TokenLimits(Strict):
    """Of a retention ratio."""

    post_instructions: Annotated[int, Field(ge=0)] | None = None


class RetentionRatio(Strict):
    """How much of the conversation survives a truncation."""

    type: Literal["retention_ratio"]
    retention_ratio: float = Field(ge=0, le=1)
    token_limits: TokenLimits | None = None


class Tracing(Strict):
    """Names for the trace viewer."""

    group_id: str | None = None
    metadata: dict[str, Any] | None = None
    workflow_name: str | None = None


class SessionUpdateBody(Strict):
    """`session` of a `session.update`. Only the fields present change anything."""

    type: Literal["realtime"]
    model: str | None = None
    output_modalities: Modalities | None = None
    instructions: str | None = None
    audio: Audio | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: OutputTokens | None = None
    truncation: Literal["auto", "disabled"] | RetentionRatio | None = None
    tracing: Literal["auto"] | Tracing | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None


# ---------------------------------------------------------------- items


class SystemContent(Strict):
    """What a system message is made of."""

    type: Literal["input_text"]
    text: str


class UserContent(Strict):
    """What a user message is made of."""

    type: Literal["input_text", "input_audio", "input_image"]
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None


class AssistantContent(Strict):
    """What a client may put into the assistant's mouth: text only, `text` is the beta's name for it."""

    type: Literal["output_text", "output_audio"]
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None


class _Item(Strict):
    id: ItemId | None = None
    object: Literal["realtime.item"] | None = None
    status: Status | None = None


class SystemMessage(_Item):
    """Instructions in the middle of a conversation."""

    type: Literal["message"]
    role: Literal["system"]
    content: list[SystemContent]


class UserMessage(_Item):
    """What the user said or wrote."""

    type: Literal["message"]
    role: Literal["user"]
    content: list[UserContent]


class AssistantMessage(_Item):
    """What the model is to believe it said."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: list[AssistantContent]


Message = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]


class FunctionCall(_Item):
    """A call of a former session, replayed."""

    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: ItemId | None = None


class FunctionCallOutput(_Item):
    """The answer to a call."""

    type: Literal["function_call_output"]
    call_id: ItemId
    output: str


class McpApprovalResponse(Strict):
    """The client's word on an MCP call."""

    type: Literal["mcp_approval_response"]
    id: str
    approval_request_id: str
    approve: bool
    reason: str | None = None


Item = Annotated[Message | FunctionCall | FunctionCallOutput | McpApprovalResponse, Field(discriminator="type")]


# ---------------------------------------------------------------- response


class ResponseAudioOutput(Strict):
    """`response.audio.output`."""

    format: Format | None = None
    voice: Voice | None = None


class ResponseAudio(Strict):
    """`response.audio`."""

    output: ResponseAudioOutput | None = None


class ResponseBody(Strict):
    """`response` of a `response.create`: this once, in place of the session's."""

    conversation: Literal["auto", "none"] | None = None
    input: list[Item] | None = None
    instructions: str | None = None
    audio: ResponseAudio | None = None
    output_modalities: Modalities | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: OutputTokens | None = None
    metadata: dict[str, str] | None = None


# ---------------------------------------------------------------- events


class _Event(Strict):
    event_id: str | None = None


class SessionUpdate(_Event):
    """`session.update`."""

    type: Literal["session.update"]
    session: SessionUpdateBody


class Append(_Event):
    """`input_audio_buffer.append`."""

    type: Literal["input_audio_buffer.append"]
    audio: Annotated[str, StringConstraints(max_length=APPEND_LIMIT)]


class Commit(_Event):
    """`input_audio_buffer.commit`."""

    type: Literal["input_audio_buffer.commit"]


class Clear(_Event):
    """`input_audio_buffer.clear`."""

    type: Literal["input_audio_buffer.clear"]


class OutputClear(_Event):
    """`output_audio_buffer.clear`: WebRTC and SIP only."""

    type: Literal["output_audio_buffer.clear"]


class ItemCreate(_Event):
    """`conversation.item.create`."""

    type: Literal["conversation.item.create"]
    previous_item_id: str | None = None
    item: Item


class ItemRetrieve(_Event):
    """`conversation.item.retrieve`."""

    type: Literal["conversation.item.retrieve"]
    item_id: str


class ItemTruncate(_Event):
    """`conversation.item.truncate`."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: Annotated[int, Field(ge=0)]
    audio_end_ms: Milliseconds


class ItemDelete(_Event):
    """`conversation.item.delete`."""

    type: Literal["conversation.item.delete"]
    item_id: str


class ResponseCreate(_Event):
    """`response.create`."""

    type: Literal["response.create"]
    response: ResponseBody | None = None


class ResponseCancel(_Event):
    """`response.cancel`."""

    type: Literal["response.cancel"]
    response_id: str | None = None


ClientEvent = Annotated[
    SessionUpdate
    | Append
    | Commit
    | Clear
    | OutputClear
    | ItemCreate
    | ItemRetrieve
    | ItemTruncate
    | ItemDelete
    | ResponseCreate
    | ResponseCancel,
    Field(discriminator="type"),
]

CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(ClientEvent)
"""Validates one decoded frame; raises pydantic.ValidationError."""
