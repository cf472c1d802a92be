"""What the stand-in answers as a caller and as a judge, deterministically. [pure]

A caller reaches the parts of their goal one after the other ("find out when the office opens, then ask for a person"),
asks once more where the agent did not know, says goodbye and hangs up. The judge says yes if what is asked for is in
what the agent said: most of the question's words that carry meaning, in one of its answers; or, asked for a language,
if the agent's words are of it.

This is no model: it is for tests that must come out the same each time.
"""

import json
import re

from simulator.realtime.words import content, topics

GOODBYE = "Thank you, goodbye."
_STEPS = re.compile(
    r"\s*(?:;|\.|, and then|, then| and then|\bthen\b|, and| and (?=(?:to )?[a-z]+ (?:to|for|the|an?)\b))\s*"
)
_ASK = re.compile(
    r"^(?:to )?(?:find out|learn|know|ask(?: the agent)?(?: about| for)?|get to know|check|hear|be told|"
    r"(?:you )?(?:want|wants|would like) to (?:know|find out|learn|ask(?: about| for)?)|get|inquire about)\s+(.+)$",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(?:person|human|colleague|somebody|someone|connected|transferred)\b", re.IGNORECASE)
_END = re.compile(r"\b(?:good ?bye|hang up|end the call)\b", re.IGNORECASE)
_LANGUAGE = re.compile(r"\bin (German|English|French|Spanish|Italian|Turkish|Dutch|Polish)\b", re.IGNORECASE)
_WORDS_OF = {
    "german": "ich ist nicht und der die das sie wir kann ihnen nur es tut mir leid hier von bis",
    "english": "the is are to you and i of we can help sorry how one moment from please open goodbye not do",
    "french": "je suis le la les vous nous ne pas est ici puis que comment aider",
    "spanish": "lo el la los que en puedo aquí hablo solo no es siento",
    "italian": "il la che mi qui solo come posso non dispiace parlo",
    "turkish": "size bir ve burada yalnızca nasıl üzgünüm konuşuyorum yardımcı olabilirim",
}
_ENOUGH = 0.6
"""The part of a question's words that must be in one answer."""
_ASIDE = frozenset("agent caller transcript conversation state mention sai correct correctly polite".split())  # noqa: SIM905


def caller(system: str, text: str) -> str:
    """What the caller says next, by the goal in `system` and the conversation in `text`."""
    found = re.search(r"^Goal: (.*?)\nPersona:", system, re.DOTALL | re.MULTILINE)
    steps = _steps(found[1] if found else "")
    said = re.findall(r"^caller: ", text, re.MULTILINE)
    number = len(said)
    if number < len(steps):
        return json.dumps({"say": steps[number], "hang_up": False})
    return json.dumps({"say": GOODBYE, "hang_up": number > len(steps)})


def _steps(goal: str) -> list[str]:
    """What is said for each part of a goal, but the goodbye."""
    parts = [each.strip(" .") for each in _STEPS.split(goal)]
    return [_line(each) for each in parts if each and not (_END.search(each) and len(each.split()) <= 8)]


def _line(part: str) -> str:
    if _PERSON.search(part) and not re.search(r"\b(?:when|open|hours)\b", part):
        return "I would like to speak to a person, please."
    found = _ASK.search(part)
    if found is None:
        plain = re.sub(r"^(?:to |you (?:want|would like) to |wants? to )", "", part, flags=re.IGNORECASE)
        return f"I would like to {plain[:1].lower()}{plain[1:]}."
    return f"I would like to know {found[1]}."


def judge(text: str) -> str:
    """The answer to a question about a transcript."""
    transcript, _, question = text.rpartition("\n\nQuestion: ")
    agent = re.findall(r"^agent: (.*)$", transcript, re.MULTILINE)
    yes, why = _holds(question, agent, transcript)
    return json.dumps({"yes": yes, "reason": why})


def _holds(question: str, agent: list[str], transcript: str) -> tuple[bool, str]:
    if (language := _LANGUAGE.search(question)) is not None:
        spoken = _language(" ".join(agent))
        return spoken == language[1].lower(), f"the agent speaks {spoken}"
    if "person" in topics(question) and re.search(r"\b(?:connect|transfer|put)", question, re.IGNORECASE):
        done = "(the agent transfers the caller" in transcript
        return done, "the caller was connected" if done else "nobody was connected"
    if "goodbye" in topics(question):
        return any("goodbye" in topics(line) for line in agent), "the agent's words"
    wanted = frozenset(each for each in content(question) if each not in _ASIDE)
    numbers = frozenset(
        re.findall(r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|[0-9]+)\b", question.lower())
    )
    for line in agent:
        common = wanted & content(line)
        has_numbers = all(re.search(rf"\b{each}\b", line.lower()) for each in numbers)
        if wanted and has_numbers and len(common) >= _ENOUGH * len(wanted):
            return True, f"the agent says: {line[:100]}"
    return False, "the agent says nothing of it"


def _language(text: str) -> str:
    words = re.findall(r"\w+", text.lower())
    counts = {name: sum(word in listed.split() for word in words) for name, listed in _WORDS_OF.items()}
    return max(counts, key=lambda name: counts[name]) if any(counts.values()) else "nothing that is known"
