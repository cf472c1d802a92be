"""A call of the past, said again to the agent of today: the caller's lines as a test, and both conversations in rows.
[pure]"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bridge.contract import NOT_TRANSCRIBED
from controller.api.models.agent_tests import AgentTestRun, ConversationLine
from controller.api.models.calls import UtteranceAnswer
from controller.api.models.history import PastCallDetail

NOT_REACHED = "(the conversation was over)"
MOST_LINES = 200
"""Of a test."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the caller said, and what came of it. `caller` empty: the agent's first words."""

    caller: str
    agent: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        return " ".join([*self.agent, *(f"({tool})" for tool in self.tools)])


def exchanges_of_call(past: PastCallDetail) -> list[Exchange]:
    """Lines of the caller that follow each other are one: the agent has not answered between them. What was not
    transcribed is no line."""
    said = [(each.at, each.who, _heard(each)) for each in past.transcript or () if _counts(each)]
    used = [(each.at, "tool", each.tool) for each in past.tools]
    return list(_exchanges((who, text) for _, who, text in sorted([*said, *used], key=lambda each: each[0])))


def exchanges_of_run(lines: Sequence[ConversationLine]) -> list[Exchange]:
    """Each line of the caller is one, whether the agent has answered it or not."""
    return list(_exchanges(((each.who, each.text) for each in lines), joined=False))


def not_transcribed(past: PastCallDetail) -> int:
    """How often the caller said what nobody knows."""
    return sum(each.who == "caller" and each.text == NOT_TRANSCRIBED for each in past.transcript or ())


def lines_of(then: Sequence[Exchange]) -> list[str]:
    """What the caller says."""
    return [each.caller for each in then if each.caller][:MOST_LINES]


def rows(past: PastCallDetail, run: AgentTestRun) -> list[tuple[str, str, str]]:
    """The caller's words, the answer of then, the answer of now; the first row is the greeting."""
    then, now = exchanges_of_call(past)[: MOST_LINES + 1], exchanges_of_run(run.conversation)
    answers, told = _told(then, _end_of_call(past)), _told(now, _end_of_run(run))
    told += [NOT_REACHED] * (len(then) - len(told))
    return [(each.caller, answer, new) for each, answer, new in zip(then, answers, told, strict=False)]


def _told(exchanges: Sequence[Exchange], end: str) -> list[str]:
    """The answers, and at last how it ended."""
    *others, last = exchanges
    tools = tuple(each for each in last.tools if not end or each not in ("transfer", "hang_up"))
    return [each.answer for each in others] + [f"{replace(last, tools=tools).answer} {end}".strip()]


def _counts(said: UtteranceAnswer) -> bool:
    return not said.consultation and said.who in ("caller", "agent") and said.text != NOT_TRANSCRIBED


def _heard(said: UtteranceAnswer) -> str:
    return f"{said.text} (interrupted)" if said.who == "agent" and said.interrupted else said.text


def _end_of_call(past: PastCallDetail) -> str:
    """A transfer is the end if nobody said anything to the agent after it."""
    over = max((each.at for each in past.transcript or () if _counts(each)), default=past.started_at)
    moved = [each for each in past.legs if each.kind == "transfer" and each.began_at >= over]
    if moved:
        last = moved[-1]
        how = "" if last.state == "answered" else f": {last.outcome or last.state}"
        return f"(transfer to {last.party or 'somebody'}{how})"
    return "(hangs up)" if past.ended_by == "agent" else ""


def _end_of_run(run: AgentTestRun) -> str:
    if run.transferred_to:
        return f"(transfer to {run.transferred_to})"
    return "(hangs up)" if run.ended_by == "agent" else ""


def _exchanges(said: Iterable[tuple[str, str]], *, joined: bool = True) -> Iterator[Exchange]:
    """The first one is the agent's, and may be empty. `joined`: lines of the caller that follow each other."""
    caller: list[str] = []
    agent: list[str] = []
    tools: list[str] = []
    began = False
    for who, text in said:
        if who == "caller" and (agent or tools or not began or not joined):
            yield Exchange(" ".join(caller), tuple(agent), tuple(tools))
            caller, agent, tools, began = [], [], [], True
        {"caller": caller, "tool": tools}.get(who, agent).append(text)
    yield Exchange(" ".join(caller), tuple(agent), tuple(tools))
