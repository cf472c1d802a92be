"""Who has ended a call that came in, and by which cause: told although the leg has left our app by then."""

from pathlib import Path

from demo.realtime import ToneBrain
from tests.e2e.conftest import Asterisk
from tests.e2e.house import house
from tests.e2e.test_inbound import GREETING, greeted


async def test_a_bye_is_the_callers_and_its_cause_is_known(asterisk: Asterisk, tmp_path: Path) -> None:
    async with house(asterisk, tmp_path, ToneBrain([GREETING])) as running:
        async with running.caller() as phone:
            await greeted(phone)
            first = await running.call_id()
            await phone.hang_up()
        ended = await running.ended(first)
        assert (ended["ended_by"], ended["cause"]) == ("caller", 16)
