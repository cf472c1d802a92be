"""What a hostile model says at length: contradictions and repetitions that no change of a single event makes. [pure]

Owns sequences of Realtime events, and of raw websocket frames (RFC 6455, 5.2). Does not send them.
"""

import base64
import random
from collections.abc import Callable
from typing import Any

from tests.chaos import hostile_values as odd

Story = list[dict[str, Any]]

MOMENTS: tuple[Any, ...] = (
    0,
    -1,
    -(2**31),
    2**31,
    2**53,
    2**63,
    10**30,
    1e308,
    -0.5,
    float("nan"),
    float("inf"),
    True,
    "7",
    None,
    [],
)
SOME, MANY = 40, 2_000
TINY = base64.b64encode(bytes(2)).decode()
CODES = ("", "rate_limit_exceeded", "conversation_already_has_active_response", "x", "server_error", "invalid_value")


def at_once(chance: random.Random, response: str, item: str) -> Story:
    """Several responses that begin before one is over, speak in each other's items, and end twice, in any order."""
    ids = [response, *(f"resp_p{chance.getrandbits(40):x}" for _ in range(chance.randrange(1, 6)))]
    items = [item, *(f"item_p{chance.getrandbits(40):x}" for _ in ids)]
    told = [_response("created", each, "in_progress") for each in ids]
    told += [_sound(chance.choice(ids), chance.choice(items), bytes(chance.choice([480, 961]))) for _ in range(SOME)]
    ends = [_response("done", each, chance.choice(["completed", "cancelled", "failed", "incomplete"])) for each in ids]
    told += chance.sample(ends * 2, 2 * len(ends))
    return told


def moments(chance: random.Random, response: str, item: str) -> Story:
    """Times and places that cannot be."""

    def at() -> Any:
        return chance.choice(MOMENTS)

    on = {"response_id": response, "item_id": item, "output_index": at(), "content_index": at()}
    return [
        {"type": "input_audio_buffer.speech_started", "item_id": item, "audio_start_ms": at()},
        {"type": "input_audio_buffer.speech_stopped", "item_id": item, "audio_end_ms": at()},
        {"type": "conversation.item.truncated", "item_id": item, "content_index": at(), "audio_end_ms": at()},
        {"type": "input_audio_buffer.timeout_triggered", "item_id": item, "audio_start_ms": at(), "audio_end_ms": at()},
        {"type": "session.updated", "session": {"expires_at": at(), "audio": {"output": {"speed": at()}}}},
        {"type": "response.output_audio.delta", **on, "delta": TINY},
        {"type": "response.output_audio_transcript.delta", **on, "delta": "x"},
        {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "reset_seconds": at(), "remaining": at()}]},
        {"type": "response.done", "response": {"id": response, "usage": {"total_tokens": at(), "input_tokens": at()}}},
    ]


def nothing(chance: random.Random, response: str, item: str) -> Story:
    """Events without their fields, or with null in each of them."""
    told: Story = [{"type": kind} for kind in KINDS]
    told += [{"type": kind, name: empty} for kind in KINDS for name, empty in (("session", None), ("error", None))]
    told += [{"type": "session.updated", "session": dict.fromkeys(("id", "audio", "model", "tools", "expires_at"))}]
    told += [{"type": "error", "error": {}}, {"type": "error", "error": []}, {"type": "error", "error": "x"}]
    told += [{"type": "response.created", "response": {"id": response, "output": None, "usage": None, "status": None}}]
    told += [{"type": "response.output_item.done", "response_id": response, "item": {"id": item, "type": None}}]
    return chance.sample(told, 12)


def unknown(chance: random.Random, response: str, item: str) -> Story:
    """Events that nobody has heard of, deep; and known ones with something deep in a field that nobody reads."""
    deep = odd.nested(chance.choice([20, 60, 200, 900]))
    kinds = ["a.newer.event", "response.output_video.delta", "x" * 5000, "session.", ".", "response.done ", "\ud83d"]
    return [
        {"type": chance.choice(kinds), "response_id": response, "data": deep},
        {"type": "response.created", "response": {"id": response, "metadata": deep}},
        {"type": "conversation.item.added", "item": {"id": item, "type": "message", "content": deep}},
    ]


def new_ids(chance: random.Random, response: str, item: str) -> Story:
    """A name for each event, none of which comes a second time."""
    mark, kind = f"{chance.getrandbits(40):x}", chance.randrange(7)
    ids = [f"id_{mark}_{number}" for number in range(chance.choice([SOME, 400, MANY]))]
    match kind:
        case 0:
            return [_response("created", each, "in_progress") for each in ids]
        case 1:
            return [_response("done", each, "completed") for each in ids]
        case 2:
            return [_sound(response, each, bytes(2)) for each in ids]
        case 3:
            return [{"type": "conversation.item.added", "item": {"id": each, "type": "message"}} for each in ids]
        case 4:
            return [{"type": "input_audio_buffer.speech_started", "item_id": each} for each in ids]
        case 5:
            return [_sound(response, item, bytes(2)) | {"content_index": number} for number in range(len(ids))]
        case _:
            return [_words(response, each, "x") for each in ids]


def same_call(chance: random.Random, response: str, item: str) -> Story:
    """One call of a tool, told again and again: of other responses, with other arguments, in every event there is."""
    call = chance.choice([f"call_d{chance.getrandbits(40):x}", item, response, "call_same", "item_1"])
    told: Story = []
    for number in range(chance.choice([2, 5, SOME])):
        tool = {"id": chance.choice([item, f"fc_{number}"]), "type": "function_call", "call_id": call}
        tool |= {
            "name": chance.choice(["find_order", "place_order", "transfer", "hold"]),
            "arguments": odd.dumps({"number": str(number)}),
        }
        tool |= {"status": chance.choice(["completed", "in_progress", "incomplete", "nonsense"])}
        within = {"response_id": chance.choice([response, f"resp_d{number}"]), "output_index": number}
        told.append({"type": "response.output_item.added", **within, "item": tool})
        arguments = {"call_id": call, "item_id": tool["id"], "name": tool["name"], "arguments": tool["arguments"]}
        told.append({"type": "response.function_call_arguments.done", **within, **arguments})
        told.append({"type": "response.output_item.done", **within, "item": tool})
        told.append({"type": "conversation.item.done", "item": tool})
    return [*told, _response("done", response, chance.choice(["completed", "cancelled", "failed"]))]


def flapping(chance: random.Random, response: str, item: str) -> Story:
    """The caller is said to begin, and not to end; to end twice; both within one frame of sound."""
    told: Story = []
    for number in range(chance.choice([4, SOME, 200])):
        kind = chance.choice(["started", "stopped", "started", "committed", "cleared"])
        name = chance.choice([item, f"item_f{number}", ""])
        told.append({"type": f"input_audio_buffer.speech_{kind}", "item_id": name, "audio_start_ms": number})
        if chance.random() < 0.3:
            kind = "conversation.item.input_audio_transcription.completed"
            told.append({"type": kind, "item_id": name, "transcript": chance.choice(["", "Yes.", "\0"])})
    return told


def our_ids(chance: random.Random, response: str, item: str) -> Story:
    """Ids as we make them for items and frames of our own."""
    ours = [f"{kind}_{number}" for kind in ("item", "memory", "line", "before") for number in range(1, 30)]
    told: Story = []
    for each in chance.sample(ours, 20):
        told += [_sound(response, each, bytes(480)), {"type": "conversation.item.added", "item": {"id": each}}]
        told += [{"type": "conversation.item.deleted", "item_id": each}, _words(response, each, "Mine.")]
        refused = {"code": chance.choice(CODES), "event_id": f"create_{chance.randrange(20)}"}
        told.append({"type": "error", "error": refused})
    return told


def long_words(chance: random.Random, response: str, item: str) -> Story:
    """Texts that nobody could say, in many parts."""
    long = chance.choice(["x", "word ", "é", "😀", odd.LONE_SURROGATE, "\0"]) * chance.choice([4_000, 33_000, 90_000])
    told = [_words(response, item, "x") | {"content_index": part} for part in range(70)]
    done = {"type": "response.output_audio_transcript.done", "response_id": response, "item_id": item}
    told += [done | {"content_index": part, "transcript": long} for part in range(0, 70, 7)]
    heard = {"type": "conversation.item.input_audio_transcription.completed"}
    return told + [heard | {"item_id": f"item_w{number}", "transcript": long} for number in range(5)]


def tiny_words(chance: random.Random, response: str, item: str) -> Story:
    """A word in a thousand pieces, some of them half a character."""
    pieces = ["x", "", " ", odd.LONE_SURROGATE, odd.OTHER_HALF]
    return [_words(response, item, chance.choice(pieces)) for _ in range(chance.choice([SOME, MANY]))]


STORIES: tuple[Callable[[random.Random, str, str], Story], ...] = (
    *(at_once, moments, nothing, unknown, new_ids, same_call, flapping, our_ids, long_words, tiny_words),
)

KINDS = (
    *("session.created", "session.updated", "error", "response.created", "response.done", "conversation.item.added"),
    *("response.output_item.done", "response.output_audio.delta", "response.output_audio_transcript.done"),
    *("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "response.mcp_call.completed"),
    *("conversation.item.input_audio_transcription.completed", "mcp_list_tools.failed", "response.output_audio.done"),
)


def _response(kind: str, response: str, status: str) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": {"id": response, "status": status, "output": []}}


def _sound(response: str, item: str, pcm: bytes) -> dict[str, Any]:
    on = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    return {"type": "response.output_audio.delta", **on, "delta": base64.b64encode(pcm).decode()}


def _words(response: str, item: str, delta: str) -> dict[str, Any]:
    on = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
    return {"type": "response.output_audio_transcript.delta", **on, "delta": delta}
