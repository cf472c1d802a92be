"""Two agents that talk with each other are known by their words, and nobody else is."""

import asyncio
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest
from hypothesis import given, strategies as st

from bridge import contract
from bridge.contract import Counters
from controller.calls.machine import inputs, table
from controller.calls.reporting.talking_agents import SECONDS, WHY, TalkingAgents
from controller.calls.runtime.actor import CallActor
from tests.unit.controller.calls.machine.test_table import inbound
from tests.unit.controller.calls.runtime.test_registry import made
from tests.unit.controller.configs import config

A = [
    "Hello, this is the reception of Miller and Sons.",
    "Could you please tell me your customer number?",
    "I see, one.",
]
B = ["Good day, I am calling on behalf of the clinic.", "May I ask whether Tuesday at nine suits you?", "Thank you."]


def said(call: str, who: Literal["caller", "agent"], text: str, **more: Any) -> contract.Said:
    return contract.Said(call=call, who=who, text=text, item="i", **more)


def talk(known: TalkingAgents, *lines: tuple[str, Literal["caller", "agent"], str], pause: float = 2.0) -> list[Any]:
    return [known.told(said(*line), at * pause) for at, line in enumerate(lines)]


def between(texts_a: list[str], texts_b: list[str]) -> list[tuple[str, Literal["caller", "agent"], str]]:
    lines: list[tuple[str, Literal["caller", "agent"], str]] = []
    for ours, theirs in zip(texts_a, texts_b, strict=True):
        lines += [("a", "agent", ours), ("b", "caller", ours), ("b", "agent", theirs), ("a", "caller", theirs)]
    return lines


def test_two_agents_are_certain_after_two_exchanges() -> None:
    found = talk(TalkingAgents(), *between(A, B))
    assert [set(each) for each in found if each] == [{"a", "b"}]
    assert found.index(next(each for each in found if each)) == 7


def test_whatever_comes_first_and_however_it_was_heard() -> None:
    """A transcript may be faster than the end of the speech, and has its own capitals, commas and mistakes."""
    lines = between(A, B)
    shuffled = [lines[at] for at in (1, 0, 3, 2, 5, 4, 7, 6)]
    heard = [
        (call, who, text.lower().replace(",", "").replace("Miller", "Müller") if who == "caller" else text)
        for call, who, text in shuffled
    ]
    assert any(talk(TalkingAgents(), *cast(Any, heard)))


@pytest.mark.parametrize(
    ("texts", "more"),
    [((A, B), {"pause": SECONDS + 1}), ((["Yes.", "No.", "Good bye."], ["Hello?", "Fine.", "Good bye."]), {})],
)
def test_what_is_short_or_long_ago_tells_nothing(texts: tuple[list[str], list[str]], more: dict[str, float]) -> None:
    assert not any(talk(TalkingAgents(), *between(*texts), **more))


def test_one_direction_is_not_enough() -> None:
    """A recording of ours that somebody plays, or a person who repeats what is said to check it."""
    known = TalkingAgents()
    lines = [("a", "agent", text) for text in A * 5], [("b", "caller", text) for text in A * 5]
    assert not any(talk(known, *cast(Any, [each for pair in zip(*lines, strict=True) for each in pair])))
    repeated = [("a", "agent", text) for text in A], [("a", "caller", text) for text in A]
    assert not any(talk(known, *cast(Any, [each for pair in zip(*repeated, strict=True) for each in pair] * 3)))


def test_many_agents_with_the_same_greeting_are_not_taken_for_each_other() -> None:
    known = TalkingAgents()
    for number in range(50):
        for at, text in enumerate(A):
            assert not known.told(said(f"c{number}", "agent", text), at)
            assert not known.told(said(f"c{number}", "caller", f"I want to know how it is with number {number}"), at)


def test_what_was_said_is_forgotten() -> None:
    known = TalkingAgents()
    talk(known, *between(A, B)[:6])
    known.told(contract.Ended(call="a", reason="over", counters=Counters()), 100.0)
    known.told(said("c", "agent", "x"), 100.0)
    assert (any(known._by_run.values()), len(known._lately)) == (False, 1)
    assert not [pair for pair in known._matches if "a" in pair]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["agent", "caller"]),
            st.text("ab c", max_size=40) | st.sampled_from([*A, "今日はとても良い天気ですね"]),
            st.floats(0, 20),
        ),
        max_size=40,
    )
)
def test_any_conversation_can_be_looked_at(lines: list[tuple[str, Any, str, float]]) -> None:
    known, now = TalkingAgents(), 0.0
    for call, who, text, pause in lines:
        now += pause
        found = known.told(said(call, who, text), now)
        assert not found or (call in found and len(set(found)) == 2)
    known.told(said("z", "agent", ""), now + 2 * SECONDS)
    assert not any(known._by_run.values())


async def test_both_calls_are_ended_and_say_why() -> None:
    got: dict[str, list[inputs.Input]] = {"a": [], "b": []}
    async with asyncio.TaskGroup() as tasks:
        registry = made(tasks)
        for call, puts in got.items():
            call_plan = SimpleNamespace(plan=inbound().plan)
            taken = SimpleNamespace(take=lambda *_: None)
            actor = SimpleNamespace(
                **{"id": call, "put": puts.append, "put_of_session": puts.append, "call": call_plan},
                **{"begun": config(), "call_log": taken, "memory": taken},
            )
            registry._live[call] = cast(CallActor, actor)
        for line in between(A, B):
            registry.take_worker_event(said(*line))
    end = inputs.HangUpAsked("system", WHY)
    assert end in got["a"]
    assert end in got["b"]
    ended = inbound()
    table.start(ended)
    table.handle(ended, end, ended.started_at)
    assert (ended.ended_by, ended.detail) == ("system", WHY)
