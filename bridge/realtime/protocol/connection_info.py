"""How a connection to a provider came about. [pure]"""

from dataclasses import dataclass

from bridge.contract.spec import Provider
from bridge.realtime.protocol.session_differences import Difference


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """Made by `transport.reconnecting`, read by the conversation. `first`: of the call. `planned`: it replaces one that
    works. `gap_ms`: milliseconds since the last one was lost, or since the call was prepared. `reason`: why the last
    one was lost. `refused`: why sessions of other providers were not taken."""

    provider: Provider
    first: bool
    planned: bool
    attempts: int
    gap_ms: int
    reason: str
    refused: tuple[Difference, ...] = ()
