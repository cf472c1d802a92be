"""What of a configuration may change while the controller runs. [pure]"""

from collections.abc import Iterator, Mapping

from controller.config.models.root import Config

RESTART = ("asterisk", "bridge", "store", "records", "shutdown", "traces", "canary", "softphone", "cluster")
"""Sections that are read at the start only."""
API_AT_ONCE = ("tokens", "rate")
"""Of `api`; its other keys are read at the start only."""


def waiting(before: Config, after: Config) -> list[str]:
    """Dotted keys that differ and count after a restart only."""
    found = [name for name in RESTART if getattr(before, name) != getattr(after, name)]
    later = [name for name in type(after.api).model_fields if name not in API_AT_ONCE]
    found += [f"api.{name}" for name in later if getattr(before.api, name) != getattr(after.api, name)]
    return [*found, *(["resources.source"] if before.resources.source != after.resources.source else [])]


def changed(before: Config, after: Config) -> list[str]:
    """Dotted keys that differ and count at once; of sections with names, the names."""
    found: list[str] = []
    for section in type(after).model_fields:
        if section not in (*RESTART, "api", "resources"):
            found += _changed(section, getattr(before, section), getattr(after, section))
    return [*found, *(f"api.{name}" for name in API_AT_ONCE if getattr(before.api, name) != getattr(after.api, name))]


def _changed(section: str, before: object, after: object) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [*before, *(name for name in after if name not in before)]
        yield from (f"{section}.{name}" for name in names if before.get(name) != after.get(name)) if names else ()
    else:
        yield section


def in_force(before: Config, after: Config) -> Config:
    """`after`, without what needs a restart: that is as `before`."""
    api = before.api.model_copy(update={name: getattr(after.api, name) for name in API_AT_ONCE})
    resources = after.resources.model_copy(update={"source": before.resources.source})
    kept = {name: getattr(before, name) for name in RESTART}
    return after.model_copy(update=kept | {"api": api, "resources": resources})
