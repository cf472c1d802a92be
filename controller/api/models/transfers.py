"""Bodies of requests about transfers and supervision. [pure]"""

from typing import Literal

from pydantic import Field

from controller.api.models.base import Body, Name
from controller.api.models.live_calls import Words


class TransferCall(Body):
    to: Name
    """A number or extension, `sip:user@host`, `extension@context`, `softphone:user` or `softphone:*` (somebody in the
    console), or a name from `transfer.targets` in the config."""
    kind: Literal["blind", "attended", "refer"] | None = None
    """blind: joined at the answer. attended: the target talks with the agent first, and accepts or refuses. refer: the
    caller's trunk does it. Default: as in the config, for the target or the agent."""
    announce: Words | None = Field(None, max_length=2000)
    """attended: what the agent says first to the target, word for word. Default: a summary of the call."""
    timeout: float | None = Field(None, gt=0, le=300)
    """The ring time in seconds. Default: that of the trunk."""
    decide_timeout: float | None = Field(None, ge=5, le=600)
    """attended: seconds within which the target must accept. Default: `transfer.decide_s`."""


class DecideTransfer(Body):
    accept: bool


class SuperviseCall(Body):
    to: Name | None = None
    """A name from `supervisor.extensions` in the config, to be called. Default: change the mode of the present
    supervisor."""
    mode: Literal["listen", "whisper", "take_over"] = "listen"
    """listen: hears both sides. whisper: the colleague to whom the caller was transferred also hears the supervisor.
    take_over: the agent leaves, and the supervisor talks with the caller."""
