"""On whose behalf a call is placed, as far as call control is concerned: asked before, told afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from controller.calls.reporting.view import CallView


class Errand(Protocol):
    async def before_dial(self) -> None:
        """Awaited before Asterisk is asked to dial. Raises `view.WrongState`: then it is not."""

    def after_dial(self) -> None:
        """Asterisk was asked, whatever came of it; said once for each `before_dial` that returned."""

    def over(self, call: CallView) -> None:
        """The call has ended; said once."""


@asynccontextmanager
async def dialling(errand: Errand | None) -> AsyncIterator[None]:
    """Around the request to dial. Raises `view.WrongState`: it must not be made."""
    if errand is None:
        yield
        return
    await errand.before_dial()
    try:
        yield
    finally:
        errand.after_dial()
