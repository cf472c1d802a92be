"""The names of what a call owns on Asterisk. [pure]"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids are chosen before Asterisk is asked, so that an event never comes before its call is known."""

    call: str

    @property
    def bridge(self) -> str:
        return f"call-{self.call}-bridge"

    @property
    def media(self) -> str:
        return f"call-{self.call}-media"

    def later_media(self, number: int) -> str:
        """The media leg that replaces a lost one: a channel id may be taken until Asterisk has let go of it."""
        return f"call-{self.call}-media{number}"

    @property
    def callee(self) -> str:
        return f"call-{self.call}-callee"

    def target(self, attempt: int) -> str:
        return f"call-{self.call}-target{attempt}"

    def participant(self, name: str) -> str:
        return f"call-{self.call}-party-{name}"

    def consultation(self, attempt: int) -> str:
        """The bridge in which agent and target talk, of the transfer of that number."""
        return f"call-{self.call}-consultation{attempt}-bridge"

    @property
    def supervision(self) -> str:
        """The bridge in which a supervisor hears the call."""
        return f"call-{self.call}-supervision-bridge"

    def supervisor(self, number: int) -> str:
        return f"call-{self.call}-supervisor{number}"

    def snoop(self, number: int) -> str:
        return f"call-{self.call}-snoop{number}"

    @staticmethod
    def is_bridge(name: str) -> bool:
        """Whether an id of ours is a bridge's, not a channel's."""
        return name.endswith("-bridge")

    def sound(self, number: int) -> str:
        return f"call-{self.call}-sound{number}"

    @staticmethod
    def call_of(channel_or_bridge: str) -> str | None:
        """The call to which an id belongs; None: it is none of ours."""
        head, rest = channel_or_bridge[:5], channel_or_bridge[5:]
        return rest[:36] if head == "call-" and len(rest) > 36 and rest[36] == "-" else None
