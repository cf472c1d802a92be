"""What a call knows of legs that hold us, and of sound that Asterisk drops. [pure]"""

from dataclasses import dataclass, field
from datetime import datetime

from controller.calls.machine import inputs


@dataclass(slots=True)
class CallerHold:
    """For `rows.caller_hold`."""

    legs: dict[str, datetime] = field(default_factory=dict)
    """Legs that have us on hold, and since when."""
    paused_at: datetime | None = None
    """The agent is paused because of it, since then."""
    notes: list[str] = field(default_factory=list, repr=False)
    """What the agent is to be told when the person is back."""


@dataclass
class InboundAudio:
    """For `rows.inbound_audio`."""

    ceased: bool = False
    """The worker hears nothing from whom the agent talks with."""
    looks: int = 0
    """How often Asterisk was asked about the leg since sound ceased."""
    losses: int = 0
    """`Call.losses` when sound ceased: what a lost worker has told does not hold for the next one."""
    counted: dict[str, tuple[inputs.RtpCounted, datetime]] = field(default_factory=dict)
    """What Asterisk had received by leg, and when it said so."""
    rejoined: int = 0
    """How often a leg has joined anew, in this call."""
    in_vain: int = 0
    """How often in a row that did not help."""
    rejoined_at: list[datetime] = field(default_factory=list)
    """When legs have joined anew, in the last minute."""
    watching: bool = False
    """The legs of several people are looked at."""
