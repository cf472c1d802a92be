"""config.yaml's `api`: where it listens, who may ask it for what, and how often. [pure]"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from bridge.common.tls import is_readable_on_the_way
from controller.config.values import HttpUrl, ListenAt, Name, Secret, Section, SomeText, wrong

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


def _private(url: str) -> str:
    if is_readable_on_the_way(url):
        raise wrong("must begin with https://", "http is for this machine only: what goes there opens the console")
    return url


def _console(url: str) -> str:
    if not url.endswith("/console") or "?" in url or "#" in url:
        raise wrong("must end with /console/", "as browsers see it, e.g. https://voice.example.com/console/")
    return url


PrivateUrl = Annotated[HttpUrl, AfterValidator(_private)]


class OpenIdConnect(Section):
    """Log-in to the console at an OpenID provider: authorization code with PKCE. docs/access.md."""

    issuer: PrivateUrl
    """As the provider writes it itself; its `/.well-known/openid-configuration` says the rest."""
    client_id: SomeText
    client_secret: Secret | None = None
    """As `${NAME}`. None: a public client, which PKCE alone protects."""
    console_url: Annotated[PrivateUrl, AfterValidator(_console)]
    """Where browsers find the console. Register `<console_url>/signed-in` at the provider as redirect URI."""
    name: SomeText = Field("single sign-on", max_length=60)
    """Stands on the button: "Sign in with …"."""
    ask_for: tuple[SomeText, ...] = ("openid", "profile")
    """OAuth scopes that are asked for, `openid` among them; what it takes for the provider to tell the roles."""
    roles_claim: SomeText = "groups"
    """The claim that holds a person's roles, of the ID token or of the userinfo; also a path: `realm_access.roles`."""
    roles: dict[SomeText, Annotated[tuple[Scope, ...], Field(min_length=1)]] = Field(min_length=1)
    """By role: the scopes that it gives. Who has none of these roles does not get in."""
    name_claim: SomeText = "preferred_username"
    """The claim that names the person in logs and in the audit log; otherwise `sub`."""
    ca_file: str | None = None
    """Whom to believe, a PEM file. None: the system's authorities."""
    timeout_s: float = Field(5.0, gt=0, le=30)
    """For each request to the provider."""
    clock_skew_s: float = Field(60.0, ge=0, le=600)
    """By how much its clock and ours may differ."""
    log_out_at_provider: bool = False
    """*Log out* leads to the provider's log-out, too, if it has one."""

    @model_validator(mode="after")
    def _asks_for_openid(self) -> Self:
        if "openid" not in self.ask_for:
            raise wrong("`ask_for` must have `openid` in it", "without it the provider sends no ID token")
        return self


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
    oidc: OpenIdConnect | None = None
    """Log-in to the console by OpenID Connect, besides tokens and keys."""
    streams_per_token: int = Field(50, ge=1, le=200)
    """Event streams that one token may hold open at once, and as many downloads; all streams together may be 200, and
    100 of who speaks."""
    connections: Connections = Field(default_factory=Connections)
    audit_days: float = Field(365.0, gt=0, le=36500)
    """How long it is kept who did what (GET /v1/audit)."""
    metrics_public: bool = False
    """True: GET /metrics takes no token. Otherwise the scraper needs one with the scope metrics."""
