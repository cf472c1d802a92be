"""The session of an agent: what a worker is told before a call, made of the config and of template variables. [pure]

Owns the way from the config (`agents`, `openai`, `providers`, `mcp`) to `bridge.contract.SessionSpec`. What the model
is told about its tools is in `tools/definitions.py`.
"""

from collections.abc import Mapping

from bridge.contract import McpServer, NoInput, Provider, Recording, Retention, SessionSpec
from controller.calls.errors import UnknownAgent
from controller.calls.planning import caller_text
from controller.calls.tools import definitions
from controller.config import Config
from controller.config.models.agents import Agent
from controller.config.templates import fill


def session_spec(config: Config, agent_name: str, variables: Mapping[str, str]) -> SessionSpec:
    """All that a worker needs for a call of this agent. Raises UnknownAgent."""
    agent = config.agents.get(agent_name)
    if agent is None:
        raise UnknownAgent(agent_name)
    first, *others = (_provider(config, name) for name in agent.providers)
    return SessionSpec(
        agent=agent_name,
        provider=first,
        fallbacks=tuple(others),
        instructions=fill(agent.instructions, _as_data(variables)),
        voice=agent.voice,
        consent=_consent(agent, variables),
        greeting=fill(agent.greeting, variables) if agent.greeting else None,
        turn_detection=agent.turn_detection,
        min_speech_ms=agent.min_speech_ms,
        noise_reduction=agent.noise_reduction,
        transcription=agent.transcription,
        speed=agent.speed,
        reasoning_effort=agent.reasoning_effort,
        max_output_tokens=agent.max_output_tokens,
        tools=definitions.tools(config, agent),
        mcp=tuple(_mcp(config, name) for name in agent.mcp),
        digit_actions=tuple(agent.dtmf),
        no_input=NoInput.model_validate(dict(agent.idle)) if agent.idle else None,
        recording=recording_of(agent) if agent.recording and not agent.recording.on_request else None,
        protect_greeting=agent.protect_greeting,
        playout_delay_ms=agent.playout_delay_ms,
    )


def _as_data(variables: Mapping[str, str]) -> Mapping[str, str]:
    """The caller's name in quotes, so that the model does not take it for an instruction."""
    name = variables.get("caller_name")
    return {**variables, "caller_name": caller_text.Quoted(name)} if name else variables


def recording_of(agent: Agent) -> Recording | None:
    """How calls of this agent may be recorded; None: they may not."""
    return Recording(path=agent.recording.path, format=agent.recording.format) if agent.recording else None


def _provider(config: Config, name: str) -> Provider:
    if name == "openai":
        return Provider.model_validate(dict(config.openai))
    return Provider.model_validate(dict(config.providers[name]) | {"name": name})


def _consent(agent: Agent, variables: Mapping[str, str]) -> str | None:
    """The words that must be said before a recording."""
    consent = agent.recording.consent if agent.recording else None
    return fill(consent, variables) or None if consent else None


def _mcp(config: Config, name: str) -> McpServer:
    server = config.mcp[name]
    return McpServer(
        server_label=name,
        server_url=server.url,
        authorization=server.authorization,
        headers=server.headers,
        allowed_tools=server.allowed_tools,
    )


def retention(config: Config) -> tuple[Retention, ...]:
    """Days that recordings are kept, by folder. Agents that share a folder say the same (`config/checks`)."""
    kept = {each.recording.path: each.recording.keep_days for each in config.agents.values() if each.recording}
    return tuple(Retention(path=path, keep_days=days) for path, days in kept.items() if days is not None)
