"""The conversation's items: where they go, and what is refused in OpenAI's words."""

import base64

import pytest

from simulator.realtime.errors import Refusal
from simulator.realtime.history import History, Item, assistant_message, function_call, user_audio
from simulator.realtime.usage import usage


def spoken(item_id: str, milliseconds: int) -> Item:
    item = assistant_message(item_id)
    item.frame["content"] = [{"type": "output_audio", "transcript": "hello there"}]
    item.audio += bytes(milliseconds * 48)
    item.spoken = True
    return item


def text(item_id: str, role: str = "user") -> Item:
    kind = "output_text" if role == "assistant" else "input_text"
    return Item({"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": "hi"}]})


def refused(code: str, message: str | None = None) -> "pytest.RaisesExc[Refusal]":
    return pytest.RaisesExc(Refusal, match=message, check=lambda error: error.code == code)


def test_items_go_where_they_are_asked_to() -> None:
    history = History()
    assert history.insert(text("a"), None) is None
    assert history.insert(text("b"), None) == "a"
    assert history.insert(text("c"), "a") == "a"
    assert history.insert(text("d"), "root") is None
    assert [item.id for item in history.items] == ["d", "a", "c", "b"]


def test_truncate_cuts_the_audio_and_forgets_the_words() -> None:
    history = History()
    history.append(spoken("a", 1000))
    item = history.truncate("a", 0, 400)
    assert item.audio_ms == 400
    assert "transcript" not in item.frame["content"][0]
    with refused("invalid_value", "Audio content of 400ms is already shorter than 401ms"):
        history.truncate("a", 0, 401)


def test_truncate_refuses_what_is_not_model_audio() -> None:
    history = History()
    for item in (text("t", "assistant"), user_audio("u", bytes(4800)), spoken("s", 10)):
        history.append(item)
    for item_id in ("t", "u"):
        with refused("invalid_value", "Only model output audio messages can be truncated"):
            history.truncate(item_id, 0, 0)
    with refused("invalid_value"):
        history.truncate("s", 1, 0)
    with refused("item_truncate_invalid_item_id"):
        history.truncate("nobody", 0, 0)


def test_duplicates_and_strangers_are_refused() -> None:
    history = History()
    history.insert(text("a"), None)
    with refused("item_create_duplicate_item_id"):
        history.insert(text("a"), None)
    with refused("item_create_invalid_previous_item_id"):
        history.insert(text("b"), "nobody")
    with refused("item_delete_invalid_item_id"):
        history.delete("nobody")
    history.delete("a")
    assert history.items == []


def test_a_tool_output_needs_its_finished_call() -> None:
    history = History()
    output = Item({"id": "o", "type": "function_call_output", "call_id": "c", "output": "{}"})
    with refused("invalid_tool_call_id"):
        history.insert(output, None)
    call = function_call("f", "hang_up", "c")
    history.append(call)
    with refused("invalid_tool_call_id"):
        history.insert(output, None)
    call.frame["status"] = "completed"
    assert history.insert(output, None) == "f"


def test_assistant_audio_cannot_be_put_into_the_conversation() -> None:
    frame = {
        "id": "a",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "x"}],
    }
    with refused("invalid_value"):
        History().insert(Item(frame), None)


def test_retrieve_shows_the_audio() -> None:
    item = spoken("a", 10)
    assert base64.b64decode(item.with_audio()["content"][0]["audio"]) == bytes(480)
    assert "audio" not in item.frame["content"][0]


def test_usage_counts_as_openai_does() -> None:
    old, caller, new = spoken("a", 1000), user_audio("u", bytes(2000 * 48)), spoken("b", 500)
    counted = usage([old, caller, new], [new], "four")
    assert counted["output_token_details"] == {"text_tokens": 3, "audio_tokens": 10}
    assert counted["input_token_details"]["audio_tokens"] == 20 + 20
    assert counted["input_token_details"]["cached_tokens_details"]["audio_tokens"] == 20
    assert counted["total_tokens"] == counted["input_tokens"] + counted["output_tokens"]
