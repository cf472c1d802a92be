"""The public interface of a voice engine: what a worker may ask of the session of one call.

An engine (`bridge.realtime`) makes sessions by a `SessionFactory`; `bridge.worker` runs them and uses nothing else of
them. Nothing here depends on a protocol: no responses, no turns, no truncation.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from bridge import contract
from bridge.media.sink import MediaSink


class VoiceSession(MediaSink, Protocol):
    """The voice session of one call. `run` is its only task and returns after `close`; all else returns at once.

    It tells the controller what happens by the `Emit` that it was made with, `Ended` last, before `run` returns. If
    `run` raises there was no `Ended`: whoever runs it tells that on its behalf.
    """

    async def run(self) -> None:
        """Carry the call until `close`. Nothing of the call is left when it returns or raises."""

    def remember(self, turns: Sequence[contract.HistoryItem]) -> None:
        """Before `run`: what was said in this call in another worker's session. The agent goes on from there."""

    def greet(self) -> None:
        """The caller listens: hear them from now on, and say the greeting as soon as there is an AI."""

    def answer_tool(self, tool_call: str, output: str, *, ok: bool = True, respond: bool = True) -> None:
        """The answer to a `ToolCalled`, as the model is to read it. `respond`: the agent is to react to it."""

    def command(self, command: contract.AgentCommand) -> None:
        """The controller wants something of the agent: to speak, to wrap up, to be on hold …"""

    def close(self, reason: str) -> None:
        """End the call. The first reason counts."""

    @property
    def consented(self) -> bool:
        """The caller has heard all that has to be said before a call is recorded."""

    def speaking(self) -> tuple[Literal["caller", "agent"], ...]:
        """Who speaks at this moment."""

    def saying(self) -> str:
        """The agent's present words, as far as they were heard."""


Emit = Callable[[contract.CallEvent], None]
"""Takes the events of calls, in order."""

SessionFactory = Callable[[contract.SessionSpec, str, Emit], VoiceSession]
"""Makes the session of a call, by its specification and the call's id. `run` is called once, soon after."""
