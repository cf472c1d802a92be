"""Words as the stand-in for a language model compares them: stems, synonyms, topics. [pure]"""

import re

TOPICS = {
    "goodbye": r"\b(?:good ?bye|bye|farewell|that(?:'s| is| was) (?:all|it)|nothing else|hang up|end (?:the|this) call|"
    r"have a (?:nice|good) (?:day|one)|see you|is done|are done|finished)\b",
    "person": r"\b(?:person|human|somebody|someone|colleague|operator|representative|real (?:man|woman|agent)|staff|"
    r"employee|manager|boss|supervisor|department|(?:speak|talk) (?:to|with) (?!you\b)|connect me|put me through|"
    r"transfer me)",
    "identity": r"\b(?:who are you|who is (?:this|that|there)|who am i (?:speaking|talking)|what(?: is|'s) your name|"
    r"(?:what|which) company|are you (?:a |an )?(?:robot|machine|human|real|ai)\b)",
    "hello": r"^\W*(?:hello|hi|hey|good (?:day|morning|afternoon|evening))\b",
    "thanks": r"\b(?:thanks|thank you|cheers)\b",
}
_STOP_WORDS = """
a an the and or but of to in on at for with by from as is are am be been was were do does did can could would will
shall should may might i you he she it we they me him her us them my your his its our their this that these those
there here what which who whom whose how why please tell say know like want wants need if when then so not no yes
have has had get got just about any some all also too very much more one thing something anything ask asks asked
caller callers question hello hi hey good day morning evening afternoon thank thanks bye goodbye okay ok sure let
give up out into than only even ever always never don't isn't i'd i'm you're it's what's that's speak talk
call calling answer telephone phone connect person human somebody someone small company
"""
_STOP = frozenset(_STOP_WORDS.split())
_SYNONYMS = {
    "hour": "open", "opening": "open", "opened": "open", "opens": "open", "closed": "open", "close": "open",
    "closes": "open", "closing": "open", "time": "open", "schedule": "open", "weekend": "open", "today": "open",
    "tomorrow": "open", "business": "open", "nine": "open", "five": "open", "six": "open",
    "monday": "open", "tuesday": "open", "wednesday": "open", "thursday": "open", "friday": "open",
    "saturday": "open", "sunday": "open",
    "located": "address", "location": "address", "street": "address", "where": "address", "directions": "address",
    "cost": "price", "costs": "price", "fee": "price", "charge": "price", "expensive": "price", "euro": "price",
    "dollar": "price", "much": "price",
    "parcel": "order", "package": "order", "shipment": "order", "delivery": "order", "purchase": "order",
    "receptionist": "name", "called": "name",
}  # fmt: skip

_MEANINGS = frozenset(_SYNONYMS.values())


def split_sentences(text: str) -> list[str]:
    """Sentences and lines of a list, without their bullets."""
    found: list[str] = []
    for block in re.split(r"\n\s*\n|\n(?=\s*[-*#0-9])", text):
        line = re.sub(r"^\s*(?:[-*]|#+|[0-9]+[.)])\s*", "", " ".join(block.split()))
        found += [each.strip() for each in re.split(r"(?<=[.!?])\s+", line) if each.strip()]
    return found


def topics(text: str) -> frozenset[str]:
    """What a text is about, of `TOPICS`."""
    return frozenset(name for name, pattern in TOPICS.items() if re.search(pattern, text.strip(), re.IGNORECASE))


def content(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning, synonyms as one."""
    words = re.findall(r"[a-zA-ZäöüÄÖÜßéèêçñğışİ'-]+|[0-9]+", text)
    return frozenset(filter(None, map(_stem, (word.lower().strip("'-") for word in words))))


def weight(stems: frozenset[str]) -> int:
    """How much words have in common with these stems: those of `_SYNONYMS` say most."""
    return sum(3 if each in _MEANINGS else 1 for each in stems)


def _stem(word: str) -> str:
    if word in _SYNONYMS:
        return _SYNONYMS[word]
    if word in _STOP or len(word) < 2:
        return ""
    for ending in ("ies", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            return _SYNONYMS.get(stem, stem)
    return word
