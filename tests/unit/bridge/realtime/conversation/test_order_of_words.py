"""Whoever said it first stands first, however late and in whatever order the words come: in what the controller keeps,
in the moments of its events, and in what another connection or another worker is told."""

import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given, settings, strategies as st

from bridge.contract import NOT_TRANSCRIBED, CallEvent, Said, Transcription
from bridge.realtime.conversation.inputs import Closing
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import encode
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from tests.unit.bridge.realtime.conversation.stage import Stage, make_spec

SPEC = make_spec(transcription=Transcription())
BEGIN = datetime(2026, 11, 30, tzinfo=UTC)
WORDS = "one two three four five six seven eight nine ten eleven twelve"


@dataclass(frozen=True)
class Turn:
    """Of the caller, and the reply to it. Seconds; `reply_s` 0: none."""

    pause_s: float
    spoken_s: float
    text_after_s: float
    fails: bool
    reply_s: float
    words_after_s: float
    """After the reply's response was over, if it is positive; else with its sound."""


@dataclass
class Call:
    """A stage, and all who keep what is said on it."""

    stage: Stage = field(default_factory=lambda: Stage(transcription=Transcription()))
    record: CallLog = field(default_factory=CallLog)
    recollection: ConversationMemory = field(default_factory=ConversationMemory)
    told: list[CallEvent] = field(default_factory=list)

    def feed(self, *what: server_events.Event) -> None:
        for each in what:
            self.stage.feed(each)
            self.heed()

    def heed(self) -> None:
        new = self.stage.told[len(self.told) :]
        self.told += new
        now = BEGIN + timedelta(seconds=self.stage.now)
        for event in new:
            self.record.take(event, now)
            self.recollection.take(event, SPEC, now)

    def play(self, until: float) -> None:
        while self.stage.now < until:
            self.stage.tick()
            self.heed()


def run(turns: list[Turn]) -> tuple[Call, list[str]]:
    """The call, and the items in the order in which they were over."""
    call, at, number = Call(), 100.0, count()
    due: list[tuple[float, int, server_events.Event]] = []
    over: list[tuple[float, str]] = []

    def later(when: float, *what: server_events.Event) -> None:
        for each in what:
            heapq.heappush(due, (when, next(number), each))

    for place, turn in enumerate(turns):
        user, reply, response = f"u{place}", f"i{place}", f"r{place}"
        begin = at + turn.pause_s
        end = begin + turn.spoken_s
        later(begin, server_events.SpeechStarted(user, 0))
        if place and turns[place - 1].reply_s:
            later(begin, server_events.ResponseDone(f"r{place - 1}", "cancelled"))
        later(end, server_events.SpeechStopped(user, 0))
        over.append((end, user))
        heard = (
            server_events.TranscriptionFailed(user, "x")
            if turn.fails
            else server_events.CallerTranscribed(user, user, {})
        )
        later(end + turn.text_after_s, heard)
        at = end + 0.1
        if turn.reply_s:
            sound = b"\1\2" * round(24000 * turn.reply_s)
            later(at, server_events.ResponseCreated(response), server_events.AudioDelta(response, reply, 0, sound))
            following = turns[place + 1].pause_s if place + 1 < len(turns) else turn.reply_s + 1
            over.append((at + min(following, turn.reply_s), reply))
            words = server_events.TranscriptDone(response, reply, f"{reply} {WORDS}")
            if turn.words_after_s <= 0:
                later(at, words, server_events.AudioDone(reply))
                later(at + 0.05, server_events.ResponseDone(response, "completed"))
            else:
                later(at + min(following, turn.reply_s) + turn.words_after_s, words, server_events.AudioDone(reply))
    while due:
        when, _, event = heapq.heappop(due)
        call.play(when)
        call.feed(event)
    call.play(call.stage.now + 10)
    call.stage.feed(Closing())
    call.heed()
    return call, [item for _, item in sorted(over)]


turns_of_a_call = st.lists(
    st.builds(
        Turn,
        pause_s=st.floats(0.3, 3),
        spoken_s=st.floats(0.4, 2),
        text_after_s=st.floats(0, 8),
        fails=st.sampled_from([False, False, False, True]),
        reply_s=st.sampled_from([0.0, 1.0, 2.0, 5.0]),
        words_after_s=st.floats(-2, 4),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(turns_of_a_call)
def test_it_is_kept_in_the_order_in_which_it_was_said(turns: list[Turn]) -> None:
    call, wanted = run(turns)
    said = {each.item: each for each in call.told if isinstance(each, Said)}
    assert sorted(said) == sorted(wanted)
    texts = [said[item].text for item in wanted]
    assert [each.text for each in call.record.transcript] == texts
    roles = ["user" if item[0] == "u" else "assistant" for item in wanted]
    assert [each.role for each in call.recollection.turns()] == roles
    told = [
        encode(event)["item"]["role"]
        for event in call.stage.conversation.parts.connection.history.replay(dropped=False)
    ]
    assert told == roles
    for place, turn in enumerate(turns):
        assert (said[f"u{place}"].text == NOT_TRANSCRIBED) == turn.fails
