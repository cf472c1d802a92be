"""The parts of the configuration that dialing reads, as protocols. [pure]"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

NumberFormat = Literal["as_given", "e164", "plain", "national"]
"""How a carrier gets numbers (`number_format`)."""


class DialRules(Protocol):
    """One trunk (`trunks.<name>` in config.yaml)."""

    @property
    def endpoint(self) -> str: ...
    @property
    def allow(self) -> Sequence[str]: ...
    @property
    def deny(self) -> Sequence[str]: ...
    @property
    def country_code(self) -> str | None: ...
    @property
    def number_format(self) -> NumberFormat: ...
    @property
    def premium(self) -> bool: ...
    @property
    def international(self) -> bool: ...
    @property
    def domestic(self) -> Sequence[str]: ...
    @property
    def emergency(self) -> Sequence[str]: ...
    @property
    def caller_id(self) -> str | None: ...
    @property
    def caller_ids(self) -> Sequence[str]: ...
    @property
    def refer(self) -> str | None: ...


class ContextRules(Protocol):
    """One dialplan context (`transfer.contexts.<name>`)."""

    @property
    def extensions(self) -> Sequence[str]: ...
    @property
    def trunk(self) -> str | None: ...


class TransferRules(Protocol):
    """`transfer`."""

    @property
    def targets(self) -> Mapping[str, str]: ...
    @property
    def any_number(self) -> bool: ...
    @property
    def contexts(self) -> Mapping[str, ContextRules]: ...


class Destinations(Protocol):
    """All trunks and contexts."""

    @property
    def trunks(self) -> Mapping[str, DialRules]: ...
    @property
    def transfer(self) -> TransferRules: ...
    @property
    def softphone(self) -> object | None:
        """None: nobody telephones from a browser."""
