"""What Asterisk says it received, as an input; legs that are gone or have no RTP are no error."""

from typing import Any, cast

import pytest
import structlog
from structlog.testing import capture_logs

from bridge.common.limited_warnings import LimitedWarnings
from controller.ari.errors import NotFound, Refused
from controller.ari.resources import Bridge, RtpStatistics
from controller.ari.rest import Ari
from controller.calls.machine import commands, inputs
from controller.calls.runtime import rtp


class Pbx:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.added: list[tuple[str, str]] = []

    async def rtp_statistics(self, _: str) -> RtpStatistics:
        if self.error is not None:
            raise self.error
        return RtpStatistics.read({"rxploss": 3, "rxoctetcount": 320, "remote_ssrc": 3629009050})

    async def bridge(self, bridge: str) -> Bridge:
        if self.error is not None:
            raise self.error
        return Bridge(bridge, ("in", "others"))

    async def add_channel(self, bridge: str, channel: str) -> None:
        if self.error is not None or channel == "gone":
            raise self.error or NotFound("add_channel", 404, "gone")
        self.added.append((bridge, channel))


async def done(pbx: Pbx, command: commands.CountRtp | commands.Rejoin | commands.RestoreBridge) -> list[inputs.Input]:
    put: list[inputs.Input] = []
    await rtp.carry_out(cast(Ari, pbx), command, put.append, LimitedWarnings(structlog.get_logger()))
    return put


async def test_what_was_received_becomes_an_input() -> None:
    assert await done(Pbx(), commands.CountRtp("c")) == [inputs.RtpCounted("c", 320, 3, 3629009050)]


async def test_a_leg_joins_the_bridge_in_which_it_is() -> None:
    pbx = Pbx()
    assert await done(pbx, commands.Rejoin("b", "c")) == []
    assert pbx.added == [("b", "c")]


async def test_a_caller_who_makes_a_leg_join_again_and_again_writes_a_few_lines_and_a_total() -> None:
    warnings, pbx = LimitedWarnings(structlog.get_logger()), Pbx()
    put: list[inputs.Input] = []
    with capture_logs() as lines:
        for _ in range(60):
            await rtp.carry_out(cast(Ari, pbx), commands.Rejoin("b", "c"), put.append, warnings)
        warnings.close()
    assert len(pbx.added) == 60
    assert len(lines) == 2
    assert (lines[-1]["channel"], lines[-1]["total"]) == ("c", 60)


@pytest.mark.parametrize("kind", [Refused, NotFound])
async def test_a_leg_without_rtp_has_received_nothing(kind: Any) -> None:
    assert await done(Pbx(kind("rtp_statistics", 404, "no RTP")), commands.CountRtp("c")) == [
        inputs.RtpCounted("c", None)
    ]


async def test_a_leg_that_is_gone_need_not_join() -> None:
    assert await done(Pbx(NotFound("add_channel", 404, "gone")), commands.Rejoin("b", "c")) == []


async def test_legs_that_are_not_in_their_bridge_join_it() -> None:
    pbx = Pbx()
    assert await done(pbx, commands.RestoreBridge("b", ("in", "gone", "out"))) == []
    assert pbx.added == [("b", "out")]
    assert await done(Pbx(NotFound("bridge", 404, "gone")), commands.RestoreBridge("b", ("out",))) == []
