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
    """The rate of requests of one token. Further requests get 429 with `Retry-After`."""

    per_second: float = Field(50.0, gt=0, le=10_000)
    """The average rate."""
    burst: int = Field(100, ge=1, le=100_000)
    """Requests at once, after a pause."""


class Credential(Section):
    name: Name
    """The name in logs and in the audit log."""
    token_sha256: Sha256 | None = None
    """The SHA-256 of the token in hexadecimal, as `voiceai token` prints it. It cannot be used as a token."""
    token: Secret | None = None
    """The token itself, instead of the hash: at least 16 characters (8 if the API listens only on loopback). Everybody
    who can read the file or the environment can use it, so prefer the hash."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.token is None) == (self.token_sha256 is None):
            raise wrong("needs a `token_sha256` (or a `token`, and not both)", "`voiceai token NAME` makes one")
        return self


class Token(Credential):
    scopes: tuple[Scope, ...] = Field(min_length=1)
    """metrics: only GET /metrics. read: see calls, without transcripts. recordings: transcripts (with read) and
    recordings. call: everything that dials. control: act on calls, pause the queue (transfers and participants also
    need call). supervise: listen, whisper, take over (also needs call to dial a phone). config: read and change the
    configuration. admin: everything."""
    rate: Pace | None = None
    """Instead of `api.rate`."""


class ConsoleSession(Section):
    """How long a login to the console is valid."""

    idle_s: float = Field(7200.0, gt=0, le=30 * 86400)
    """Seconds without a request and without an open page."""
    max_s: float = Field(43200.0, gt=0, le=30 * 86400)
    """Seconds after which a new login is needed in any case."""


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
    """Login to the console with an OpenID provider: authorization code with PKCE (docs/access.md)."""

    issuer: PrivateUrl
    """The issuer, exactly as the provider writes it. voiceai reads its `/.well-known/openid-configuration`."""
    client_id: SomeText
    client_secret: Secret | None = None
    """As `${NAME}`. None: a public client, protected by PKCE only."""
    console_url: Annotated[PrivateUrl, AfterValidator(_console)]
    """The URL of the console in the browser. Register `<console_url>/signed-in` as redirect URI at the provider."""
    name: SomeText = Field("single sign-on", max_length=60)
    """The text on the button: "Sign in with …"."""
    ask_for: tuple[SomeText, ...] = ("openid", "profile")
    """OAuth scopes to request, including `openid`, and those that the provider needs to send the roles."""
    roles_claim: SomeText = "groups"
    """The claim with the roles of a person, in the ID token or in the userinfo answer. It may be a path:
    `realm_access.roles`."""
    roles: dict[SomeText, Annotated[tuple[Scope, ...], Field(min_length=1)]] = Field(min_length=1)
    """For each role, its scopes. A person with none of these roles cannot log in."""
    name_claim: SomeText = "preferred_username"
    """The claim with the name for logs and the audit log. If it is missing: `sub`."""
    ca_file: str | None = None
    """A PEM file with the CA certificate to trust. None: the system's CA store."""
    timeout_s: float = Field(5.0, gt=0, le=30)
    """Seconds for each request to the provider."""
    clock_skew_s: float = Field(60.0, ge=0, le=600)
    """Seconds by which the clocks of the provider and of this machine may differ."""
    log_out_at_provider: bool = False
    """true: *Log out* also logs out at the provider, if it supports that."""

    @model_validator(mode="after")
    def _asks_for_openid(self) -> Self:
        if "openid" not in self.ask_for:
            raise wrong("`ask_for` must have `openid` in it", "without it the provider sends no ID token")
        return self


class Connections(Section):
    """Limits for connections to the port of the API. At a limit, a connection without a request is closed for a new
    one; if there is none, the new one is refused. 32 more connections are reserved for workers."""

    total: int = Field(512, ge=10, le=100_000)
    per_address: int = Field(256, ge=5, le=100_000)
    """From one address (an IPv6 /64 network counts as one). A proxy counts as one address."""


class Tls(Section):
    """PEM files. The certificate file also contains the intermediate certificates."""

    certificate: SomeText
    key: SomeText


class Api(Section):
    listen: ListenAt = Field(default="127.0.0.1:8080", validate_default=True)
    """host:port of the HTTP API and of the control link of the workers."""
    tls: Tls | None = None
    """With it, API, console and control link use https and wss. Local workers trust this certificate. Workers elsewhere
    need `--ca FILE`, and the CLI needs `SSL_CERT_FILE`, unless the system trusts its CA. None: not encrypted, for
    loopback or behind a proxy."""
    tokens: tuple[Token, ...] = ()
    """Without a token or an API key, nobody can use the API."""
    rate: Pace = Field(default_factory=Pace)
    """The rate limit of each token."""
    console_session: ConsoleSession = Field(default_factory=ConsoleSession)
    oidc: OpenIdConnect | None = None
    """Login to the console with OpenID Connect, besides tokens and keys."""
    streams_per_token: int = Field(50, ge=1, le=200)
    """Open event streams of one token, and as many downloads. All streams together are limited to 200, and those of
    `/v1/live` to 100."""
    connections: Connections = Field(default_factory=Connections)
    audit_days: float = Field(365.0, gt=0, le=36500)
    """Days for which the audit log is kept."""
    metrics_public: bool = False
    """true: GET /metrics needs no token. false: it needs a token with the scope metrics."""
