"""Answers, and parts of requests: resources. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ChangeAnswer(Model):
    path: str
    """Dotted path. Empty: the whole value."""
    kind: str
    """added, removed or changed."""
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Checked(Model):
    """The content can be published."""

    valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Measure(Model):
    """A mean over calls with its 95 % confidence interval."""

    name: str
    """answered, transferred (shares of the calls, from 0 to 1), talked_s, turns, interruptions (of calls that were
    answered), first_frame_ms, cost."""
    calls: int
    """The number of calls."""
    mean: float | None
    low: float | None
    """null: fewer than 30 calls."""
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VersionFigures(Model):
    """Figures of all ended calls of one version of an agent."""

    version: int | None
    """null: unknown."""
    calls: int
    outcomes: Mapping[str, int]
    """The number of calls by outcome."""
    mean_talked_s: float | None
    """Of answered calls."""
    turns: int
    interruptions: int
    """The number of interruptions of the agent by callers."""
    transfers: int
    """The number of transfers that were started."""
    first_frame_ms: int | None
    """The mean of the median response times of the calls."""
    cost: float
    """US dollars, all calls."""
    cost_per_call: float
    measures: tuple[Measure, ...]
    """If the intervals of two versions do not overlap, the difference is probably not random."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ComparisonAnswer(Model):
    versions: tuple[VersionFigures, ...]
    """Newest first."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DiffAnswer(Model):
    changes: tuple[ChangeAnswer, ...]
    lines: tuple[str, ...]
    """A unified diff of both as YAML. Each line starts with a space, `+`, `-` or `@@`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DraftAnswer(Model):
    by: str
    at: datetime
    content: Mapping[str, Any] | tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DraftInfo(Model):
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VersionInfo(Model):
    version: int
    by: str
    """The user who published the version. `file`: it was read from the config file."""
    at: datetime
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VersionAnswer(VersionInfo):
    content: Mapping[str, Any] | tuple[Any, ...]
    """As in config.yaml. Secrets are references such as `${NAME}`, or replaced by stars."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrialAnswer(Model):
    version: int
    share: int
    """Percent of the new calls."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResourceAnswer(Model):
    kind: str
    name: str
    etag: str
    """For `If-Match`. It stands for the published version and the draft together."""
    published: VersionAnswer | None
    """null: there is only a draft."""
    draft: DraftAnswer | None
    trial: TrialAnswer | None
    """A trial: another version of the agent that gets a share of the calls."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResourceInfo(Model):
    kind: str
    name: str
    etag: str
    """For `If-Match`. It stands for the published version and the draft together."""
    published: VersionInfo | None
    """null: there is only a draft."""
    draft: DraftInfo | None
    trial: TrialAnswer | None
    """A trial: another version of the agent that gets a share of the calls."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResourcePage(Model):
    source: str
    """`file`: resources are in the config file and are read-only here. `store`: resources are in the database."""
    resources: tuple[ResourceInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ToolTried(Model):
    """What the agent would get in a call. Secrets are replaced by stars."""

    ok: bool
    """Whether the model would see a success."""
    output: str
    """The text that the model would read."""
    reason: str | None
    """Why it failed, as in the metric of tools' failures; `too_large`: the text is cut."""
    detail: str
    """The cause in words, for the person who configures the tool."""
    status: int | None
    """The HTTP status of the server. null: no answer."""
    duration_ms: int
    method: str
    url: str | None
    """The URL of the request. null: nothing was sent, because the arguments do not match the schema."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VersionPage(Model):
    versions: tuple[VersionInfo, ...]
    next: int | None
    """The value of `before` for the next page; null on the last page."""
