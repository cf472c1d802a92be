"""What an agent says or writes, as events of the server: sound, the words to it, text. [pure]

Part of `server_events`, which parses them and exports them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """Sound of the agent: `pcm` is 24 kHz s16le of any length, also odd. Faster than real time."""

    response_id: str
    item_id: str
    content_index: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioDone:
    """The sound of an item is generated (not: played)."""

    item_id: str


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    """Some more of what the agent says. `delta` may begin and end with half a character (a lone surrogate): a server
    that counts in UTF-16 cuts where it likes. Whoever joins the pieces makes the whole well-formed."""

    response_id: str
    item_id: str
    delta: str
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptDone:
    """All of what the agent says in one content part of an item."""

    response_id: str
    item_id: str
    transcript: str
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """What the agent writes in one content part of an item, in a session without sound. None: there is more of it."""

    response_id: str
    item_id: str
    text: str | None = None
    content_index: int = 0
