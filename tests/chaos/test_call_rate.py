"""Twenty calls a second for five seconds: all are answered, and nothing of them is left."""

from pathlib import Path

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import installation
from tests.peers.asterisk import Asterisk
from tests.peers.sipp import short_calls

CALLS, PER_SECOND = 100, 20


async def test_twenty_calls_a_second(own_asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel(forever=Say("Hello.", 1.0, 440))
    async with installation(own_asterisk, tmp_path, model, bridge={"workers": 2}) as running:
        async with short_calls(running.sip, tmp_path, CALLS, PER_SECOND, 40.0) as placed:
            pass
        assert (placed.done, placed.failed) == (CALLS, 0)
        await running.service.logged("call ended", nth=CALLS)
        await running.nothing_left()
        ended = [line for line in running.service.lines if line["event"] == "call ended"]
        assert [line["outcome"] for line in ended] == ["answered"] * CALLS
        assert {line["by"] for line in ended} == {"caller"}
        assert all(session.closed for session in running.realtime.sessions)
