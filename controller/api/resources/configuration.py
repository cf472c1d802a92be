"""GET /v1/config: the configuration in force, without secrets.

Owns what is hidden besides the config's own secrets: parts of URLs, headers, and hashes of tokens.
"""

import re
from collections.abc import Mapping
from typing import Any

from controller.api.models.system import ConfigAnswer
from controller.api.operation import ApiRequest, Operation
from controller.config import Config

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


class ConfigResources:
    def __init__(self, config: Config) -> None:
        self._answer = ConfigAnswer(config=shown(config.redacted()))

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("show_config", "GET", "/v1/config", "The configuration in force, without secrets", self.show),
                answer=ConfigAnswer,
                scopes=("config",),
                tag="health",
            ),
        )

    async def show(self, _: ApiRequest) -> ConfigAnswer:
        return self._answer
