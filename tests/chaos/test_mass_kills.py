"""Twenty kills of each part under load: what was lost, and for how long the agent was not heard.

`KILLS` is how many; each part prints one row of the table in docs/resilience.md.
"""

import asyncio
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator.realtime import Delivery, ToneModel
from tests.chaos import verdict
from tests.chaos.callers import STORY, Callers, Visit
from tests.chaos.faults import Saboteur, Struck
from tests.chaos.plan import Fault, Strike, Talk
from tests.chaos.test_chaos import AGENT, BRIDGE, next_call_works
from tests.e2e.installation import installation
from tests.integration.webhook_harness import hook, receiver
from tests.peers.asterisk import Asterisk

KILLS = int(os.environ.get("KILLS", "20"))
CALLERS = int(os.environ.get("KILLS_CALLS", "8"))
EVERY = 4.0
"""Seconds from the end of one to the next."""
PARTS = (Fault.WORKER_KILLED, Fault.WORKER_FROZEN, Fault.AI_GONE, Fault.ASTERISK_KILLED, Fault.CONTROLLER_KILLED)
HEADING = "| part | kills | calls | hit | lost of these | lost of the others | agent back after (median, longest) |"
GOAL = 2.0
SLACK = 4.0
"""Seconds. What fails the test is beyond all doubt; the goal is told in the row."""


@dataclass(frozen=True, slots=True)
class Row:
    """Of the table. `back`: seconds without the agent, sorted; after Asterisk's death until a new call hears it."""

    part: Fault
    kills: int
    calls: int
    hit: int
    lost: int
    others: int
    back: tuple[float, ...]

    def __str__(self) -> str:
        middle = self.back[len(self.back) // 2] if self.back else 0.0
        longest = self.back[-1] if self.back else 0.0
        beyond = sum(each > GOAL for each in self.back)
        told = f"{middle:.2f} s, {longest:.2f} s ({beyond} of {len(self.back)} over {GOAL:g} s)"
        return f"| {self.part} | {self.kills} | {self.calls} | {self.hit} | {self.lost} | {self.others} | {told} |"


def talks_of(number: int) -> Iterator[Talk]:
    """Short enough that no call loses its worker more often than is made good."""
    chance = random.Random(number)
    while True:
        yield Talk(round(chance.uniform(0.1, 0.6), 2), round(chance.uniform(6, 11), 2))


def row(part: Fault, visits: Sequence[Visit], calls: dict[str, str], strikes: Sequence[Struck]) -> Row:
    """Whoever talks while the controller is killed has to feel nothing: they are the ones who count as hit then, and
    callers who are refused until it is back are told apart."""
    felt = {visit.caller: verdict.hits(visit, calls.get(visit.caller, ""), strikes) for visit in visits}
    if part is Fault.CONTROLLER_KILLED:
        felt = {visit.caller: [each for each in strikes if visit.caller in each.spared] for visit in visits}
    back: list[float] = []
    for strike in strikes:
        if part is Fault.ASTERISK_KILLED:
            heard = [each.heard.first for each in visits if each.began > strike.since and each.heard.first]
            back += [min(heard) - strike.since] if heard else []
            continue
        for visit in visits:
            if strike in felt[visit.caller]:
                holes = [each for each in visit.heard.holes if strike.since - 0.1 < each.since < strike.until + 4]
                back += [max(each.seconds for each in holes)] if holes else []
    lost = [visit for visit in visits if visit.outcome != "done"]
    return Row(
        part,
        len(strikes),
        len(visits),
        sum(bool(each) for each in felt.values()),
        sum(bool(felt[visit.caller]) for visit in lost),
        sum(not felt[visit.caller] for visit in lost),
        tuple(sorted(back)),
    )


@pytest.mark.slow
@pytest.mark.timeout(60 + KILLS * 25)
@pytest.mark.parametrize("part", PARTS, ids=[each.value for each in PARTS])
async def test_twenty_kills(own_asterisk: Asterisk, tmp_path: Path, part: Fault) -> None:
    model = ToneModel(forever=STORY)
    # Next to nothing in hand: what breaks is heard at once. Of a controller nothing must be heard; there the sound
    # comes ahead, as a real provider's does, so that it is not our own busy loop, which makes it, that is measured.
    pace = [Delivery(pace=4 if part is Fault.CONTROLLER_KILLED else 1.1)]
    async with receiver() as hooks:
        more = {"webhooks": {"crm": hook(hooks.url())}}
        async with installation(
            own_asterisk, tmp_path, lambda: model, faults=pace, bridge=BRIDGE, agent=AGENT, more=more, keep=False
        ) as running:
            callers = Callers(running.sip)
            saboteur = Saboteur(running, hooks, callers.talking)
            callers.come([talks_of(number) for number in range(CALLERS)])
            await verdict.seen(callers, CALLERS // 2)
            for number in range(KILLS):
                await saboteur.strike(Strike(0.0, part, number))
                until = time.monotonic() + EVERY
                await verdict.seen(callers, CALLERS // 2)
                await asyncio.sleep(max(0.0, until - time.monotonic()))
            await verdict.all_owned(running)
            await callers.leave()
            await verdict.settled(running)
            past = await verdict.history(running)
            await next_call_works(running)
            await verdict.settled(running)
    calls = {str(each["caller"]).lstrip("+"): str(each["id"]) for each in past}
    found = row(part, callers.visits, calls, saboteur.done)
    print(f"\n{HEADING}\n{found}")  # noqa: T201 - it is what this test is run for
    lost = [f"{each.caller} {each.outcome} {each.what}" for each in callers.visits if each.outcome != "done"]
    if part is not Fault.CONTROLLER_KILLED:  # without one nobody answers the phone: the dialplan has those
        assert found.others == 0, lost
    if part is not Fault.ASTERISK_KILLED:
        assert not found.back or found.back[-1] < GOAL + SLACK
        assert found.lost == 0, lost
