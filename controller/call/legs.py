"""The legs that one call has dialled over trunks, and so the lines that it takes up. [pure]

A line is taken when a leg is about to be dialled, and is free again when Asterisk says that the leg's channel is gone,
when we have removed it, or at the latest when the call is over: nothing else is counted, so nothing can be left behind.
The call's own leg has its line with the call itself (`capacity.Slot`); here it is only told of.
"""

from collections.abc import Iterator
from typing import Protocol

from controller.call import messages as m


class Lines(Protocol):
    """Who is told of legs over trunks, and may refuse one."""

    def dial(self, channel: str, trunk: str, *, own: bool) -> None:
        """About to be dialled. `own`: the call's own, for which there is room. Raises `limits.Busy`."""

    def answered(self, channel: str) -> None: ...
    def over(self, channel: str) -> None: ...


class Unlimited:
    """`Lines` that always have room."""

    def dial(self, channel: str, trunk: str, *, own: bool) -> None: ...
    def answered(self, channel: str) -> None: ...
    def over(self, channel: str) -> None: ...


class Legs:
    """Of the call whose own leg is `own`."""

    def __init__(self, own: str, lines: Lines) -> None:
        self._own = own
        self._lines = lines
        self._trunks: dict[str, str] = {}

    def dial(self, channel: str, target: m.Target) -> None:
        """Before Asterisk is asked to. Raises `limits.Busy`: it must not be dialled."""
        if target.trunk is not None and channel not in self._trunks:
            self._lines.dial(channel, target.trunk, own=channel == self._own)
            self._trunks[channel] = target.trunk

    def happened(self, what: m.Input) -> None:
        match what:
            case m.LegEntered(channel) if channel in self._trunks:
                self._lines.answered(channel)
            case m.LegGone(channel, in_dialplan=False):
                self.over(channel)

    def over(self, channel: str) -> None:
        if self._trunks.pop(channel, None) is not None:
            self._lines.over(channel)

    def all_over(self) -> None:
        for channel in list(self._trunks):
            self.over(channel)

    def others(self) -> Iterator[str]:
        """The trunk of each leg beside the call's own."""
        return (trunk for channel, trunk in self._trunks.items() if channel != self._own)
