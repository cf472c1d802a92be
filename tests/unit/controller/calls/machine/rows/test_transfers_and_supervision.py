"""Transfers, REFER and supervision: what holds in whatever order it all happens."""

from dataclasses import replace

from hypothesis import given, strategies as st

from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import FallbackStep, Plan, State
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.view import view_of
from tests.unit.controller.calls.machine.rows.test_agent_control import ANN, VERBS, Floor
from tests.unit.controller.calls.machine.rows.test_attended_transfer import (
    ASK,
    ASKED_FIRST,
    CANCEL,
    GONE,
    REFER,
    REFERRED,
)
from tests.unit.controller.calls.machine.test_table import (
    CALLER,
    HUMAN,
    IDS,
    INPUTS,
    NOW,
    OVER,
    SORRY,
    TARGET,
    of_agent,
    tool_of,
)

MODES = st.sampled_from(["listen", "whisper", "take_over"])
WATCHERS = [IDS.supervisor(number) for number in (1, 2, 3)]
OTHERS = st.sampled_from(["target", "supervisor", "snoop"])
"""Whoever has that part in the call at the moment."""

MOVES = st.one_of(
    st.builds(
        inputs.TransferAsked, st.sampled_from([ASKED_FIRST, REFERRED]), st.just("ops"), st.none() | st.just("t5")
    ),
    st.just(ASK),
    st.just(CANCEL),
    st.builds(inputs.TransferDecided, st.booleans(), st.just("ops")),
    st.builds(inputs.DecideTool, st.sampled_from(["t7", "t8"]), st.booleans()),
    st.just(GONE),
    st.builds(inputs.LegHungUp, st.just(CALLER), st.just(16)),
    st.builds(inputs.LegReturned, st.just(CALLER), st.sampled_from(["SUCCESS", "FAILURE", "FAILURE"]), st.just(486)),
    st.builds(inputs.TimeUp, st.sampled_from(["consultation", "supervisor", "transfer"])),
    st.builds(inputs.LegEntered, OTHERS),
    st.builds(inputs.LegEntered, OTHERS),
    st.builds(inputs.LegGone, OTHERS, st.sampled_from([None, 17]), st.none()),
    st.builds(inputs.SuperviseAsked, st.just(""), st.just(TARGET), MODES, st.just("ops")),
    st.builds(inputs.SupervisionChanged, MODES, st.just("ops")),
    st.just(inputs.SupervisionEnded("ops")),
)
FAILS = st.sampled_from([False, False, False, True])


class Rooms(Floor):
    """Who is in which bridge. Only what exists can enter and go, only a timer that runs can be up."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.where: dict[str, str] = {}
        self.away = False
        """The caller's leg is in the dialplan."""

    def who(self, part: str) -> str:
        moved, watched = self.call.transfer, self.call.supervision
        found = {
            "target": moved and moved.channel,
            "supervisor": watched and watched.channel,
            "snoop": watched and watched.snoop,
        }
        return found.get(part, part) or "nobody"

    def feed(self, what: inputs.Input, fails: bool) -> None:
        call = self.call
        if isinstance(what, inputs.LegEntered | inputs.LegGone):
            what = replace(what, channel=self.who(what.channel))
        match what:
            case inputs.LegEntered(channel) if channel not in self.exists:
                return
            case inputs.TimeUp(timer) if timer not in self.timers:
                return
            case inputs.LegGone(channel, in_dialplan=True) if not self.away:
                return
            case inputs.LegGone(channel, in_dialplan=False):
                self.exists.discard(channel)
                self.where.pop(channel, None)
            case inputs.LegReturned():
                if not self.away:
                    return
                self.away = False
            case inputs.SuperviseAsked():
                if call.supervisions >= len(WATCHERS):
                    return
                what = replace(what, channel=WATCHERS[call.supervisions])
        super().feed(what, fails)

    def _do(self, command: commands.Command) -> None:
        super()._do(command)
        match command:
            case commands.Refer():
                self.away = True
                self.where.pop(CALLER, None)
            case commands.Join(bridge, channels):
                assert bridge in self.exists, f"{bridge} is not there"
                self.where |= dict.fromkeys(channels, bridge)
            case commands.HangUp(channel):
                self.where.pop(channel, None)
            case commands.DestroyBridge(bridge):
                self.where = {channel: room for channel, room in self.where.items() if room != bridge}

    def check(self, asked: set[str]) -> None:
        super().check(asked)
        call, where = self.call, self.where
        match call.state:
            case State.TALKING | State.HOLDING:
                assert where.get(call.media) == IDS.bridge
                assert where.get(CALLER) == IDS.bridge
            case State.CONSULTING:
                assert call.transfer is not None
                assert where.get(call.media) == where.get(call.transfer.channel) == call.transfer.consultation
                assert where.get(CALLER) == IDS.bridge
                assert self.music
                assert not self.paused
            case State.TRANSFERRED:
                assert {each for each, room in where.items() if room == IDS.bridge} >= {CALLER, *call.other_parties}
        if call.state is not State.CONSULTING:
            assert not [room for room in self.exists if "-consultation" in room]
        watched = call.supervision
        if call.state in (State.ENDING, State.ENDED):
            assert not self.exists
        if watched is None or watched.state != "on":
            assert IDS.supervision not in self.exists
            assert not {each for each in self.exists if "-snoop" in each}
        elif watched.mode != "take_over":
            assert where.get(watched.channel) == IDS.supervision
            assert len({each for each in self.exists if "-snoop" in each}) <= 1


WATCHED = [inputs.LegEntered("supervisor"), inputs.LegEntered("snoop")]
BEGUN: list[list[inputs.Input]] = [
    [],
    [ASK, inputs.LegEntered("target")],
    [inputs.SuperviseAsked("", TARGET, "listen", "ops"), *WATCHED],
    [inputs.SuperviseAsked("", TARGET, "take_over", "ops"), *WATCHED],
    [
        inputs.TransferAsked(TARGET, "ops"),
        inputs.LegEntered("target"),
        inputs.SuperviseAsked("", TARGET, "whisper", "ops"),
        *WATCHED,
    ],
    [REFER, GONE],
]
"""Where a story may begin, so that it comes further."""


@given(
    st.lists(st.sampled_from([SORRY, HUMAN]), max_size=2),
    st.sampled_from(BEGUN),
    st.lists(
        st.tuples(
            st.sampled_from(range(12)).flatmap(lambda n: MOVES if n < 10 else VERBS if n == 10 else INPUTS), FAILS
        ),
        max_size=30,
    ),
)
def test_everybody_is_somewhere_and_nothing_is_left(
    steps: list[FallbackStep], begun: list[inputs.Input], story: list[tuple[inputs.Input, bool]]
) -> None:
    plan: Plan = of_agent(ANN, on_ai_failure=tuple(steps), max_call=60.0, digits={"0": ASKED_FIRST})
    call = Call(plan, NOW)
    rooms, asked = Rooms(call), set[str]()
    rooms.do(table.start(call), fail=False)
    for what in [inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing(), *begun]:
        rooms.feed(what, fails=False)
    for what, fails in story:
        if call.state not in (State.ENDING, State.ENDED):
            asked |= tool_of(what)
        rooms.feed(what, fails)
        rooms.check(asked)
        view_of(call, CallLog())
    ending: list[inputs.Input] = [inputs.HangUpAsked("test"), OVER, inputs.TimeUp("end")]
    for what in ending:
        rooms.feed(what, fails=False)
    table.handle(call, inputs.TimeUp("end"), NOW)
    assert call.state is State.ENDED
    assert rooms.exists == set()
