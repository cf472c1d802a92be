"""An event of a call on the control link, from the moment it happens until the controller has it."""

from dataclasses import dataclass, field
from time import monotonic

from bridge import contract


@dataclass(frozen=True, slots=True)
class EventFrame:
    """An event with its number, encoded for the newest version of the link."""

    number: int
    call: str
    frame: str
    event: contract.CallEvent | None = None
    """Kept if what is sent may differ from `frame`."""
    since: float = field(default_factory=monotonic)
    """When it happened, in seconds."""

    @classmethod
    def of(cls, number: int, event: contract.CallEvent) -> "EventFrame":
        """Raises Unsendable."""
        frame = contract.encode_numbered(number, event, contract.VERSION)
        differs = isinstance(event, contract.Said) or contract.is_newer(type(event), contract.OLDEST_VERSION)
        return cls(number, event.call, frame, event if differs else None)

    def at(self, version: int) -> str:
        """As this version of the link has it, now. The age of an utterance includes how long it waited for the link:
        transcripts are in the order in which utterances began. Raises TooNew."""
        event = self.event
        if event is None:
            return self.frame
        waited_ms = round((monotonic() - self.since) * 1000)
        if waited_ms and isinstance(event, contract.Said):
            event = event.model_copy(update={"ago_ms": event.ago_ms + waited_ms})
        elif version == contract.VERSION:
            return self.frame
        try:
            return contract.encode_numbered(self.number, event, version)
        except contract.Unsendable:
            return self.frame  # as large as may be: there is no place for a larger age
