"""The models that play callers and judge: one request to an API of OpenAI's form (chat completions), and its answer.

Owns the request's shape (JSON by a schema), its time, and what goes wrong, in words. What it costs goes to `spend`.

Source: OpenAI API reference, "Create chat completion"; structured outputs.
"""

from collections.abc import Callable
from typing import Any

import httpx

from bridge import contract
from controller.config.models.agent_tests import ChatModel

LARGEST = 1 << 20
TOKENS = 2000

Spend = Callable[[contract.Used], tuple[float, bool]]


class ChatFailed(Exception):
    """No answer. The text is for people."""


class ChatClient:
    """For any number of requests at once."""

    def __init__(self, model: ChatModel, http: httpx.AsyncClient, spend: Spend) -> None:
        self._model = model
        self._http = http
        self._spend = spend
        self.cost = 0.0

    async def ask(self, system: str, text: str, name: str, schema: dict[str, Any]) -> str:
        """The answer, JSON by this schema as far as the model keeps to it. Raises ChatFailed."""
        body = {
            "model": self._model.model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": text}],
            "response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}},
            "max_completion_tokens": TOKENS,
        }
        headers = {"Authorization": f"Bearer {self._model.api_key.get_secret_value()}"}
        url = f"{self._model.url}/chat/completions"
        try:
            answer = await self._http.post(url, json=body, headers=headers, timeout=self._model.timeout_s)
        except httpx.HTTPError as error:
            raise ChatFailed(f"the model {self._model.model} can't be asked: {type(error).__name__}") from error
        if answer.is_error or len(answer.content) > LARGEST:
            raise ChatFailed(f"the model {self._model.model} answered with HTTP {answer.status_code}{_said(answer)}")
        try:
            told = answer.json()
            content = told["choices"][0]["message"]["content"]
            self._count(told.get("usage") or {})
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ChatFailed(f"the model {self._model.model} answered with something that can't be read") from error
        if not isinstance(content, str):
            raise ChatFailed(f"the model {self._model.model} did not answer")
        return content

    def _count(self, usage: dict[str, Any]) -> None:
        tokens = {"input_text": usage.get("prompt_tokens", 0), "output_text": usage.get("completion_tokens", 0)}
        counted = {name: count for name, count in tokens.items() if isinstance(count, int) and count > 0}
        used = contract.Used(call="", provider="", model=self._model.model, kind="response", usage=counted)
        self.cost += self._spend(used)[0]


def _said(answer: httpx.Response) -> str:
    """The provider's own words, without what may be a key."""
    try:
        message = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {message}"[:200] if isinstance(message, str) and "sk-" not in message else ""
