"""What a model is told when a reply is asked of it.

Owns the reading of a conversation since its last answer: what was said, which tools replied.
"""

from collections.abc import Awaitable, Callable, Sequence

from simulator.realtime.errors import Frame
from simulator.realtime.history import History, Item
from simulator.realtime.reply import Turn


async def turn_of(
    number: int,
    asked: Frame,
    tools: Sequence[Frame],
    history: History,
    words: Callable[[Item], Awaitable[str]],
    *,
    idle: bool,
    prompt: str = "",
    spoken: bool = True,
) -> Turn:
    """`asked` is the body of `response.create`; its `input`, if given, stands in for the conversation."""
    given = asked.get("input")
    items = _since_last_answer(history) if given is None else [Item(frame) for frame in given]
    said: list[str] = []
    outputs: list[tuple[str, str]] = []
    for item in items:
        if item.frame["type"] == "function_call_output":
            outputs.append((_tool_of(history, item.frame["call_id"]), str(item.frame["output"])))
        elif item.frame.get("role") == "user":
            said.append(await words(item) if item.spoken else item.text)
    functions = [each for each in tools if each["type"] == "function"]
    return Turn(
        number=number,
        instructions=asked.get("instructions"),
        said=" ".join(said) if said else None,
        outputs=tuple(outputs),
        tools={each["name"]: each.get("parameters") or {} for each in functions},
        idle=idle,
        prompt=prompt,
        descriptions={each["name"]: str(each.get("description") or "") for each in functions},
        spoken=spoken,
    )


def _since_last_answer(history: History) -> list[Item]:
    found: list[Item] = []
    for item in reversed(history.items):
        if item.frame.get("role") == "assistant" or item.frame["type"] == "function_call":
            break
        found.insert(0, item)
    return found


def _tool_of(history: History, call_id: str) -> str:
    for item in history.items:
        if item.frame["type"] == "function_call" and item.frame["call_id"] == call_id:
            return str(item.frame["name"])
    return ""
