"""The configuration in force, which may be replaced while the controller runs. [pure]

`CurrentConfig` holds one frozen `Config`. Who decides about a new call reads `config` at that moment, and keeps what it
has read: a call that has begun keeps its agents (`during`). What is made of the configuration beforehand, such as the
receivers of webhooks, follows each change (`follow`).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.config.models.agents import Agent
from controller.config.models.root import Config

OF_AGENTS = ("openai", "providers", "agents", "http_tools", "mcp")
"""Sections that say what an agent is: a live call keeps them as they were when it began."""

MOST_KEPT = 100
"""Configurations that `during` keeps at once."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Another version of an agent, which gets `share` of 100 new calls of it."""

    version: int
    share: int
    agent: Agent

    def gets(self, name: str, call: str) -> bool:
        """Always the same for the same call."""
        drawn = hashlib.sha256(f"{name}\n{self.version}\n{call}".encode()).digest()
        return int.from_bytes(drawn[:8]) % 100 < self.share


class CurrentConfig:
    def __init__(self, config: Config, trials: Mapping[str, Trial] | None = None) -> None:
        """`trials`: by agent."""
        self._config = config
        self._trials = dict(trials or {})
        self._tried: dict[tuple[str, ...], Config] = {}
        """What `for_call` has made, by the agents that are tried."""
        self._followers: list[Callable[[Config], None]] = []
        self._during: dict[int, tuple[Config, Config]] = {}
        """What `during` has made, by the identity of what it was made of."""

    @property
    def config(self) -> Config:
        """For decisions about new calls, and about what may be dialled."""
        return self._config

    def for_call(self, call: str) -> Config:
        """For this call, which begins: some calls get another version of an agent."""
        chosen = tuple(name for name, trial in self._trials.items() if trial.gets(name, call))
        if not chosen:
            return self._config
        if chosen not in self._tried:
            tried = {name: self._trials[name] for name in chosen}
            agents = {**self._config.agents, **{name: trial.agent for name, trial in tried.items()}}
            versions = {**self._config.agent_versions, **{name: trial.version for name, trial in tried.items()}}
            self._tried[chosen] = self._config.model_copy(update={"agents": agents}).with_agent_versions(versions)
        return self._tried[chosen]

    def during(self, begun: Config) -> Config:
        """For a live call that began with `begun`: agents and their tools as they were then; trunks, destinations and
        limits as they are now."""
        if begun is self._config:
            return begun
        if id(begun) not in self._during:
            if len(self._during) >= MOST_KEPT:  # each call with a draft has a configuration of its own
                self._during.clear()
            kept = self._config.model_copy(update={name: getattr(begun, name) for name in OF_AGENTS})
            self._during[id(begun)] = begun, kept.with_agent_versions(begun.agent_versions)
        return self._during[id(begun)][1]

    def follow(self, told: Callable[[Config], None]) -> None:
        """`told` is called with each configuration that replaces another. It never waits."""
        self._followers.append(told)

    def replace(self, config: Config, trials: Mapping[str, Trial] | None = None) -> None:
        self._config, self._trials = config, dict(trials or {})
        self._during.clear()
        self._tried.clear()
        for told in self._followers:
            told(config)
