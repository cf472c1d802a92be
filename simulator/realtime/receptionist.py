"""The model of the demo: a receptionist who knows a few sentences.

Owns the phrases that it understands and what it answers to each. It really listens
(`simulator.audio.speech.Recogniser`) and really speaks (`Speaker`). Refuses nothing: what it does not understand it
asks to hear again.
"""

import re
from collections.abc import Mapping
from typing import Any

from simulator.audio.speech import Recogniser, Speaker
from simulator.realtime.instruction_model import reply_of
from simulator.realtime.reply import CallTool, Part, Reply, Say, Turn

HOURS = "We are open from nine in the morning until six in the evening, Monday to Friday."
COMPANY = (
    "With pleasure. We build telephone software. Our agents answer calls at any hour of the day, in many languages. "
    "They listen while they speak, so you can interrupt me whenever you like. Everything that you hear now was sent "
    "over a real telephone call, through a real Asterisk, at twenty four kilohertz. If nobody stops me I shall go on, "
    "because there is a great deal to tell, and I am known to be patient."
)
OFFICE = "Our office is at number twelve, Harbour Street, next to the old station."
ABILITIES = "I can tell you our opening hours, say a little about our company, or connect you to a human."
LISTENING = "Of course. I am listening."
CONNECTING = "One moment please, I am connecting you to a human."
FAREWELL = "Thank you for calling. Goodbye."
AGAIN = "I am sorry, I did not understand that. Could you say it again?"
FAILED = "I am sorry, that did not work. What else can I do for you?"
ANYBODY = "Are you still there?"

ANSWERS = {
    "what are your opening hours": HOURS,
    "when are you open": HOURS,
    "tell me about your company": COMPANY,
    "tell me a story": COMPANY,
    "where is your office": OFFICE,
    "what can you do for me": ABILITIES,
    "how are you today": "Very well, thank you. How can I help you?",
    "stop talking please": LISTENING,
    "wait a moment please": LISTENING,
    "i have another question": LISTENING,
}
TRANSFERS = ("connect me to a human", "please connect me to a person", "i would like to speak to a human")
FAREWELLS = ("good bye", "good bye and thank you", "that is all thank you", "thank you very much good bye")
PHRASES = (*ANSWERS, *TRANSFERS, *FAREWELLS)
"""All phrases that it recognises."""

_QUOTED = re.compile(r'["“](.+)["”]', re.DOTALL)


class Receptionist:
    """Answers the phrases of PHRASES. `transfer_to` is used when the `transfer` tool does not list its destinations."""

    def __init__(self, voice: str = "en-us", transfer_to: str = "5002") -> None:
        self._speaker = Speaker(voice)
        self._recogniser = Recogniser(PHRASES)
        self._transfer_to = transfer_to

    async def hear(self, pcm: bytes) -> str:
        """One of PHRASES, or ""."""
        return await self._recogniser.hear(pcm)

    async def reply(self, turn: Turn) -> Reply:
        """A sentence, and for transfers and goodbyes a call of the tool. In text it follows the session's instructions
        instead."""
        if not turn.spoken:
            return reply_of(turn)
        text, tool = answer_to(turn, self._transfer_to)
        parts: list[Part] = [Say(text, pcm=await self._speaker.say(text))]
        if tool is not None and tool.name in turn.tools:
            parts.append(tool)
        return tuple(parts)

    def close(self) -> None:
        """End the recogniser's thread."""
        self._recogniser.close()


def answer_to(turn: Turn, transfer_to: str) -> tuple[str, CallTool | None]:
    """What to say to a turn, and what to do."""
    quoted = _QUOTED.search(turn.instructions or "")
    if quoted is not None:
        return quoted[1], None
    if turn.said is None and turn.instructions:
        return ABILITIES, None
    if turn.idle:
        return ANYBODY, None
    if turn.outputs and turn.said is None:
        return FAILED, None
    said = turn.said or ""
    if said in TRANSFERS:
        return CONNECTING, CallTool("transfer", _transfer(turn.tools.get("transfer", {}), transfer_to))
    if said in FAREWELLS:
        return FAREWELL, CallTool("hang_up", {"reason": "the caller said goodbye"})
    return ANSWERS.get(said, AGAIN), None


def _transfer(schema: Mapping[str, Any], transfer_to: str) -> dict[str, str]:
    """Arguments for a transfer tool: its first destination if it lists them."""
    properties = schema.get("properties", {})
    targets = properties.get("to", {}).get("enum") or [transfer_to]
    return {"to": str(targets[0]), "reason": "the caller asked for a human"}
