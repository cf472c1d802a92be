"""The state of a worker as its metrics tell it. [pure]"""

from dataclasses import dataclass

from bridge import contract


@dataclass(frozen=True, slots=True)
class Now:
    """The state of the worker at a scrape."""

    load: contract.Load
    capacity: int
    linked: bool
    """The controller hears it."""
    refused: int = 0
    """Events and commands of the link that were dropped."""
