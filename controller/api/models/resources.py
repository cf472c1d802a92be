"""Resources with versions as JSON: bodies, queries and answers."""

from typing import Any

from pydantic import Field, create_model

from controller.api.models.base import Answer, Body, Moment
from controller.config.differences import Change
from controller.versions.repository import Resource, Version

Content = dict[str, Any] | list[Any]
_WHICH = r"^([1-9][0-9]{0,8}|published|draft)$"
_Comment = Field("", max_length=1000)


class PutDraft(Body):
    content: Content
    """As in config.yaml. For routes, the whole list."""


class CheckDraft(Body):
    content: Content | None = None
    """Default: the saved draft."""


class Publish(Body):
    comment: str = _Comment
    """What was changed, for the list of versions."""


class RollBack(Body):
    version: int = Field(ge=1, le=2**31 - 1)
    comment: str = _Comment


class ImportConfig(Body):
    yaml: str = Field(max_length=4 << 20)
    """A config file, an export, or a part of one. Its sections replace those in the database completely."""
    comment: str = _Comment
    dry_run: bool = False
    """true: only check the file and list what would change."""


class SetTrial(Body):
    version: int = Field(ge=1, le=2**31 - 1)
    share: int = Field(ge=1, le=100)
    """Percent of the new calls of this agent. The published version gets the others."""


class VersionQuery(Body):
    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=1, le=2**31)
    """The `next` of the page before this one."""


_ENDS: dict[str, Any] = {
    "from": (str, Field("published", pattern=_WHICH, description="The number of a version, `published` or `draft`.")),
    "to": (str, Field("draft", pattern=_WHICH, description="As for the other version.")),
}
DiffQuery = create_model("DiffQuery", __base__=Body, **_ENDS)


class VersionInfo(Answer):
    version: int
    by: str
    """The user who published the version. `file`: it was read from the config file."""
    at: Moment
    comment: str


class VersionAnswer(VersionInfo):
    content: Content
    """As in config.yaml. Secrets are references such as `${NAME}`, or replaced by stars."""

    @classmethod
    def of(cls, found: Version) -> "VersionAnswer":
        return cls.model_validate(found)


class DraftInfo(Answer):
    by: str
    at: Moment


class DraftAnswer(DraftInfo):
    content: Content


class TrialAnswer(Answer):
    version: int
    share: int
    """Percent of the new calls."""


class ResourceInfo(Answer):
    kind: str
    name: str
    etag: str
    """For `If-Match`. It stands for the published version and the draft together."""
    published: VersionInfo | None
    """null: there is only a draft."""
    draft: DraftInfo | None
    trial: TrialAnswer | None
    """A trial: another version of the agent that gets a share of the calls."""


class ResourceAnswer(Answer):
    kind: str
    name: str
    etag: str
    """For `If-Match`. It stands for the published version and the draft together."""
    published: VersionAnswer | None
    """null: there is only a draft."""
    draft: DraftAnswer | None
    trial: TrialAnswer | None
    """A trial: another version of the agent that gets a share of the calls."""

    @classmethod
    def of(cls, found: Resource) -> "ResourceAnswer":
        return cls.model_validate(fields_of(found))


class ResourcePage(Answer):
    source: str
    """`file`: resources are in the config file and are read-only here. `store`: resources are in the database."""
    resources: tuple[ResourceInfo, ...]


class VersionPage(Answer):
    versions: tuple[VersionInfo, ...]
    next: int | None
    """The value of `before` for the next page; null on the last page."""


class ChangeAnswer(Answer):
    path: str
    """Dotted path. Empty: the whole value."""
    kind: str
    """added, removed or changed."""
    before: Any
    after: Any

    @classmethod
    def of(cls, change: Change) -> "ChangeAnswer":
        return cls.model_validate(change)


class DiffAnswer(Answer):
    changes: tuple[ChangeAnswer, ...]
    lines: tuple[str, ...]
    """A unified diff of both as YAML. Each line starts with a space, `+`, `-` or `@@`."""


class Checked(Answer):
    """The content can be published."""

    valid: bool = True


class Imported(Answer):
    changed: tuple[str, ...]
    """`kind/name` of the changed resources."""


def etag_of(found: Resource) -> str:
    return f'"{found.edit}"'


def fields_of(found: Resource) -> dict[str, Any]:
    kind, name = found.key
    trial = found.trial and {"version": found.trial.version.version, "share": found.trial.share}
    same = {"kind": kind, "name": name, "etag": etag_of(found)}
    return {**same, "published": found.published, "draft": found.draft, "trial": trial}
