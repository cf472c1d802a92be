"""What a new connection is told: as heard, in order, complete, within bounds, in OpenAI's shape."""

from typing import Any

from hypothesis import given, strategies as st

from bridge.contract import HistoryItem, Said
from bridge.realtime.conversation.history import (
    LINE_DROPPED,
    MAX_CALL_ID,
    MAX_CHARACTERS,
    MAX_ITEMS,
    TAKEN_OVER,
    UNHEARD,
    History,
)
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import (
    ClientEvent,
    FunctionOutput,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    Message,
    ResponseCreate,
    encode,
)
from tests.openai_shapes import check_client


def parsed(sent: list[ClientEvent]) -> list[dict[str, Any]]:
    told = [encode(event) for event in sent]
    for frame in told:
        check_client(frame)
    return told


def told(memory: History) -> list[tuple[str, str]]:
    """A replay, in short."""
    memory.lost()
    short = []
    for frame in parsed(memory.replay(dropped=False)):
        item = frame["item"]
        match item["type"]:
            case "message":
                short.append((item["role"], item["content"][0]["text"]))
            case "function_call":
                short.append(("call", item["name"]))
            case _:
                short.append(("output", item["output"]))
    return short


def agent(memory: History, item: str, text: str | None, heard_ms: int = 100) -> list[ClientEvent]:
    memory.heard(server_events.AudioDelta("r", item, 0, b"\0\0"))
    if text is None:
        return []
    return memory.said(Said(call="c", who="agent", text=text, item=item, heard_ms=heard_ms))


def caller(memory: History, item: str, text: str | None = None) -> None:
    memory.heard(server_events.SpeechStopped(item, 0))
    if text is not None:
        memory.heard(server_events.CallerTranscribed(item, text, {}))


def called(memory: History, call_id: str = "call_1", status: str = "completed") -> None:
    memory.heard(
        server_events.ItemDone("r", f"item_{call_id}", "function_call", status, call_id, "look_up", '{"a": 1}')
    )


def test_a_conversation_is_told_as_it_was_heard() -> None:
    memory = History()
    agent(memory, "a1", "Good morning.")
    caller(memory, "u1", "what time is it")
    called(memory)
    memory.sent(ItemCreate("e", FunctionOutput("item_1", "call_1", "noon")))
    agent(memory, "a2", "It is")  # cut off there
    caller(memory, "u2")
    memory.sent(ItemCreate("e", Message("item_2", "user", "[DTMF] 1#")))
    memory.sent(ItemCreate("e", Message("item_3", "system", "The transfer failed.")))
    assert told(memory) == [
        ("assistant", "Good morning."),
        ("user", "what time is it"),
        ("call", "look_up"),
        ("output", "noon"),
        ("assistant", "It is"),
        ("user", UNHEARD),
        ("user", "[DTMF] 1#"),
        ("system", "The transfer failed."),
    ]


def test_a_conversation_of_another_worker_is_told_first() -> None:
    memory = History()
    memory.restore(
        [
            HistoryItem(role="assistant", text="Good morning."),
            HistoryItem(role="user", text="what time is it"),
            HistoryItem(role="tool", text="noon", name="look_up", arguments='{"a": 1}'),
        ]
    )
    agent(memory, "a1", "Noon.")
    expected = [
        ("assistant", "Good morning."),
        ("user", "what time is it"),
        ("call", "look_up"),
        ("output", "noon"),
        ("system", TAKEN_OVER),
        ("assistant", "Noon."),
    ]
    assert told(memory) == expected
    assert told(memory) == expected  # and again, to the next connection


def test_what_nobody_heard_or_said_is_not_told() -> None:
    memory = History()
    agent(memory, "a1", None)  # queued, cut at 0 ms
    memory.sent(ItemDelete("e", "a1"))
    agent(memory, "a2", "")
    caller(memory, "u1", "  ")  # noise
    called(memory, status="incomplete")
    called(memory, "call_2")  # not answered
    assert told(memory) == []


def test_a_late_transcript_keeps_its_place() -> None:
    memory = History()
    caller(memory, "u1")
    agent(memory, "a1", "yes")
    memory.heard(server_events.CallerTranscribed("u1", "are you there", {}))
    assert told(memory) == [("user", "are you there"), ("assistant", "yes")]


def test_the_note_comes_last_and_only_when_the_line_dropped() -> None:
    memory = History()
    agent(memory, "a1", "yes")
    memory.lost()
    last = parsed(memory.replay(dropped=True))[-1]["item"]
    assert (last["role"], last["content"][0]["text"]) == ("system", LINE_DROPPED)
    assert told(memory) == [("assistant", "yes")]  # the note is not remembered


def test_a_sentence_that_is_still_played_is_told_when_it_is_over_in_its_place() -> None:
    memory = History()
    agent(memory, "a1", None)
    caller(memory, "u1", "one")
    agent(memory, "a2", None)
    memory.lost()
    user = parsed(memory.replay(dropped=False))[0]["item"]["id"]
    [first] = parsed(agent(memory, "a1", "hello"))
    assert first["previous_item_id"] == "root"
    [second] = parsed(agent(memory, "a2", "two"))
    assert second["previous_item_id"] == user
    assert told(memory) == [("assistant", "hello"), ("user", "one"), ("assistant", "two")]


def test_a_tool_answered_after_the_loss_is_told_with_its_call() -> None:
    memory = History()
    called(memory)
    memory.lost()
    assert memory.replay(dropped=False) == []
    call, answer = parsed(memory.sent(ItemCreate("e", FunctionOutput("item_1", "call_1", "42"))))
    assert call["item"]["type"] == "function_call"
    assert call["item"]["arguments"] == '{"a": 1}'
    assert answer["item"] | {"id": ""} == {
        "id": "",
        "type": "function_call_output",
        "call_id": "call_1",
        "output": "42",
    }


def test_on_the_same_connection_events_pass_as_they_are() -> None:
    memory = History()
    called(memory)
    agent(memory, "a1", None)
    events: list[ClientEvent] = [
        ItemCreate("e", FunctionOutput("item_1", "call_1", "42")),
        ItemTruncate("e", "a1", 0, 100),
        ItemDelete("e", "unknown"),
        ResponseCreate("e"),
    ]
    for event in events:
        assert memory.sent(event) == [event]
    assert agent(memory, "a1", "hello") == []


def test_items_of_a_lost_connection_are_not_asked_about() -> None:
    memory = History()
    agent(memory, "a1", None)
    memory.lost()
    assert memory.sent(ItemTruncate("e", "a1", 0, 100)) == []
    assert memory.sent(ItemDelete("e", "a1")) == []


def test_long_call_ids_become_short_and_stay_a_pair() -> None:
    memory = History()
    long = "call_" + "x" * 60
    called(memory, long)
    memory.sent(ItemCreate("e", FunctionOutput("item_1", long, "42")))
    memory.lost()
    call, answer = parsed(memory.replay(dropped=False))
    assert call["item"]["call_id"] == answer["item"]["call_id"]
    assert len(call["item"]["call_id"]) <= MAX_CALL_ID


def test_the_oldest_goes_first() -> None:
    memory = History()
    for number in range(MAX_ITEMS + 5):
        caller(memory, f"u{number}", str(number))
    assert told(memory) == [("user", str(number)) for number in range(5, MAX_ITEMS + 5)]
    caller(memory, "long", "x" * (MAX_CHARACTERS - 3))
    assert told(memory)[-1] == ("user", "x" * (MAX_CHARACTERS - 3))
    assert len(told(memory)) == 2


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["caller", "transcript", "sound", "said", "call", "answer", "digits", "delete", "lost", "replay"]
        ),
        st.integers(0, 4),
        st.text("ab ", max_size=8),
    ),
    max_size=60,
)


def _call(item: str, call: str) -> server_events.ItemDone:
    return server_events.ItemDone("r", item, "function_call", "completed", call, "t", "{}")


@given(STEPS, st.booleans())
def test_whatever_happens_a_replay_is_valid_complete_and_tells_nothing_unheard(
    steps: list[tuple[str, int, str]], one_name: bool
) -> None:
    """`one_name`: the server gives items and calls of all kinds, and of ours, the same ids."""
    caller_id, agent_id, call_item, call_id, ours = ("x",) * 5 if one_name else ("u", "a", "i", "c", "item_")
    memory = History()
    heard: set[str] = set()
    for number, (what, item, words) in enumerate(steps):
        match what:
            case "caller":
                memory.heard(server_events.SpeechStopped(f"{caller_id}{item}", 0))
            case "transcript":
                memory.heard(server_events.CallerTranscribed(f"{caller_id}{item}", words, {}))
            case "sound":
                memory.heard(server_events.AudioDelta("r", f"{agent_id}{item}", 0, b"\0\0"))
            case "said":
                heard.add(words)
                said = Said(call="c", who="agent", text=words, item=f"{agent_id}{item}", heard_ms=20)
                parsed(memory.said(said))
            case "call":
                memory.heard(_call(f"{call_item}{item}", f"{call_id}{item}"))
            case "answer":
                parsed(memory.sent(ItemCreate("e", FunctionOutput(f"{ours}{number}", f"{call_id}{item}", words))))
            case "digits":
                parsed(memory.sent(ItemCreate("e", Message(f"{ours}{number}", "user", words))))
            case "delete":
                parsed(memory.sent(ItemDelete("e", f"{agent_id}{item}")))
            case "lost":
                memory.lost()
            case "replay":
                memory.lost()
                parsed(memory.replay(dropped=True))
    memory.lost()
    items = [frame["item"] for frame in parsed(memory.replay(dropped=False))]
    ids = [each["id"] for each in items]
    assert len(ids) == len(set(ids))
    assert all(len(each) <= 32 for each in ids)
    calls = [each["call_id"] for each in items if each["type"] == "function_call"]
    assert calls == [each["call_id"] for each in items if each["type"] == "function_call_output"]
    spoken = {each["content"][0]["text"] for each in items if each.get("role") == "assistant"}
    assert spoken <= heard


def test_a_server_that_uses_an_id_of_ours_for_an_item_of_its_own() -> None:
    memory = History()
    for number in range(MAX_ITEMS):
        agent(memory, f"item_{number}", "Hello.")
        memory.sent(ItemCreate("e", Message(f"item_{number}", "user", "[DTMF] 1")))
    caller(memory, "u", "x")
    for number in range(2 * MAX_ITEMS):
        caller(memory, f"v{number}", "y")
    assert told(memory) == [("user", "y")] * MAX_ITEMS


def test_ids_of_calls_and_of_items_are_not_taken_for_each_other() -> None:
    memory = History()
    agent(memory, "same", None)
    called(memory, "same")
    memory.heard(server_events.CallerTranscribed("same", "Not the agent's words.", {}))
    memory.sent(ItemCreate("e", FunctionOutput("item_1", "same", "noon")))
    assert told(memory) == [("call", "look_up"), ("output", "noon")]
