"""Which agent a call gets, and what a session is then made of. [pure]

Owns the choice by route, the filling-in of call variables, and the built-in tools' descriptions for the model.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.contract import FunctionTool, Provider, SessionSpec
from controller.config import Agent, Config
from controller.limits import endpoint_of

_VARIABLE = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")
_CHANNEL = re.compile(r"PJSIP/(.+)-[0-9a-f]{8}")


class UnknownAgent(Exception):
    """The config has no agent of this name."""


@dataclass(frozen=True, slots=True)
class Routed:
    agent_name: str
    agent: Agent


def route(config: Config, *, to: str, caller: str | None, trunk: str | None) -> Routed | None:
    """The agent of the first route that fits; None: nobody answers this call. Without routes: the first agent."""
    if not config.routes:
        return Routed(first_agent(config), config.agents[first_agent(config)])
    for each in config.routes:
        if (
            _fits(each.to, to)
            and (each.caller is None or _fits(each.caller, caller or ""))
            and each.trunk in (None, trunk)
        ):
            return Routed(each.agent, config.agents[each.agent])
    return None


def _fits(pattern: str, text: str) -> bool:
    """A `*` is a wildcard at the end only: `*98` is a number that people dial."""
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern


def trunk_of(config: Config, channel_name: str) -> str | None:
    """The trunk by which a channel such as `PJSIP/trunk-0000002a` came, if it is one of ours."""
    match = _CHANNEL.fullmatch(channel_name)
    if match is None:
        return None
    return next((name for name, trunk in config.trunks.items() if endpoint_of(trunk) == match[1]), None)


def first_trunk(config: Config) -> str | None:
    return next(iter(config.trunks), None)


def first_agent(config: Config) -> str:
    return next(iter(config.agents))


def session_spec(config: Config, agent_name: str, variables: Mapping[str, str]) -> SessionSpec:
    """All that a worker needs for a call of this agent. Raises UnknownAgent."""
    agent = config.agents.get(agent_name)
    if agent is None:
        raise UnknownAgent(agent_name)
    return SessionSpec(
        agent=agent_name,
        provider=Provider.model_validate(dict(config.openai)),
        instructions=fill(agent.instructions, variables),
        voice=agent.voice,
        greeting=fill(agent.greeting, variables) if agent.greeting is not None else None,
        turn_detection=agent.turn_detection,
        noise_reduction=agent.noise_reduction,
        transcription=agent.transcription,
        speed=agent.speed,
        reasoning_effort=agent.reasoning_effort,
        max_output_tokens=agent.max_output_tokens,
        tools=tuple(_TOOLS[name](config) for name in agent.tools),
        protect_greeting=agent.protect_greeting,
        playout_delay_ms=agent.playout_delay_ms,
    )


def fill(template: str, variables: Mapping[str, str]) -> str:
    """`{{name}}` replaced once: a variable's own text is never looked at. An unknown one becomes nothing."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], ""), template)


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
    to: dict[str, Any] = {"type": "string", "description": "The number or extension, digits only, as you were told it."}
    if targets:
        to = {"type": "string", "enum": targets, "description": "Where to."}
    return FunctionTool(
        name="transfer",
        description=(
            "Connects the caller to a person or another extension and takes you out of the call. Use it when the "
            "caller asks for that, or your instructions say so. First tell the caller in one short sentence that you "
            "are connecting them, in the same turn. The caller stays with you until the other side answers; if it "
            "does not, you get the reason back and go on talking. Never make up a destination."
        ),
        parameters=_object(
            {"to": to, "reason": {"type": "string", "description": "What it is about, for the record. Not spoken."}},
            ["to"],
        ),
        after_speech=True,
    )


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_TOOLS = {"hang_up": _hang_up, "transfer": _transfer}
