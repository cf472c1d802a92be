"""A stand-in for a language model: follows the instructions of a session, deterministically. [pure]

It knows nothing by itself. What it says and does follows from the text of the instructions and from the tools on offer,
so a prompt without the opening hours has an agent that does not know them, and one that forbids transfers has one that
makes none. It understands:

    rules          "If the caller wants a person, connect them to a colleague." (if, when, whenever; then say, tell, ask
                   for, connect or transfer, hang up)
    facts          all other statements: said when the caller asks for what is in them; "Monday to Friday" answers
                   questions for a day
    prohibitions   "Never …", "Do not …": what they speak of is neither said nor done
    fixed answers  "Always answer “…”.", "Say only “…”."
    a language     "Answer in German.": a fixed sentence of that language, since it can't translate
    tools          one over HTTP is called when the caller speaks of it and says all that it needs

This is no model: it is for tests that must come out the same each time. Words are compared by their stems and by a
small list of synonyms.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.realtime.reply import CallTool, Part, Reply, Write
from simulator.realtime.words import content, split_sentences, topics, weight

UNKNOWN = "I am sorry, I do not know that."
FORBIDDEN = "I am sorry, I can't help you with that."
LISTENING = "Of course. I am listening."
HELP = "How can I help you?"
WELCOME = "You are welcome. Is there anything else?"
CONNECTING = "One moment please, I am connecting you."
FAREWELL = "Goodbye."
SENTENCES = {
    "german": "Es tut mir leid, ich spreche hier nur Deutsch. Wie kann ich Ihnen helfen?",
    "french": "Je suis désolé, je ne parle ici que le français. Comment puis-je vous aider ?",
    "spanish": "Lo siento, aquí solo hablo español. ¿En qué puedo ayudarle?",
    "italian": "Mi dispiace, qui parlo solo italiano. Come posso aiutarla?",
    "turkish": "Üzgünüm, burada yalnızca Türkçe konuşuyorum. Size nasıl yardımcı olabilirim?",
}
BUILT_IN = frozenset({"transfer", "hang_up", "send_dtmf", "hold", "wait_for_user", "voicemail"})
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_RULE = re.compile(r"(?:^|\b(?:but|and) )(?:if|when|whenever|once|as soon as)\b(.+?),\s*(?:then )?(.+)$", re.IGNORECASE)
_NEVER = re.compile(r"^(?:never|do not|don't|you must not|you may not|you never|you do not|you don't)\b", re.IGNORECASE)
_FIXED = re.compile(r"\b(?:always|only|every|nothing but|whatever)\b.*[\"“](.+?)[\"”]", re.IGNORECASE)
_LANGUAGE = re.compile(
    rf"\b(?:answer|speak|reply|talk|respond|say everything)\b.*\b({'|'.join(SENTENCES)})\b", re.IGNORECASE
)
_STYLE = re.compile(
    r"^(?:be|answer|speak|keep|use|talk|do|say|always|please|stay|ask|wait|begin|end|stop|listen|reply|sound)\b"
    r"|\b(?:sentences?|friendly|brief|polite|concise|tone)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“](.+?)[\"”]")
_YES_OR_NO = re.compile(r"(?:^|[.,!?] )\W*(?:and |but |so )?(?:are|is|do|does|can|could|will|would)\b", re.IGNORECASE)
_RANGE = re.compile(rf"\b({'|'.join(DAYS)})s?\s*(?:to|until|through|till|-|–)\s*({'|'.join(DAYS)})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    condition: str
    action: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instructions, read."""

    rules: tuple[Rule, ...]
    facts: tuple[str, ...]
    prohibitions: tuple[str, ...]
    fixed: str | None
    language: str | None


def read(instructions: str) -> Prompt:
    """The sentences of a prompt by what they are."""
    rules: list[Rule] = []
    facts: list[str] = []
    prohibitions: list[str] = []
    fixed = language = None
    for sentence in split_sentences(instructions):
        if (found := _RULE.search(sentence)) is not None:
            rules.append(Rule(found[1].strip(), found[2].strip().rstrip(".")))
        elif _NEVER.search(sentence):
            prohibitions.append(sentence)
        elif (found := _FIXED.search(sentence)) is not None:
            fixed = found[1]
        elif (found := _LANGUAGE.search(sentence)) is not None:
            language = found[1].lower()
        elif not _STYLE.search(sentence):
            facts.append(sentence)
    return Prompt(tuple(rules), tuple(facts), tuple(prohibitions), fixed, language)


def follow(
    instructions: str,
    said: str | None,
    tools: Mapping[str, Mapping[str, Any]],
    descriptions: Mapping[str, str],
    outputs: Sequence[tuple[str, str]] = (),
) -> Reply:
    """What follows from these instructions when the caller has said this, or tools have answered. `descriptions`: of
    the tools, by name."""
    prompt = read(instructions)
    if outputs and said is None:
        return (Write(_told(*outputs[-1])),)
    text = said or ""
    if prompt.fixed is not None:
        return (Write(prompt.fixed),)
    if prompt.language is not None and prompt.language != "english":
        return (Write(SENTENCES[prompt.language]),)
    if _is_forbidden(prompt, text):
        return (Write(FORBIDDEN),)
    if (rule := _rule_for(prompt, text)) is not None:
        return _act(rule, text, tools)
    if (part := _http_tool(text, tools, descriptions)) is not None:
        return (part,)
    if (fact := _fact_for(prompt, text)) is not None:
        return (Write(_spoken(fact, text)),)
    return (Write(_small_talk(text)),)


# ---------------------------------------------------------------- rules


def _is_forbidden(prompt: Prompt, said: str) -> bool:
    wanted, asked = topics(said), content(said)
    return any(wanted & topics(each) or asked & content(each) for each in prompt.prohibitions)


def _rule_for(prompt: Prompt, said: str) -> Rule | None:
    """The rule whose condition speaks of the same; the one with most in common."""
    best: tuple[int, Rule] | None = None
    for rule in prompt.rules:
        common = 10 * len(topics(said) & topics(rule.condition)) + len(content(said) & content(rule.condition))
        if common and (best is None or common > best[0]):
            best = common, rule
    return best[1] if best else None


def _act(rule: Rule, said: str, tools: Mapping[str, Mapping[str, Any]]) -> Reply:
    action = rule.action.lower()
    words = _words_of(rule.action)
    if re.search(r"\b(?:connect|transfer|put (?:them|him|her|the caller) through|forward|hand over)", action):
        if "transfer" not in tools:
            return (Write(FORBIDDEN),)
        target = _target(f"{action} {said}", tools["transfer"])
        arguments = {"to": target, "reason": "the caller asked for it"}
        return Write(words or CONNECTING), CallTool("transfer", arguments)
    if re.search(r"\b(?:hang up|end the call|ends? the conversation|close the call)\b", action):
        parts: list[Part] = [Write(words or FAREWELL)]
        if "hang_up" in tools:
            parts.append(CallTool("hang_up", {"reason": "the caller is done"}))
        return tuple(parts)
    if found := re.search(r"\bask (?:them |the caller |him |her )?(?:for |about )(.+)$", rule.action, re.IGNORECASE):
        return (Write(f"Could you tell me {_your(found[1])}?"),)
    if action.startswith(("stop", "listen", "wait")):
        return (Write(words or LISTENING),)
    return (Write(words or _capital(rule.action) + "."),)


def _words_of(action: str) -> str:
    """What an action says is to be said; empty: nothing."""
    if (found := _QUOTED.search(action)) is not None:
        return found[1]
    if re.search(r"\bsay (?:good ?bye|farewell|bye)", action, re.IGNORECASE):
        return FAREWELL
    found = re.search(
        r"\b(?:say|tell (?:them|the caller|him|her)|answer|explain)\s+that\s+(.+?)(?:\s+and (?:use|then|hang|connect|"
        r"transfer)\b.*)?$",
        action,
        re.IGNORECASE,
    )
    if found is None:
        return ""
    told = re.sub(r"\byou are\b", "I am", found[1], flags=re.IGNORECASE)
    return _capital(re.sub(r"\bthem\b", "you", told)) + "."


def _target(words: str, schema: Mapping[str, Any]) -> str:
    """The destination that is spoken of; else the first."""
    targets = schema.get("properties", {}).get("to", {}).get("enum") or []
    for each in targets:
        if content(str(each).replace("_", " ").replace("-", " ")) & content(words):
            return str(each)
    number = re.search(r"\+?[0-9]{3,15}", words)
    if not targets and number is not None:
        return number[0]
    return str(targets[0]) if targets else "5002"


# ---------------------------------------------------------------- facts


def _fact_for(prompt: Prompt, said: str) -> str | None:
    if "identity" in topics(said):
        return next((each for each in prompt.facts if re.match(r"you are\b", each, re.IGNORECASE)), None)
    asked = content(said)
    scored = [(weight(asked & content(each)), -number, each) for number, each in enumerate(prompt.facts)]
    best = max(scored, default=(0, 0, ""))
    return best[2] if best[0] else None


def _spoken(fact: str, said: str) -> str:
    """A fact as the agent says it; for a question for a day with yes or no before it."""
    text = re.sub(r"\byou are\b", "I am", fact, flags=re.IGNORECASE)
    text = re.sub(r"\byour\b", "our", text, flags=re.IGNORECASE)
    text = _capital(re.sub(r"\byou\b", "I", text, flags=re.IGNORECASE)).rstrip(".") + "."
    named = next((number for number, day in enumerate(DAYS) if re.search(rf"\b{day}s?\b", said.lower())), None)
    found = _RANGE.search(fact)
    if named is None and re.search(r"\bweekends?\b", said.lower()):
        named = 5
    if named is None or found is None or not _YES_OR_NO.search(said):
        return text
    first, last = DAYS.index(found[1].lower()), DAYS.index(found[2].lower())
    inside = first <= named <= last if first <= last else not last < named < first
    return f"{'Yes' if inside else 'No'}. {text}"


def _small_talk(said: str) -> str:
    told = topics(said)
    if "goodbye" in told:
        return FAREWELL
    if "thanks" in told:
        return WELCOME
    if "person" in told:
        return FORBIDDEN
    return HELP if "hello" in told or not said.strip() else UNKNOWN


# ---------------------------------------------------------------- tools over HTTP


def _http_tool(said: str, tools: Mapping[str, Mapping[str, Any]], descriptions: Mapping[str, str]) -> Part | None:
    """A call of the tool that the caller speaks of; the question for what it needs, if that was not said."""
    asked = content(said)
    for name, schema in tools.items():
        spoken_of = content(f"{name.replace('_', ' ')} {descriptions.get(name, '')}")
        if name in BUILT_IN or not asked & spoken_of:
            continue
        arguments: dict[str, Any] = {}
        for argument in schema.get("required", []):
            value = _value(said, schema.get("properties", {}).get(argument, {}))
            if value is None:
                return Write(f"Could you tell me the {str(argument).replace('_', ' ')}?")
            arguments[argument] = value
        return CallTool(name, arguments)
    return None


def _value(said: str, schema: Mapping[str, Any]) -> Any:
    """An argument as the caller has said it; None: they have not."""
    for each in schema.get("enum", []):
        if re.search(rf"\b{re.escape(str(each))}\b", said, re.IGNORECASE):
            return each
    digits = re.search(r"[0-9][0-9 -]*", said)
    number = re.sub(r"[ -]", "", digits[0]) if digits is not None else None
    if schema.get("type") in ("integer", "number"):
        return int(number) if number else None
    pattern = schema.get("pattern")
    if pattern is not None:
        words = [number or "", *re.findall(r"[\w@.+-]+", said)]
        return next((word for word in words if word and re.search(pattern, word)), None)
    return None if schema.get("enum") else number


def _told(tool: str, output: str) -> str:
    """What a tool has answered, as the agent says it."""
    if tool == "transfer":
        return "I am sorry, I could not connect you. Can I help you with something else?"
    try:
        answer = json.loads(output)
    except ValueError:
        answer = output
    if isinstance(answer, dict):
        answer = ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in answer.items())
    return _capital(str(answer)).rstrip(".") + "."


# ---------------------------------------------------------------- texts


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _your(text: str) -> str:
    return re.sub(r"\b(?:their|his|her)\b", "your", text.rstrip("."), flags=re.IGNORECASE)
