"""The state of a worker as its metrics tell it. [pure]"""

from dataclasses import dataclass

from bridge import contract


@dataclass(frozen=True, slots=True)
class Linked:
    """A controller that the worker serves. `address`: host and port of its link."""

    address: str
    up: bool
    """It hears the worker."""
    sessions: int
    """Its calls here."""


@dataclass(frozen=True, slots=True)
class Now:
    """The state of the worker at a scrape."""

    load: contract.Load
    capacity: int
    linked: bool
    """The (first) controller hears it."""
    refused: int = 0
    """Events and commands of its links that were dropped."""
    shared_by: tuple[Linked, ...] = ()
    """Empty unless it serves several."""
