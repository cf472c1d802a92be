"""Makes the configuration in force: of the config file, and of what is published in the store.

Owns the order of all that changes it (reading the file again, publishing, what another controller on the same store has
published), one after the other. Whatever has any error changes nothing. Each configuration is checked as a whole, in a
thread beside the calls.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from controller.config import Config, ConfigErrors, ConfigFile, CurrentConfig, reload
from controller.config.current import Trial
from controller.config.errors import ConfigError
from controller.config.resources import SECTIONS, Content, Key, taken_from, without_secrets
from controller.store.database import StoreError
from controller.versions.repository import (
    NO_DRAFT,
    NO_TRIAL,
    EditConflict,
    Published,
    Resource,
    RevisionConflict,
    Source,
    Tried,
    VersionStore,
    Writing,
)

log = structlog.get_logger()

LOOK_SECONDS = 0.5
"""How often it is looked whether another controller has published something."""
AWAY_SECONDS = 5.0
WRITE_SECONDS = 0.7
"""What a reload waits for the store; it counts all the same."""
TRIES = 5

BY_FILE, IMPORTED = "file", "imported from the config file"

Read = Callable[[], ConfigFile]
"""Reads the config file again. Raises ConfigErrors."""
Applied = Callable[[Config, Config], Awaitable[None]]
"""Told of the configurations before and after."""


class Edit(Protocol):
    """A change of what is published."""

    def contents(self, published: Published) -> Mapping[Key, Content | None]:
        """What is to be published by it; None: the resource is deleted. Raises what is to refuse it."""

    def trials(self, published: Published) -> Mapping[Key, Tried | None]:
        """What changes of the versions that get a share of calls; None: it has none any more."""

    async def write(self, writing: Writing, published: Published) -> None: ...


@dataclass(frozen=True, slots=True)
class Reloaded:
    """`changed`: keys that count from now on. `restart`: keys that count after a restart only. `ignored`: sections that
    the store has in place of the file."""

    changed: tuple[str, ...]
    restart: tuple[str, ...]
    ignored: tuple[str, ...] = ()


class TooManyPublish(Exception):
    """Others publish all the time."""


async def _nobody(_: Config, __: Config) -> None: ...


class Publisher:
    """`start()` before anything else runs, then `run()` until cancelled. `applied` may be set in between."""

    def __init__(self, file: ConfigFile, store: VersionStore, read: Read | None = None, *, shared: bool) -> None:
        """`shared`: other controllers may write to the store."""
        self._file = file
        self._from_store = file.from_store
        self.store = store
        self._read = read
        self._shared = shared
        self._one = asyncio.Lock()
        self._published = Published(0, "file", {})
        self._unwritten = False
        """The file's resources are not in the store yet."""
        self._refused = 0
        """A revision of another controller that can't be used here."""
        self.current = CurrentConfig(file.config)
        self.applied: Applied = _nobody

    @property
    def from_store(self) -> bool:
        """False: the config file has the resources, and nobody else writes them."""
        return self._from_store

    @property
    def file(self) -> ConfigFile:
        return self._file

    @property
    def ignored(self) -> list[str]:
        """Sections that the store has in place of the file."""
        return sorted(SECTIONS & self._file.raw.keys()) if self._from_store else []

    async def start(self) -> CurrentConfig:
        """Raises ConfigErrors, StoreError."""
        for left in reversed(range(TRIES)):
            try:
                return await self._start()
            except (EditConflict, RevisionConflict) as conflict:  # another controller starts at the same moment
                if not left:
                    raise StoreError("other controllers write the configuration all the time") from conflict
        raise AssertionError("the last try returns or raises")

    async def _start(self) -> CurrentConfig:
        published = await self.store.read()
        if not self._from_store:
            published = await self._written(self._file, published)
            config = self._file.config
        else:
            if published.source == "file":  # nobody has imported them yet
                imported = await asyncio.to_thread(self._file.importable)
                published = await self._imported(imported, published)
                log.warning(
                    "the config file's agents, routes and the like are in the store now", resources=len(imported)
                )
            config = await asyncio.to_thread(self._file.with_resources, published.contents())
            if ignored := self.ignored:
                log.info("sections of the config file are ignored: the store has them", sections=ignored)
        trials = await self._trials_there(published)
        self.current = CurrentConfig(counted(config, published), trials)
        self._published = published
        return self.current

    async def run(self) -> None:
        """Follows what other controllers publish; writes down what could not be written."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except StoreError as error:
                log.debug("the store can't be asked for what is published", reason=str(error))
                await asyncio.sleep(AWAY_SECONDS)

    async def _look(self) -> None:
        if self._unwritten:
            async with self._one:
                await self._write_down()
                await self._take(self.current.config, self._published, {})
        if not (self._shared and self._from_store):
            return
        revision = await self.store.revision()
        if revision in (self._published.revision, self._refused):
            return
        async with self._one:
            published = await self.store.read()
            if published.revision == self._published.revision:
                return
            log.info("another controller has published", revision=published.revision)
            await self._adopt(published)

    async def _adopt(self, published: Published) -> None:
        try:
            config = await asyncio.to_thread(self._file.with_resources, published.contents())
        except ConfigErrors as errors:
            self._refused = published.revision
            told("what was published can't be used here: nothing was changed", errors)
            return
        await self._take(config, published, await self._trials_there(published))

    # ------------------------------------------------------------ the file

    async def reload(self) -> Reloaded:
        """Raises ConfigErrors: nothing was changed."""
        async with self._one:
            if self._read is None:
                raise ConfigErrors([ConfigError("", "", "can't be read again")], self._file.source)
            fresh = await asyncio.to_thread(self._read)
            before = self.current.config
            trials: Mapping[str, Trial] = {}
            if self._from_store:  # `resources.source` itself needs a restart
                contents = self._published.contents()
                config = await asyncio.to_thread(fresh.with_resources, contents)
                trials = await _tried(fresh, contents, self._published.trials())
            else:
                config = await asyncio.to_thread(fresh.whole) if fresh.from_store else fresh.config
            waits, now = reload.waiting(before, config), reload.changed(before, config)
            self._file, self._unwritten = fresh, not self._from_store
            log.warning("the config file was read again", changed=now, after_a_restart=waits, ignored=self.ignored)
            if self._unwritten:
                await self._write_down()
            await self._take(config, self._published, trials)
            return Reloaded(tuple(now), tuple(waits), tuple(self.ignored))

    async def _write_down(self) -> None:
        """The file's resources become versions. While the store is away, those that are new have no number."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                self._published = await self._written(self._file, await self.store.read())
            self._unwritten = False
        except (StoreError, RevisionConflict, EditConflict, TimeoutError) as error:
            log.warning("the versions of the config file can't be written down yet", reason=str(error))
            self._published = replace(self._published, resources=self._same(self._published))

    def _same(self, published: Published) -> dict[Key, Resource]:
        """What is written down as the file has it."""
        contents = _contents(self._file)
        known = published.resources.items()
        return {key: each for key, each in known if each.published and each.published.content == contents.get(key)}

    async def _written(self, file: ConfigFile, published: Published) -> Published:
        """Those that differ from what is written down become new versions."""
        return await self._recorded(_contents(file), published, "file", file.source)

    async def _imported(self, contents: Mapping[Key, Content], published: Published) -> Published:
        return await self._recorded(contents, published, "store", IMPORTED)

    async def _recorded(
        self, contents: Mapping[Key, Content], published: Published, source: Source, comment: str
    ) -> Published:
        known = published.resources
        gone = [each for key, each in known.items() if key not in contents and each.published]
        fresh = {
            key: content
            for key, content in contents.items()
            if key not in known or (at := known[key].published) is None or at.content != content
        }
        if not gone and not fresh and published.revision and published.source == source:
            return published
        async with self.store.writing() as writing:
            for key, content in fresh.items():
                upon = await writing.find(key) or await writing.make(key)
                number = await writing.add_version(
                    upon, content, by=BY_FILE, comment=comment[:500], at=datetime.now(UTC)
                )
                await writing.change(upon, published=number, latest=number, **NO_DRAFT, **NO_TRIAL)
            for each in gone:
                await writing.change(each, published=None, **NO_DRAFT, **NO_TRIAL)
            await writing.published(published.revision, source)
        return await self.store.read()

    # ------------------------------------------------------------ the store

    async def publish(self, edit: Edit) -> Published:
        """Returns what is published now; it counts already. Raises ConfigErrors, EditConflict, StoreError,
        TooManyPublish, and what `edit` raises: nothing was changed then."""
        async with self._one:
            for _ in range(TRIES):
                published = await self.store.read()
                changed = edit.contents(published)
                config = await self._checked(changed, published)
                wanted = {key: each for key, each in {**published.trials(), **edit.trials(published)}.items() if each}
                trials = await _tried(self._file, _there({**published.contents(), **changed}), wanted)
                try:
                    async with self.store.writing() as writing:
                        await edit.write(writing, published)
                        await writing.published(published.revision, "store")
                except RevisionConflict:
                    continue
                now = await self.store.read()
                if now.revision == published.revision + 1:
                    await self._take(config, now, trials)
                else:  # another controller has published in the same moment
                    await self._adopt(now)
                return self._published
        raise TooManyPublish

    async def check(self, contents: Mapping[Key, Content | None]) -> Config:
        """The configuration that would be in force if these were published. Raises ConfigErrors."""
        return await self._checked(contents, await self.store.read())

    async def _checked(self, changed: Mapping[Key, Content | None], published: Published) -> Config:
        now = published.contents() if self._from_store else taken_from(self._file.raw)
        contents = _there({**now, **changed})
        return await asyncio.to_thread(self._file.with_resources, contents, stored=self._from_store)

    async def with_agent(self, name: str, version: int | None) -> Config:
        """The configuration in force, with this version of the agent where the store has it and it can still be used:
        for calls that began with it. Raises StoreError."""
        config = self.current.config
        if version is None or config.agent_versions.get(name) == version:
            return config
        kept = await self.store.version(("agents", name), version)
        if kept is None:
            return config
        try:
            older = await self._checked({("agents", name): kept.content}, self._published)
        except ConfigErrors as errors:
            told("an older version of an agent can't be used any more: its calls get the present one", errors)
            return config
        agents = {**config.agents, name: older.agents[name]}
        counts = {**config.agent_versions, name: version}
        return config.model_copy(update={"agents": agents}).with_agent_versions(counts)

    # ------------------------------------------------------------ what is in force

    async def _take(self, config: Config, published: Published, trials: Mapping[str, Trial]) -> None:
        before = self.current.config
        self._published = published
        self.current.replace(counted(reload.in_force(before, config), published), trials)
        await self.applied(before, self.current.config)

    async def _trials_there(self, published: Published) -> dict[str, Trial]:
        """One that can't be used here (any more) keeps nobody from being answered."""
        if not self._from_store:
            return {}
        try:
            return await _tried(self._file, published.contents(), published.trials())
        except ConfigErrors as errors:
            told("a version that is to get a share of calls can't be used: it gets none", errors)
            return {}


def _contents(file: ConfigFile) -> dict[Key, Content]:
    return {key: without_secrets(key, each) for key, each in taken_from(file.raw).items()}


def _there(contents: Mapping[Key, Content | None]) -> dict[Key, Content]:
    return {key: each for key, each in contents.items() if each is not None}


async def _tried(file: ConfigFile, contents: Mapping[Key, Content], wanted: Mapping[Key, Tried]) -> dict[str, Trial]:
    """Raises ConfigErrors: such a version does not fit the rest of the configuration."""
    found = {}
    for key, tried in wanted.items():
        config = await asyncio.to_thread(file.with_resources, {**contents, key: tried.version.content})
        found[key[1]] = Trial(tried.version.version, tried.share, config.agents[key[1]])
    return found


def counted(config: Config, published: Published) -> Config:
    """With the versions of its agents."""
    agents = [(key[1], each.published) for key, each in published.resources.items() if key[0] == "agents"]
    return config.with_agent_versions({name: version.version for name, version in agents if version is not None})


def told(what: str, errors: ConfigErrors) -> None:
    """Into the log, each error on a line of its own."""
    log.error(what, source=errors.source, errors=len(errors.errors))
    for each in errors.errors:
        log.error("in the config", key=each.path or "(the file)", line=each.line, wrong=each.message, fix=each.hint)
