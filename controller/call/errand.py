"""On whose behalf a call is placed, as far as call control is concerned: asked before, told afterwards."""

from typing import Protocol

from controller.call.view import CallView


class Errand(Protocol):
    async def before_dial(self) -> None:
        """Awaited before Asterisk is asked to dial. Raises `view.WrongState`: then it is not."""

    def over(self, call: CallView) -> None:
        """The call has ended; said once."""
