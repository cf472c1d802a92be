"""What the agent said, as far as it was heard. [pure]

Owns the text of each item of the agent from its first word to `Said`. Text and audio come in separate streams, both
faster than they are spoken. Each utterance is reported once: when it was played in full; or, if it was interrupted,
when all its text is known, cut in proportion to the audio that was heard, and never inside a word.

Words mostly come before their audio. Where the audio was stopped (the caller interrupted it, or the connection broke),
its length says nothing about the words. Then their duration is estimated: by the pace of what the agent has said in
full so far in this call, or by `SPOKEN_MS` per character.

What was heard is counted by `bridge.media.playout`.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from bridge.common.strict_json import well_formed
from bridge.contract import NOT_TRANSCRIBED, Said, SessionSpec
from bridge.media.playout import BYTES_PER_MS, Playout
from bridge.realtime.conversation.ai_warnings import AiWarnings
from bridge.realtime.conversation.effects import CancelTimer, EffectList, Emit, StartTimer, Timer
from bridge.realtime.protocol.json_fields import LONGEST_TEXT

SPOKEN_MS = 60
"""What a character of text takes to be said, roughly (English: 12 to 17 a second)."""
FASTEST_MS = 10
"""What a character takes at least, however fast the agent speaks. Text beyond that was not said."""
FASTER = 2.5
"""The agent speaks at most this many times as fast as before in the call, or as `SPOKEN_MS`."""
BROKEN_OFF_MS = SPOKEN_MS / 2
"""The same as `FASTEST_MS`, for a response that stopped in the middle: text and audio seldom stop together."""
SLACK_MS = 500
WORDS_S = 5.0
"""Seconds after the end of a response in which its words may still come."""
WORDLESS_MS = 300
"""An interrupted item of which this much was heard must have had words."""
MOST_PARTS = 64
"""Content parts of one item whose words are kept."""
MOST_OPEN = 64
"""Items that are not reported yet. Further ones are ignored."""
LEARNED_FROM = 40
"""Characters that must have been said in full before the pace is measured by them."""
LATEST = 8
"""Reported items whose words are kept: their response may still be going on."""
REMEMBERED = 256
"""Ids of reported items: what still comes for them is late, not new."""


class _Words(Enum):
    """Whether the report of an utterance waits for its words."""

    NOT_AWAITED = auto()
    AWAITED = auto()
    GIVEN_UP = auto()


@dataclass(slots=True)
class _Utterance:
    response_id: str
    item_id: str
    consultation: bool
    """It was begun while the agent spoke in a consultation."""
    texts: dict[int, str] = field(default_factory=dict)
    """By content part. While it is open it may end with half a character."""
    open_texts: set[int] = field(default_factory=set)
    """Parts that may still get words."""
    generated: int = 0
    """Bytes of audio from the server, also those that came after the interruption."""
    sound_done: bool = False
    over: bool = False
    """Nothing more comes: its response is over."""
    cut_ms: int | None = None
    """How much was heard of it, if it was interrupted."""
    stopped: bool = False
    """The server did not make all of its audio."""
    connection_lost: bool = False
    words: _Words = _Words.NOT_AWAITED
    began_at: float | None = None
    """When its first sound is heard."""
    ended_at: float | None = None
    """When the last of its sound was heard, or it was cut."""

    @property
    def text(self) -> str:
        """Well-formed, and no longer than `LONGEST_TEXT`."""
        parts = (well_formed(self.texts[part]).strip() for part in sorted(self.texts))
        return " ".join(filter(None, parts))[:LONGEST_TEXT]

    @property
    def full(self) -> bool:
        """No more text is kept."""
        return len(self.texts) >= MOST_PARTS or sum(map(len, self.texts.values())) >= LONGEST_TEXT

    @property
    def complete(self) -> bool:
        """All that the server made of it is known."""
        return self.over or (self.sound_done and bool(self.texts) and not self.open_texts)


class AgentTranscript:
    """The agent's items that are not yet reported, in the order in which they began."""

    def __init__(self, call: str, spec: SessionSpec, out: EffectList, playout: Playout, warnings: AiWarnings) -> None:
        self.apply(spec)
        self._call = call
        self._out = out
        self._playout = playout
        self._warnings = warnings
        self._open: dict[str, _Utterance] = {}
        self._reported: dict[str, None] = {}
        self._latest: deque[tuple[str, str, int]] = deque(maxlen=LATEST)
        """Response, text and length of what was reported last."""
        self._broken: dict[str, None] = {}
        """Responses that stopped in the middle."""
        self._learned = (0, 0)
        """Characters and milliseconds of what was said in full."""
        self.now = 0.0
        """Seconds of the conversation's clock, which sets it."""

    def apply(self, spec: SessionSpec) -> None:
        """Whether the agent speaks in a consultation from now on."""
        self._consultation = spec.consultation

    # ------------------------------------------------------------ generation

    def sound(self, response_id: str, item_id: str, length: int) -> None:
        """`length` bytes of sound have come, and are about to be queued."""
        if utterance := self._of(response_id, item_id):
            if utterance.began_at is None:
                utterance.began_at = self.now + self._playout.remaining_ms / 1000
            utterance.generated += length
            if utterance.cut_ms is None:
                utterance.ended_at = None  # it goes on
            utterance.sound_done = False  # that was another content part

    def sound_done(self, item_id: str) -> None:
        """All of the item's sound has come."""
        if utterance := self._open.get(item_id):
            utterance.sound_done = True
            self._report_cut(utterance)

    def text_delta(self, response_id: str, item_id: str, delta: str, part: int = 0) -> None:
        """A piece of the transcript of a content part."""
        utterance = self._of(response_id, item_id)
        if utterance and not utterance.full and (part not in utterance.texts or part in utterance.open_texts):
            utterance.texts[part] = utterance.texts.get(part, "") + delta
            utterance.open_texts.add(part)

    def text_done(self, response_id: str, item_id: str, text: str, part: int = 0) -> None:
        """The whole transcript of a content part."""
        if utterance := self._of(response_id, item_id):
            if part in utterance.texts or not utterance.full:
                others = sum(len(words) for each, words in utterance.texts.items() if each != part)
                utterance.texts[part] = (text or utterance.texts.get(part, ""))[: max(0, LONGEST_TEXT - others)]
            utterance.open_texts.discard(part)
            self._report_cut(utterance)

    def response_over(self, response_id: str) -> None:
        """Neither sound nor words come any more for the items of this response."""
        for utterance in [each for each in self._open.values() if each.response_id == response_id]:
            utterance.over = True
            self._report_cut(utterance)
            if not utterance.generated:
                self._open.pop(utterance.item_id, None)  # words without sound were never said
                if utterance.text and utterance.cut_ms is None:
                    self._warnings.warn("transcript_without_audio", detail="words without sound: not said")

    def broken_off(self, response_id: str) -> None:
        """The server stopped in the middle of this response."""
        self._broken = {response_id: None}
        for utterance in self._open.values():
            utterance.stopped = utterance.stopped or utterance.response_id == response_id

    def connection_lost(self, response_id: str) -> None:
        """The rest of this response will never come."""
        for utterance in self._open.values():
            if utterance.response_id == response_id and not utterance.sound_done:
                utterance.stopped = utterance.connection_lost = True

    # ------------------------------------------------------------ playout

    def cut(self, item_id: str, heard_ms: int) -> None:
        """The item was interrupted after `heard_ms`. It is reported as soon as its text is complete."""
        if utterance := self._open.get(item_id):
            utterance.cut_ms, utterance.ended_at = heard_ms, self.now
            utterance.stopped = utterance.stopped or not (utterance.sound_done or utterance.over)
            self._report_cut(utterance)

    def played(self) -> None:
        """Nothing is queued in the playout: what is complete was heard in full."""
        for utterance in [each for each in self._open.values() if each.generated]:
            if utterance.ended_at is None:
                utterance.ended_at = self.now
            if utterance.complete:
                self._report(utterance)

    def close(self) -> None:
        """Report the rest with the words known by now."""
        for utterance in list(self._open.values()):
            if utterance.generated:
                utterance.words = _Words.GIVEN_UP
                self._report(utterance)
        self._open.clear()

    def no_more_words(self) -> None:
        """The connection is gone on which words were to come: do not wait for them."""
        for utterance in [each for each in self._open.values() if each.words is _Words.AWAITED]:
            self.wordless(utterance.item_id)

    @property
    def awaits_words(self) -> bool:
        """Words are still to come on this connection, and would not come on another one."""
        return any(each.words is _Words.AWAITED for each in self._open.values())

    def wordless(self, item_id: str) -> None:
        """The words of an item have not come in time."""
        if (utterance := self._open.get(item_id)) and utterance.words is _Words.AWAITED:
            utterance.words = _Words.GIVEN_UP
            self._report(utterance)

    def items_of(self, response_id: str) -> list[str]:
        """The items of a response that are not reported yet."""
        return [each.item_id for each in self._open.values() if each.response_id == response_id]

    def words_of(self, response_id: str) -> str:
        """All that was said in a response so far, played or not."""
        parts = [(text, ms) for response, text, ms in self._latest if response == response_id]
        parts += [
            (each.text, each.generated // BYTES_PER_MS)
            for each in self._open.values()
            if each.response_id == response_id and each.generated
        ]
        if response_id in self._broken:
            parts = [(self._sounded(text, ms, BROKEN_OFF_MS), ms) for text, ms in parts]
        return " ".join(filter(None, (text for text, _ in parts)))

    def saying(self) -> str:
        """The words that are being played, as far as they were heard by now."""
        for utterance in self._open.values():
            account = self._playout.heard(utterance.item_id)
            if account and account.heard_ms and utterance.cut_ms is None:
                whole = utterance.generated // BYTES_PER_MS if utterance.sound_done else self._spoken_ms(utterance)
                return cut_text(utterance.text, account.heard_ms, whole)
        return ""

    # ------------------------------------------------------------ inside

    def _of(self, response_id: str, item_id: str) -> _Utterance | None:
        if item_id in self._open:
            return self._open[item_id]
        if item_id in self._reported or len(self._open) >= MOST_OPEN:
            return None
        return self._open.setdefault(item_id, _Utterance(response_id, item_id, self._consultation))

    def _report_cut(self, utterance: _Utterance) -> None:
        if utterance.cut_ms is not None and utterance.complete:
            self._report(utterance)

    def _waits(self, utterance: _Utterance) -> bool:
        """Whether it is to be reported later, because its words have not come."""
        if utterance.words is _Words.NOT_AWAITED and not utterance.text:
            utterance.words = _Words.AWAITED
            self._out.add(StartTimer(Timer.WORDS, WORDS_S, utterance.item_id))
        return utterance.words is _Words.AWAITED and not utterance.text

    def _report(self, utterance: _Utterance) -> None:
        if self._waits(utterance):
            return
        if utterance.words is _Words.AWAITED:
            self._out.add(CancelTimer(Timer.WORDS, utterance.item_id))
        del self._open[utterance.item_id]
        self._reported[utterance.item_id] = None
        while len(self._reported) > REMEMBERED:
            del self._reported[next(iter(self._reported))]
        interrupted = utterance.cut_ms is not None or utterance.connection_lost
        if utterance.cut_ms is None:
            account = self._playout.heard(utterance.item_id)
            heard_ms = account.heard_ms if account else 0
        else:
            heard_ms = utterance.cut_ms
        text = utterance.text
        if interrupted:
            text = cut_text(text, heard_ms, self._whole_ms(utterance))
        elif text != (text := self._sounded(text, heard_ms, BROKEN_OFF_MS if utterance.stopped else self._fastest_ms)):
            self._warnings.warn("transcript_without_audio", ("too_long",), "cut where the sound ends")
        elif len(text) and heard_ms:
            self._learned = (self._learned[0] + len(text), self._learned[1] + heard_ms)
        if not utterance.text and (heard_ms >= WORDLESS_MS or (heard_ms and not interrupted)):
            text = NOT_TRANSCRIBED
            self._warnings.warn("audio_without_transcript", detail="the agent's sound came without its words")
        if heard_ms:
            self._latest.append((utterance.response_id, text, heard_ms))
            ended_at = self.now if utterance.ended_at is None else utterance.ended_at
            began_at = ended_at if utterance.began_at is None else utterance.began_at
            said = Said(
                call=self._call,
                who="agent",
                text=text,
                item=utterance.item_id,
                interrupted=interrupted,
                heard_ms=heard_ms,
                ago_ms=round(max(0.0, self.now - ended_at) * 1000),
                took_ms=max(heard_ms, round((ended_at - began_at) * 1000)),
                consultation=utterance.consultation,
            )
            self._out.add(Emit(said))

    @property
    def _fastest_ms(self) -> float:
        """What a character takes at least."""
        return max(FASTEST_MS, min(self._pace, SPOKEN_MS) / FASTER) if self._known_pace else FASTEST_MS

    @property
    def _known_pace(self) -> bool:
        return self._learned[0] >= LEARNED_FROM

    @property
    def _pace(self) -> float:
        """Milliseconds of a character."""
        characters, milliseconds = self._learned
        return milliseconds / characters if self._known_pace else SPOKEN_MS

    def _sounded(self, text: str, heard_ms: int, fastest_ms: float) -> str:
        """The part of a text that can have been said in this time."""
        if len(text) * fastest_ms <= heard_ms + SLACK_MS:
            return text
        pace = self._pace if self._pace >= fastest_ms else SPOKEN_MS
        return cut_text(text, heard_ms, max(heard_ms, round(len(text) * pace)))

    def _whole_ms(self, utterance: _Utterance) -> int:
        """How long all of its words take."""
        generated_ms = utterance.generated // BYTES_PER_MS
        return self._spoken_ms(utterance) if utterance.stopped else generated_ms

    def _spoken_ms(self, utterance: _Utterance) -> int:
        """The estimated duration of all its words."""
        generated_ms = utterance.generated // BYTES_PER_MS
        if utterance.connection_lost:
            generated_ms += 1  # the words go on after the sound that has come
        return max(generated_ms, round(len(utterance.text) * self._pace))


def cut_text(text: str, heard_ms: int, generated_ms: int) -> str:
    """The part of a text that was heard: as much of it as of its sound, without the word that was cut.

    A text without spaces is one word, or (Chinese, Japanese) is cut where it falls.
    """
    if heard_ms >= generated_ms:
        return text
    end = len(text) * max(heard_ms, 0) // generated_ms
    if end < len(text) and not text[end].isspace() and (" " in text or text.isascii()):
        end = text.rfind(" ", 0, end) + 1
    return text[:end].rstrip()
