"""An OpenID provider: where it is, who its signers are, and who comes back from it with a code.

Owns the requests to the provider, each bounded in time and size and without redirects, and how long its metadata and
keys are believed. A key that is not known yet is looked for once more, so that a provider may change its keys.

Source: OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; RFC 6749, RFC 7636 (PKCE), RFC 9207.
"""

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

import structlog

from bridge.common.guarded_http import GuardedHttp, Request
from bridge.common.request_failure import RequestFailed
from bridge.common.tls import client_context, is_readable_on_the_way
from controller.api.auth.id_token import BadIdToken, Expected, UnknownSigner, roles_in, verified
from controller.api.auth.users import PERSON
from controller.config.models.api import OpenIdConnect

log = structlog.get_logger()

BELIEVED_SECONDS = 3600.0
"""How long metadata and keys count without asking again."""
AWAY_SECONDS = 2.0
"""So long after it did not answer, its metadata and keys are not asked for again: those who wait are told at once."""
MOST_WAITING = 100
ASK_AGAIN_SECONDS = 5.0
"""So long after the keys were fetched they are not fetched again for a signer that is not known."""
LARGEST = 512 * 1024
AT_ONCE = 8
"""Log-ins that are at the provider at the same time; others wait."""
MOST_ROLES = 50
"""Of one person, that mean something here."""

Kind = Literal["provider-away", "refused", "bad-token", "no-role"]


class SignInFailed(Exception):
    """`kind`: for the page. The text is for the log and holds no secret."""

    def __init__(self, kind: Kind, reason: str, name: str | None = None) -> None:
        super().__init__(reason)
        self.kind = kind
        self.name = name


@dataclass(frozen=True, slots=True)
class Person:
    """`name`: as for a token, `sso:` and a name, and a digest of who it is at the provider, which is unique."""

    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """A log-in that was begun. All of it is kept by the browser alone, in a cookie."""

    state: str
    nonce: str
    verifier: str
    next: str


class Provider:
    def __init__(self, settings: OpenIdConnect) -> None:
        """Raises OSError and ssl.SSLError where `ca_file` can't be used."""
        self._settings = settings
        self._http = GuardedHttp(client_context(settings.issuer, settings.ca_file))
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._one = asyncio.Lock()
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, Sequence[Mapping[str, Any]]] | None = None
        self._failed: tuple[float, Kind, str] | None = None
        self._waiting = 0

    @property
    def settings(self) -> OpenIdConnect:
        return self._settings

    @property
    def digest(self) -> str:
        """Sessions of persons belong to it: with another issuer or client they are over."""
        return hashlib.sha256(f"{self._settings.issuer}\n{self._settings.client_id}".encode()).hexdigest()

    @property
    def redirect_uri(self) -> str:
        return f"{self._settings.console_url}/signed-in"

    @property
    def log_out_url(self) -> str | None:
        """Where a browser goes after *Log out*; None: nowhere."""
        known = self._metadata[1] if self._metadata is not None else {}
        if not self._settings.log_out_at_provider or "end_session_endpoint" not in known:
            return None
        try:
            url = _endpoint(known, "end_session_endpoint")
        except SignInFailed:
            return None
        back = {"client_id": self._settings.client_id, "post_logout_redirect_uri": f"{self._settings.console_url}/"}
        return _with(url, back)

    async def authorization_url(self, pending: Pending) -> str:
        """Raises SignInFailed."""
        digest = hashlib.sha256(pending.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self._settings.ask_for),
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        async with self._place():
            return _with(_endpoint(await self._known(), "authorization_endpoint"), asked)

    async def person(self, code: str, pending: Pending) -> Person:
        """Who came back. Raises SignInFailed."""
        async with self._place():
            metadata = await self._known()
            answer = await self._redeemed(metadata, code, pending)
            claims = await self._claims(metadata, answer, pending)
            roles = roles_in(claims, self._settings.roles_claim)
            if roles is None:
                claims = claims | await self._userinfo(metadata, answer, claims["sub"])
                roles = roles_in(claims, self._settings.roles_claim) or ()
        mine = tuple(sorted({each for each in roles if each in self._settings.roles}))[:MOST_ROLES]
        person = Person(self._name(claims), mine)
        if not mine:
            raise SignInFailed("no-role", "the person has none of the roles of api.oidc.roles", person.name)
        return person

    # ------------------------------------------------------------ inside

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of those that are at the provider. Raises SignInFailed where too many wait."""
        if self._waiting >= MOST_WAITING:
            raise SignInFailed("provider-away", "too many log-ins wait for it")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    async def _redeemed(self, metadata: Mapping[str, Any], code: str, pending: Pending) -> Mapping[str, Any]:
        settings, secret = self._settings, self._settings.client_secret
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": pending.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if secret is None:
            form["client_id"] = settings.client_id
        elif "client_secret_basic" not in methods and "client_secret_post" in methods:
            form |= {"client_id": settings.client_id, "client_secret": secret.get_secret_value()}
        else:  # RFC 6749 §2.3.1: both are form-encoded first
            pair = f"{quote(settings.client_id, safe='')}:{quote(secret.get_secret_value(), safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return await self._asked(_endpoint(metadata, "token_endpoint"), headers, urlencode(form).encode())

    async def _claims(self, metadata: Mapping[str, Any], answer: Mapping[str, Any], pending: Pending) -> dict[str, Any]:
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("bad-token", "the provider sent no ID token")
        settings = self._settings
        issuer = str(metadata["issuer"])
        expected = Expected(issuer, settings.client_id, pending.nonce, settings.clock_skew_s)
        try:
            try:
                return verified(token, await self._signers(metadata), expected, time.time())
            except UnknownSigner:
                fresh = await self._signers(metadata, again=True)
                return verified(token, fresh, expected, time.time())
        except BadIdToken as fault:
            raise SignInFailed("bad-token", f"the ID token does not count: {fault}") from None

    async def _userinfo(self, metadata: Mapping[str, Any], answer: Mapping[str, Any], sub: str) -> dict[str, Any]:
        """Empty where the provider has none."""
        token = answer.get("access_token")
        if "userinfo_endpoint" not in metadata or not isinstance(token, str) or not token.isascii():
            return {}
        headers = {"Authorization": f"Bearer {token}"}
        found = dict(await self._asked(_endpoint(metadata, "userinfo_endpoint"), headers))
        if found.get("sub") != sub:
            raise SignInFailed("bad-token", "the userinfo is of somebody else")
        return found

    async def _known(self) -> Mapping[str, Any]:
        """The provider's metadata."""
        async with self._one:
            now = time.monotonic()
            if self._metadata is not None and now - self._metadata[0] < BELIEVED_SECONDS:
                return self._metadata[1]
            issuer = self._settings.issuer
            found = await self._fetched(f"{issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != issuer:
                raise SignInFailed("provider-away", "its metadata names another issuer than api.oidc.issuer")
            self._metadata = now, found
            return found

    async def _signers(self, metadata: Mapping[str, Any], *, again: bool = False) -> Sequence[Mapping[str, Any]]:
        async with self._one:
            now = time.monotonic()
            age = now - self._keys[0] if self._keys is not None else BELIEVED_SECONDS
            if self._keys is not None and age < (ASK_AGAIN_SECONDS if again else BELIEVED_SECONDS):
                return self._keys[1]
            found = (await self._fetched(_endpoint(metadata, "jwks_uri"))).get("keys")
            keys = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
            self._keys = now, keys
            return keys

    async def _fetched(self, url: str) -> Mapping[str, Any]:
        """One after the other: whoever waited is not to wait again for a provider that is away."""
        if self._failed is not None and time.monotonic() - self._failed[0] < AWAY_SECONDS:
            raise SignInFailed(*self._failed[1:])
        try:
            return await self._asked(url, {})
        except SignInFailed as failed:
            self._failed = time.monotonic(), failed.kind, str(failed)
            raise

    async def _asked(self, url: str, headers: Mapping[str, str], form: bytes | None = None) -> Mapping[str, Any]:
        """A JSON object. Raises SignInFailed."""
        host = urlsplit(url).hostname or ""
        asked = {"Accept": "application/json", **headers}
        request = Request("GET" if form is None else "POST", url, asked, form, {host.lower()}, self._settings.timeout_s)
        body = bytearray()
        try:
            async with self._http.send(request) as response:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > LARGEST:
                        raise SignInFailed("provider-away", "its answer is too large")
        except RequestFailed as failed:
            raise SignInFailed("provider-away", f"the provider {failed.failure}") from None
        if response.status_code != 200:
            kind: Kind = "refused" if form is not None and 400 <= response.status_code < 500 else "provider-away"
            raise SignInFailed(kind, f"the provider answered HTTP {response.status_code}{_error_in(body)}")
        found = _json(body)
        if not isinstance(found, dict):
            raise SignInFailed("provider-away", "its answer is no JSON object")
        return found

    def _name(self, claims: Mapping[str, Any]) -> str:
        """Two persons who call themselves the same have two names here."""
        shown = claims.get(self._settings.name_claim)
        shown = shown if isinstance(shown, str) and shown else claims["sub"]
        clean = re.sub(r"[^\w@.+-]", "_", shown)[:40]
        return f"{PERSON}{clean}~{hashlib.sha256(claims['sub'].encode('utf-8', 'replace')).hexdigest()[:8]}"


def _endpoint(metadata: Mapping[str, Any], name: str) -> str:
    """Raises SignInFailed."""
    url = metadata.get(name)
    try:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and not is_readable_on_the_way(parts.geturl())
        _ = parts.port
    except ValueError:
        fine = False
    if not fine:
        raise SignInFailed("provider-away", f"its metadata has no {name} with https")
    return str(url)


def _with(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _json(body: bytes | bytearray) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error_in(body: bytes | bytearray) -> str:
    """RFC 6749 §5.2: one word."""
    found = _json(body)
    error = found.get("error") if isinstance(found, dict) else None
    return f", {error}" if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,60}", error) else ""
