"""The configuration in force, without secrets, and the config file read again.

Owns what is hidden besides the config's own secrets: parts of URLs, headers, and hashes of tokens.
"""

import re
from collections.abc import Mapping
from typing import Any

from controller.api.models.base import Nothing
from controller.api.models.system import ConfigAnswer, ReloadAnswer
from controller.api.operation import ApiRequest, Operation
from controller.api.problems import Problem
from controller.config import ConfigErrors, CurrentConfig
from controller.versions.publisher import Publisher

STARS = "**********"

_HIDDEN = frozenset({"headers", "token_sha256"})
_USER = re.compile(r"(?<=://)[^/@\s]*(?=@)")
_QUERY = re.compile(r"(?<=[?&])([^=&#\s]+)=[^&#\s]*")


def shown(value: Any, name: str = "") -> Any:
    """A part of `Config.redacted()`, as the API may show it."""
    if name in _HIDDEN and value:
        return dict.fromkeys(value, STARS) if isinstance(value, Mapping) else STARS
    if isinstance(value, Mapping):
        return {str(key): shown(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shown(each) for each in value]
    if isinstance(value, str) and "://" in value:
        return _QUERY.sub(rf"\1={STARS}", _USER.sub(STARS, value))
    return value


def invalid(errors: ConfigErrors) -> Problem:
    """All that is wrong, with its place."""
    told = [
        {name: value for name, value in (("path", each.path), ("detail", each.message), ("hint", each.hint)) if value}
        | ({"line": each.line} if each.line is not None else {})
        for each in errors.errors
    ]
    return Problem("invalid-config", "Nothing was changed.", tuple(told))


class ConfigResources:
    def __init__(self, current: CurrentConfig, publisher: Publisher) -> None:
        self._current = current
        self._publisher = publisher

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("show_config", "GET", "/v1/config", "The configuration in force, without secrets", self.show),
                answer=ConfigAnswer,
                scopes=("config",),
                tag="configuration",
            ),
            Operation(
                *("reload_config", "POST", "/v1/config/reload", "Reload the config file", self.reload),
                answer=ReloadAnswer,
                scopes=("config",),
                body=Nothing,
                problems=("invalid-config",),
                repeatable=True,
                tag="configuration",
            ),
        )

    async def show(self, _: ApiRequest) -> ConfigAnswer:
        return ConfigAnswer(config=shown(self._current.config.redacted()))

    async def reload(self, _: ApiRequest) -> ReloadAnswer:
        try:
            return ReloadAnswer.model_validate(await self._publisher.reload())
        except ConfigErrors as errors:
            raise invalid(errors) from None
