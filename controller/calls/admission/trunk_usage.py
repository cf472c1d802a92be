"""The legs that one call has dialled over trunks. [pure]

A leg counts from the moment before it is dialled until Asterisk says that its channel is gone, until we have removed
it, or until the call is over. The limits of its trunk are asked before (`TrunkLimits`). For the call's own leg they
were asked when the call was admitted (`capacity.Slot`); it is counted here for its minutes.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

from controller.calls.machine import commands, inputs
from controller.calls.machine.call_loops import JUST_ANSWERED, Origin, RingingLeg
from controller.calls.machine.types import Target


class TrunkLimits(Protocol):
    """An observer of the legs over trunks, which may refuse one."""

    def dial(self, channel: str, trunk: str, *, own: bool) -> None:
        """A leg is about to be dialled. `own`: it is the call's own leg, which has room. Raises `errors.Busy`."""

    def answered(self, channel: str) -> None: ...
    def over(self, channel: str) -> None: ...


class Unlimited:
    """`TrunkLimits` that always have room."""

    def dial(self, channel: str, trunk: str, *, own: bool) -> None: ...
    def answered(self, channel: str) -> None: ...
    def over(self, channel: str) -> None: ...


class TrunkUsage:
    """The legs of one call. `own`: the channel of its own leg."""

    def __init__(self, own: str, limits: TrunkLimits) -> None:
        self._own = own
        self._limits = limits
        self._trunks: dict[str, str] = {}
        self._ringing: dict[str, Target] = {}
        self._answered: dict[str, tuple[Target, float]] = {}
        """Legs that were answered, and when."""
        self._referred: dict[str, str] = {}
        """Legs that were sent on by REFER, and to which number or address."""

    def dial(self, channel: str, target: Target) -> None:
        """Before Asterisk is asked to. Raises `errors.Busy`: it must not be dialled."""
        self._take(channel, target.trunk)
        self._ringing[channel] = target

    def refer(self, channel: str, trunk: str | None, to: str = "") -> None:
        """The far end is asked to dial (REFER): it uses the trunk without a leg of ours. Raises `errors.Busy`."""
        self._take(channel, trunk)
        self._referred[channel] = to

    def recover(self, channel: str, trunk: str) -> None:
        """A leg that an earlier controller has dialled, and that is up."""
        self._limits.dial(channel, trunk, own=True)
        self._trunks[channel] = trunk
        self._limits.answered(channel)

    def _take(self, channel: str, trunk: str | None) -> None:
        if trunk is not None and channel not in self._trunks:
            self._limits.dial(channel, trunk, own=channel == self._own)
            self._trunks[channel] = trunk

    def happened(self, what: inputs.Input, now: float = 0.0) -> None:
        """Takes what an input says of a leg. `now`: seconds of a monotonic clock, the same as for `ringing`."""
        match what:
            case inputs.LegEntered(channel):
                if (target := self._ringing.pop(channel, None)) is not None:
                    self._answered[channel] = target, now
                if channel in self._trunks:
                    self._limits.answered(channel)
            case inputs.LegReturned() | inputs.CommandFailed(command=commands.Refer()):
                for leg in list(self._referred):
                    self.over(leg)
            case inputs.LegGone(channel, in_dialplan=False):
                self.over(channel)

    def over(self, channel: str) -> None:
        self._ringing.pop(channel, None)
        self._referred.pop(channel, None)
        self._answered.pop(channel, None)
        if self._trunks.pop(channel, None) is not None:
            self._limits.over(channel)

    def all_over(self) -> None:
        for channel in {*self._trunks, *self._ringing, *self._referred, *self._answered}:
            self.over(channel)

    def up(self) -> Mapping[str, str]:
        """The trunk of each leg, the call's own included if we have dialled it."""
        return MappingProxyType(self._trunks)

    def ringing(self, origin: Origin, now: float = 0.0, caller: str = "") -> Iterator[RingingLeg]:
        """Legs that ring, or were answered a moment ago. `origin`: the call's. `caller`: the number that Asterisk shows
        on a leg that has no caller id of its own."""
        just = {channel: target for channel, (target, at) in self._answered.items() if now - at < JUST_ANSWERED}
        for channel, target in (self._ringing | just).items():
            yield RingingLeg(target.shown, target.caller_id or caller, self.origin_of(channel, origin))
        for channel, to in self._referred.items():
            yield RingingLeg(to, caller, self.origin_of(channel, origin))

    def origin_of(self, channel: str, origin: Origin) -> Origin:
        """The origin that a dialled leg is marked with. The call's own leg connects to the agent, other legs to the
        people in the call."""
        return origin.onward(agent=channel == self._own)

    def others(self) -> Iterator[str]:
        """The trunk of each leg beside the call's own."""
        return (trunk for channel, trunk in self._trunks.items() if channel != self._own)
