"""The configuration half of the client's shapes: what a `session.update` may hold. [pure]

Owns every field of a Realtime session in its GA form. Unknown fields, wrong types and values out of range do not
validate; a test holds each model's fields against the `openai` package, which the product does not depend on.

Refuses `prompt` on purpose: stored prompts are shut down on 2026-11-30.

Source: OpenAI API reference, Realtime client events.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

ToolName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=64)]
Milliseconds = Annotated[int, Field(ge=0)]
OutputTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]
Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
VoiceName = Literal["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]


class Strict(BaseModel):
    """JSON as it is: no coercion, no unknown keys."""

    model_config = ConfigDict(extra="forbid", strict=True)


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
