"""The configuration in force, which may be replaced while the controller runs. [pure]

`CurrentConfig` holds one frozen `Config`. Who decides about a new call reads `config` at that moment, and keeps what it
has read: a call that has begun keeps its agents (`during`). What is made of the configuration beforehand, such as the
receivers of webhooks, follows each change (`follow`).
"""

from collections.abc import Callable

from controller.config.models.root import Config

OF_AGENTS = ("openai", "providers", "agents", "http_tools", "mcp")
"""Sections that say what an agent is: a live call keeps them as they were when it began."""


class CurrentConfig:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._followers: list[Callable[[Config], None]] = []
        self._during: dict[int, tuple[Config, Config]] = {}
        """What `during` has made, by the identity of what it was made of."""

    @property
    def config(self) -> Config:
        """For decisions about new calls, and about what may be dialled."""
        return self._config

    def during(self, begun: Config) -> Config:
        """For a live call that began with `begun`: agents and their tools as they were then; trunks, destinations and
        limits as they are now."""
        if begun is self._config:
            return begun
        if id(begun) not in self._during:
            kept = self._config.model_copy(update={name: getattr(begun, name) for name in OF_AGENTS})
            self._during[id(begun)] = begun, kept.with_agent_versions(begun.agent_versions)
        return self._during[id(begun)][1]

    def follow(self, told: Callable[[Config], None]) -> None:
        """`told` is called with each configuration that replaces another. It never waits."""
        self._followers.append(told)

    def replace(self, config: Config) -> None:
        self._config = config
        self._during.clear()
        for told in self._followers:
            told(config)
