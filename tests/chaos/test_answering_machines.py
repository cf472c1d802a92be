"""Forty spoken greetings, of people and of machines, played into Asterisk's AMD(): nobody is hung up on.

`make chaos` runs it, or `pytest -m slow --log-cli-level=INFO tests/chaos/test_answering_machines.py` for the table.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.answered_calls import AGENT, TRUNK, answer_all, model
from tests.e2e.installation import installation
from tests.peers.asterisk import Asterisk
from tests.peers.greetings import GREETINGS

AT_ONCE = 6
MOST_DOUBTED = 4
"""People whom AMD() takes for machines. It costs them nothing: the agent speaks."""


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_forty_greetings(own_asterisk: Asterisk, tmp_path: Path) -> None:
    assert len(GREETINGS) == 40
    async with installation(own_asterisk, tmp_path, model(), agent=AGENT, trunk=TRUNK) as running:
        found = await answer_all(running, GREETINGS, AT_ONCE)
    assert Counter((each.outcome, each.ended_by) for each in found) == {("answered", "callee"): 40}
    doubted = [each for each in found if each.greeting.kind == "person" and each.verdict]
    assert len(doubted) <= MOST_DOUBTED, doubted
