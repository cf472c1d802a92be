"""Resources and their versions in the store: the SQL. Raises StoreError.

Owns that two editors, or two controllers, never overwrite each other: each change of a resource counts its `edit` up
and says which one it was made upon; each publication counts the revision of the whole up likewise.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.config.resources import Content, Key
from controller.store.database import Database
from controller.store.tables.resources import config_state, resource_versions as versions, resources

Source = Literal["file", "store"]


class EditConflict(Exception):
    """Somebody else has changed the resource since."""


class RevisionConflict(Exception):
    """Somebody else has published something since."""


@dataclass(frozen=True, slots=True)
class Version:
    version: int
    by: str
    at: datetime
    comment: str
    content: Content = field(repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    by: str
    at: datetime
    content: Content = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tried:
    """A version that gets `share` of 100 calls."""

    version: Version
    share: int


@dataclass(frozen=True, slots=True)
class Resource:
    """`published` None: it is deleted, or only a draft."""

    key: Key
    edit: int
    latest: int
    published: Version | None
    trial: Tried | None
    draft: Draft | None

    @property
    def exists(self) -> bool:
        return self.published is not None or self.draft is not None


@dataclass(frozen=True, slots=True)
class Published:
    """All that is published, at one moment. `source`: who has written it."""

    revision: int
    source: Source
    resources: Mapping[Key, Resource] = field(repr=False)
    """Of those that exist, in the order in which they were made."""

    def contents(self) -> dict[Key, Content]:
        return {key: each.published.content for key, each in self.resources.items() if each.published}

    def trials(self) -> dict[Key, Tried]:
        return {key: each.trial for key, each in self.resources.items() if each.published and each.trial}


class VersionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def revision(self) -> int:
        """0: nothing has been published yet."""
        async with self._database.reading() as store:
            return (await store.execute(select(config_state.c.revision))).scalar() or 0

    async def read(self) -> Published:
        async with self._database.reading() as store:
            state = (await store.execute(select(config_state))).one_or_none()
            rows = (await store.execute(select(resources).order_by(resources.c.number))).all()
            wanted = {(row.kind, row.name, number) for row in rows for number in (row.published, row.trial) if number}
            found = (await store.execute(_current())).all() if wanted else []
        known = {(row.kind, row.name, row.version): _version(row) for row in found}
        made = {(row.kind, row.name): _resource(row, known) for row in rows}
        there = {key: each for key, each in made.items() if each.exists}
        return Published(state.revision if state else 0, state.source if state else "file", there)

    async def find(self, key: Key) -> Resource | None:
        """Also one that was deleted."""
        async with self._database.reading() as store:
            return await _find(store, key)

    async def version(self, key: Key, number: int) -> Version | None:
        async with self._database.reading() as store:
            row = (await store.execute(_versions_of(key).where(versions.c.version == number))).one_or_none()
        return _version(row) if row is not None else None

    async def versions(self, key: Key, *, before: int | None, limit: int) -> list[Version]:
        """Newest first."""
        wanted = _versions_of(key).order_by(versions.c.version.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(versions.c.version < before)
        async with self._database.reading() as store:
            return [_version(row) for row in (await store.execute(wanted)).all()]

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["Writing"]:
        """Changes that are kept together, or not at all."""
        try:
            async with self._database.writing() as store:
                yield Writing(store)
        except IntegrityError:  # the same was made at the same moment elsewhere
            raise EditConflict from None


class Writing:
    """One transaction."""

    def __init__(self, store: AsyncConnection) -> None:
        self._store = store

    async def find(self, key: Key) -> Resource | None:
        return await _find(self._store, key)

    async def make(self, key: Key) -> Resource:
        """A new one, without anything. Raises IntegrityError."""
        kind, name = key
        await self._store.execute(insert(resources).values(kind=kind, name=name, edit=0, latest=0))
        return Resource(key, 0, 0, None, None, None)

    async def add_version(self, upon: Resource, content: Content, *, by: str, comment: str, at: datetime) -> int:
        """Its number. To be published, or not, by `change`."""
        (kind, name), number = upon.key, upon.latest + 1
        row = {"kind": kind, "name": name, "version": number, "content": content, "by": by, "at": at}
        await self._store.execute(insert(versions).values(**row, comment=comment))
        return number

    async def change(self, upon: Resource, **values: Any) -> None:
        """Columns of `resources`. Raises EditConflict: it is not as `upon` any more."""
        kind, name = upon.key
        same = (resources.c.kind == kind, resources.c.name == name, resources.c.edit == upon.edit)
        changed = await self._store.execute(update(resources).where(*same).values(edit=upon.edit + 1, **values))
        if changed.rowcount != 1:
            raise EditConflict

    async def published(self, upon: int, source: Source) -> int:
        """Something was published, upon this revision. Returns the next one. Raises RevisionConflict."""
        values = {"revision": upon + 1, "source": source}
        if upon == 0:
            await self._store.execute(insert(config_state).values(id=1, **values))
            return 1
        changed = await self._store.execute(
            update(config_state).where(config_state.c.revision == upon).values(**values)
        )
        if changed.rowcount != 1:
            raise RevisionConflict
        return upon + 1


NO_DRAFT: Mapping[str, Any] = {"draft": None, "draft_by": None, "draft_at": None}
NO_TRIAL: Mapping[str, Any] = {"trial": None, "share": None}


def _current() -> Any:
    """The versions that are published, or get a share of the calls."""
    same = (versions.c.kind == resources.c.kind) & (versions.c.name == resources.c.name)
    either = (versions.c.version == resources.c.published) | (versions.c.version == resources.c.trial)
    return select(versions).join(resources, same & either)


def _versions_of(key: Key) -> Any:
    return select(versions).where(versions.c.kind == key[0], versions.c.name == key[1])


async def _find(store: AsyncConnection, key: Key) -> Resource | None:
    of = (resources.c.kind == key[0], resources.c.name == key[1])
    row = (await store.execute(select(resources).where(*of))).one_or_none()
    if row is None:
        return None
    found: Sequence[Row[Any]] = (
        await store.execute(_versions_of(key).where(versions.c.version.in_([row.published or 0, row.trial or 0])))
    ).all()
    return _resource(row, {(each.kind, each.name, each.version): _version(each) for each in found})


def _resource(row: Row[Any], known: Mapping[tuple[str, str, int], Version]) -> Resource:
    key = row.kind, row.name
    draft = Draft(row.draft_by or "", row.draft_at or datetime.now(UTC), row.draft) if row.draft is not None else None
    published, tried = known.get((*key, row.published or 0)), known.get((*key, row.trial or 0))
    trial = Tried(tried, row.share) if tried is not None and row.share else None
    return Resource(key, row.edit, row.latest, published, trial, draft)


def _version(row: Row[Any]) -> Version:
    return Version(row.version, row.by, row.at, row.comment, row.content)
