"""Protocols of call control: live calls as others see them, and what a call asks of others."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from controller.calls import errors
from controller.calls.admission.trunk_usage import TrunkLimits, Unlimited
from controller.calls.machine import inputs
from controller.calls.machine.call import Call
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.calls.reporting.view import CallView
from controller.config import Config

Recall = Callable[[CallLog, ConversationMemory], None]
"""Fills in what was written down of a call, as if this controller had been there."""


class DrainableCall(Protocol):
    """A live call (`actor.CallActor`), as far as the end of the controller concerns it."""

    @property
    def call(self) -> Call: ...
    def put(self, what: inputs.Input) -> None:
        """Into the call's queue. Returns at once."""


class LiveCall(DrainableCall, Protocol):
    """What a live call offers to those who ask something of it."""

    @property
    def id(self) -> str: ...
    @property
    def call_log(self) -> CallLog: ...
    @property
    def begun(self) -> Config:
        """The configuration with which it began."""


@dataclass(frozen=True, slots=True)
class BrowserCall:
    """A call that a browser may make: its id, the agent, and variables for the agent's templates."""

    call: str
    agent: str
    variables: Mapping[str, str] = field(repr=False)
    config: Config | None = field(default=None, repr=False)
    """With which it begins; None: with what is in force then."""


class BrowserCalls(Protocol):
    """Calls from browsers (`softphone.service.Softphones`), by the name of their channel."""

    def is_browser(self, channel_name: str) -> bool: ...
    def call_of(self, channel: str, channel_name: str) -> BrowserCall:
        """What it has come for. Raises `errors.WrongState`: it may not call."""

    async def available(self, user: str, call: str) -> str | None:
        """What Asterisk dials to ring this user, or (`*`) who has waited longest; they are then taken. None: nobody is
        available. Raises AriError."""


class NoBrowsers:
    """Nobody calls from a browser."""

    def is_browser(self, channel_name: str) -> bool:
        return False

    def call_of(self, channel: str, channel_name: str) -> BrowserCall:
        raise errors.WrongState("Nobody calls from a browser.")

    async def available(self, user: str, call: str) -> str | None:
        return None


class LegLimits(TrunkLimits, Protocol):
    """The limits of trunks, also those that controllers share."""

    async def claim_leg(self, channel: str, trunk: str | None) -> None:
        """Awaited before a leg is dialled for a live call; not for the call's own. Raises `errors.Busy`."""


class NoLegLimits(Unlimited):
    async def claim_leg(self, channel: str, trunk: str | None) -> None: ...


class OutboundAttempt(Protocol):
    async def before_dial(self) -> None:
        """Awaited before Asterisk is asked to dial. Raises `errors.WrongState`: then it is not."""

    def after_dial(self) -> None:
        """Asterisk was asked, whatever came of it; said once for each `before_dial` that returned."""

    def over(self, call: CallView) -> None:
        """The call has ended; said once."""


@asynccontextmanager
async def dialling(attempt: OutboundAttempt | None) -> AsyncIterator[None]:
    """Around the request to dial. Raises `errors.WrongState`: it must not be made."""
    if attempt is None:
        yield
        return
    await attempt.before_dial()
    try:
        yield
    finally:
        attempt.after_dial()
