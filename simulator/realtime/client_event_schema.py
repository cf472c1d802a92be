"""The client events of OpenAI's Realtime API in their GA form, to the last field. [pure]

Owns items, responses and the events themselves; what a session is made of is in `session_schema`.

Source: OpenAI API reference, Realtime client events.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from simulator.realtime.session_schema import (
    Format,
    Milliseconds,
    Modalities,
    OutputTokens,
    Reasoning,
    SessionUpdateBody,
    Strict,
    Tool,
    ToolChoice,
    Voice,
)

APPEND_LIMIT = 15 * 1024 * 1024
"""The most characters of base64 in one `input_audio_buffer.append`."""

ItemId = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Status = Literal["completed", "incomplete", "in_progress"]

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
    """What a client may say the assistant said: text only, `text` is the beta's name for it."""

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
    """What the model is told that it said."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: list[AssistantContent]


Message = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]


class FunctionCall(_Item):
    """A call of an earlier session, repeated."""

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
    """The client's answer to the request to approve an MCP call."""

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
