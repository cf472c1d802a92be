"""What follows when Asterisk has other channels and bridges than we know of."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from controller.ari.events import ChannelHold, ChannelUnhold, Event
from controller.ari.resources import Application, Bridge, Channel
from controller.ari.rest import Ari, AriError, BadAnswer, NotFound, Unauthorized, Unavailable
from controller.calls.runtime import reconcile
from controller.calls.runtime.reconcile import Reconciler, stasis_arguments
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS


def channel(id: str, *, state: str = "Up", name: str = "PJSIP/trunk-00000001", data: str = "voiceai") -> Channel:
    return Channel(id, name, state, app_name="Stasis", app_data=data)


@dataclass
class Pbx:
    """An Asterisk that lists what it is told to. `there`: what is listed can be hung up."""

    app: str = "voiceai"
    listed: list[Channel] = field(default_factory=list)
    names: list[Bridge] = field(default_factory=list)
    variables: dict[str, str | AriError] = field(default_factory=dict)
    there: bool = True
    fails: AriError | None = None
    hung_up: list[str] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)
    asked: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go_on.set()

    async def channels(self) -> list[Channel]:
        self.asked += 1
        await self.go_on.wait()
        return self.listed

    async def bridges(self) -> list[Bridge]:
        return self.names

    async def application(self, _: str) -> Application:
        return cast(Application, SimpleNamespace(channel_ids=tuple(each.id for each in self.listed)))

    async def get_variable(self, channel: str, _: str) -> str | None:
        found = self.variables.get(channel)
        if isinstance(found, AriError):
            raise found
        return found

    async def hangup(self, channel: str, **_: Any) -> bool:
        self.hung_up.append(channel)
        if self.fails is not None:
            raise self.fails
        return self.there

    async def destroy_bridge(self, bridge: str) -> None:
        self.destroyed.append(bridge)


@dataclass
class Known:
    """The calls."""

    legs: dict[str, frozenset[str]] = field(default_factory=dict)
    mine: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    told: list[tuple[str, ...]] = field(default_factory=list)
    held: dict[str, bool] = field(default_factory=dict)

    def holds(self) -> Mapping[str, bool]:
        return dict(self.held)

    def take(self, event: Event) -> None:
        assert isinstance(event, ChannelHold | ChannelUnhold)
        self.told.append((type(event).__name__, event.channel.id))

    def owned_resources(self) -> Mapping[str, frozenset[str]]:
        return dict(self.legs)

    def owned(self, name: str) -> bool:
        return name in self.mine

    def left(self, call: str, channel: str) -> None:
        self.told.append(("left", call, channel))

    def entered(self, channel: Channel, arguments: tuple[str, ...]) -> None:
        self.told.append(("entered", channel.id, *arguments))

    def is_fresh(self, channel: str) -> bool:
        return channel in self.fresh

    def receive(self, channel: Channel, arguments: tuple[str, ...]) -> None:
        self.mine.add(channel.id)
        self.told.append(("received", channel.id, *arguments))

    def all_owned(self) -> None:
        self.told.append(("all owned",))


def made(pbx: Pbx, known: Known) -> Reconciler:
    return Reconciler(cast(Ari, pbx), known, lambda: True)


@pytest.mark.parametrize("there", [True, False])
async def test_what_asterisk_only_lists_is_no_orphan(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    """Each reconcile sees it again, for as long as the carrier of a REFER owes its word."""
    monkeypatch.setattr(reconcile, "ORPHAN_GRACE", 0.0)
    pbx = Pbx(listed=[channel(CALLER)], variables={CALLER: CALL}, there=there)
    with capture_logs() as logs:
        await made(pbx, Known()).reconcile()
    assert pbx.hung_up == [CALLER]
    assert [line["event"] for line in logs] == ["orphan channel removed"] * there


async def test_callers_who_came_unheard_are_received_and_those_who_had_a_call_are_not() -> None:
    callers = [channel("1.1", state="Ring", data="voiceai,agent=sales,lang=de"), channel("1.2"), channel("1.3")]
    others = [channel("1.4"), channel("1.5"), channel("1.6"), channel("s", name="Snoop/1.1-0001")]
    known = Known(mine={"1.5"}, fresh={"1.6"})
    gone = NotFound("get_variable", 404, "Channel not found")
    pbx = Pbx(listed=[*callers, *others], variables={"1.3": CALL, "1.4": gone, "1.6": CALL})
    await made(pbx, known).reconcile()
    assert known.told == [("received", "1.1", "agent=sales", "lang=de"), ("received", "1.2"), ("received", "1.6")]
    assert pbx.hung_up == [], "an orphan has its grace"


async def test_a_caller_of_whom_asterisk_does_not_tell_is_neither_received_nor_forgotten() -> None:
    known, denied = Known(), Unauthorized("get_variable", 401, "no")
    pbx = Pbx(listed=[channel(CALLER)], variables={CALLER: denied})
    one = made(pbx, known)
    await one.reconcile()
    assert known.told == []
    pbx.variables.clear()
    await one.reconcile()
    assert known.told == [("received", CALLER), ("all owned",)]


async def test_our_legs_that_answered_unheard_are_told() -> None:
    ringing, answered = channel(IDS.target(1), state="Ringing"), channel(IDS.callee, data="voiceai,HUMAN")
    away = Channel(IDS.media, "AudioSocket/x", "Up", app_name="AppDial")
    known = Known(legs={CALL: frozenset({IDS.callee, IDS.bridge, IDS.participant("a")})})
    known.mine |= {IDS.callee, IDS.target(1), IDS.media}
    await made(Pbx(listed=[ringing, answered, away]), known).reconcile()
    assert known.told == [("left", CALL, IDS.participant("a")), ("entered", IDS.callee, "HUMAN"), ("all owned",)]


async def test_a_request_during_a_reconcile_is_another_one_at_once() -> None:
    pbx = Pbx()
    one = made(pbx, Known())
    running = asyncio.create_task(one.run())
    try:
        pbx.go_on.clear()
        one.request()
        await _until(lambda: pbx.asked == 1)
        one.request()
        one.request()
        pbx.go_on.set()
        await _until(lambda: pbx.asked == 2)
    finally:
        running.cancel()


async def test_an_orphan_is_removed_after_its_grace_also_if_that_fails_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "ORPHAN_GRACE", 0.05)
    pbx = Pbx(listed=[channel(IDS.media, name="AudioSocket/x")], names=[_bridge(IDS.bridge, "voiceai x")])
    pbx.names.append(_bridge(IDS.supervision, "another x"))
    pbx.fails = Unauthorized("hangup", 401, "no")
    one = made(pbx, Known())
    running = asyncio.create_task(one.run())
    try:
        one.request()
        await _until(lambda: len(pbx.hung_up) >= 2)
        pbx.fails = None
        await _until(lambda: len(pbx.hung_up) >= 3)
        assert set(pbx.destroyed) == {IDS.bridge}
    finally:
        running.cancel()


async def test_nothing_is_asked_of_an_asterisk_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "EVERY", 0.01)
    pbx, up = Pbx(), [False]
    one = Reconciler(cast(Ari, pbx), Known(), lambda: up[0])
    running = asyncio.create_task(one.run())
    try:
        one.request()
        await asyncio.sleep(0.05)
        assert pbx.asked == 0
        up[0] = True
        await _until(lambda: pbx.asked > 0)
    finally:
        running.cancel()


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        ("voiceai", ()),
        ("voiceai,", ()),
        ("voiceai,a=1,b=2", ("a=1", "b=2")),
        ('voiceai,name="Smith, John",lang=de', ("name=Smith, John", "lang=de")),
        (r"voiceai,name=Smith\, John,x=", ("name=Smith, John", "x=")),
        ('voiceai,name="open,b=2', ("name=open", "b=2")),
        ("voiceai,a\\", ("a\\",)),
        ("voiceai,,b=2", ("", "b=2")),
    ],
)
def test_arguments_of_a_missed_stasis_start(data: str, arguments: tuple[str, ...]) -> None:
    assert stasis_arguments(channel(CALLER, data=data)) == arguments
    assert stasis_arguments(Channel(CALLER, "PJSIP/x", "Up", app_name="Dial", app_data=data)) == ()


def _bridge(id: str, name: str) -> Bridge:
    return cast(Bridge, SimpleNamespace(id=id, name=name))


async def _until(there: Any) -> None:
    async with asyncio.timeout(5):
        while not there():  # noqa: ASYNC110 - what it waits for is no event
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("known", "says", "told"),
    [
        (False, "1", "ChannelHold"),
        (True, "0", "ChannelUnhold"),
        (True, "1", None),
        (False, "0", None),
        (True, NotFound("get_variable", 404, "Channel not found"), None),
    ],
)
async def test_after_a_gap_asterisk_is_asked_who_holds_the_call(
    known: bool, says: str | AriError, told: str | None
) -> None:
    calls = Known(mine={CALLER}, held={CALLER: known, "gone": True})
    pbx = Pbx(listed=[channel(CALLER)], variables={CALLER: says})
    await made(pbx, calls).reconcile(missed=True)
    assert [each for each in calls.told if each != ("all owned",)] == ([(told, CALLER)] if told else [])


async def test_without_a_gap_and_of_what_is_no_telephone_nobody_is_asked() -> None:
    for name, missed in (("PJSIP/trunk-00000001", False), ("Local/5001@phones-0001;2", True)):
        calls = Known(mine={CALLER}, held={CALLER: False})
        await made(Pbx(listed=[channel(CALLER, name=name)], variables={CALLER: "1"}), calls).reconcile(missed=missed)
        assert calls.told == [("all owned",)]


class Unlisted(Pbx):
    """One channel can't be told, and so the list can't."""

    bad: str = "bad"

    async def channels(self) -> list[Channel]:
        raise Unavailable("channels", 500, "Allocation failed")

    async def channel(self, id: str) -> Channel:
        if id == self.bad:
            raise BadAnswer("channel", 200, "the answer is not of the documented form")
        found = [each for each in self.listed if each.id == id and each.name]
        if not found:
            raise NotFound("channel", 404, "Channel not found")
        return found[0]


async def test_without_a_list_ours_are_asked_for_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose caller has gone is told; a caller without a call is received; what nobody can read is hung up."""
    monkeypatch.setattr(reconcile, "ORPHAN_GRACE", 0.0)
    pbx = Unlisted(listed=[channel("7.7"), channel("bad", name=""), channel(IDS.callee)])
    known = Known({CALL: frozenset({"1.1", IDS.callee, IDS.bridge})}, mine={"1.1", IDS.callee})
    it = made(pbx, known)
    with capture_logs() as logs:
        await it.reconcile()
    assert ("left", CALL, "1.1") in known.told
    assert ("left", CALL, IDS.callee) not in known.told
    assert ("received", "7.7") in known.told
    assert pbx.hung_up == ["bad"]
    assert it.listing_fails
    assert [each["event"][:32] for each in logs if each["log_level"] == "error"] == ["Asterisk can't list its channels"]


async def test_a_leg_that_can_not_be_told_is_not_gone() -> None:
    pbx = Unlisted(listed=[channel("bad", name="")])
    known = Known({CALL: frozenset({"bad"})}, mine={"bad"})
    await made(pbx, known).reconcile()
    assert [each for each in known.told if each[0] == "left"] == []
    assert pbx.hung_up == []
