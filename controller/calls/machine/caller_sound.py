"""What a call knows of the sound and the hold of whoever it talks to. [pure]"""

from dataclasses import dataclass, field
from datetime import datetime

from controller.calls.machine import inputs


@dataclass(slots=True)
class CallerHold:
    legs: dict[str, datetime] = field(default_factory=dict)
    """Those that hold, and since when."""
    paused_at: datetime | None = None
    """The agent is paused because of it, since then."""
    notes: list[str] = field(default_factory=list, repr=False)
    """What rows had to tell the agent meanwhile."""


@dataclass
class InboundAudio:
    """What a call knows of it."""

    ceased: bool = False
    looks: int = 0
    """At the leg, since sound ceased."""
    losses: int = 0
    """Of the agent, when sound ceased: what an agent that is lost has told does not hold for the next one."""
    counted: dict[str, tuple[inputs.RtpCounted, datetime]] = field(default_factory=dict)
    rejoined: int = 0
    """How often a leg has joined anew, in this call."""
    in_vain: int = 0
    """In a row."""
    at: list[datetime] = field(default_factory=list)
    """When, in the last minute."""
    watching: bool = False
    """The legs of several people are looked at."""
