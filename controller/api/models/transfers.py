"""What requests about transfers and supervision may hold. [pure]"""

from typing import Literal

from pydantic import Field

from controller.api.models.base import Body, Name
from controller.api.models.live_calls import Words


class TransferCall(Body):
    to: Name
    """A number or extension, `sip:user@host`, `extension@context`, or a name from `transfer.targets` in the config."""
    kind: Literal["blind", "attended", "refer"] | None = None
    """blind: joined as soon as somebody answers. attended: who answers talks with the agent first, and accepts or not.
    refer: the caller's trunk does it. Without it: what the config says of the target, or of the agent."""
    announce: Words | None = Field(None, max_length=2000)
    """attended: what the agent says first to who answers, word for word; else it sums the call up."""
    timeout: float | None = Field(None, gt=0, le=300)
    """Seconds it may ring; the trunk's own if not given."""
    decide_timeout: float | None = Field(None, ge=5, le=600)
    """attended: seconds in which who answered has to accept (`transfer.decide_s`)."""


class DecideTransfer(Body):
    accept: bool


class SuperviseCall(Body):
    to: Name | None = None
    """A name from `supervisor.extensions` in the config, to be called. Without it the supervisor who is there already
    does something else."""
    mode: Literal["listen", "whisper", "take_over"] = "listen"
    """listen: hears both sides. whisper: the colleague to whom the caller was transferred hears the supervisor, too.
    take_over: the agent leaves, and the supervisor talks with the caller."""
