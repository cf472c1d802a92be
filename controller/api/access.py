"""Everybody who may use the API and the console: the parts that know them, built once and run together.

Owns the order: keys are read before the sessions that were opened with them.
"""

import asyncio
from collections.abc import Collection, Mapping
from functools import partial

from aiohttp import web

from controller.api.auth.authenticator import Authenticator
from controller.api.auth.keys import ApiKeys
from controller.api.auth.oidc import Provider
from controller.api.auth.sessions import Sessions
from controller.api.console.session import SessionResources, choices_of
from controller.api.console.sign_in import SignInResources
from controller.api.operation import Operation
from controller.api.resources.keys import KeyResources
from controller.config import CurrentConfig
from controller.store.database import Database


class Access:
    def __init__(self, current: CurrentConfig, database: Database) -> None:
        config, self._current = current.config, current
        self.sessions = Sessions(config.api.console_session, database)
        self.authenticator = Authenticator.of(config.api, self.sessions)
        self.keys = ApiKeys(database, self.authenticator)
        self._provider: Provider | None = None
        if (oidc := config.api.oidc) is not None:
            self._provider = Provider(oidc)
            self.authenticator.users.trust(self._provider.digest, oidc.roles)

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
        longest, provider = self._current.config.api.console_session.max_s, self._provider
        url = (lambda: provider.log_out_url) if provider is not None else lambda: None
        session = SessionResources(self.authenticator, partial(choices_of, self._current), longest, url)
        return [*session.routes(), *SignInResources(self.authenticator, provider, longest).routes()]

    def _names(self) -> Mapping[str, Collection[str]]:
        """What an API key can be limited to."""
        config = self._current.config
        return {"agents": config.agents.keys(), "trunks": config.trunks.keys()}
