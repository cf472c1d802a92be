"""What of a configuration may change while the controller runs. [pure]"""

from collections.abc import Iterator, Mapping

from controller.config.models.root import Config

RESTART = ("asterisk", "store", "records", "shutdown", "traces", "canary", "softphone", "cluster")
"""Sections that are read at the start only."""
AT_ONCE: Mapping[str, tuple[str, ...]] = {"api": ("tokens", "rate"), "bridge": ("tokens", "token", "allowed_hosts")}
"""Keys of sections whose other keys are read at the start only."""


def waiting(before: Config, after: Config) -> list[str]:
    """Dotted keys that differ and count after a restart only."""
    found = [name for name in RESTART if getattr(before, name) != getattr(after, name)]
    for section, at_once in AT_ONCE.items():
        was, will = getattr(before, section), getattr(after, section)
        later = [name for name in type(will).model_fields if name not in at_once]
        found += [f"{section}.{name}" for name in later if getattr(was, name) != getattr(will, name)]
    return [*found, *(["resources.source"] if before.resources.source != after.resources.source else [])]


def changed(before: Config, after: Config) -> list[str]:
    """Dotted keys that differ and count at once; of sections with names, the names."""
    found: list[str] = []
    for section in type(after).model_fields:
        if section not in (*RESTART, *AT_ONCE, "resources"):
            found += _changed(section, getattr(before, section), getattr(after, section))
    for section, at_once in AT_ONCE.items():
        was, is_now = getattr(before, section), getattr(after, section)
        found += [f"{section}.{name}" for name in at_once if getattr(was, name) != getattr(is_now, name)]
    return found


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
    parts = {
        section: getattr(before, section).model_copy(
            update={name: getattr(getattr(after, section), name) for name in at_once}
        )
        for section, at_once in AT_ONCE.items()
    }
    resources = after.resources.model_copy(update={"source": before.resources.source})
    kept = {name: getattr(before, name) for name in RESTART}
    return after.model_copy(update=kept | parts | {"resources": resources})
