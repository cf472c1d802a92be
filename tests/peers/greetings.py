"""What people and machines say when they answer a call, spoken by espeak-ng in telephone quality.

Forty greetings of people, of nobody, of menus, of assistants that screen calls, and of voice mailboxes, by several
voices, in several languages and at several speeds. `…` in a text is a pause.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import soxr

from simulator.audio.sound import RATE, Samples, tone
from simulator.audio.speech import RATE as SPEECH_RATE, Speaker

Kind = Literal["person", "silence", "menu", "screener", "mailbox"]
PAUSE_S = 0.7
MAILBOX_TONE_HZ = 1000
LEVEL = 0.5


@dataclass(frozen=True, slots=True)
class Greeting:
    """`after_s`: silence before the first word."""

    kind: Kind
    text: str
    voice: str = "en-us"
    speed: int = 160
    after_s: float = 0.3

    async def samples(self) -> Samples:
        """At the telephone's rate. A mailbox ends with its tone."""
        pieces: list[Samples] = [np.zeros(round(self.after_s * RATE), np.int16)]
        for text in self.text.split("…") if self.text else ():
            pcm = await Speaker(self.voice, self.speed).say(text.strip())
            spoken = soxr.resample(np.frombuffer(pcm, "<i2").astype(np.float32) * LEVEL, SPEECH_RATE, RATE)
            pieces += [_trimmed(spoken.astype(np.int16)), np.zeros(round(PAUSE_S * RATE), np.int16)]
        if self.kind == "mailbox":
            pieces.append(tone(0.5, MAILBOX_TONE_HZ))
        return np.concatenate(pieces)


def _trimmed(samples: Samples) -> Samples:
    """Without the silence that espeak-ng puts around."""
    (loud,) = np.nonzero(np.abs(samples.astype(np.int32)) > 200)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


FROM_THE_ISSUE = (
    Greeting("person", "Good morning, Smith and Partners, Jane speaking."),
    Greeting("person", "Yes, hello, who is calling please?"),
    Greeting("silence", "", after_s=3.0),
)

GREETINGS = (
    *FROM_THE_ISSUE,
    Greeting("person", "Hello?"),
    Greeting("person", "Hello?", "en-gb", 190, 0.0),
    Greeting("person", "Hello? … Hello? … Who is there?", "en-gb", 150),
    Greeting("person", "Yes.", "en-us", 140, 1.2),
    Greeting("person", "Johnson residence, this is Mary.", "en-us", 150),
    Greeting(
        "person", "Thank you for calling Riverside Dental, this is Karen, how can I help you today?", "en-us", 175
    ),
    Greeting("person", "City Hospital, switchboard, which ward would you like?", "en-gb", 170),
    Greeting("person", "Hi, sorry, I am just driving, can you hear me all right?", "en-us", 190),
    Greeting("person", "Just a second … sorry about that … yes, who is this?", "en-us", 180),
    Greeting("person", "Hold on please … I will be right with you.", "en-gb", 160),
    Greeting("person", "Guten Tag, Bäckerei Schmidt, mein Name ist Anna Weber, was kann ich für Sie tun?", "de", 165),
    Greeting("person", "Müller?", "de", 140),
    Greeting("person", "Ja, hallo, wer ist denn da bitte?", "de", 180),
    Greeting("person", "Allô, oui, bonjour, qui est à l'appareil s'il vous plaît?", "fr-fr", 170),
    Greeting("person", "Cabinet du docteur Martin, bonjour, je vous écoute.", "fr-fr", 150),
    Greeting("person", "Dígame, buenos días, ¿con quién hablo?", "es", 165),
    Greeting("person", "Pronto, chi parla?", "it", 150),
    Greeting("person", "Alo, buyurun, kim arıyor acaba?", "tr", 150),
    Greeting("silence", "", after_s=6.0),
    Greeting("silence", "Hello?", after_s=4.0),
    Greeting(
        "menu", "Welcome to Northern Bank. For accounts, press one. For cards, press two. For all else, press zero."
    ),
    Greeting("menu", "Thank you for calling. … Please listen carefully, as our options have changed.", "en-gb", 150),
    Greeting("menu", "Herzlich willkommen. Für Bestellungen drücken Sie die eins, für Rechnungen die zwei.", "de", 150),
    Greeting("menu", "Your call may be recorded. Please hold for the next free agent.", "en-us", 150),
    Greeting("screener", "Please state your name and why you are calling.", "en-us", 150),
    Greeting(
        "screener",
        "Hi, the person you are calling is using a screening service and will get a copy of this conversation. Go "
        "ahead and say your name, and why you are calling.",
        "en-us",
        165,
    ),
    Greeting("screener", "If you record your name and reason for calling, I will see if this person is available."),
    Greeting("screener", "Who may I say is calling? … Please speak after this message.", "en-gb", 160),
    Greeting(
        "mailbox", "Hi, this is John. I can't come to the phone right now. Please leave a message after the tone."
    ),
    Greeting(
        "mailbox",
        "You have reached the voice mailbox of five five five, zero one two three. … At the tone, please "
        "record your message. When you are finished, you may hang up.",
        "en-us",
        150,
    ),
    Greeting(
        "mailbox", "The person you are calling is not available. Please leave a message after the tone.", "en-gb", 150
    ),
    Greeting(
        "mailbox",
        "Smith and Partners is closed now. … Our office hours are from nine to five. … Please leave your "
        "name and number after the tone, and we will call you back.",
        "en-gb",
        160,
    ),
    Greeting("mailbox", "Hey, it's Kim, you know what to do.", "en-us", 180),
    Greeting(
        "mailbox",
        "Guten Tag, hier ist der Anschluss von Familie Weber. Wir sind gerade nicht da. Bitte sprechen Sie "
        "nach dem Signalton.",
        "de",
        150,
    ),
    Greeting("mailbox", "Der gewünschte Gesprächspartner ist zur Zeit nicht erreichbar.", "de", 150),
    Greeting(
        "mailbox", "Bonjour, vous êtes bien sur la messagerie de Paul. Laissez un message après le bip.", "fr-fr", 150
    ),
    Greeting("mailbox", "Hola, en este momento no puedo atender. Deje su mensaje después de la señal.", "es", 160),
)
