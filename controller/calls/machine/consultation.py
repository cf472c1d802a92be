"""What an agent is told, and may do, while it talks with the target of an attended transfer. [pure]"""

from bridge.contract import FunctionTool, SessionSpec

DIGITS = {"1": True, "2": False}
"""What the target's keys say: does it take the call?"""

_NOTE = (
    "Somebody has answered the telephone to whom the caller may be transferred. From now on you speak with this person "
    "and not with the caller, who waits with music and hears neither of you. "
)
_SUMMARY = (
    "Say in one or two sentences who is calling and what about, as far as you know it, and ask whether they take the "
    "call now: they can say so, or press 1 for yes and 2 for no."
)
_ACCEPT = (
    "Connects the caller with the person you are speaking with and takes you out of the call. Use it as soon as they "
    "have said that they take it; say one short word of thanks first, in the same turn."
)
_REFUSE = (
    "Ends your talk with this person and brings you back to the caller. Use it when they say that they do not take the "
    "call, or when it is a machine that answers."
)
_PARAMETERS = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

TOOLS = (
    FunctionTool(name="accept_transfer", description=_ACCEPT, parameters=_PARAMETERS, after_speech=True),
    FunctionTool(name="refuse_transfer", description=_REFUSE, parameters=_PARAMETERS, after_speech=True),
)
NAMES = tuple(tool.name for tool in TOOLS)


def opening(announce: str | None) -> str:
    """What the model is told when the target has answered."""
    if announce is None:
        return _NOTE + _SUMMARY
    return (
        f"{_NOTE}Begin with exactly these words, and then listen: {announce}\nThey can say whether they take the call, "
        "or press 1 for yes and 2 for no."
    )


def briefing(spec: SessionSpec) -> SessionSpec:
    """The same agent, as it talks to the target: without its own tools, keys and ladder for silence."""
    more = "At the moment you are not speaking with the caller but with a person who may take the call over. "
    return spec.model_copy(
        update={
            "instructions": f"{spec.instructions}\n\n{more}Find out whether they do, then call accept_transfer or "
            "refuse_transfer.",
            "tools": TOOLS,
            "mcp": (),
            "digit_actions": tuple(DIGITS),
            "idle": None,
            "consultation": True,
        }
    )
