"""The first words of a call: the consent to its recording, then the greeting. [pure]

Owns what of them is still to be said, and what follows when the caller speaks before they were heard. Until then the
server does not answer the caller by itself (`turn_detection`): when the caller stops, it is decided here whether they
are answered or greeted.

The consent can't be interrupted. If something else breaks it off (a hold, a lost connection, a muted agent), it is said
again until it was heard in full, at most `MOST_CONSENTS` times. The greeting can be interrupted as the agent is
configured:

    the caller                                       what follows
    ----------------------------------------------   -----------------------------------------------------------
    cut less than half of it, with a word or two     it is said again, from the start
    cut more of it, with a word or two               the model goes on with the rest, unless the word asks for more
    cut it when hardly any was heard, at length      it is said again, and what the caller said is answered
    cut it later, at length                          what the caller said is answered
    said a word or two into less than half of it,    it goes on: it is the answer
      and could not cut it
    otherwise                                        what the caller said is answered

A greeting that was cut `REPEATS` times can't be interrupted any more.
"""

from dataclasses import dataclass, field

from bridge.contract import SessionSpec
from bridge.media.playout import MOST_UNFINISHED, Playout
from bridge.realtime.conversation import prompts
from bridge.realtime.conversation.agent_transcript import SPOKEN_MS, cut_text
from bridge.realtime.conversation.continuation import contains
from bridge.realtime.conversation.effects import EffectList, Note
from bridge.realtime.conversation.responses import Opening, ResponseRequest, Responses
from bridge.realtime.conversation.turn_detection import TurnDetection

SHORT_S = 1.3
"""Speech that lasts no longer is a word or two, such as "hello"."""
HARDLY_MS = 500
"""A caller who heard no more of the greeting was not greeted."""
REPEATS = 2
MOST_CONSENTS = 5


@dataclass(slots=True)
class _Words:
    """A text that is to be heard. `items`: ids of what was generated of it since it was last begun."""

    opening: Opening
    text: str
    items: set[str] = field(default_factory=set)
    asked: int = 0
    spoiled: bool = False
    """The caller could not hear it: the agent was muted."""


class Greeting:
    """Consent and greeting of one conversation."""

    def __init__(
        self, spec: SessionSpec, out: EffectList, turn_detection: TurnDetection, playout: Playout, responses: Responses
    ) -> None:
        self._spec = spec
        self._out = out
        self._turn_detection = turn_detection
        self._playout = playout
        self._responses = responses
        self._consent = _Words("consent", spec.consent) if spec.consent else None
        self._greeting = _Words("greeting", spec.greeting) if spec.greeting else None
        self._asked = False
        self._over = not turn_detection.opening
        self._cut_ms: int | None = None
        """The caller cut the greeting after this much of it, and is still speaking."""
        self._mostly_heard = False
        """That was more than half of it."""
        self.consented = self._consent is None
        """The caller has heard all that must be said before a recording."""

    @property
    def watching(self) -> bool:
        """The first words are being said: their end is to be noticed at the tick that plays it."""
        return self._asked and not self._over

    def ask(self, *, resumed: bool = False, said: tuple[str, ...] = ()) -> None:
        """The caller listens: request the first words. `resumed`: the agent has spoken before, in another worker;
        `said`: in these utterances."""
        if self._asked:
            return
        self._asked = True
        if resumed:
            self._resume(said)
            return
        for words in (self._consent, self._greeting):
            if words:
                self._say(words)

    def _resume(self, said: tuple[str, ...]) -> None:
        """Request only what the caller may not have heard."""
        consent = self._spec.consent or ""
        if any(contains(text, consent) for text in said):
            self._consent, self.consented = None, True
        if self._consent:
            self._say(self._consent)
        self._turn_detection.protected = bool(self._consent)
        if self._greeting and all(contains(consent, text) for text in said):
            self._greet_and_answer(self._greeting)
        else:
            self._greeting = None
            self._responses.request(ResponseRequest())
        if not (self._consent or self._greeting):
            self._finish()
        self._turn_detection.changed()

    @property
    def pending(self) -> bool:
        """First words are requested or being generated: nothing else is needed to break the silence."""
        return self._responses.pending("consent") or self._responses.pending("greeting")

    def sound(self, item_id: str) -> None:
        """Audio of this item was queued."""
        current = self._responses.current
        words = self._words_of(current.opening) if current and self.watching else None
        if words and len(words.items) < MOST_UNFINISHED:
            words.items.add(item_id)

    def ticked(self, *, speaking: bool, muted: bool, ending: bool) -> bool:
        """A frame may have been handed to Asterisk. `speaking`: the caller; `muted`: the agent; `ending`: the last
        words are said. True: the caller, who speaks, may interrupt from now on."""
        if not self.watching or ending:
            return False
        if self._consent:
            self._hear_consent(self._consent, muted=muted)
            if self._consent:
                return False
            self._turn_detection.protected = bool(self._greeting) and self._spec.protect_greeting
            self._turn_detection.changed()
            if speaking and not self._turn_detection.protected:
                return True
        if self._cut_ms is not None and not speaking:  # a hold, or a lost line: nobody told that they stopped
            self.caller_stopped(0.0)
        if self._cut_ms is None and not self._turn_detection.muted and self._said(self._greeting):
            self._turn_detection.protected = False
            if not speaking:  # else it is decided when the caller stops
                self._finish()
            self._turn_detection.changed()
        return False

    def interrupted(self) -> None:
        """The caller has interrupted the agent."""
        if self.watching and self._greeting and self._cut_ms is None and not self._said(self._greeting):
            heard_ms, whole_ms = self._progress(self._greeting)
            self._cut_ms, self._mostly_heard = heard_ms, heard_ms * 2 >= whole_ms

    def caller_stopped(self, spoken_s: float) -> bool:
        """The caller's turn is over. True: the first words are the answer, no other one is wanted."""
        if not self.watching:
            return False
        cut_ms, self._cut_ms = self._cut_ms, None
        short = spoken_s <= SHORT_S
        if not self._greeting:
            return False
        if cut_ms is None:
            heard_ms, whole_ms = self._progress(self._greeting)
            return short and heard_ms * 2 < whole_ms
        if short:
            self._again(self._greeting, cut_ms)
            return True
        if cut_ms < HARDLY_MS:
            self._greet_and_answer(self._greeting)
            return True
        self._greeting = None
        self._finish()
        return False

    # ------------------------------------------------------------ inside

    def _words_of(self, opening: str) -> _Words | None:
        return next((each for each in (self._consent, self._greeting) if each and each.opening == opening), None)

    def _say(self, words: _Words, *, first: bool = False) -> None:
        self._request(words, prompts.greeting(words.text), exact=True, first=first)

    def _request(self, words: _Words, instructions: str, *, exact: bool, first: bool = False) -> None:
        """Request these words. From now on only items of this request count."""
        words.asked += 1
        words.items.clear()
        words.spoiled = False
        text, tool_choice = (words.text, "none") if exact else ("", None)
        request = ResponseRequest(
            opening=words.opening, required=True, instructions=instructions, tool_choice=tool_choice, text=text
        )
        self._responses.request(request, first=first)

    def _greet_and_answer(self, greeting: _Words) -> None:
        self._responses.discard(opening="greeting")
        if self._spec.turn_detection.create_response:
            self._request(greeting, prompts.greet_and_answer(self._spec, greeting.text), exact=False)
        else:
            self._say(greeting)

    def _again(self, greeting: _Words, cut_ms: int) -> None:
        heard = cut_text(greeting.text, cut_ms, self._progress(greeting)[1])
        self._responses.discard(opening="greeting")
        if greeting.asked >= REPEATS:
            self._turn_detection.protected = True
            self._turn_detection.changed()
        if self._mostly_heard and self._spec.turn_detection.create_response:
            self._request(greeting, prompts.finish_greeting(self._spec, greeting.text, heard), exact=False)
        else:
            self._say(greeting)

    def _said(self, words: _Words | None) -> bool:
        """All of it has been handed to Asterisk, or nothing more will come of it."""
        if words is None:
            return True
        return not self._responses.pending(words.opening) and all(map(self._played, words.items))

    def _played(self, item_id: str) -> bool:
        account = self._playout.heard(item_id)
        return account is None or account.heard_ms >= account.received_ms or self._playout.was_cut(item_id)

    def _broken(self, words: _Words) -> bool:
        return any(self._playout.was_cut(item_id) for item_id in words.items)

    def _progress(self, words: _Words) -> tuple[int, int]:
        """How much of it was heard, and how long it is as far as we know."""
        accounts = [account for item_id in words.items if (account := self._playout.heard(item_id))]
        heard_ms, received_ms = sum(each.heard_ms for each in accounts), sum(each.received_ms for each in accounts)
        if accounts and not self._responses.pending(words.opening):
            return heard_ms, received_ms
        return heard_ms, max(received_ms, len(words.text) * SPOKEN_MS)

    def _hear_consent(self, consent: _Words, *, muted: bool) -> None:
        heard_ms, _ = self._progress(consent)
        if muted and consent.items and not self._said(consent):
            consent.spoiled = True
        if not self._said(consent):
            return
        if heard_ms and not self._broken(consent) and not consent.spoiled:
            self._consent, self.consented = None, True
        elif muted:
            return  # said again once it can be heard
        elif consent.asked < MOST_CONSENTS:
            self._say(consent, first=True)
        else:
            self._consent = None
            self._out.add(Note("the consent to the recording could not be said: nothing is recorded"))

    def _finish(self) -> None:
        self._over, self._turn_detection.opening = True, False
        self._turn_detection.changed()
