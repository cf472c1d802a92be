"""Texts for the model: instructions for single responses, and notes on what happened. [pure]"""

from bridge.contract import SessionSpec, Speak

EXACTLY = (
    "{} Say exactly the text between the quotation marks, word for word, in its own language, "
    'and nothing before or after it: "{}"'
)
GO_ON = (
    "Your last answer was cut off in the middle. Go on exactly where it stopped, without repeating anything. If you "
    "must not go on with it, say so in one short sentence and offer something else."
)
GREET_AND_ANSWER = (
    "The caller spoke before they heard your greeting. Begin with exactly this greeting, word for word, in its own "
    'language: "{}" Then answer, in the same turn, what the caller asked or wanted. If they only said hello or who '
    "they are, say nothing after the greeting. If a tool is meant for what you heard, call it instead of speaking."
)
FINISH_GREETING = (
    'Your greeting is: "{}" You stopped after "{}", because the caller said a word or two. If that was just a hello, a '
    "yes or a sound, say the rest of the greeting, word for word, and nothing else. If they asked or wanted something, "
    "answer that instead; if a tool is meant for what you heard, call it instead."
)
CALLER_SPOKE_UP = "The caller spoke up during your goodbye. You are not hanging up: go on with the conversation."


def greeting(text: str) -> str:
    """Instructions to say `text` as the first words."""
    return EXACTLY.format("Greet the caller now.", text)


def exactly(text: str) -> str:
    """Instructions to say `text`."""
    return EXACTLY.format("Speak to the caller now.", text)


def go_on(spec: SessionSpec) -> str:
    """Instructions to go on after an answer that the server stopped in the middle. They replace the session's for one
    response, so those are repeated."""
    return f"{spec.instructions}\n\n# Now\n{GO_ON}"


def greet_and_answer(spec: SessionSpec, text: str) -> str:
    """Instructions for a caller who spoke before they heard the greeting."""
    return f"{spec.instructions}\n\n# Now\n{GREET_AND_ANSWER.format(text)}"


def finish_greeting(spec: SessionSpec, text: str, heard: str) -> str:
    """Instructions for a caller who interrupted the greeting after `heard`."""
    return f"{spec.instructions}\n\n# Now\n{FINISH_GREETING.format(text, heard)}"


def asked(speak: Speak, spec: SessionSpec) -> str:
    """Instructions for a `Speak`. They replace the session's for one response, so those are repeated."""
    return exactly(speak.text) if speak.exact else f"{spec.instructions}\n\n# Now\n{speak.text}"
