"""The session of an agent in text mode: what of an agent's plan makes sense without a telephone. [pure]

Left out is what belongs to sound: recording and its consent, silence, digits, noise. Tools that somebody answers by
hand have the longest time that there is.
"""

from bridge.contract import ServerVad, SessionSpec
from controller.calls import errors
from controller.calls.tools.definitions import LONGEST_S

NO_TEXT_MODE = "This agent's provider (xAI) has no text mode. Try the agent by voice, or with another provider."


def text_spec(spec: SessionSpec, *, by_hand: bool, mcp: bool) -> SessionSpec:
    """`by_hand`: somebody answers tool calls. `mcp`: tool servers may be used; the provider calls them by itself.
    Raises NoAiSession."""
    providers = [each for each in (spec.provider, *spec.fallbacks) if each.dialect != "xai"]
    if not providers:
        raise errors.NoAiSession(NO_TEXT_MODE)
    tools = tuple(each.model_copy(update={"timeout_s": LONGEST_S, "filler": None}) for each in spec.tools)
    return spec.model_copy(
        update={
            "modality": "text",
            "provider": providers[0],
            "fallbacks": tuple(providers[1:]),
            "tools": tools if by_hand else tuple(each.model_copy(update={"filler": None}) for each in spec.tools),
            "mcp": spec.mcp if mcp else (),
            "consent": None,
            "recording": None,
            "no_input": None,
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": ServerVad(),
            "min_speech_ms": 0,
            "protect_greeting": False,
            "digit_actions": (),
        }
    )
