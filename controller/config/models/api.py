"""config.yaml's `api`: where it listens, who may ask it for what, and how often. [pure]"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from controller.config.values import ListenAt, Name, Secret, Section, SomeText, wrong

Scope = Literal["metrics", "read", "recordings", "call", "control", "supervise", "config", "admin"]

SCOPES: tuple[Scope, ...] = get_args(Scope)

IMPLIED: Mapping[Scope, frozenset[Scope]] = {"read": frozenset({"metrics"}), "admin": frozenset(SCOPES)}
"""Scopes that a scope includes."""


def granted(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """These scopes and the ones that they include."""
    return frozenset(each for scope in scopes for each in (scope, *IMPLIED.get(scope, ())))


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Pace(Section):
    """Requests of one token. More are refused with 429 and told when to come again."""

    per_second: float = Field(50.0, gt=0, le=10_000)
    """In the long run."""
    burst: int = Field(100, ge=1, le=100_000)
    """At once, after a pause."""


class Credential(Section):
    name: Name
    """Who it was given to: appears in logs and in the records of what was done with it."""
    token_sha256: Sha256 | None = None
    """The token's SHA-256, in hex, as `voiceai token` prints it: what stands here opens nothing."""
    token: Secret | None = None
    """The token itself, instead. Less good: whoever reads it, here or in the environment, may use it."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.token is None) == (self.token_sha256 is None):
            raise wrong("needs a `token_sha256` (or a `token`, and not both)", "`voiceai token NAME` makes one")
        return self


class Token(Credential):
    scopes: tuple[Scope, ...] = Field(min_length=1)
    """metrics: GET /metrics and nothing else; read: see calls, not what was said; recordings: what was said, in words
    (with read) and sound; call: whatever dials; control: act on calls, pause the queue (transfers and participants need
    call, too); supervise: listen, whisper, take over (to be dialled needs call, too); config: read and change the
    configuration; admin: everything."""
    rate: Pace | None = None
    """Instead of `api.rate`."""


class ConsoleSession(Section):
    """How long a login to the console lasts."""

    idle_s: float = Field(7200.0, gt=0, le=30 * 86400)
    """Without a request and without a page that is looked at."""
    max_s: float = Field(43200.0, gt=0, le=30 * 86400)
    """In any case; then the token is asked for again."""


class Connections(Section):
    """To the API's port; whoever asks nothing makes room for others. Workers' links have 32 places besides."""

    total: int = Field(512, ge=10, le=100_000)
    per_address: int = Field(256, ge=5, le=100_000)
    """Of one address (of IPv6: one /64): of a proxy, too."""


class Tls(Section):
    """Both are PEM files; the certificate's also holds what leads to its authority."""

    certificate: SomeText
    key: SomeText


class Api(Section):
    listen: ListenAt = Field(default="127.0.0.1:8080", validate_default=True)
    """host:port of the HTTP API, and of the link that workers dial."""
    tls: Tls | None = None
    """With it API, console and the workers' link are https and wss. None: plain, for loopback or behind a proxy."""
    tokens: tuple[Token, ...] = ()
    """Without one nobody can use the API."""
    rate: Pace = Field(default_factory=Pace)
    """How often each token may ask."""
    console_session: ConsoleSession = Field(default_factory=ConsoleSession)
    streams_per_token: int = Field(50, ge=1, le=200)
    """Event streams that one token may hold open at once, and as many downloads; all streams together may be 200, and
    100 of who speaks."""
    connections: Connections = Field(default_factory=Connections)
    audit_days: float = Field(365.0, gt=0, le=36500)
    """How long it is kept who did what (GET /v1/audit)."""
    metrics_public: bool = False
    """True: GET /metrics takes no token. Otherwise the scraper needs one with the scope metrics."""
