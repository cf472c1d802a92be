"""What may be done to resources: each is a change of what is published (`publisher.Edit`), or of a draft.

Owns whose change may go ahead: one that was made upon what is there now (`Upon`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controller.config.resources import Content, Key
from controller.versions.repository import NO_DRAFT, NO_TRIAL, EditConflict, Published, Resource, Tried, Writing


class NoSuchResource(Exception):
    """The text is for people."""


@dataclass(frozen=True, slots=True)
class Upon:
    """What somebody has seen before the change: an `edit`, nothing at all (None), or `anything`."""

    edit: int | None = None
    anything: bool = False

    def check(self, found: Resource | None) -> None:
        """Raises EditConflict."""
        there = found if found is not None and found.exists else None
        if not self.anything and (there.edit if there else None) != self.edit:
            raise EditConflict


def existing(key: Key, found: Resource | None) -> Resource:
    """Raises NoSuchResource."""
    if found is None or not found.exists:
        raise NoSuchResource(f"There is no resource `{key[1]}` of the kind `{key[0]}`.")
    return found


class _Edit:
    """By rule a change leaves the versions that get a share of calls as they are."""

    def trials(self, published: Published) -> Mapping[Key, Tried | None]:
        return {}


@dataclass(frozen=True)
class PublishDraft(_Edit):
    key: Key
    upon: Upon
    by: str
    comment: str
    at: datetime

    def contents(self, published: Published) -> Mapping[Key, Content | None]:
        found = existing(self.key, published.resources.get(self.key))
        self.upon.check(found)
        if found.draft is None:
            raise NoSuchResource("It has no draft that could be published.")
        return {self.key: found.draft.content}

    async def write(self, writing: Writing, published: Published) -> None:
        found = published.resources[self.key]
        assert found.draft is not None, "`contents` has looked"
        await _new_version(writing, found, found.draft.content, self)


@dataclass(frozen=True)
class PublishContent(_Edit):
    """What an older version says, again. It becomes a new version; the draft stays."""

    key: Key
    upon: Upon
    by: str
    comment: str
    at: datetime
    content: Content = field(repr=False)

    def contents(self, published: Published) -> Mapping[Key, Content | None]:
        self.upon.check(existing(self.key, published.resources.get(self.key)))
        return {self.key: self.content}

    async def write(self, writing: Writing, published: Published) -> None:
        await _new_version(writing, published.resources[self.key], self.content, self, keep_draft=True)


@dataclass(frozen=True)
class Delete(_Edit):
    key: Key
    upon: Upon

    def contents(self, published: Published) -> Mapping[Key, Content | None]:
        self.upon.check(existing(self.key, published.resources.get(self.key)))
        return {self.key: None}

    def trials(self, published: Published) -> Mapping[Key, Tried | None]:
        return {self.key: None}

    async def write(self, writing: Writing, published: Published) -> None:
        await writing.change(published.resources[self.key], published=None, **NO_DRAFT, **NO_TRIAL)


@dataclass(frozen=True)
class SetTrial(_Edit):
    """A version gets a share of an agent's calls; None: none does any more."""

    key: Key
    upon: Upon
    tried: Tried | None

    def contents(self, published: Published) -> Mapping[Key, Content | None]:
        found = existing(self.key, published.resources.get(self.key))
        self.upon.check(found)
        if found.published is None:
            raise NoSuchResource("It has no published version beside which another one could be tried.")
        return {}

    def trials(self, published: Published) -> Mapping[Key, Tried | None]:
        return {self.key: self.tried}

    async def write(self, writing: Writing, published: Published) -> None:
        tried, found = self.tried, published.resources[self.key]
        values = {"trial": tried.version.version, "share": tried.share} if tried is not None else NO_TRIAL
        await writing.change(found, **values)


@dataclass(frozen=True)
class Import(_Edit):
    """Everything of the sections that a file has: what is missing there is deleted."""

    new: Mapping[Key, Content] = field(repr=False)
    kinds: frozenset[str]
    by: str
    comment: str
    at: datetime

    def contents(self, published: Published) -> Mapping[Key, Content | None]:
        return {**dict.fromkeys(self._gone(published)), **self.new}

    def trials(self, published: Published) -> Mapping[Key, Tried | None]:
        return dict.fromkeys(self._gone(published))

    def _gone(self, published: Published) -> list[Key]:
        return [key for key in published.resources if key[0] in self.kinds and key not in self.new]

    def changed(self, published: Published) -> dict[Key, Content | None]:
        """What differs from what is published."""
        now = published.contents()
        gone: dict[Key, Content | None] = {key: None for key in self._gone(published) if key in now}
        return gone | {key: each for key, each in self.new.items() if key not in now or now[key] != each}

    async def write(self, writing: Writing, published: Published) -> None:
        for key, content in self.changed(published).items():
            found = published.resources.get(key) or await writing.find(key) or await writing.make(key)
            if content is None:
                await writing.change(found, published=None, **NO_DRAFT, **NO_TRIAL)
            else:
                await _new_version(writing, found, content, self)


async def _new_version(
    writing: Writing, upon: Resource, content: Content, edit: Any, *, keep_draft: bool = False
) -> None:
    number = await writing.add_version(upon, content, by=edit.by, comment=edit.comment, at=edit.at)
    rest = {} if keep_draft else NO_DRAFT
    await writing.change(upon, published=number, latest=number, **rest)
