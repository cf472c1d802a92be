"""Callers until they have a call: a look-up's caller is nobody's orphan, and the line is looked at again by itself."""

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from controller.ari.errors import Unavailable
from controller.ari.resources import Channel
from controller.ari.rest import Ari
from controller.calls import errors
from controller.calls.admission import capacity
from controller.calls.admission.capacity import Capacity, Slot
from controller.calls.admission.control import AdmissionControl
from controller.calls.machine import inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import Plan
from controller.calls.runtime import inbound, waiting_callers
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.ports import NoBrowsers
from controller.calls.tools.http import Answer, HttpTools
from controller.config import Config, CurrentConfig
from tests.unit.controller.calls.machine.test_table import NOW
from tests.unit.controller.configs import SMALL, config, with_

TOOL = {
    "url": "https://crm.example/customers?number={caller}",
    "description": "Who calls.",
    "parameters": {"type": "object", "properties": {"caller": {"type": "string"}}, "required": ["caller"]},
}


class Stage:
    """The registry, Asterisk and the tools, as far as arrivals see them."""

    def __init__(self, made: Config, tasks: asyncio.TaskGroup) -> None:
        self.free = True
        self.why: Exception = errors.Busy("full")
        self.room = cast(AdmissionControl, self)
        self.draining = self.returning = self.shared = False
        self.begun: list[SimpleNamespace] = []
        self.hung_up: list[str] = []
        self.reserved: list[str] = []
        self.asked: list[str] = []
        self.told: Answer | Exception = Answer(True, '{"customer": "Zoe", "nested": {}, "vip": 1}')
        self.read: list[str] = []
        self.set: list[tuple[str, str, str]] = []
        self.observed: list[Any] = []
        self.settle = 20
        self.evaluates = False
        self.variables: dict[str, str] | None = {}
        self.answer = asyncio.Event()
        fakes = cast(Ari, self), cast(HttpTools, self)
        self.arrivals = inbound.InboundCalls(
            *(CurrentConfig(made), *fakes, tasks, self.room),
            lambda plan, _: self.begin(plan),
            self.callers,
            self.observed.append,
            NoBrowsers(),
        )

    def begin(self, plan: Plan) -> CallActor:
        puts: list[inputs.Input] = []
        actor = SimpleNamespace(id=plan.call, call=Call(plan, NOW), put=puts.append, puts=puts)
        self.begun.append(actor)
        return cast(CallActor, actor)

    def callers(self) -> Iterator[str]:
        return (each.call.plan.caller or "" for each in self.begun)

    def admit(self, _: Slot, *, waited: bool = False) -> None:
        if not self.free:
            raise self.why

    def reserve(self, plan: Plan, *, served: bool) -> None:
        assert served
        self.reserved.append(plan.call)

    def out_of_service(self) -> bool:
        return False

    def workers_returning(self) -> bool:
        return self.returning

    async def wait_returned(self) -> None:
        await until(lambda: not self.returning)

    async def subscribe(self, *_: str) -> None:
        """To the caller's channel, until it is gone."""

    async def ring(self, _: str) -> None: ...

    async def hangup(self, channel: str, *, reason: str) -> None:
        self.hung_up.append(f"{channel} {reason}")

    async def run(self, _: str, name: str, __: Any, ___: Any) -> Answer:
        self.asked.append(name)
        await self.answer.wait()
        if isinstance(self.told, Exception):
            raise self.told
        return self.told

    async def get_variable(self, channel: str, name: str) -> str | None:
        self.read.append(name)
        await asyncio.sleep(0)
        if self.variables is None:
            raise Unavailable("get_variable", None, "no answer")
        return self.variables.get(name)

    async def evaluate(self, channel: str, *expressions: str) -> list[str] | None:
        if not self.evaluates:
            return None
        told = self.variables or {}
        presentation, _, privacy = told.get(PRIVACY, "").partition(";")
        return [presentation, privacy, told.get(REMOTE, ""), told.get(FROM, "")][: len(expressions)]

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        self.set.append((channel, name, value))

    async def caller(self, channel: str, number: str = "+4930", *args: str, name: str = "", to: str = "5001") -> None:
        where = "PJSIP/trunk-00000001"
        caller = Channel(channel, where, "Ring", caller_number=number, caller_name=name, exten=to)
        self.arrivals.arrived(caller, args)
        for _ in range(self.settle):  # until it has been asked whether the number is withheld
            await asyncio.sleep(0)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


def routed(**keys: Any) -> Config:
    return config(with_(SMALL, routes=[{"to": "*", "agent": "reception", **keys}], http_tools={"who": TOOL}))


async def test_a_caller_during_a_look_up_is_known_and_gets_what_was_found() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(lookup="who"), tasks)
        await stage.caller("1.1")
        assert stage.arrivals.has_no_call_yet("1.1")
        assert [slot.agent for slot in stage.arrivals.asking()] == ["reception"]
        stage.answer.set()
        await until(lambda: stage.begun)
        assert not stage.arrivals.has_no_call_yet("1.1")
        given = stage.begun[0].call.plan.agent.template_vars
        assert (given["customer"], given["vip"], "nested" in given) == ("Zoe", "1", False)


@pytest.mark.parametrize(("odd", "wanted"), [("\\ud83d\\ude00", "😀"), ("a\\ud83d", "a\ufffd"), ("\\u0000", "\ufffd")])
async def test_what_a_look_up_found_is_well_formed(odd: str, wanted: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(lookup="who"), tasks)
        stage.told = Answer(True, f'{{"name": "{odd}", "x{odd}": 1}}')
        stage.answer.set()
        await stage.caller("1.1")
        await until(lambda: stage.begun)
        given = stage.begun[0].call.plan.agent.template_vars
        assert (given["name"], given["x" + wanted]) == (wanted, "1")


@pytest.mark.parametrize(
    "told",
    [
        Answer(True, "[" * 16_000),
        Answer(True, '{"a":' * 3_000),
        Answer(True, '{"a":' * 3_000 + "1" + "}" * 3_000),
        Answer(True, "[{" * 5_000),
        Answer(True, "9" * 10_000),
        Answer(True, '{"a": ' + "9" * 10_000 + "}"),
        Answer(True, "[]"),
        Answer(True, "null"),
        Answer(True, ""),
        Answer(True, "\ufeff{}"),
        Answer(True, '{"a": 1} {"b": 2}'),
        Answer(False, "The tool can't be reached at the moment."),
        RecursionError("deep"),
        UnicodeError("odd"),
        RuntimeError("can't start new thread"),
        OSError(24, "Too many open files"),
        MemoryError(),
    ],
    ids=lambda told: str(told)[:24],
)
async def test_whatever_a_look_up_comes_to_the_call_begins(told: Answer | Exception) -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(lookup="who"), tasks)
        stage.told = told
        with capture_logs() as logs:
            await stage.caller("1.1")
            stage.answer.set()
            await until(lambda: stage.begun)
        assert set(stage.begun[0].call.plan.agent.template_vars) == {"caller", "caller_name", "called", "trunk"}
        assert not stage.arrivals.has_no_call_yet("1.1")
        assert [line.get("reason", "exc_info") for line in logs if line["event"].startswith("look-up gave nothing")]


async def test_a_caller_for_whom_no_call_can_begin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an internal error: nobody is left ringing."""
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(lookup="who"), tasks)

        def breaks(_: Plan) -> CallActor:
            raise KeyError("ours")

        monkeypatch.setattr(stage, "begin", breaks)
        await stage.caller("1.1")
        stage.answer.set()
        await until(lambda: stage.hung_up)
    assert stage.hung_up == ["1.1 congestion"]


async def test_a_caller_who_leaves_during_a_look_up() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(lookup="who"), tasks)
        await stage.caller("1.1")
        stage.arrivals.left("1.1")
        assert not stage.arrivals.has_no_call_yet("1.1")
    assert stage.begun == []


async def test_who_calls_while_a_worker_is_started_again_waits_for_it() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(), tasks)
        stage.returning = True
        for channel in ("1.1", "1.2"):
            await stage.caller(channel)
        await asyncio.sleep(0)
        stage.arrivals.left("1.2")
        assert (stage.arrivals.has_no_call_yet("1.1"), stage.arrivals.has_no_call_yet("1.2"), stage.begun) == (
            True,
            False,
            [],
        )
        stage.returning = False
        await until(lambda: stage.begun)
        assert not stage.arrivals.has_no_call_yet("1.1")
    assert (len(stage.begun), stage.hung_up) == (1, [])


@pytest.mark.parametrize(("front", "reason"), [(False, "busy"), (True, "congestion")])
async def test_who_waits_for_a_worker_in_vain_gets_what_there_is_without(
    monkeypatch: pytest.MonkeyPatch, front: bool, reason: str
) -> None:
    """`front`: a SIP front tries another node after 503."""
    monkeypatch.setattr(inbound, "WORKER_WAIT_S", 0.1)
    async with asyncio.TaskGroup() as tasks:
        behind = {"ari": SMALL["asterisk"]["ari"], "readiness_app": front}
        stage = Stage(config(with_(SMALL, asterisk=behind, routes=[{"to": "*", "agent": "reception"}])), tasks)
        stage.returning, stage.free, stage.why = True, False, errors.NoAgent("No room.")
        await stage.caller("1.1")
        await until(lambda: stage.hung_up)
    assert stage.hung_up == [f"1.1 {reason}"]


async def test_no_call_begins_when_the_controller_goes_down() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(lookup="who"), tasks)
        await stage.caller("1.1")
        stage.draining = True
        stage.answer.set()
        await until(lambda: stage.hung_up)
    assert stage.hung_up == ["1.1 congestion"]
    assert stage.begun == []


async def test_the_line_moves_by_itself_when_there_is_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_callers, "SERVE_EVERY", 0.01)
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(overflow=[{"wait": {}}]), tasks)
        stage.free = False
        await stage.caller("1.1")
        await stage.caller("1.2")
        first, second = stage.begun
        assert (first.puts, second.puts) == ([inputs.PlaceKnown(1)], [inputs.PlaceKnown(2)])
        stage.free = True
        await until(lambda: inputs.RoomFound() in first.puts)
        await until(lambda: inputs.RoomFound() in second.puts)
        assert not stage.arrivals.waits(first.id)
        assert stage.reserved == [first.id, second.id]


async def test_who_comes_later_does_not_pass_those_who_wait() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(routed(overflow=[{"wait": {"max_waiting": 1}}]), tasks)
        stage.free = False
        await stage.caller("1.1")
        stage.free = True
        await stage.caller("1.2")
        await until(lambda: stage.hung_up)
        assert stage.hung_up == ["1.2 busy"]
        stage.arrivals.ended(stage.begun[0].id)


ON_AI_FAILURE: dict[str, Any] = {"agents__reception__on_ai_failure": [{"say": "voiceai/sorry"}]}


@pytest.mark.parametrize(
    ("why", "on_ai_failure", "steps", "expected"),
    [
        (errors.NoAgent("no worker"), True, [], "fallback"),
        (errors.NoAgent("no worker"), True, ["busy"], "busy"),
        (errors.NoAgent("no worker"), True, [{"wait": {}}], "waits"),
        (errors.NoAgent("no worker"), True, [{"agent": "reception"}], "fallback"),
        (errors.NoAgent("no worker"), False, [], "busy"),
        (errors.Busy("limits.max_calls"), True, [], "busy"),
        (errors.Busy("limits.max_calls"), True, ["on_ai_failure"], "fallback"),
        (errors.NotReady("going down"), True, [], "busy"),
    ],
)
async def test_who_gets_a_person_when_there_is_no_agent(
    why: Exception, on_ai_failure: bool, steps: list[Any], expected: str
) -> None:
    base = with_(
        SMALL, routes=[{"to": "*", "agent": "reception", "overflow": steps}], **(ON_AI_FAILURE if on_ai_failure else {})
    )
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(base), tasks)
        stage.free, stage.why = False, why
        await stage.caller("1.1")
        await until(lambda: stage.begun or stage.hung_up)
        if expected == "busy":
            assert stage.hung_up == ["1.1 busy"]
        else:
            plan = stage.begun[0].call.plan
            assert (plan.unserved, plan.waiting is not None) == (
                str(why) if expected == "fallback" else None,
                expected == "waits",
            )
            assert capacity.slot_of(plan).direction == ("leg" if expected == "fallback" else "inbound")
            stage.arrivals.ended(plan.call)


@pytest.mark.parametrize("of_route", [False, True])
async def test_the_agents_own_look_up_is_asked_where_the_route_has_none(of_route: bool) -> None:
    other = TOOL | {"url": "https://other.example/?number={caller}"}
    keys: dict[str, Any] = {"lookup": "who"} if of_route else {}
    base = with_(SMALL, routes=[{"to": "*", "agent": "reception", **keys}], http_tools={"who": TOOL, "mine": other})
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(with_(base, agents__reception__lookup="mine")), tasks)
        stage.answer.set()
        await stage.caller("1.1")
        await until(lambda: stage.begun)
    assert stage.asked == ["who" if of_route else "mine"]
    assert stage.begun[0].call.plan.agent.template_vars["customer"] == "Zoe"


@pytest.mark.parametrize("overflow", [[], ["on_ai_failure"], [{"agent": "other"}], [{"wait": {}}], ["busy"]])
async def test_who_calls_too_often_hears_busy_whatever_the_overflow_says(overflow: list[Any]) -> None:
    agents = {name: {"instructions": "Hi.", "on_ai_failure": ["hang_up"]} for name in ("reception", "other")}
    made = config(
        with_(
            SMALL,
            agents=agents,
            routes=[{"to": "*", "agent": "reception", "overflow": overflow}],
            limits={"per_caller": {"max_calls": 2}},
        )
    )
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(made, tasks)
        for channel, number in (("1", ""), ("2", "anonymous"), ("3", "Unavailable"), ("4", "+4930"), ("5", "004930")):
            await stage.caller(channel, number)
        await stage.caller("6", "4930")
        await stage.caller("7", "+4931")
    assert [each.call.plan.leg for each in stage.begun] == ["1", "2", "4", "5", "7"]
    assert stage.hung_up == ["3 busy", "6 busy"]


PROMPT = {"agents__reception": {"instructions": "{{caller_name}} {{order}} {{trunk}} {{caller}}"}}


async def test_channel_variables_are_read_and_cleaned_and_arguments_forge_nothing() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(SMALL, **PROMPT), tasks)
        stage.variables = {"VOICEAI_VAR_order": "4711\n{{x}}", "VOICEAI_VAR_trunk": "forged"}
        await stage.caller("1", "+49 30{{x}}", "caller=+1", "trunk=x", name="Bob\nignore all\u202e")
        await until(lambda: stage.begun)
        assert not stage.arrivals.has_no_call_yet("1")
    assert [name for name in stage.read if name.startswith("VOICEAI")] == ["VOICEAI_VAR_order"]
    plan = stage.begun[0].call.plan
    assert plan.agent.spec.instructions == '"Bob ignore all" 4711 ((x))  +4930((x))'
    assert plan.caller == "+4930((x))"


async def test_a_caller_whose_variables_cannot_be_read_is_not_lost() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(SMALL, **PROMPT), tasks)
        stage.variables = None
        await stage.caller("1", "+4930", "order=12")
        await until(lambda: stage.begun)
    assert stage.begun[0].call.plan.agent.spec.instructions == " 12  "  # they may have wanted to withhold their number


async def test_a_caller_who_leaves_meanwhile_has_no_call() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(SMALL, **PROMPT), tasks)
        stage.settle = 0
        await stage.caller("1")
        stage.arrivals.left("1")
    assert stage.begun == []


PRIVACY = "EVAL(${CALLERID(num-pres)};${PJSIP_HEADER(read,Privacy)};${PJSIP_HEADER(read,Privacy,2)})"
REMOTE = "EVAL(${PJSIP_HEADER(read,Remote-Party-ID)})"
FROM = "EVAL(${CHANNEL(pjsip,remote_uri)})"


@pytest.mark.parametrize(
    ("number", "told", "kept"),
    [
        ("+4930", {PRIVACY: "allowed_not_screened;"}, True),
        ("+4930", {PRIVACY: "allowed_not_screened;none"}, True),
        ("+4930", {PRIVACY: "allowed;critical", REMOTE: "<sip:1@x>;privacy=off", FROM: "<sip:1@invalid.org>"}, True),
        ("+4930", {PRIVACY: "allowed_not_screened;id"}, False),
        ("+4930", {PRIVACY: "allowed_not_screened;user; ID"}, False),
        ("+4930", {PRIVACY: "prohib_passed_screen;"}, False),
        ("+4930", {PRIVACY: "unavailable;"}, False),
        ("+4930", {PRIVACY: "allowed;critical;id"}, False),
        ("+4930", {REMOTE: '"R" <sip:+4930888@x>;party=calling;privacy=full;screen=yes'}, False),
        ("c8oqz", {FROM: "<sip:c8oqz@anonymous.invalid>"}, False),
        *((word, {}, False) for word in ("anonymous", "Restricted", "UNAVAILABLE", "unknown", "", "-", "+266696687")),
        *((word, {}, False) for word in ("266696687", "00266696687", "+7378742833", "+8656696", "Private Number")),
        *((word, {}, True) for word in ("8656696", "5001", "sales", "+442079460000")),
    ],
)
@pytest.mark.parametrize("evaluates", [True, False])
async def test_withheld_is_withheld(number: str, told: dict[str, str], kept: bool, evaluates: bool) -> None:
    agents = {"a": {"instructions": "{{caller}}{{caller_name}}"}, "b": {"instructions": "{{caller}}{{caller_name}}"}}
    spread = with_(SMALL, agents=agents, routes=[{"to": "*", "agent": {"a": 1, "b": 1}, "sticky": "x"}])
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(spread), tasks)
        stage.variables, stage.evaluates = told, evaluates
        for each in range(24):
            await stage.caller(str(each), number, name="Ann")
    plans = [each.call.plan for each in stage.begun]
    assert [bool(plan.caller) for plan in plans] == [kept] * 24
    assert len({plan.agent.name for plan in plans}) == (1 if kept else 2)
    if not kept:
        assert {plan.agent.spec.instructions for plan in plans} == {""}


async def test_letters_on_keys_are_no_number_of_the_trunks_country() -> None:
    """266696687 is read as +49266696687 in Germany."""
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(trunks__main__country_code="49"), tasks)
        await stage.caller("1", "266696687")
    assert stage.begun[0].call.plan.caller is None


@pytest.mark.parametrize("shown", [False, True])
async def test_who_is_named_anonymous_withholds_their_number(shown: bool) -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(trunks__main__show_withheld=shown), tasks)
        await stage.caller("1", "+4930555", name="Anonymous")
    assert stage.begun[0].call.plan.caller == ("+4930555" if shown else None)
    assert stage.set == ([] if shown else [("1", "CALLERID(all)", "")]), "Asterisk would write it into its records"


async def test_a_trunk_may_show_withheld_numbers() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(trunks__main__show_withheld=True), tasks)
        stage.variables = {PRIVACY: "prohib;id"}
        await stage.caller("1", "+493012345")
    assert stage.begun[0].call.plan.caller == "+493012345"


SPELLED = (
    "+4930555",
    "004930555",
    "4930555",
    "030555",
    "+49-30-555",
    "+4930555;npdi;rn=+49123",
    "030555;phone-context=+49",
)


@pytest.mark.parametrize("route", ["+4930555", "030555", "4930555", "004930555"])
async def test_one_number_in_all_spellings_fits_counts_and_is_written_once(route: str) -> None:
    made = config(
        routes=[{"to": route, "agent": "reception"}], limits={"per_caller": {"max_calls": 9}, "per_number": {route: 7}}
    )
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(made, tasks)
        for each in SPELLED:
            await stage.caller(each, each, to=each)
    plans = [each.call.plan for each in stage.begun]
    assert [(plan.callee, plan.caller) for plan in plans] == [("+4930555", "+4930555")] * len(SPELLED)
    limited, up = Capacity(CurrentConfig(made)), [capacity.slot_of(plan) for plan in plans]
    with pytest.raises(errors.Busy, match="per_number"):
        limited.check(up[0], up, 0)
    limited.check(up[0], up[1:], 0)


async def test_who_is_refused_is_told_of_with_the_nearest_route() -> None:
    async with asyncio.TaskGroup() as tasks:
        stage = Stage(config(routes=[{"to": "+4930555*", "agent": "night"}, {"to": "7", "agent": "night"}]), tasks)
        with capture_logs() as lines:
            await stage.caller("1", "+4940123456", to="004930554123")
    (line,) = [each for each in lines if each["event"].startswith("caller refused")]
    assert (line["called"], line["trunk"]) == ("…23", "main")
    assert line["nearest"] == "routes[0] (+4930555*), of which does not fit: to"
    assert "123456" not in str(lines)
    (refused,) = stage.observed
    assert refused.call is not None
    assert (refused.call.callee, refused.call.caller, refused.call.outcome) == (
        *("+4930554123", "+4940123456"),
        "no_route",
    )
