"""Who may ask: tokens of the config, keys of the store, and persons who logged in by OpenID Connect.

Owns what is known of each (scopes, limits, pace, latest use), and how a secret is compared: by its SHA-256, in constant
time. A key of the store is `vk_<id>_<secret>`: the id is no secret, and is what it is looked up by.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bridge.common.token_bucket import TokenBucket
from controller.api.auth.limits import Limits
from controller.api.auth.sessions import Credential, Session
from controller.config.models.api import Pace, Scope, Token, granted

READ_AT_ONCE = 2
"""Reading requests of one token that are answered at the same time. A page of 1,000 calls occupies the event loop for
50 ms."""
PERSON = "sso:"
"""What the names of persons begin with. No token and no key has a name with a colon."""
MOST_PERSONS = 1000
PREFIX = "vk_"
ID_LENGTH = 10

_KEY = re.compile(rf"{PREFIX}([a-z2-7]{{{ID_LENGTH}}})_[A-Za-z0-9_-]{{43}}", re.ASCII)
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class Reads:
    """Reading requests of one token: those under way, and the semaphore that the others wait for."""

    def __init__(self) -> None:
        self.count = 0
        self.turn = asyncio.Semaphore(READ_AT_ONCE)


@dataclass(slots=True)
class Use:
    """The latest request that was let in."""

    at: datetime | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class User:
    """`scopes`: all of them, also those that others bring along. `key`: its id, of a key of the store."""

    name: str
    digest: bytes
    scopes: frozenset[Scope]
    pace: tuple[float, int]
    bucket: TokenBucket = field(compare=False)
    reads: Reads = field(compare=False, default_factory=Reads)
    limits: Limits = field(default_factory=Limits)
    key: str | None = None
    use: Use = field(compare=False, default_factory=Use)

    @property
    def credential(self) -> Credential:
        return self.name, self.digest.hex()


class Users:
    """`pace`: of tokens without a `rate`, of keys and of persons."""

    def __init__(self, tokens: Iterable[Token] = (), pace: Pace | None = None) -> None:
        self._tokens: tuple[User, ...] = ()
        self._keys: Mapping[str, User] = {}
        self._by_credential: Mapping[Credential, User] = {}
        """Tokens and keys."""
        self._persons: OrderedDict[str, User] = OrderedDict()
        self._roles: Mapping[str, frozenset[Scope]] = {}
        self._provider: str | None = None
        self.pace = Pace()
        self.replace_tokens(tokens, pace)

    def __iter__(self) -> Iterator[User]:
        yield from self._tokens
        yield from self._keys.values()

    def __contains__(self, credential: object) -> bool:
        """Whether a session that was opened with it may go on."""
        if credential in self._by_credential:
            return True
        name, provider = credential if isinstance(credential, tuple) else ("", None)
        return str(name).startswith(PERSON) and provider is not None and provider == self._provider

    @property
    def tokens(self) -> tuple[User, ...]:
        return self._tokens

    def replace_tokens(self, tokens: Iterable[Token], pace: Pace | None = None) -> None:
        """Only these tokens of the config are valid from now on. One that stays keeps what is left of its pace."""
        self.pace = pace or Pace()
        known = {user: user for user in self._tokens}
        fresh = (_of_token(token, token.rate or self.pace) for token in tokens)
        self._tokens = tuple(known.get(user, user) for user in fresh)
        self.replace_keys(self._keys)

    def replace_keys(self, keys: Mapping[str, User]) -> None:
        """Only these keys of the store are valid from now on, by id."""
        rate = self.pace.per_second, self.pace.burst
        self._keys = {
            id_: user if user.pace == rate else replace(user, pace=rate, bucket=TokenBucket(*rate))
            for id_, user in keys.items()
        }
        self._by_credential = {user.credential: user for user in self}

    def trust(self, provider: str | None, roles: Mapping[str, Iterable[Scope]]) -> None:
        """Persons may come from this provider (its digest); `roles`: the scopes that each gives."""
        self._provider = provider
        self._roles = {role: granted(scopes) for role, scopes in roles.items()}

    def find(self, secret: str) -> User | None:
        """Whose it is. The time taken tells nothing of any secret."""
        digest, found = digest_of(secret), None
        for user in self._tokens:  # all of them, always
            if hmac.compare_digest(user.digest, digest):
                found = user
        named = _KEY.fullmatch(secret)
        key = self._keys.get(named[1]) if named else None
        if hmac.compare_digest(key.digest if key is not None else bytes(32), digest):
            found = key
        return found if secret else None

    def has(self, user: User) -> bool:
        """A token or a key that is as it was."""
        return self._by_credential.get(user.credential) == user

    def of(self, session: Session) -> User | None:
        """Who a session belongs to now. None: nobody whom we still know."""
        if session.roles is None:
            return self._by_credential.get(session.credential)
        if session.credential not in self:
            return None
        return self._person(session, self.scopes_of(session.roles))

    def scopes_of(self, roles: Iterable[str]) -> frozenset[Scope]:
        return frozenset(scope for role in roles for scope in self._roles.get(role, ()))

    def _person(self, session: Session, scopes: frozenset[Scope]) -> User | None:
        name, provider = session.credential
        if not scopes:
            return None
        known, rate = self._persons.get(name), (self.pace.per_second, self.pace.burst)
        if known is None or (known.scopes, known.pace) != (scopes, rate):
            known = self._persons[name] = User(name, bytes.fromhex(provider), scopes, rate, TokenBucket(*rate))
            if len(self._persons) > MOST_PERSONS:
                self._persons.popitem(last=False)
        return known


def new_key() -> tuple[str, str]:
    """Its id, and the whole of it."""
    id_ = "".join(secrets.choice(_LETTERS) for _ in range(ID_LENGTH))
    return id_, f"{PREFIX}{id_}_{secrets.token_urlsafe(32)}"


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _of_token(token: Token, pace: Pace) -> User:
    digest = bytes.fromhex(token.token_sha256) if token.token_sha256 else b""
    if token.token is not None:
        digest = digest_of(token.token.get_secret_value())
    rate = pace.per_second, pace.burst
    return User(token.name, digest, granted(token.scopes), rate, TokenBucket(*rate))
