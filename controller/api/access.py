"""Everybody who may use the API and the console: the parts that know them, built once and run together.

Owns the order: keys are read before the sessions that were opened with them.
"""

import asyncio
from collections.abc import Collection, Mapping

from aiohttp import web

from controller.api.auth.authenticator import Authenticator
from controller.api.auth.keys import ApiKeys
from controller.api.auth.sessions import Sessions
from controller.api.console.session import SessionResources, choices_of
from controller.api.operation import Operation
from controller.api.resources.keys import KeyResources
from controller.config import Config
from controller.store.database import Database


class Access:
    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self.sessions = Sessions(config.api.console_session, database)
        self.authenticator = Authenticator.of(config.api, self.sessions)
        self.keys = ApiKeys(database, self.authenticator)

    async def read(self) -> None:
        """Raises StoreError."""
        await self.keys.read()
        await self.sessions.read(self.authenticator.users)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.sessions.run())
            group.create_task(self.keys.run())

    async def finish(self) -> None:
        await asyncio.gather(self.sessions.drain(), self.keys.finish())

    def operations(self) -> tuple[Operation, ...]:
        return KeyResources(self.keys, self.sessions, self._names).operations()

    def routes(self) -> list[web.RouteDef]:
        """Of the console's log-in."""
        config = self._config
        return SessionResources(self.authenticator, choices_of(config), config.api.console_session.max_s).routes()

    def _names(self) -> Mapping[str, Collection[str]]:
        """What an API key can be limited to."""
        return {"agents": self._config.agents.keys(), "trunks": self._config.trunks.keys()}
