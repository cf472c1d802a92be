"""config.yaml's `store`: the database of queued calls, events and records. [pure]"""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from controller.config.values import Secret, Section, wrong

_KINDS = ("sqlite+aiosqlite:///", "postgresql+asyncpg://")


def _store_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if not url.startswith(_KINDS):
        hint = "a file: sqlite+aiosqlite:///var/voiceai.sqlite3 (four slashes for an absolute path)"
        raise wrong("must begin with " + " or ".join(_KINDS), hint)
    if any(each.startswith("sslmode=") for each in url.partition("?")[2].split("&")):
        raise wrong("has the option `sslmode`, which the driver calls `ssl`", "?ssl=verify-full, or ?ssl=require")
    return secret


class Store(Section):
    """The database."""

    url: Annotated[Secret, AfterValidator(_store_url), WithJsonSchema({"type": "string", "pattern": "^[a-z+]+://"})] = (
        Field(default_factory=lambda: SecretStr("sqlite+aiosqlite:///var/voiceai.sqlite3"))
    )
    """The URL of the database in the form of SQLAlchemy. A missing SQLite file is created, readable only by its owner.
    One controller per SQLite file."""

    def beside(self, name: str) -> Path:
        """The path of a file next to the SQLite database; with another database, in `var`."""
        kind, _, path = self.url.get_secret_value().partition(":///")
        return Path(path.partition("?")[0]).with_name(name) if kind.startswith("sqlite") else Path("var") / name

    @property
    def lock(self) -> Path:
        """The lock file of the store; the same for each path to the store."""
        beside = self.beside("voiceai.lock")
        kind, _, path = self.url.get_secret_value().partition(":///")
        return Path(path.partition("?")[0]).resolve().with_name(beside.name) if kind.startswith("sqlite") else beside
