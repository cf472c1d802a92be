"""When connections to the AI are tried again and renewed, and with which provider. [pure]

Owns the retry budget of one call. Each provider gets one try and four more, with growing pauses; then the next provider
of the list is taken. A refusal (`config`, `account`) excludes its provider for this call. The budget is restored only
by progress, which is audio from the model: a server that accepts every connection and never speaks is not tried for
ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.contract import Provider

RENEW_BEFORE_S = 300.0
"""Seconds before the provider's limit: long enough to find a moment when nobody speaks."""
RENEW_AT_LEAST_S = 60.0
"""Not sooner, if there is that much time: a clock that is wrong must not make us connect over and over."""


def renewal_due_s(limit_s: float, age_s: float, told_left_s: float | None = None) -> float:
    """Seconds from now until a connection should be exchanged.

    `limit_s` from its opening, which was `age_s` ago; `told_left_s`: what the server itself says is left. Short limits
    are kept too: then it is half of them.
    """
    left = limit_s - age_s
    if told_left_s is not None:
        left = min(left, told_left_s)
    return max(left - min(RENEW_BEFORE_S, limit_s / 2), min(RENEW_AT_LEAST_S, (limit_s - age_s) / 2), 0.0)


@dataclass(frozen=True, slots=True)
class RetryTiming:
    """Times in seconds."""

    open_s: float = 10.0
    """For the first connection of a call: the caller hears ringing."""
    reopen_s: float = 4.0
    """For every other one: the caller hears nothing."""
    delays: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)
    """Before each repeated try."""
    give_up_s: float = 8.0
    """A provider that has been away this long is not tried again."""
    rate_wait_s: float = 30.0
    """The same for one that is rate limited and names a wait."""
    rate_untold_s: float = 1.0
    """The first wait for one that is rate limited and names none, if no other is left; the next ones are twice as long
    each."""
    renew_s: float | None = None
    """Age at which a connection is renewed; None: five minutes before the provider's limit."""
    renew_pause_s: float = 10.0
    """After a renewal that did not work out."""


PACE = RetryTiming()


class RetryBudget:
    """The budget of one call. `provider`: the one to try now."""

    def __init__(self, providers: Sequence[Provider], pace: RetryTiming) -> None:
        self._providers = providers
        self._pace = pace
        self._current = 0
        self._repeats = 0
        self._refused: set[int] = set()
        self._tried: set[int] = set()
        """Used up since the last progress."""

    @property
    def provider(self) -> Provider:
        return self._providers[self._current]

    def failed(
        self,
        provider: Provider,
        away_s: float,
        *,
        refused: bool,
        limited: bool = False,
        wait_s: float | None = None,
        waited: bool = False,
    ) -> float | None:
        """`provider` did not work, or was lost. `away_s`: how long it has been away. `limited`: by a rate limit;
        `wait_s`: how long it wants to be left alone; `waited`: that was done and was of no use.

        Returns the seconds to wait before trying `self.provider`, which may be another one now; None: there is none
        left. A provider that was asked before this list began is nobody here: its failure costs the others nothing.
        """
        if provider != self.provider:
            if refused and provider in self._providers:
                self._refused.add(self._providers.index(provider))
            return 0.0
        other = self._other
        if limited and wait_s is None and other is None:
            wait_s = self._pace.rate_untold_s * 2.0**self._repeats
        if refused:
            self._refused.add(self._current)
        elif not waited and self._repeats < len(self._pace.delays) and self._worth_it(away_s, wait_s):
            self._repeats += 1
            return max(self._pace.delays[self._repeats - 1], wait_s or 0.0)
        self._tried.add(self._current)
        if other is None:
            return None
        self._current, self._repeats = other, 0
        return 0.0

    @property
    def _other(self) -> int | None:
        """The next one that is worth a try."""
        count = len(self._providers)
        places = ((self._current + step) % count for step in range(1, count))
        return next((place for place in places if place not in self._refused | self._tried), None)

    def _worth_it(self, away_s: float, wait_s: float | None) -> bool:
        if wait_s is None:
            return away_s < self._pace.give_up_s
        return away_s + wait_s <= self._pace.rate_wait_s

    def progressed(self, provider: Provider) -> None:
        """The model of `provider` spoke."""
        if provider in self._providers:
            self._repeats = 0
            self._tried.clear()
