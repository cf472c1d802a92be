"""Drafts, publication and history of resources, as the API and the console use them.

Owns that nothing is written while the config file has the resources, and what of a draft is refused at once: what is no
resource at all, and secrets in plain text. Whether it fits the rest of the configuration is told by `check`, and
decides when it is published.
"""

import asyncio
from datetime import UTC, datetime
from typing import Literal

from controller.config import Config, ConfigErrors
from controller.config.differences import as_yaml
from controller.config.errors import ConfigError, dotted
from controller.config.resources import KINDS, ROUTES, TRUNK_LIMITS, Content, Key, parsed, path_of, unsafe, wrong_name
from controller.versions.edits import (
    Delete,
    Import,
    NoSuchResource,
    PublishContent,
    PublishDraft,
    SetTrial,
    Upon,
    existing,
)
from controller.versions.publisher import Publisher
from controller.versions.repository import NO_DRAFT, Published, Resource, Tried, Version

Which = int | Literal["published", "draft"]
DRAFT = 0
"""The number of a draft, where calls are told by the version of their agent."""


class FromFile(Exception):
    """The config file has the resources: nobody else writes them."""


class ResourceEditor:
    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._store = publisher.store

    # ------------------------------------------------------------ reading

    async def all(self, kind: str) -> list[Resource]:
        """Raises NoSuchResource for what is no kind."""
        _kind(kind)
        published = await self._store.read()
        return [each for key, each in published.resources.items() if key[0] == kind]

    async def find(self, key: Key) -> Resource:
        """Raises NoSuchResource."""
        _kind(key[0])
        return existing(key, await self._store.find(key))

    async def versions(self, key: Key, *, before: int | None, limit: int) -> list[Version]:
        """Also of one that was deleted. Raises NoSuchResource."""
        _kind(key[0])
        found = await self._store.versions(key, before=before, limit=limit)
        if not found and await self._store.find(key) is None:
            existing(key, None)
        return found

    async def version(self, key: Key, number: int) -> Version:
        """Raises NoSuchResource."""
        _kind(key[0])
        found = await self._store.version(key, number)
        if found is None:
            raise NoSuchResource(f"`{key[1]}` has no version {number}.")
        return found

    async def content(self, key: Key, which: Which) -> Content:
        """Raises NoSuchResource."""
        if isinstance(which, int):
            return (await self.version(key, which)).content
        found = await self.find(key)
        part = found.draft if which == "draft" else found.published
        if part is None:
            raise NoSuchResource(f"`{key[1]}` has no {'draft' if which == 'draft' else 'published version'}.")
        return part.content

    async def export(self) -> str:
        """Everything that is published, as sections of a config file."""
        return exported(await self._store.read())

    # ------------------------------------------------------------ drafts

    async def put_draft(self, key: Key, content: Content, *, upon: Upon, by: str) -> Resource:
        """Raises FromFile, EditConflict, ConfigErrors."""
        self._writable()
        _kind(key[0])
        self._sound(key, content)
        async with self._store.writing() as writing:
            found = await writing.find(key)
            upon.check(found)
            found = found or await writing.make(key)
            await writing.change(found, draft=content, draft_by=by, draft_at=datetime.now(UTC))
        return await self.find(key)

    async def drop_draft(self, key: Key, *, upon: Upon) -> Resource | None:
        """None: it was only a draft. Raises FromFile, EditConflict, NoSuchResource."""
        self._writable()
        async with self._store.writing() as writing:
            found = existing(key, await writing.find(key))
            upon.check(found)
            if found.draft is not None:
                await writing.change(found, **NO_DRAFT)
        found_now = await self._store.find(key)
        return found_now if found_now is not None and found_now.exists else None

    async def check(self, key: Key, content: Content | None = None) -> Config:
        """The configuration that would be in force if this, or the draft, were published: to try it. Raises
        ConfigErrors, NoSuchResource."""
        _kind(key[0])
        if content is None:
            content = await self.content(key, "draft")
        self._sound(key, content)
        return await self._publisher.check({key: content})

    async def with_agent(self, name: str, which: Which) -> Config:
        """The configuration in force with the draft, or a version, of this agent: for a call that tries it. A draft
        counts as version `DRAFT`. Raises ConfigErrors, NoSuchResource."""
        if which == "draft" and not self._publisher.from_store:
            raise NoSuchResource(
                "There are no drafts: the config file has the agents (`resources.source`). "
                "Edit it and have it read again, or name one of the versions."
            )
        key: Key = ("agents", name)
        checked = await self.check(key, await self.content(key, which))
        config = self._publisher.current.config
        agents = {**config.agents, name: checked.agents[name]}
        counts = {**config.agent_versions, name: which if isinstance(which, int) else DRAFT}
        return config.model_copy(update={"agents": agents}).with_agent_versions(counts)

    # ------------------------------------------------------------ what is published

    async def publish(self, key: Key, *, upon: Upon, by: str, comment: str) -> Resource:
        """The draft becomes a version, and counts. Raises FromFile, EditConflict, ConfigErrors, NoSuchResource."""
        self._writable()
        await self._publisher.publish(PublishDraft(key, upon, by, comment, datetime.now(UTC)))
        return await self.find(key)

    async def roll_back(self, key: Key, number: int, *, upon: Upon, by: str, comment: str) -> Resource:
        """What an older version says becomes a new version, and counts. Raises as `publish`."""
        self._writable()
        content = (await self.version(key, number)).content
        comment = comment or f"as version {number}"
        await self._publisher.publish(PublishContent(key, upon, by, comment, datetime.now(UTC), content))
        return await self.find(key)

    async def delete(self, key: Key, *, upon: Upon) -> None:
        """Raises as `publish`: ConfigErrors if anything still names it."""
        self._writable()
        _kind(key[0])
        await self._publisher.publish(Delete(key, upon))

    async def set_trial(self, key: Key, number: int, share: int, *, upon: Upon) -> Resource:
        """This version gets so many of 100 new calls of the agent, the published one the others. Raises as
        `publish`."""
        self._writable()
        if key[0] != "agents":
            raise NoSuchResource("Only agents have calls of which a version could get a share.")
        tried = Tried(await self.version(key, number), share)
        await self._publisher.publish(SetTrial(key, upon, tried))
        return await self.find(key)

    async def end_trial(self, key: Key, *, upon: Upon) -> Resource:
        """All calls get the published version. Raises as `publish`."""
        self._writable()
        await self._publisher.publish(SetTrial(key, upon, None))
        return await self.find(key)

    async def import_text(self, text: str, *, by: str, comment: str, dry_run: bool) -> list[Key]:
        """The resources of a config file, or of an export: sections that it has replace those of the store. Returns
        what changes. Raises as `publish`."""
        self._writable()
        contents, kinds = await asyncio.to_thread(parsed, text)  # PyYAML takes seconds for a big one
        edit = Import(contents, kinds, by, comment, datetime.now(UTC))
        changed = list(edit.changed(await self._store.read()))
        if dry_run:
            await self._publisher.check(edit.contents(await self._store.read()))
        elif changed:
            await self._publisher.publish(edit)
        return changed

    # ------------------------------------------------------------ inside

    def _writable(self) -> None:
        if not self._publisher.from_store:
            raise FromFile

    def _sound(self, key: Key, content: Content) -> None:
        """Raises ConfigErrors."""
        wanted = list if key[0] == "routes" else dict
        allowed = self._publisher.file.config.resources.secrets
        errors = unsafe(key, content, allowed) if self._publisher.from_store else []
        if not isinstance(content, wanted):
            errors = [ConfigError(dotted(path_of(key)), "", f"must be a {'list' if wanted is list else 'mapping'}")]
        elif key[0] != "routes" and (wrong := wrong_name(key[1])):
            errors = [ConfigError(dotted(path_of(key)), "", wrong)]
        elif key[0] == "routes" and key[1] != ROUTES:
            errors = [ConfigError("routes", "", f"all routes are one resource, named `{ROUTES}`")]
        elif key[0] == "trunk-limits" and (unknown := set(content) - set(TRUNK_LIMITS)):
            path = dotted((*path_of(key), sorted(unknown)[0]))
            errors = [ConfigError(path, "", "is no limit of a trunk", f"known here: {', '.join(TRUNK_LIMITS)}")]
        elif key[0] == "trunk-limits" and key[1] not in self._publisher.current.config.trunks:
            errors = [ConfigError(dotted(path_of(key)), "", "no such trunk", "trunks are in the config file")]
        if errors:
            raise ConfigErrors(errors, "resources")


def _kind(name: str) -> None:
    if name not in KINDS:
        raise NoSuchResource(f"There is no kind `{name}` of resources. There are: {', '.join(KINDS)}.")


def exported(published: Published) -> str:
    sections: dict[str, object] = {}
    for (kind, name), content in published.contents().items():
        if kind == "routes":
            sections["routes"] = content
        else:
            section = sections.setdefault(KINDS[kind].section, {})
            assert isinstance(section, dict)
            section[name] = content
    order = [kind.section for kind in KINDS.values() if kind.section in sections]
    return as_yaml({section: sections[section] for section in order})
