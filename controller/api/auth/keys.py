"""API keys in the store: made, changed, revoked, and known to `users`.

Owns the table. Of a key only its SHA-256 is kept. A key that was revoked here is gone at once, also while the store is
away; one that was revoked by another controller on the same store is gone within `POLL_SECONDS` and the time of a
query, and so are the sessions of the console that others ended. When each was used last is written now and then.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bridge.common.token_bucket import TokenBucket
from controller.api.auth.authenticator import Authenticator
from controller.api.auth.limits import Limits, network
from controller.api.auth.users import Use, User, Users, digest_of, new_key
from controller.config.models.api import SCOPES, Scope, granted
from controller.store.cells import text_in, text_or_none_in, whole_in
from controller.store.database import Database, StoreError
from controller.store.tables.api import api_keys as table, sessions

log = structlog.get_logger()

POLL_SECONDS = 0.75
WRITE_USE = timedelta(minutes=1)
"""So often it is written when a key was used last."""
MOST_KEYS = 1000


class NameTaken(Exception):
    """A key or a token of the config has this name."""


class UnknownKey(Exception):
    """There is no such key, or it was revoked."""


class KeyChanged(Exception):
    """Somebody else has changed the key meanwhile."""


class TooManyKeys(Exception):
    """There are `MOST_KEYS`."""


@dataclass(frozen=True, slots=True)
class Key:
    """As it is kept. `scopes`: as they were asked for, without those that they bring along."""

    id: str
    name: str
    digest: bytes
    scopes: tuple[Scope, ...]
    limits: Limits
    comment: str
    version: int
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class ApiKeys:
    """`read()` at the start; `run()` until cancelled, then `finish()`."""

    def __init__(self, database: Database, authenticator: Authenticator) -> None:
        self._database = database
        self._authenticator = authenticator
        self._keys: dict[str, Key] = {}
        self._users: dict[str, User] = {}
        self._revoked: set[str] = set()
        """Ids of those that the store may still have."""
        self._written: dict[str, datetime] = {}
        """By id, the latest use that the store has."""
        self._one = asyncio.Lock()
        self._away = False
        self._seen: tuple[Any, ...] = ()
        """The state of the store that was read last."""

    @property
    def users(self) -> Users:
        return self._authenticator.users

    def all(self) -> list[Key]:
        """The newest first."""
        return sorted(self._keys.values(), key=lambda each: (each.created_at, each.id), reverse=True)

    def get(self, id_: str) -> Key:
        """Raises UnknownKey."""
        if id_ not in self._keys:
            raise UnknownKey
        return self._keys[id_]

    def use_of(self, id_: str) -> Use:
        return self._users[id_].use if id_ in self._users else Use()

    # ------------------------------------------------------------ changes

    async def create(
        self, name: str, scopes: tuple[Scope, ...], limits: Limits, comment: str, by: str
    ) -> tuple[Key, str]:
        """The key and its secret, which is nowhere else. Raises NameTaken, TooManyKeys, StoreError."""
        id_, secret = new_key()
        now = datetime.now(UTC)
        key = Key(id_, name, digest_of(secret), scopes, limits, comment, 1, now, by, now, by)
        async with self._one:
            if any(user.name == name for user in self.users):
                raise NameTaken
            if len(self._keys) >= MOST_KEYS:
                raise TooManyKeys
            try:
                async with self._database.writing() as store:
                    await store.execute(insert(table).values(_row(key)))
            except IntegrityError:
                raise NameTaken from None
            self._take(self._keys | {id_: key})
        return key, secret

    async def change(self, id_: str, version: int | None, by: str, **values: Any) -> Key:
        """`values`: scopes, limits, comment. `version`: the one that is changed; None: the present one. Raises
        UnknownKey, KeyChanged, StoreError."""
        async with self._one:
            old = self.get(id_)
            if version not in (None, old.version):
                raise KeyChanged
            new = replace(old, **values, version=old.version + 1, changed_at=datetime.now(UTC), changed_by=by)
            async with self._database.writing() as store:
                wanted = update(table).where(table.c.id == id_, table.c.version == old.version).values(_row(new))
                if (await store.execute(wanted)).rowcount != 1:
                    raise KeyChanged
            self._take(self._keys | {id_: new})
        return new

    async def revoke(self, id_: str) -> Key:
        """It fails from now on. Raises UnknownKey, and StoreError where the store does not know of it yet."""
        key = self.get(id_)
        self._revoked.add(id_)
        self._take({each: other for each, other in self._keys.items() if each != id_})
        await self._delete_revoked()
        return key

    async def _delete_revoked(self) -> None:
        async with self._one:
            gone = set(self._revoked)
            async with self._database.writing() as store:
                await store.execute(delete(table).where(table.c.id.in_(gone)))
            self._revoked -= gone

    # ------------------------------------------------------------ the store

    async def read(self) -> None:
        """Raises StoreError."""
        async with self._one:
            async with self._database.reading() as store:
                rows = (await store.execute(select(table))).all()
            self._take({key.id: key for key in map(_key, rows) if key is not None and key.id not in self._revoked})
            for row in rows:
                self._see_use(row)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self._turn()

    async def finish(self) -> None:
        """Writes what is not written yet."""
        try:
            if self._revoked:
                await self._delete_revoked()
            await self._write_uses(timedelta())
        except StoreError as error:
            log.error("what became of API keys is not written: the store is away", reason=str(error))

    async def _turn(self) -> None:
        try:
            if self._revoked:
                await self._delete_revoked()
            if self._database.shared and (state := await self._state()) != self._seen:
                await self.read()
                await self._authenticator.sessions.follow(self.users)
                self._seen = state
            await self._write_uses(WRITE_USE)
        except StoreError as error:
            if not self._away:
                log.warning("API keys are as they were last: the store is away", reason=str(error))
            self._away = True
            return
        self._away = False

    async def _state(self) -> tuple[Any, ...]:
        """Differs after each change of keys or sessions, whoever made it."""
        keys = select(func.count(), func.sum(table.c.version), func.max(table.c.changed_at)).select_from(table)
        mine = select(func.count(), func.max(sessions.c.used_at), func.max(sessions.c.began_at)).select_from(sessions)
        async with self._database.reading() as store:
            return (*(await store.execute(keys)).one(), *(await store.execute(mine)).one())

    async def _write_uses(self, after: timedelta) -> None:
        long_ago = datetime.min.replace(tzinfo=UTC)
        fresh = {
            id_: replace(user.use)
            for id_, user in self._users.items()
            if user.use.at is not None and abs(user.use.at - self._written.get(id_, long_ago)) > after
        }
        if not fresh:
            return
        async with self._database.writing() as store:
            for id_, use in fresh.items():
                values = {"used_at": use.at, "used_from": (use.source or "")[:64] or None}
                await store.execute(update(table).where(table.c.id == id_).values(values))
        self._written.update({id_: use.at for id_, use in fresh.items() if use.at is not None})

    def _see_use(self, row: Row[Any]) -> None:
        user, at = self._users.get(row.id), row.used_at
        if user is None or not isinstance(at, datetime):
            return
        self._written[row.id] = at
        if user.use.at is None or user.use.at < at:
            user.use.at, user.use.source = at, text_or_none_in(row.used_from)

    def _take(self, keys: Mapping[str, Key]) -> None:
        """These keys are valid from now on. Streams and sessions of others end."""
        if keys == self._keys:
            return
        before, self._keys = self._users, dict(keys)
        self._users = {key.id: _user(key, before.get(key.id), self.users) for key in keys.values()}
        self._written = {id_: at for id_, at in self._written.items() if id_ in keys}
        self.users.replace_keys(self._users)
        if gone := before.keys() - keys.keys():
            log.info("API keys are gone", keys=sorted(gone), sessions_ended=self._authenticator.end_sessions())


def _user(key: Key, before: User | None, users: Users) -> User:
    """A key that was changed keeps what is left of its pace, and its latest use."""
    scopes = granted(key.scopes)
    if before is not None:
        return replace(before, scopes=scopes, limits=key.limits)
    rate = users.pace.per_second, users.pace.burst
    return User(key.name, key.digest, scopes, rate, TokenBucket(*rate), limits=key.limits, key=key.id)


def _row(key: Key) -> dict[str, Any]:
    limits = key.limits
    return {
        "id": key.id,
        "name": key.name,
        "sha256": key.digest.hex(),
        "scopes": list(key.scopes),
        "limits": {
            "agents": sorted(limits.agents) if limits.agents is not None else None,
            "trunks": sorted(limits.trunks) if limits.trunks is not None else None,
            "sources": [str(each) for each in limits.sources] if limits.sources is not None else None,
            "expires_at": limits.expires_at.isoformat() if limits.expires_at is not None else None,
        },
        "comment": key.comment,
        "version": key.version,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "changed_at": key.changed_at,
        "changed_by": key.changed_by,
    }


def _key(row: Row[Any]) -> Key | None:
    """None for a row that can't be read: such a key opens nothing."""
    try:
        agents, trunks, sources = (_texts(row.limits[name]) for name in ("agents", "trunks", "sources"))
        limits = Limits(
            agents=frozenset(agents) if agents is not None else None,
            trunks=frozenset(trunks) if trunks is not None else None,
            sources=tuple(map(network, sources)) if sources is not None else None,
            expires_at=_moment(row.limits["expires_at"]),
        )
        scopes: tuple[Any, ...] = _texts(row.scopes) or ()
        if not set(scopes) <= set(SCOPES) or not isinstance(row.created_at, datetime) or not row.changed_at:
            raise ValueError
        return Key(
            *(text_in(row.id), text_in(row.name), bytes.fromhex(row.sha256), scopes, limits, text_in(row.comment)),
            *(whole_in(row.version), row.created_at, text_in(row.created_by), row.changed_at, text_in(row.changed_by)),
        )
    except (ValueError, TypeError, KeyError):
        log.error("an API key can't be read in the store; it opens nothing", key=text_in(row.id)[:16])
        return None


def _texts(value: Any) -> tuple[str, ...] | None:
    """Raises ValueError for what is not a list of texts."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError
    return tuple(value)


def _moment(value: Any) -> datetime | None:
    """Raises ValueError and TypeError for what is no moment with a time zone."""
    return datetime.fromisoformat(value).astimezone(UTC) if value is not None else None
