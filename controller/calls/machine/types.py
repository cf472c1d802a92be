"""Types that the plan, the inputs and the commands of a call share. [pure]"""

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["inbound", "outbound"]
TransferKind = Literal["blind", "attended", "refer"]
SupervisionMode = Literal["listen", "whisper", "take_over"]
ParticipantState = Literal["ringing", "joined", "left", "failed"]
TransferState = Literal["ringing", "consulting", "answered", "failed"]
SupervisionState = Literal["ringing", "on", "left", "failed"]
RecordingState = Literal["on", "paused", "off"]


ANYBODY = "*"
"""Instead of the name of a user."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a transfer or an outbound call goes. Numbers are in it, which `repr` leaves out."""

    dial: str = field(repr=False)
    """What Asterisk dials, such as `PJSIP/4930@trunk` or `Local/9001@internal/n`."""
    shown: str = field(repr=False)
    """What a person asked for."""
    caller_id: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    """Seconds that it may ring."""
    trunk: str | None = None
    """The trunk over which it is dialled, whose limits it counts for. None: a place in the dialplan."""
    browser: str | None = field(default=None, repr=False)
    """Instead of `dial`: a user who answers in the console, or `ANYBODY` who is available there."""
    kind: TransferKind = "blind"
    """How a transfer there is made. For `refer`, `dial` is where the trunk is told to send the person."""
