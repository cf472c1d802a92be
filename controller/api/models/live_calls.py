"""Bodies of requests that act on a live call. [pure]"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from controller.api.models.base import Body, Name, Variables
from controller.dialing.numbers import DIGITS

Words = Annotated[
    str, StringConstraints(min_length=1, max_length=8192, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")
]
_SWITCHED = ("agent", "instructions", "variables")


class MuteCall(Body):
    side: Literal["caller", "agent"]
    """caller: the agent hears neither the caller nor DTMF. agent: nobody hears the agent."""


class SendDigits(Body):
    digits: str = Field(pattern=rf"^{DIGITS}$")
    """0 to 9, A to D, * and #; `w` is a pause of half a second."""


class Say(Body):
    text: Words
    """What the agent says now, or an instruction."""
    exact: bool = True
    """true: `text` is said word for word. false: `text` is an instruction."""


class SwitchAgent(Body):
    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in _SWITCHED]})

    agent: Name | None = None
    """A name from `agents` in the config. At least one of the three fields is required."""
    instructions: Words | None = None
    """Instructions instead of the agent's own. They are not a template."""
    variables: Variables = Field(default_factory=dict)
    """Values for `{{name}}` in the agent's texts, in addition to those of the call."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.agent is None and self.instructions is None and not self.variables:
            raise ValueError("one of agent, instructions and variables is needed")
        return self


class RecordCall(Body):
    action: Literal["start", "pause", "resume", "stop"]
    """pause: silence is recorded. stop: the file is complete; start begins a new file."""


class AddParticipant(Body):
    to: Name
    """A number or extension, `sip:user@host`, `extension@context`, or a name from `transfer.targets` in the config."""
