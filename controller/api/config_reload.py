"""The config file, read again while the controller runs.

Owns what counts at once: the API's tokens and their pace. Everything else waits for a restart, and the log says so. A
file with any error changes nothing. What stands in environment variables is as it was when the process was started.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Literal

import structlog

from controller.api.auth.authenticator import Authenticator
from controller.api.auth.users import Users
from controller.config import Config
from controller.config.errors import ConfigErrors
from controller.config.models.api import Token

log = structlog.get_logger()

Read = Callable[[], Config]
"""Raises ConfigErrors."""

AT_ONCE = {"tokens", "rate"}
"""Of `api`."""


class ConfigReload:
    def __init__(self, read: Read, config: Config, authenticator: Authenticator) -> None:
        self._read = read
        self._config = config
        self._authenticator = authenticator
        self._one = asyncio.Lock()

    async def run(self) -> Literal["refused", "changed", "same"]:
        """What has become of the tokens."""
        async with self._one:
            try:
                fresh = await asyncio.to_thread(self._read)
            except ConfigErrors as errors:
                self._refuse(errors)
                return "refused"
            except Exception as fault:  # whatever a file may hold: nobody's call is to end over it
                log.exception("the config file could not be read: nothing was changed", error=type(fault).__name__)
                return "refused"
            before, self._config = self._config, fresh
            if waiting := _changed(before, fresh):
                log.warning("the config file has changes that count after a restart only", keys=waiting)
            if (before.api.tokens, before.api.rate) == (fresh.api.tokens, fresh.api.rate):
                return "same"
            return self._exchange({each.name: each for each in before.api.tokens})

    def _refuse(self, errors: ConfigErrors) -> None:
        log.error("the config file has errors: nothing was changed", file=errors.source, errors=len(errors.errors))
        for each in errors.errors:
            log.error(
                "in the config file", key=each.path or "(the file)", line=each.line, wrong=each.message, fix=each.hint
            )

    def _exchange(self, was: Mapping[str, Token]) -> Literal["changed"]:
        keeper, are = self._authenticator, {each.name: each for each in self._config.api.tokens}
        old = _digests(keeper.users)
        keeper.users.replace_tokens(self._config.api.tokens, self._config.api.rate)
        ended, new = keeper.end_sessions(), _digests(keeper.users)
        both = sorted(was.keys() & are.keys())
        told = {
            "new": sorted(are.keys() - was.keys()),
            "gone": sorted(was.keys() - are.keys()),
            "other_secret": [name for name in both if old.get(name) != new.get(name)],
            "other_scopes": [name for name in both if was[name].scopes != are[name].scopes],
            "sessions_ended": ended,
        }
        log.warning("the tokens of the config file were read again", tokens=len(are), **told)
        return "changed"


def _digests(users: Users) -> dict[str, str]:
    return dict(user.credential for user in users.tokens)


def _changed(before: Config, after: Config) -> list[str]:
    """Dotted keys, of sections and of what is in `api`, that differ and do not count yet."""
    found = [
        name for name in type(after).model_fields if name != "api" and getattr(before, name) != getattr(after, name)
    ]
    fields = [name for name in type(after.api).model_fields if name not in AT_ONCE]
    return [*found, *(f"api.{name}" for name in fields if getattr(before.api, name) != getattr(after.api, name))]
