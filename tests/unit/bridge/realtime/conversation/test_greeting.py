"""The first words of a call: what becomes of consent and greeting when the caller speaks before they were heard."""

from collections.abc import Callable
from typing import Any

import pytest

from bridge.contract import Hold, Mute, SemanticVad, ServerVad, Speak, WrapUp
from bridge.realtime.conversation.inputs import ConnectionLost, Greet
from bridge.realtime.protocol import server_events
from tests.unit.bridge.realtime.conversation.stage import Stage, connection_opened

CONSENT = "This call is recorded."
GREETING = "Good day, this is the bakery in Elm Street. What may I do for you?"
WHOLE_MS = 4000
SILENCE_MS = 300
BACK = connection_opened()


class Opening(Stage):
    """Each request is answered by a response at once, of one item, as long as the words take."""

    def __init__(self, **spec: Any) -> None:
        super().__init__(**{"greeting": GREETING} | spec)
        self.responses = 0

    def respond(self, milliseconds: int = WHOLE_MS) -> str:
        """The server answers what was asked last."""
        self.responses += 1
        response = f"r{self.responses}"
        self.reply(response, f"i{self.responses}", milliseconds, "words")
        return response

    def word(self, seconds: float) -> None:
        """The caller speaks for so long."""
        self.feed(server_events.SpeechStarted("u", 0))
        for each in self.running_responses():
            self.feed(server_events.ResponseDone(each, "cancelled"))
        self.play(round(seconds * 1000) + SILENCE_MS)
        self.feed(server_events.SpeechStopped("u", 0))

    def running_responses(self) -> list[str]:
        responses = self.conversation.parts.responses
        return [responses.response_id] if responses.response_id else []

    def asked(self) -> list[str]:
        """What each request was for."""
        return [self._kind(create["response"]) for create in self.creates]

    @staticmethod
    def _kind(body: dict[str, Any]) -> str:
        words = body.get("instructions", "")
        if "Begin with exactly" in words:
            return "greet and answer"
        if "say the rest" in words:
            return "rest"
        for kind, text in (("consent", CONSENT), ("greeting", GREETING), ("greeting", "Good day!")):
            if text in words:
                return kind
        return "other" if words else "answer"

    def heard_in_full(self, milliseconds: int) -> bool:
        """At the end of what was played there was so much sound in one piece."""
        sound = 0
        for frame in self.frames:
            sound = sound + 20 if frame else 0
            if sound >= milliseconds:
                return True
        return False

    @property
    def answers_itself(self) -> list[bool]:
        """What each change of the set-up says of the server's answers."""
        updates = self.sent_of("session.update")
        return [each["session"]["audio"]["input"]["turn_detection"]["create_response"] for each in updates]


@pytest.mark.parametrize("vad", [ServerVad(silence_duration_ms=SILENCE_MS), SemanticVad(type="semantic_vad")])
@pytest.mark.parametrize("patience", [0, 200])
@pytest.mark.parametrize("begins_ms", [0, 60, 160, 1200])
@pytest.mark.parametrize("seconds", [0.15, 0.5, 1.0])
def test_a_short_word_before_half_of_the_greeting(begins_ms: int, seconds: float, patience: int, vad: Any) -> None:
    """Whatever had been generated of it, and whether the word counted or not: it is heard in full, once."""
    stage = Opening(turn_detection=vad, min_speech_ms=patience)
    stage.feed(Greet())
    stage.respond()
    stage.play(begins_ms)
    stage.word(seconds)
    if len(stage.creates) > 1:
        stage.respond()
    stage.play(WHOLE_MS + 200)
    assert set(stage.asked()) == {"greeting"}
    assert stage.heard_in_full(WHOLE_MS)
    assert stage.answers_itself == ([] if patience else [True])


@pytest.mark.parametrize("generated", ["nothing", "announced", "a part", "all"])
def test_the_word_comes_while_the_greeting_is_being_made(generated: str) -> None:
    stage = Opening()
    stage.feed(Greet())
    if generated != "nothing":
        stage.feed(server_events.ResponseCreated("r0"))
    if generated in ("a part", "all"):
        stage.speak("r0", "i0", 300 if generated == "a part" else WHOLE_MS, done=generated == "all")
        stage.play(60)
    stage.feed(server_events.SpeechStarted("u", 0))
    if generated == "nothing":
        stage.feed(server_events.ResponseCreated("r0"))  # the request was on its way
    stage.feed(server_events.ResponseDone("r0", "cancelled"))
    stage.play(700)
    stage.feed(server_events.SpeechStopped("u", 0))
    stage.respond()
    stage.play(WHOLE_MS + 200)
    assert stage.asked() == ["greeting", "greeting"]
    assert stage.heard_in_full(WHOLE_MS)


def test_a_word_in_the_second_half_has_the_model_go_on() -> None:
    stage = Opening()
    stage.feed(Greet())
    stage.respond()
    stage.play(2700)
    stage.word(0.5)
    assert stage.asked() == ["greeting", "rest"]
    words = stage.creates[1]["response"]["instructions"]
    assert GREETING in words
    assert '"Good day, this is the bakery in Elm Street."' in words
    assert "tool_choice" not in stage.creates[1]["response"]


@pytest.mark.parametrize(("begins_ms", "asked"), [(0, "greet and answer"), (300, "greet and answer"), (900, "answer")])
def test_a_long_sentence_is_answered(begins_ms: int, asked: str) -> None:
    """Who had heard hardly anything is greeted all the same."""
    stage = Opening()
    stage.feed(Greet())
    stage.respond()
    stage.play(begins_ms)
    stage.word(3.0)
    assert stage.asked() == ["greeting", asked]
    stage.respond(1000)
    stage.play(1200)
    stage.word(0.5)  # from now on it is the server that answers
    assert stage.answers_itself == [True]
    assert len(stage.creates) == 2


def test_words_again_and_again_do_not_keep_the_greeting_away() -> None:
    stage = Opening()
    stage.feed(Greet())
    for _ in range(4):
        if len(stage.creates) > stage.responses:
            stage.respond()
        stage.play(100)
        stage.word(0.4)
    if len(stage.creates) > stage.responses:
        stage.respond()
    stage.play(WHOLE_MS + 200)
    assert stage.asked() == ["greeting"] * 3
    assert stage.heard_in_full(WHOLE_MS)


def held(stage: Opening) -> None:
    stage.feed(Hold(call="call", on=True))
    stage.play(2000)
    stage.feed(Hold(call="call", on=False))


def cut_off(stage: Opening) -> None:
    stage.feed(ConnectionLost())
    stage.play(600)
    stage.feed(BACK)
    stage.play(6000)


@pytest.mark.parametrize("trouble", [held, cut_off])
def test_a_word_whose_end_nobody_tells(trouble: Callable[[Opening], None]) -> None:
    """The greeting is said again then, once, and not much later in the call."""
    stage = Opening()
    stage.feed(Greet())
    stage.respond()
    stage.play(100)
    stage.feed(server_events.SpeechStarted("u", 0))
    stage.play(200)
    trouble(stage)
    stage.respond()
    stage.play(WHOLE_MS + 200)
    assert stage.asked() == ["greeting", "greeting"]
    assert stage.heard_in_full(WHOLE_MS)
    stage.word(0.4)
    stage.play(100)
    assert stage.asked() == ["greeting", "greeting"]


def test_a_caller_who_interrupts_later_is_answered_by_the_server() -> None:
    stage = Opening()
    assert not stage.server_answers
    stage.feed(Greet())
    stage.respond()
    stage.play(WHOLE_MS + 100)
    assert stage.answers_itself == [True]
    stage.caller_turn()
    stage.feed(server_events.ResponseCreated("r9"))
    assert stage.asked() == ["greeting"]


def test_an_agent_that_nobody_answers_for_stays_so() -> None:
    stage = Opening(turn_detection=ServerVad(create_response=False))
    stage.feed(Greet())
    stage.respond()
    stage.play(300)
    stage.word(3.0)
    assert stage.asked() == ["greeting", "greeting"]
    stage.respond()
    stage.play(WHOLE_MS + 100)
    stage.word(3.0)
    assert stage.asked() == ["greeting", "greeting"]


# ---------------------------------------------------------------- consent


def recorded(**more: Any) -> Opening:
    return Opening(consent=CONSENT, **more)


def opened(stage: Opening, consent_ms: int = 1500) -> None:
    """Consent and greeting are generated, one after the other."""
    stage.feed(Greet())
    stage.respond(consent_ms)
    if stage.conversation.parts.responses.pending("greeting"):
        stage.respond()


def test_the_consent_comes_first_and_is_known_to_the_millisecond() -> None:
    stage = recorded()
    opened(stage)
    assert stage.asked() == ["consent", "greeting"]
    stage.play(1480)
    assert not stage.conversation.parts.greeting.consented
    stage.play(20)
    assert stage.conversation.parts.greeting.consented
    assert stage.heard_in_full(1500)


@pytest.mark.parametrize("begins_ms", [0, 100, 700, 1400])
@pytest.mark.parametrize("seconds", [0.15, 0.6, 1.0, 3.0])
@pytest.mark.parametrize("greeting", [GREETING, None])
@pytest.mark.parametrize("times", [1, 2])
def test_the_consent_is_heard_in_full_whoever_speaks(
    begins_ms: int, seconds: float, greeting: str | None, times: int
) -> None:
    stage = recorded(greeting=greeting)
    opened(stage)
    stage.play(begins_ms)
    for _ in range(times):
        stage.word(seconds)
        if len(stage.creates) > stage.responses:
            stage.respond()
    stage.play(1500)
    assert stage.conversation.parts.greeting.consented
    assert stage.asked()[0] == "consent"
    assert stage.asked().count("consent") == 1
    assert stage.heard_in_full(1500)


def test_who_still_speaks_when_the_consent_is_over_has_the_word() -> None:
    stage = recorded()
    opened(stage)
    stage.play(1000)
    stage.feed(server_events.SpeechStarted("u", 0))
    stage.play(600)
    assert stage.conversation.parts.greeting.consented
    assert stage.playout.idle
    stage.play(2000)
    stage.feed(server_events.SpeechStopped("u", 0))
    assert stage.asked() == ["consent", "greeting", "greet and answer"]


def test_after_the_consent_the_greeting_can_be_interrupted() -> None:
    stage = recorded()
    opened(stage)
    stage.play(1500 + 1000)
    stage.feed(server_events.SessionUpdated("s", "m", None), server_events.SpeechStarted("u", 0))
    assert stage.playout.idle
    assert stage.taken_back == [("i2", 1000)]


def test_without_a_greeting_a_word_into_the_consent_is_answered_after_it() -> None:
    stage = recorded(greeting=None)
    opened(stage)
    stage.word(0.4)
    assert stage.asked() == ["consent", "answer"]


def on_hold(stage: Opening) -> None:
    stage.feed(Hold(call="call", on=True))
    for each in stage.running_responses():
        stage.feed(server_events.ResponseDone(each, "cancelled"))
    stage.play(1000)
    stage.feed(Hold(call="call", on=False))


def without_line(stage: Opening) -> None:
    stage.feed(ConnectionLost())
    stage.play(40)
    stage.feed(BACK)


def unheard(stage: Opening) -> None:
    stage.feed(Mute(call="call", caller=False, agent=True))
    stage.play(3000)
    stage.feed(Mute(call="call", caller=False, agent=False))


def test_a_hold_during_the_consent_does_not_cost_the_greeting_that_was_to_follow() -> None:
    stage = recorded(greeting="Good day!")
    opened(stage)
    stage.play(1000)
    on_hold(stage)
    for _ in range(6):
        if stage.conversation.parts.responses.state.name == "REQUESTED":
            stage.respond(1500)
        stage.play(800)
    assert stage.conversation.parts.greeting.consented
    assert stage.asked()[2:] == ["consent", "greeting"]


@pytest.mark.parametrize("trouble", [on_hold, without_line, unheard])
@pytest.mark.parametrize("generated", [False, True])
def test_a_consent_that_was_broken_off_is_said_again(trouble: Any, generated: bool) -> None:
    stage = recorded()
    stage.feed(Greet(), server_events.ResponseCreated("r0"))
    stage.speak("r0", "i0", 1500, done=generated)
    if generated:
        stage.feed(server_events.ResponseDone("r0", "completed"), server_events.ResponseCreated("r00"))
    stage.play(500)
    trouble(stage)
    for each in stage.running_responses():
        stage.feed(server_events.ResponseDone(each, "cancelled"))
    for _ in range(6):
        if stage.conversation.parts.responses.state.name == "REQUESTED":
            stage.respond(1500)
        stage.play(800)
    stage.play(8000)
    assert stage.conversation.parts.greeting.consented
    again = stage.asked().count("consent") > 1
    assert again or (trouble is without_line and generated)
    assert trouble is unheard or stage.asked()[-1] == "greeting"
    assert stage.heard_in_full(1500)


def test_last_words_leave_a_consent_unsaid() -> None:
    stage = recorded()
    opened(stage)
    stage.play(500)
    stage.feed(WrapUp(call="call", text="Bye.", why="cost"))
    stage.respond(500)
    stage.play(5000)
    assert stage.asked() == ["consent", "greeting", "other"]
    assert not stage.conversation.parts.greeting.consented


def test_a_consent_that_never_has_a_sound_is_given_up() -> None:
    stage = recorded()
    stage.feed(Greet())
    for number in range(12):
        if stage.conversation.parts.responses.state.name == "REQUESTED":
            stage.feed(
                server_events.ResponseCreated(f"x{number}"), server_events.ResponseDone(f"x{number}", "completed")
            )
        stage.play(1000)
    assert not stage.conversation.parts.greeting.consented
    assert any("nothing is recorded" in note.text for note in stage.notes)


@pytest.mark.parametrize(
    ("said", "asked", "consented"),
    [
        ((CONSENT, GREETING), ["answer"], True),
        (("this call is recorded", "And?"), ["answer"], True),
        ((CONSENT,), ["greet and answer"], True),
        (("This call",), ["consent", "greet and answer"], False),
        ((), ["consent", "greet and answer"], False),
        ((GREETING,), ["consent", "answer"], False),
    ],
)
def test_another_worker_says_what_was_not_heard(said: tuple[str, ...], asked: list[str], consented: bool) -> None:
    stage = recorded()
    stage.feed(Greet(resumed=True, said=said))
    assert stage.conversation.parts.greeting.consented is consented
    for _ in range(3):
        if stage.conversation.parts.responses.state.name == "REQUESTED":
            stage.respond(1000)
    stage.play(3100)
    assert stage.asked() == asked
    assert stage.conversation.parts.greeting.consented


def test_an_order_to_speak_waits_for_the_first_words() -> None:
    stage = recorded()
    stage.feed(Greet(), Speak(call="call", text="One moment."))
    for _ in range(3):
        stage.respond(500)
    assert stage.asked() == ["consent", "greeting", "other"]
