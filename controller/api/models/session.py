"""The session of a user of the console, as JSON. [pure]"""

from pydantic import Field

from controller.api.models.base import Answer, Body


class LogIn(Body):
    token: str = Field(min_length=1, max_length=1024)


class LogInOptions(Answer):
    sign_in: str | None
    """The name of the OpenID provider; null: there is none."""


class Choices(Answer):
    """Names of the config, for forms. The first one is the default."""

    agents: tuple[str, ...]
    trunks: tuple[str, ...]
    targets: tuple[str, ...]
    """Of transfers."""
    supervisors: tuple[str, ...]
    softphone: bool
    """The browser may telephone."""


class SessionAnswer(Answer):
    name: str
    scopes: tuple[str, ...]
    """The token's scopes, with those that they include."""
    choices: Choices
    log_out_url: str | None = None
    """Where to go after the log-out; null: nowhere."""
