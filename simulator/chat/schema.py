"""The request and the answer of OpenAI's chat completions, to the last field that we use; others are refused. [pure]

Source: OpenAI API reference, "Create chat completion" (the `openai` package's types: the tests compare).
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Message(Strict):
    role: Literal["system", "developer", "user"]
    content: str


class JsonSchema(Strict):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Strict):
    type: Literal["json_schema"]
    json_schema: JsonSchema


class Completion(Strict):
    """The body of a request."""

    model: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    response_format: ResponseFormat
    max_completion_tokens: int | None = Field(None, ge=1)


def refusal_of_schema(schema: dict[str, Any]) -> str | None:
    """What strict structured outputs refuse: every object names all its properties as required, and has no others."""
    if schema.get("type") != "object":
        return "schema must be a JSON Schema of 'type: \"object\"'"
    if schema.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    if set(schema.get("required", ())) != set(schema.get("properties", ())):
        return "'required' is required to be supplied and to be an array including every key in properties."
    return None


def answer(number: int, now: int, model: str, content: str, prompt: str) -> dict[str, Any]:
    """The body of an answer. Tokens are counted as four characters each."""
    read, written = -(-len(prompt) // 4), -(-len(content) // 4)
    return {
        "id": f"chatcmpl-{number:08d}",
        "object": "chat.completion",
        "created": now,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }


def error(message: str, kind: str = "invalid_request_error", param: str | None = None) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"message": message, "type": kind, "param": param, "code": None}}
