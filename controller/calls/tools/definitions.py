"""The definitions of an agent's tools, as the model reads them: name, description, parameters. [pure]

Owns those of the built-in tools. `calls.machine.rows.agent_tools` carries out the built-in ones, `http` those over
HTTP.

Source: OpenAI Realtime API, function calling (tools of a session).
"""

from collections.abc import Callable
from typing import Any

from bridge.contract import FunctionTool
from controller.config import Config
from controller.config.models.agents import Agent, HttpTool

LONGEST_S = 120.0
"""The longest time that a worker waits for a tool's answer: a transfer rings, and a hold lasts, less than that."""
HOLD_S = (5, 90)
"""The least and the most that the model may ask for."""
MARGIN_S = 5.0
"""How much longer than a tool's own timeout the worker waits, so that the controller can answer with the reason."""


def tools(config: Config, agent: Agent) -> tuple[FunctionTool, ...]:
    """The tools of an agent. `transfer` only if there is a destination."""
    names = (name for name in agent.tools if name != "transfer" or _transfers(config))
    return tuple(
        _BUILT_IN[name](config) if name in _BUILT_IN else _http(name, config.http_tools[name]) for name in names
    )


def with_voicemail(config: Config, offered: tuple[FunctionTool, ...]) -> tuple[FunctionTool, ...]:
    """For calls with answering machine detection: the tool `voicemail` is added."""
    named = any(tool.name == "voicemail" for tool in offered)
    return offered if named else (*offered, _voicemail(config))


def without_destination(config: Config) -> list[str]:
    """The agents whose tool `transfer` is not offered: there is nowhere to transfer to."""
    return [name for name, agent in config.agents.items() if "transfer" in agent.tools and not _transfers(config)]


def _transfers(config: Config) -> bool:
    return bool(config.transfer.targets) or config.transfer.any_number


def _http(name: str, tool: HttpTool) -> FunctionTool:
    return FunctionTool(
        name=name,
        description=tool.description,
        parameters={"type": "object", "properties": {}} | tool.parameters,  # OpenAI refuses an object without either
        timeout_s=tool.timeout_s + MARGIN_S,
        filler=tool.filler,
    )


# ---------------------------------------------------------------- built-in tools


def _hang_up(config: Config) -> FunctionTool:
    return FunctionTool(
        name="hang_up",
        description=(
            "Ends this telephone call for good. Use it when the caller says goodbye, asks to end the call, or all is "
            "done and they want nothing more. Say a short goodbye first, in the same turn; the line is closed once it "
            "has been heard. Not for silence or a single misunderstanding."
        ),
        parameters=_object(
            {"reason": {"type": "string", "description": "Why, in a few words, for the record. Not spoken."}}, []
        ),
        after_speech=True,
    )


def _transfer(config: Config) -> FunctionTool:
    targets = list(config.transfer.targets)
    to: dict[str, Any] = {"type": "string", "enum": targets, "description": "Where to."}
    if config.transfer.any_number:
        names = f" Or one of these names: {', '.join(targets)}." if targets else ""
        description = f"The number or extension, digits only, as you were told it.{names}"
        to = {"type": "string", "description": description}
    return FunctionTool(
        name="transfer",
        description=(
            "Connects the caller to a person or another extension and takes you out of the call. Use it when the "
            "caller asks for that, or your instructions say so. First tell the caller in one short sentence that you "
            "are connecting them, in the same turn. The caller hears music until the other side answers; if it does "
            "not, you get the reason back and go on talking. Never make up a destination."
        ),
        parameters=_object(
            {"to": to, "reason": {"type": "string", "description": "What it is about, for the record. Not spoken."}},
            ["to"],
        ),
        after_speech=True,
        timeout_s=LONGEST_S,
    )


def _send_dtmf(config: Config) -> FunctionTool:
    return FunctionTool(
        name="send_dtmf",
        description=(
            "Presses keys of the telephone, for the other side to hear: to choose in a voice menu, or to enter a "
            "number that it asks for. Only when the other side is a machine that wants keys. Never read digits out "
            "instead."
        ),
        parameters=_object(
            {
                "digits": {
                    "type": "string",
                    "pattern": "^[0-9*#w]{1,32}$",
                    "description": "The keys in order; w is a pause of half a second.",
                }
            },
            ["digits"],
        ),
    )


def _hold(config: Config) -> FunctionTool:
    return FunctionTool(
        name="hold",
        description=(
            "Lets the caller wait with music while you neither hear nor speak. Use it when the caller asks you to wait "
            "or something takes time, and say so first, in the same turn. It ends by itself after the seconds given, "
            "or earlier when another tool of yours has its result; then go on talking."
        ),
        parameters=_object(
            {
                "seconds": {
                    "type": "integer",
                    "minimum": HOLD_S[0],
                    "maximum": HOLD_S[1],
                    "description": "How long at most; 30 if not given.",
                }
            },
            [],
        ),
        after_speech=True,
        timeout_s=LONGEST_S,
    )


def _wait_for_user(config: Config) -> FunctionTool:
    return FunctionTool(
        name="wait_for_user",
        description=(
            "Says nothing and goes on listening. Use it when what you heard was not meant for you: background noise, "
            "music on hold, the caller talking to somebody else, or a caller who asked for a moment to think."
        ),
        parameters=_object({}, []),
    )


def _voicemail(config: Config) -> FunctionTool:
    return FunctionTool(
        name="voicemail",
        description=(
            "Ends a call that was answered by a machine instead of a person, and leaves the message that is meant for "
            "that, if there is one, once the machine has finished. Use it as soon as you surely hear a voice mailbox: "
            "a recorded announcement that nobody can come to the telephone, or the request to speak after the tone. "
            "Say nothing yourself. Never while you talk with a person, and not for a menu or for an assistant that "
            "asks who is calling: answer that."
        ),
        parameters=_object({}, []),
    )


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_BUILT_IN: dict[str, Callable[[Config], FunctionTool]] = {
    "hang_up": _hang_up,
    "transfer": _transfer,
    "send_dtmf": _send_dtmf,
    "hold": _hold,
    "wait_for_user": _wait_for_user,
    "voicemail": _voicemail,
}
