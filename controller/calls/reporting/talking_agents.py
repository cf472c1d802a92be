"""Finds two of our agents that talk with each other, by their words: what one agent says, the caller of the other one
says as well, and the other way round. [pure]

`machine.call_loops` recognises most such calls before they begin, by a mark or by their numbers. This module is
for networks that change all of these. It takes `MATCHES` repetitions in each
direction, each of `RUN` words in a row, within `SECONDS`.
"""

import re
from collections import Counter, deque
from typing import NamedTuple

from bridge import contract

WHY = "Two agents of voiceai talk with each other."
MATCHES, RUN, SECONDS = 2, 5, 30.0
LONGEST = 100
"""Words of one utterance."""
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
"""In scripts without spaces between words, each character counts as a word."""

_Run = int
"""The hash of its words (64 bits, keyed anew in each process, never stored): the words take more than twice the memory.
Two calls are ended only after `MATCHES` repetitions in each direction, so one collision decides nothing."""
_OTHER = {"agent": "caller", "caller": "agent"}


class _Said(NamedTuple):
    at: float
    call: str
    who: str
    runs: frozenset[_Run]


class TalkingAgents:
    def __init__(self) -> None:
        self._lately: deque[_Said] = deque()
        self._by_run: dict[str, dict[_Run, list[str]]] = {"agent": {}, "caller": {}}
        """By who said it: in which calls, each as often as it was said there, oldest first."""
        self._matches: Counter[tuple[str, str]] = Counter()
        """By the call of the agent and the call of the caller: how often the one repeated the other."""

    def told(self, event: contract.CallEvent, now: float) -> tuple[str, ...]:
        """The two calls, once it is certain. `now`: seconds of a monotonic clock."""
        if isinstance(event, contract.Ended):
            self._over(event.call)
        if not isinstance(event, contract.Said) or event.consultation:
            return ()
        self._forget(now - SECONDS)
        said = _Said(now, event.call, event.who, _runs(event.text))
        others = self._by_run[_OTHER[event.who]]
        found = {call: None for run in said.runs for call in others.get(run, ())}
        self._keep(said)
        for other in found:
            if other == event.call:
                continue
            pair = (event.call, other) if event.who == "agent" else (other, event.call)
            self._matches[pair] += 1
            if min(self._matches[pair], self._matches[pair[::-1]]) >= MATCHES:
                return event.call, other
        return ()

    def _over(self, call: str) -> None:
        for pair in [each for each in self._matches if call in each]:
            del self._matches[pair]

    def _keep(self, said: _Said) -> None:
        self._lately.append(said)
        for run in said.runs:
            self._by_run[said.who].setdefault(run, []).append(said.call)

    def _forget(self, before: float) -> None:
        while self._lately and self._lately[0].at < before:
            gone = self._lately.popleft()
            for run in gone.runs:
                calls = self._by_run[gone.who][run]
                calls.remove(gone.call)
                if not calls:
                    del self._by_run[gone.who][run]


def _runs(text: str) -> frozenset[_Run]:
    words = _WORD.findall(text.casefold())[:LONGEST]
    return frozenset(hash(tuple(words[at : at + RUN])) for at in range(len(words) - RUN + 1))
