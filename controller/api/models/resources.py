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
    """As in config.yaml; of routes the whole list."""


class CheckDraft(Body):
    content: Content | None = None
    """Default: the draft that is kept."""


class Publish(Body):
    comment: str = _Comment
    """What is different, for whoever reads the history."""


class RollBack(Body):
    version: int = Field(ge=1, le=2**31 - 1)
    comment: str = _Comment


class ImportConfig(Body):
    yaml: str = Field(max_length=4 << 20)
    """A config file, an export, or a part of one. Sections that it has replace those of the store, all of them."""
    comment: str = _Comment
    dry_run: bool = False
    """Only check it and tell what would change."""


class SetTrial(Body):
    version: int = Field(ge=1, le=2**31 - 1)
    share: int = Field(ge=1, le=100)
    """Of 100 new calls of this agent; the published version gets the others."""


class VersionQuery(Body):
    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=1, le=2**31)
    """The `next` of the page before this one."""


_ENDS: dict[str, Any] = {
    "from": (str, Field("published", pattern=_WHICH, description="A version's number, `published` or `draft`.")),
    "to": (str, Field("draft", pattern=_WHICH, description="Likewise.")),
}
DiffQuery = create_model("DiffQuery", __base__=Body, **_ENDS)


class VersionInfo(Answer):
    version: int
    by: str
    """Who has published it; `file`: it was read from the config file."""
    at: Moment
    comment: str


class VersionAnswer(VersionInfo):
    content: Content
    """As in config.yaml. Secrets are references such as `${NAME}`, or stars."""

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
    """Of 100 new calls."""


class ResourceInfo(Answer):
    kind: str
    name: str
    etag: str
    """For `If-Match`: names the state of published version and draft together."""
    published: VersionInfo | None
    """null: only a draft."""
    draft: DraftInfo | None
    trial: TrialAnswer | None
    """Another version of an agent, which gets a share of its calls."""


class ResourceAnswer(Answer):
    kind: str
    name: str
    etag: str
    """For `If-Match`: names the state of published version and draft together."""
    published: VersionAnswer | None
    """null: only a draft."""
    draft: DraftAnswer | None
    trial: TrialAnswer | None
    """Another version of an agent, which gets a share of its calls."""

    @classmethod
    def of(cls, found: Resource) -> "ResourceAnswer":
        return cls.model_validate(fields_of(found))


class ResourcePage(Answer):
    source: str
    """`file`: the config file has the resources, and nobody writes them here; `store`."""
    resources: tuple[ResourceInfo, ...]


class VersionPage(Answer):
    versions: tuple[VersionInfo, ...]
    next: int | None
    """For the query's `before`: the page that follows; null on the last one."""


class ChangeAnswer(Answer):
    path: str
    """Dotted; empty: the whole."""
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
    """A unified diff of both as YAML; each line begins with a blank, `+`, `-` or `@@`."""


class Checked(Answer):
    """It could be published."""

    valid: bool = True


class Imported(Answer):
    changed: tuple[str, ...]
    """`kind/name` of what has changed, or would."""


def etag_of(found: Resource) -> str:
    return f'"{found.edit}"'


def fields_of(found: Resource) -> dict[str, Any]:
    kind, name = found.key
    trial = found.trial and {"version": found.trial.version.version, "share": found.trial.share}
    same = {"kind": kind, "name": name, "etag": etag_of(found)}
    return {**same, "published": found.published, "draft": found.draft, "trial": trial}
