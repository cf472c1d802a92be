"""A telephone whose sound Asterisk drops joins its bridge anew; one that sends nothing, or holds, does not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge import contract
from bridge.contract import ServerVad
from bridge.media.audio_presence import CEASED_S
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from controller.calls.machine.rows import inbound_audio
from controller.calls.machine.rows.inbound_audio import LOOKS_S, OTHERS, TIMER, WITH_AGENT_S, WITHOUT_AGENT_S
from controller.calls.reporting import lifecycle
from controller.calls.reporting.diff import changes, observed
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS, NOW, TARGET, feed, talking

REJOIN = [commands.OrderAi(contract.Rejoined(call=CALL)), commands.Rejoin(IDS.bridge, CALLER)]
"""The worker is told: a key that is down comes twice."""
TO = IDS.target(1)
SOUND, KEYS = 8000, 200
"""Bytes in a second."""


class Line:
    """A call whose worker hears nothing, and a clock."""

    def __init__(self, call: Call | None = None, leg: str = CALLER) -> None:
        self.call = call or talking()
        self.leg = leg
        self.now = NOW + timedelta(seconds=10)
        self.received = 100_000
        self.commands: list[commands.Command] = []

    def tell(self, what: inputs.Input) -> list[commands.Command]:
        issued = table.handle(self.call, what, self.now)
        self.commands += issued
        return issued

    def cease(self) -> list[commands.Command]:
        self.tell(inputs.CallerAudio(flowing=False))
        return self.count()

    def count(self, source: int = 1) -> list[commands.Command]:
        return self.tell(inputs.RtpCounted(self.leg, self.received, source=source))

    def passes(self, seconds: float, rate: int, step: float = 0.6) -> None:
        """As the timer would have it; what a `Rejoin` would mend stays broken."""
        for _ in range(round(seconds / step)):
            self.now += timedelta(seconds=step)
            self.received += round(rate * step)
            if commands.CountRtp(self.leg) in self.tell(inputs.TimeUp(TIMER)):
                self.count()

    @property
    def rejoined(self) -> int:
        return sum(isinstance(each, commands.Rejoin) for each in self.commands)


def test_sound_that_is_received_and_not_heard_is_mended_before_the_turn_is_taken_for_over() -> None:
    line = Line()
    assert line.tell(inputs.CallerAudio(flowing=False)) == [
        commands.StartTimer(TIMER, LOOKS_S[0]),
        commands.CountRtp(CALLER),
    ]
    assert line.count() == []
    line.now += timedelta(seconds=LOOKS_S[0])
    line.received += round(SOUND * LOOKS_S[0])
    assert line.tell(inputs.TimeUp(TIMER)) == [commands.StartTimer(TIMER, LOOKS_S[1]), commands.CountRtp(CALLER)]
    assert line.count() == REJOIN
    assert line.tell(inputs.CallerAudio(flowing=True)) == [commands.StopTimer(TIMER)]
    turn_over_s = ServerVad().silence_duration_ms / 1000
    assert CEASED_S + LOOKS_S[0] <= turn_over_s - 0.1, "which is for ticks, the link, and four requests"


def test_looks_are_less_frequent_while_nothing_comes_and_frequent_again_when_it_ceases_anew() -> None:
    line = Line()
    for _ in range(2):
        line.cease()
        timers = [line.tell(inputs.TimeUp(TIMER))[0] for _ in range(5)]
        assert timers == [commands.StartTimer(TIMER, each) for each in (*LOOKS_S[1:], LOOKS_S[-1], LOOKS_S[-1])]
        line.tell(inputs.CallerAudio(flowing=True))


@pytest.mark.parametrize("rate", [0, 50, KEYS])
def test_a_caller_who_sends_nothing_noise_or_keys_is_left_alone(rate: int) -> None:
    line = Line()
    line.cease()
    line.passes(60, rate)
    assert line.rejoined == 0


def test_a_caller_who_comes_back_with_other_numbers_after_minutes_is_heard() -> None:
    """Hold by a box that says nothing of it: no packets, then packets that Asterisk drops."""
    line = Line()
    line.cease()
    line.passes(120, 0)
    line.passes(0.6, SOUND)
    assert line.rejoined == 1


def test_packets_of_another_source_count_from_nothing() -> None:
    line = Line()
    line.cease()
    line.now += timedelta(seconds=0.2)
    line.received = 1600
    line.tell(inputs.TimeUp(TIMER))
    assert line.count(source=2) == REJOIN


def test_where_it_does_not_help_it_is_tried_more_and_more_seldom() -> None:
    line = Line()
    line.cease()
    line.passes(10, SOUND)
    early = line.rejoined
    line.passes(300, SOUND)
    assert 3 <= early <= 6
    assert line.rejoined - early <= 300 / 30 + 3


def test_where_it_helps_it_is_done_each_time_but_not_without_bound() -> None:
    line = Line()
    for _ in range(10):
        line.cease()
        line.passes(1.2, SOUND)
        line.tell(inputs.CallerAudio(flowing=True))
    assert line.rejoined == 10
    for _ in range(40):
        line.cease()
        line.passes(0.6, SOUND)
        line.tell(inputs.CallerAudio(flowing=True))
    assert line.rejoined == inbound_audio.BUSY_AFTER


def test_who_holds_is_left_alone_until_the_hold_ends() -> None:
    line = Line()
    line.cease()
    line.tell(inputs.SipHold(CALLER, on=True))
    line.passes(5, SOUND)
    assert line.rejoined == 0
    assert commands.CountRtp(CALLER) in line.tell(inputs.SipHold(CALLER, on=False))
    line.count()
    line.passes(0.6, SOUND)
    assert line.rejoined == 1


def test_while_the_caller_hears_our_music_nothing_is_moved() -> None:
    line = Line()
    line.tell(inputs.HoldAsked("ops"))
    assert line.call.state is State.HOLDING
    line.cease()
    line.passes(3, SOUND)
    assert line.rejoined == 0
    line.tell(inputs.ResumeAsked("ops"))
    line.passes(1.2, SOUND)
    assert line.rejoined == 1


def test_in_a_consultation_it_is_the_target_whom_the_agent_hears() -> None:
    call = talking()
    feed(call, inputs.TransferAsked(replace(TARGET, kind="attended"), "agent", "t1"), inputs.LegEntered(TO))
    assert call.state is State.CONSULTING
    line = Line(call, TO)
    assert commands.CountRtp(TO) in line.tell(inputs.CallerAudio(flowing=False))
    line.count()
    line.passes(0.6, SOUND)
    assert [each for each in line.commands if isinstance(each, commands.Rejoin)] == [
        commands.Rejoin(IDS.consultation(1), TO)
    ]


@pytest.mark.parametrize("lost", [inputs.MediaLost("gone"), inputs.WorkerLost("killed")])
def test_what_a_lost_agent_told_does_not_hold_for_the_next(lost: inputs.Input) -> None:
    line = Line()
    line.cease()
    line.tell(lost)
    line.passes(5, SOUND)
    assert line.rejoined == 0


def test_a_leg_without_rtp_is_asked_once() -> None:
    line = Line()
    line.tell(inputs.CallerAudio(flowing=False))
    assert line.tell(inputs.RtpCounted(CALLER, None)) == [commands.StopTimer(TIMER)]


def test_a_call_that_is_over_asks_nothing() -> None:
    line = Line()
    line.cease()
    line.tell(inputs.LegGone(CALLER))
    line.passes(2, SOUND)
    assert line.rejoined == 0


@pytest.mark.parametrize(("lost", "source", "rejoins"), [(65_000, 1, 1), (0, 2, 1), (50, 1, 0)])
def test_where_others_are_in_the_bridge_a_jump_of_the_numbers_is_enough(lost: int, source: int, rejoins: int) -> None:
    """The worker hears a mix, which never ceases."""
    line = Line()
    line.tell(inputs.ParticipantAsked("party", TARGET, "ops"))
    assert commands.StartTimer(OTHERS, WITH_AGENT_S) in line.tell(inputs.LegEntered("party"))
    assert line.tell(inputs.TimeUp(OTHERS))[:2] == [commands.CountRtp(CALLER), commands.CountRtp("party")]
    line.tell(inputs.RtpCounted("party", 1000, 0, source=1))
    line.now += timedelta(seconds=2)
    found = line.tell(inputs.RtpCounted("party", 17_000, lost, source=source))
    assert found == [commands.Rejoin(IDS.bridge, "party")] * rejoins
    line.tell(inputs.ParticipantDropped("party", "ops"))
    line.tell(inputs.LegGone("party"))
    assert line.tell(inputs.TimeUp(OTHERS)) == []


@pytest.mark.parametrize("leg", [CALLER, TO])
def test_people_among_themselves_are_watched_as_well(leg: str) -> None:
    """Asterisk translates where their codecs differ."""
    line = Line()
    line.tell(inputs.TransferAsked(TARGET, "ops"))
    assert commands.StartTimer(OTHERS, WITHOUT_AGENT_S) in line.tell(inputs.LegEntered(TO))
    assert line.call.state is State.TRANSFERRED
    line.tell(inputs.LegGone(IDS.media))
    assert line.tell(inputs.TimeUp(OTHERS)) == [
        commands.CountRtp(CALLER),
        commands.CountRtp(TO),
        commands.StartTimer(OTHERS, WITHOUT_AGENT_S),
    ]
    line.tell(inputs.RtpCounted(leg, 1000, source=1))
    line.now += timedelta(seconds=2)
    assert line.tell(inputs.RtpCounted(leg, 17_000, lost=64_000, source=1)) == [commands.Rejoin(IDS.bridge, leg)]
    line.tell(inputs.LegGone(TO))
    assert line.tell(inputs.TimeUp(OTHERS)) == []


def test_a_supervisor_who_whispers_is_watched_in_their_own_bridge() -> None:
    line, leg = Line(), IDS.supervisor(1)
    line.tell(inputs.TransferAsked(TARGET, "ops"))
    line.tell(inputs.LegEntered(TO))
    line.tell(inputs.SuperviseAsked(leg, TARGET, "whisper", "ops"))
    line.tell(inputs.LegEntered(leg))
    assert commands.CountRtp(leg) in line.tell(inputs.TimeUp(OTHERS))
    line.tell(inputs.RtpCounted(leg, 1000, source=1))
    line.now += timedelta(seconds=2)
    assert line.tell(inputs.RtpCounted(leg, 17_000, source=2)) == [commands.Rejoin(IDS.supervision, leg)]


def test_it_is_told_and_counted() -> None:
    line = Line()
    line.cease()
    before = observed(line.call)
    line.passes(0.6, SOUND)
    assert lifecycle.LegRejoined(IDS.call, 1) in changes(line.call, before)
