"""What holds for a conversation with a strict server, whatever happens on either side, and when.

The server (`ga_server`) raises on whatever it would not forgive; the wire delays and breaks; the caller, the controller
and the tools do as they like. Afterwards everything comes to rest, and what the server remembers as said was heard.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from bridge.contract import (
    AddMessage,
    FunctionTool,
    Hold,
    NoInput,
    Said,
    SemanticVad,
    ServerVad,
    Speak,
    WrapUp,
    WrapUpDone,
)
from bridge.realtime.conversation import inputs
from bridge.realtime.conversation.effects import Timer
from bridge.realtime.conversation.inputs import Closing, Digit, Greet
from bridge.realtime.conversation.responses import State
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.ga_server import LIMITED, RACES
from tests.unit.bridge.realtime.conversation.stage import HANG_UP, LOOK_UP
from tests.unit.bridge.realtime.conversation.wired import Wired

THOROUGH = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
SLOW = FunctionTool(name="slow", description="d", parameters={"type": "object"}, filler="One moment.", timeout_s=4)
MUTE_VAD = ServerVad(interrupt_response=False)

AGENTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "greets": {"greeting": "Good morning."},
    "protected": {"greeting": "Good morning.", "protect_greeting": True},
    "recorded": {"consent": "We record.", "greeting": "Good morning."},
    "patient": {"min_speech_ms": 200, "greeting": "Good morning."},
    "semantic": {"turn_detection": SemanticVad(type="semantic_vad"), "playout_delay_ms": 60},
    "deaf": {"turn_detection": MUTE_VAD},
    "idle": {"no_input": NoInput(after_s=3, prompts=("Hello?",), goodbye="Bye."), "min_speech_ms": 100},
}

SERVER: dict[str, Callable[[Wired], list[server_events.Event]]] = {
    "begin": lambda wired: wired.server.begin(),
    "sound": lambda wired: wired.server.sound(9601),
    "bit": lambda wired: wired.server.sound(47),
    "part": lambda wired: wired.server.next_part(),
    "item": lambda wired: wired.server.next_item(),
    "look up": lambda wired: wired.server.call("look_up"),
    "slow tool": lambda wired: wired.server.call("slow"),
    "goodbye": lambda wired: wired.server.call("hang_up"),
    "no tool": lambda wired: wired.server.call("nonsense"),
    "tool again": lambda wired: wired.server.call_again(),
    "remote": lambda wired: wired.server.remote(),
    "end": lambda wired: wired.server.end(),
    "fail": lambda wired: wired.server.end("failed"),
    "end, late words": lambda wired: wired.server.end_before_words(),
    "end, unseen": lambda wired: wired.server.end_unseen(),
    "cancel": lambda wired: wired.server.end("cancelled"),
    "limit": lambda wired: wired.server.limit(),
    "limited": lambda _: [LIMITED],
    "cut short": lambda wired: wired.server.end("incomplete"),
    "speak": lambda wired: wired.server.speak(),
    "hush": lambda wired: wired.server.hush(),
    "hush, words": lambda wired: wired.server.hush(words="yes"),
    "hush, noise": lambda wired: wired.server.hush(words=""),
    "hush, untold": lambda wired: wired.server.hush(told=False),
}
ORDERS: dict[str, inputs.Input] = {
    "say": Speak(call="call", text="Please hold."),
    "instruct": Speak(call="call", text="Say that it takes longer.", exact=False),
    "message": WrapUp(call="call", text="Call us back.", why="voicemail", after_silence=True),
    "wrap up": WrapUp(call="call", text="Time is up.", why="max_length"),
    "wrap up, silent": WrapUp(call="call", text="", why="cost"),
    "hold": Hold(call="call", on=True),
    "go on": Hold(call="call", on=False),
    "go on, note": Hold(call="call", on=False, note="Nobody answered."),
    "inform": AddMessage(call="call", text="Recorded.", respond=True),
    "key": Digit("1"),
    "last key": Digit("#"),
    "greet": Greet(),
}
WIRE = {"take": Wired.take, "deliver": Wired.deliver, "lost": Wired.lose_line, "back": Wired.open_line}
TIME = {"play": 100, "play long": 1500}


def act(wired: Wired, action: str) -> None:
    if action in SERVER:
        if wired.connected:
            wired.tell(SERVER[action](wired))
    elif action in ORDERS:
        wired.feed(ORDERS[action])
    elif action in WIRE:
        WIRE[action](wired)
    elif action in TIME:
        wired.play(TIME[action])
    elif action == "wait":
        wired.play(6000)
    else:
        wired.answer_tools()


ALL = [*SERVER, *ORDERS, *WIRE, *TIME, "wait", "answer"]
FLOW = ["take", "take", "deliver", "deliver", "deliver", "deliver"]
PLOTS = (
    ["begin", "sound", *FLOW, "play"],
    ["sound", "deliver", "deliver"],
    ["item", "sound", "deliver", "deliver", "deliver", "deliver", "deliver", "play", "play"],
    ["sound", "sound", "part", "sound", *FLOW, *FLOW],
    ["end", *FLOW],
    ["limit", "hush", "greet", "take", "take", "deliver", "deliver", "play long"],
    ["speak", *FLOW],
    ["speak", "deliver", "play", "hush", *FLOW],
    ["look up", "slow tool", *FLOW, "end", *FLOW, "answer", "take", "take"],
    ["sound", "goodbye", "end", *FLOW, *FLOW, "play long"],
    ["greet", *FLOW],
    FLOW,
)
"""What mostly happens one after the other: without these no random script gets anywhere."""
SCRIPTS = st.lists(st.one_of(st.sampled_from(PLOTS), st.sampled_from(ALL).map(lambda each: [each])), max_size=24).map(
    lambda plots: [action for plot in plots for action in plot]
)


def settle(wired: Wired) -> None:
    """The line stays, the caller is silent, tools answer, responses speak and end."""
    act(wired, "go on")
    for step in range(150):
        if step in (50, 100):
            wired.play(30_000)  # for the slowest watchdog, so that the server may still answer
        wired.open_line()
        act(wired, "hush")
        for action in ("take", "deliver", "deliver", "answer", "play"):
            act(wired, action)
        if wired.server.active and not wired.down:
            act(wired, "sound")
            act(wired, "end")


def check(wired: Wired) -> None:
    conversation = wired.conversation
    assert set(wired.refused + wired.server.refused) <= set(RACES)
    assert not wired.up
    assert not wired.down
    assert conversation.parts.responses.state is State.IDLE
    assert not wired.running(Timer.TOOL)
    assert {timer for timer, _ in wired.timers} <= {Timer.IDLE}
    assert conversation.parts.responses.at_rest or wired.told_of(
        WrapUpDone
    )  # after its last word nobody is asked anything
    assert wired.playout.idle
    assert Counter(call for call, _ in wired.outputs) == Counter(wired.calls)
    cuts = Counter(item for item, _ in wired.taken_back)
    assert max(cuts.values(), default=1) == 1
    said = [each for each in wired.told_of(Said) if each.who == "agent"]
    assert max(Counter(each.item for each in said).values(), default=1) == 1
    for each in said:
        assert (each.heard_ms or 0) * 48 <= wired.played[each.item]
    for item, (kept_ms, played_ms) in wired.in_memory_ms().items():
        assert kept_ms <= played_ms or wired.gave_up, f"the model believes that more of {item} was heard than was"
    assert len(wired.told_of(WrapUpDone)) <= 1


@pytest.mark.parametrize("agent", AGENTS)
@THOROUGH
@given(script=SCRIPTS)
def test_nothing_that_happens_breaks_a_rule_and_everything_comes_to_rest(agent: str, script: list[str]) -> None:
    spec = {"tools": (HANG_UP, LOOK_UP, SLOW), **AGENTS[agent]}
    wired = Wired(cuts_at_once=agent in ("plain", "greets", "semantic"), **spec)
    for action in script:
        act(wired, action)
    settle(wired)
    check(wired)
    if {"message", "wrap up", "wrap up, silent"} & set(script):
        assert len(wired.told_of(WrapUpDone)) == 1
    wired.feed(Closing())
    told = len(wired.told)
    wired.play(100)
    assert wired.conversation.closed
    assert len(wired.told) == told
