"""A call of the past, said again to the agent of today: the caller's lines as a test, and both conversations in rows.
[pure]"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controller.api.models.agent_tests import AgentTestRun, ConversationLine
from controller.api.models.calls import UtteranceAnswer

NOT_REACHED = "(the conversation was over)"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the caller said, and what came of it. `caller` empty: the agent's first words."""

    caller: str
    agent: str


def exchanges_of_call(transcript: Sequence[UtteranceAnswer]) -> list[Exchange]:
    """Lines of the caller that follow each other are one: the agent has not answered between them."""
    said = [(each.who, each.text) for each in transcript if not each.consultation and each.who in ("caller", "agent")]
    return list(_exchanges(said))


def exchanges_of_run(lines: Sequence[ConversationLine]) -> list[Exchange]:
    return list(_exchanges([(each.who, f"({each.text})" if each.who == "tool" else each.text) for each in lines]))


def rows(then: Sequence[Exchange], now: Sequence[Exchange], run: AgentTestRun) -> list[tuple[str, str, str]]:
    """The caller's words, the answer of then, the answer of now; the first row is the greeting."""
    found = []
    for number, each in enumerate(then):
        answer = now[number].agent if number < len(now) else NOT_REACHED
        if number == len(now) - 1 and run.transferred_to:
            answer += f" (transfer to {run.transferred_to})"
        elif number == len(now) - 1 and run.ended_by == "agent":
            answer += " (hangs up)"
        found.append((each.caller, each.agent, answer.strip()))
    return found


def lines_of(then: Sequence[Exchange]) -> list[str]:
    """What the caller says."""
    return [each.caller for each in then if each.caller]


def _exchanges(said: Sequence[tuple[str, str]]) -> Iterator[Exchange]:
    """The first one is the agent's, and may be empty."""
    caller: list[str] = []
    agent: list[str] = []
    began = False
    for who, text in said:
        if who == "caller" and (agent or not began):
            yield Exchange(" ".join(caller), " ".join(agent))
            caller, agent, began = [], [], True
        (caller if who == "caller" else agent).append(text)
    yield Exchange(" ".join(caller), " ".join(agent))
