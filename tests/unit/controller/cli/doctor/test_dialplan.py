"""Where calls go, read off what `dialplan show` of Asterisk 22.10 prints."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.ari.resources import AsteriskInfo
from controller.cli.doctor import asterisk_cli, called_numbers, command_line, dialplan_output, inbound, routes
from controller.cli.doctor.command_line import CommandLine
from controller.cli.doctor.dialplan_walk import End, candidates, walk
from tests.unit.controller.configs import FULL, SMALL, config

APP = "voiceai"
OURS = "  '_X!' =>          1. Stasis(voiceai)                            [extensions.conf:13]\n"
HEAD = "[ Context 'from-trunk' created by 'pbx_config' ]\n"
BY_A_CONTROLLER = """\
[ Context 'stasis-voiceai' created by 'res_stasis' ]
  '_.' =>           1. Stasis(voiceai)                            [res_stasis]

"""
SUMMARY = "\n-= 3 extensions (6 priorities) in 2 contexts. =-\n"


def found_in(text: str, number: str = "5001") -> tuple[End, str]:
    """Where the call ends, and at which step."""
    there = walk(candidates(dialplan_output.read(text)), number, APP)
    return there.end, str(there.goto or there.step)


@pytest.mark.parametrize(
    ("steps", "end", "step"),
    [
        (["Stasis(voiceai)"], End.OURS, "Stasis(voiceai)"),
        (["Stasis(voiceai,language=de)"], End.OURS, "Stasis(voiceai,language=de)"),
        (["NoOp()", "Answer()", "Set(A=1)", "stasis(voiceai)"], End.OURS, "stasis(voiceai)"),
        (["Stasis(voice-ai)"], End.OTHER_APP, "Stasis(voice-ai)"),
        (["Stasis(voiceai2)"], End.OTHER_APP, "Stasis(voiceai2)"),
        (["Hangup(1)"], End.ELSEWHERE, "Hangup(1)"),
        (["Dial(PJSIP/phone1,30)", "Stasis(voiceai)"], End.OURS, "Stasis(voiceai)"),
        (["Dial(PJSIP/phone1,30)", "Hangup()"], End.ELSEWHERE, "Hangup()"),
        (["Queue(sales)", "VoiceMail(1)"], End.ELSEWHERE, "Queue(sales)"),
        (["Stasis(voice-ai)", "Stasis(voiceai)"], End.OURS, "Stasis(voiceai)"),
        (["Stasis(voice-ai)", "Hangup()"], End.OTHER_APP, "Stasis(voice-ai)"),
        (["Stasis( voiceai)"], End.OTHER_APP, "Stasis( voiceai)"),
        (["Stasis(voiceai )"], End.OTHER_APP, "Stasis(voiceai )"),
        (["Dial(Local/5001@agents)", "Hangup()"], End.UNKNOWN, "None"),
        (["Gosub(check,s,1)", "Hangup()"], End.UNKNOWN, "None"),
        (["NoOp()"], End.ELSEWHERE, "None"),
        (['GotoIf($["${X}" = "1"]?bad,1)', "Stasis(voiceai)"], End.OURS, "Stasis(voiceai)"),
        (["Gosub(check,s,1)"], End.UNKNOWN, "None"),
        (["ExecIf($[1]?Stasis(voiceai))"], End.UNKNOWN, "None"),
        (["Goto(other,${EXTEN},1)"], End.UNKNOWN, "Goto(context='other', extension='5001', priority='1')"),
        (["Goto(other,${EXTEN:1:2},1)"], End.UNKNOWN, "Goto(context='other', extension='00', priority='1')"),
        (["Goto(s,1)"], End.UNKNOWN, "Goto(context='from-trunk', extension='s', priority='1')"),
        (["Goto(${WHERE},s,1)"], End.UNKNOWN, "Goto(${WHERE},s,1)"),
        (["Goto(3)", "Hangup()", "Stasis(voiceai)"], End.OURS, "Stasis(voiceai)"),
        (["Goto(there)", "Hangup()", "[there] Stasis(voiceai)"], End.OURS, "Stasis(voiceai)"),
        (["Goto(1)"], End.ELSEWHERE, "None"),
        (["Goto(a,b,c,d)"], End.UNKNOWN, "Goto(a,b,c,d)"),
    ],
)
def test_the_steps_of_a_line(steps: list[str], end: End, step: str) -> None:
    lines = []
    for number, each in enumerate(steps, 1):
        label, _, rest = each.rpartition("] ") if each.startswith("[") else ("", "", each)
        head = "  '_X!' =>         " if number == 1 else f"     {label + ']' if label else '':13}"
        lines.append(f"{head} {number}. {rest:45} [extensions.conf:{number}]")
    assert found_in(HEAD + "\n".join(lines)) == (end, step)


def test_a_step_that_asterisk_has_cut_is_read() -> None:
    long = "GotoIf(" + "x" * 240
    text = f"{HEAD}  '_X!' =>          1. {long} [extensions.conf:12]\n                2. Stasis(voiceai) [e:2]"
    assert found_in(text) == (End.OURS, "Stasis(voiceai)")


def test_lines_that_take_no_call_are_no_candidates() -> None:
    text = (
        f"{HEAD}  '5001' =>         hint: PJSIP/phone1                            [extensions.conf:3]\n"
        "  '5001' (CID match '4930') => 1. Hangup(21)                                 [extensions.conf:4]\n"
        "  '_5X!' =>         2. Hangup(21)                                 [extensions.conf:5]\n" + OURS
    )
    lines = candidates(dialplan_output.read(text))
    assert [each.pattern for each in lines] == ["_5X!", "_X!"]
    assert walk(lines, "5001", APP).line is lines[1]


def test_each_priority_is_looked_for_in_all_lines() -> None:
    """A line without a second priority goes on in the next one that has it."""
    ours = "  '_X!' =>  1. Hangup()  [e:4]\n    2. Stasis(voiceai) [e:5]\n"
    text = f"{HEAD}  '5001' =>         1. NoOp()    [e:3]\n{ours}"
    there = walk(candidates(dialplan_output.read(text)), "5001", APP)
    assert there.line is not None
    assert there.last is not None
    assert (there.end, there.line.pattern, there.last.pattern) == (End.OURS, "5001", "_X!")


def test_a_hint_and_its_extension() -> None:
    text = (
        f"{HEAD}  '5001' =>         hint: PJSIP/phone1                            [extensions.conf:3]\n"
        "                    1. Stasis(voiceai)                            [extensions.conf:4]\n"
    )
    assert found_in(text) == (End.OURS, "Stasis(voiceai)")


# ---------------------------------------------------------------- the whole dialplan


@pytest.mark.parametrize(
    ("text", "verdict", "told", "fix"),
    [
        (HEAD + OURS, "ok", "1 lines call Stasis(voiceai), in [from-trunk]", ""),
        (BY_A_CONTROLLER, "failure", "no line calls Stasis(voiceai)", "exten => _X!,1,Stasis(voiceai)"),
        (BY_A_CONTROLLER + HEAD + OURS, "ok", "1 lines", ""),
        (HEAD + OURS.replace("voiceai", "voice-ai"), "failure", "but there is Stasis(voice-ai)", "asterisk.ari.app"),
        (HEAD + OURS.replace("voiceai", "voiceai2"), "failure", "but there is Stasis(voiceai2)", "asterisk.ari.app"),
        (HEAD + OURS.replace("Stasis(voiceai)", "Dial(PJSIP/1)"), "failure", "no line calls", "_X!"),
        (HEAD.replace("from-trunk", "voiceai-answered") + OURS, "failure", "no line calls", "_X!"),
    ],
)
def test_lines_that_take_callers(text: str, verdict: str, told: str, fix: str) -> None:
    (found,) = asterisk_cli.dialplan(text + SUMMARY, config(SMALL))
    assert (found.verdict, told in found.told, fix in found.fix) == (verdict, True, True), found


# ---------------------------------------------------------------- each number


def exchange(lines: Mapping[str, str]) -> inbound.Run:
    """Answers as Asterisk: with what `lines` has for NUMBER@CONTEXT, or for *@CONTEXT."""

    async def run(command: str) -> str:
        place = command.removeprefix("dialplan show ")
        any_number = f"*@{place.partition('@')[2]}"
        return lines.get(place) or lines.get(any_number) or f"There is no existence of {place} extension\n"

    return run


def line(pattern: str, *steps: str, context: str = "from-trunk", included: bool = False) -> str:
    head = f"[ {'Included context' if included else 'Context'} '{context}' created by 'pbx_config' ]\n"
    first, *others = [f"{number}. {step}   [extensions.conf:{number}]" for number, step in enumerate(steps, 1)]
    return "\n".join([f"{head}  '{pattern}' =>  {first}", *(f"            {each}" for each in others), SUMMARY])


def both(*lines: str) -> str:
    """Of one context."""
    return lines[0] + "".join(text.partition("\n")[2] for text in lines[1:])


@pytest.mark.parametrize(
    ("lines", "verdict", "told", "fix"),
    [
        (
            {"*@from-trunk": line("_X!", "Stasis(voiceai)")},
            "ok",
            "`_X!` of [from-trunk] (extensions.conf:1), which",
            "",
        ),
        (
            {"*@from-trunk": both(line("_X.", "Hangup(1)"), line("_X!", "Stasis(voiceai)"))},
            *(
                "failure",
                "`_X.` of [from-trunk] (extensions.conf:1), which comes before `_X!`",
                "5001,1,Stasis(voiceai)",
            ),
        ),
        (
            {"*@from-trunk": line("_X!", "Stasis(voice-ai)")},
            "failure",
            "to Stasis(voice-ai): that is another",
            "asterisk.ari.app",
        ),
        ({}, "failure", "finds no line in [from-trunk]: the caller gets 404", "exten => _X!,1,Stasis(voiceai)"),
        ({"*@from-trunk": line("_X!", "Dial(PJSIP/1)")}, "failure", "ends with Dial(PJSIP/1)", "the first one wins"),
        (
            {
                "*@from-trunk": line("_X!", "Goto(agents,${EXTEN},1)"),
                "5001@agents": line("5001", "Stasis(voiceai)", context="agents"),
            },
            *("ok", "which calls Stasis(voiceai)", ""),
        ),
        (
            {"*@from-trunk": line("_X!", "Goto(agents,${EXTEN},1)")},
            "failure",
            "goes on to where there is no line",
            "dialplan show",
        ),
        ({"*@from-trunk": line("_X!", "Goto(from-trunk,${EXTEN}1,1)")}, "warning", "many Goto()", "Follow it"),
        ({"*@from-trunk": line("_X!", "Gosub(a,s,1)")}, "warning", "depends on Gosub()", "Follow it"),
        (
            {"*@from-trunk": line("_X!", "GotoIf(x?y)", "Stasis(voiceai)")},
            "ok",
            "unless GotoIf() before it leads elsewhere",
            "",
        ),
        ({"*@from-trunk": line("_X!", "NoOp()")}, "failure", "which leads nowhere", "dialplan show"),
        ({"*@from-trunk": line("_X!", "Stasis(voiceai)", context="more", included=True)}, "ok", "of [more]", ""),
    ],
)
async def test_where_a_call_goes(lines: dict[str, str], verdict: str, told: str, fix: str) -> None:
    settings = config(FULL, routes=[{"to": "5001", "agent": "reception"}])
    (found,) = await inbound.look(settings, exchange(lines), {"main": "from-trunk"})
    assert (found.check, found.verdict) == ("trunk main", verdict), found
    assert (told in found.told, fix in found.fix) == (True, True), found


APPLICATIONS = """    -= Registered Asterisk Applications =-
                Answer: Answer a channel if ringing.
                  Goto: Jump to a particular priority, extension, or context.
                  NoOp: Do Nothing (No Operation).
                Stasis: Invoke an external Stasis application.
    -= 4 Applications Registered =-
"""
STEPS = [
    pytest.param(("Answer()", "noop(1)", "Stasis(voiceai)"), APPLICATIONS, "", id="all are there"),
    pytest.param(("Wiat(1)", "Stasis(voiceai)"), APPLICATIONS, "Wiat(1)", id="a mistake in a name"),
    pytest.param(("Answer()", "Gosub(hello,s,1)", "Stasis(voiceai)"), APPLICATIONS, "Gosub(hello,s,1)", id="no module"),
    pytest.param(("Wiat(1)", "Goto(agents,s,1)"), APPLICATIONS, "Wiat(1)", id="before a Goto"),
    pytest.param(("Wiat(1)", "Stasis(voiceai)"), "No such command", "", id="no answer"),
    pytest.param(("Wiat(1)", "Stasis(voiceai)"), APPLICATIONS[:200], "", id="half of an answer"),
]


@pytest.mark.parametrize(("steps", "applications", "missing"), STEPS)
async def test_a_step_whose_application_is_not_there_ends_the_call(
    steps: tuple[str, ...], applications: str, missing: str
) -> None:
    lines = {
        "*@from-trunk": line("_X.", *steps),
        "s@agents": line("s", "Stasis(voiceai)", context="agents"),
        "core show applications": applications,
    }
    settings = config(FULL, routes=[{"to": "5001", "agent": "reception"}, {"to": "s", "agent": "night"}])
    found, *_ = await inbound.look(settings, exchange(lines), {"main": "from-trunk"})
    assert found.verdict == ("failure" if missing else "ok"), found
    if missing:
        assert f"ends at {missing}: this Asterisk has no application" in found.told
        assert "core show application " in found.fix


async def test_each_command_is_run_once() -> None:
    asked: list[str] = []
    answer = exchange(
        {"*@from-trunk": line("_X.", "Answer()", "Goto(agents,s,1)"), "core show applications": APPLICATIONS}
    )

    async def run(command: str) -> str | None:
        asked.append(command)
        return await answer(command)

    settings = config(FULL, routes=[{"to": "5001", "agent": "reception"}, {"to": "s", "agent": "night"}])
    await inbound.look(settings, run, {"main": "from-trunk", "desk": "from-trunk"})
    assert len(asked) == len(set(asked))
    assert {"dialplan show 5001@from-trunk", "dialplan show s@agents"} <= set(asked)


async def test_a_called_number_that_changes_on_the_way() -> None:
    """A route has to be for the number with which the call reaches us."""
    lines = {
        "*@from-trunk": line("_X!", "Goto(agents,s,1)"),
        "s@agents": line("s", "Stasis(voiceai)", context="agents"),
    }
    settings = config(FULL, routes=[{"to": "5001", "agent": "reception"}])
    (found,) = await inbound.look(settings, exchange(lines), {"main": "from-trunk"})
    assert (found.verdict, "as s: no route is for that number" in found.told) == ("failure", True), found
    for more in ({"to": "s", "agent": "night", "hours": NEVER}, {"to": "*", "agent": "night"}):
        settings = config(FULL, routes=[{"to": "5001", "agent": "reception"}, more])
        found, *_ = await inbound.look(settings, exchange(lines), {"main": "from-trunk"})
        assert found.verdict == "ok", found


async def test_a_number_to_which_another_line_sends_calls() -> None:
    """As FreePBX does: the DID is its own, and a custom destination says to which number of ours calls go on."""
    did = line("493012345", "Gosub(app-blacklist-check,s,1())", "Goto(voiceai,5001,1)", context="ext-did")
    lines = {"5001@voiceai": line("_X.", "Stasis(voiceai)", context="voiceai")}
    settings = config(FULL, routes=[{"to": "5001", "agent": "reception"}, {"to": "5002", "agent": "night"}])
    trunk = "[ Context 'from-pstn' created by 'pbx_config' ]\n  Include =>        'ext-did'    [extensions.conf:9]\n"
    dialplan = dialplan_output.read(trunk + did)
    lost, good = await inbound.look(settings, exchange(lines), {"main": "from-pstn"}, dialplan)
    assert (lost.verdict, "a call to 5002" in lost.told) == ("failure", True)
    told = "taken by `493012345` of [ext-did] (extensions.conf:1), which calls Stasis(voiceai) by `_X.` of [voiceai]"
    assert (good.verdict, told in good.told, "goes on to 5001 of [voiceai]" in good.told) == ("ok", True, True), good


TO_DID = [
    pytest.param("  Include =>        'ext-did'    [extensions.conf:9]\n", "ok", id="included"),
    pytest.param("  Include =>        'ext-did,00:00-00:01,sun,1,jan'\n", "ok", id="included at times"),
    pytest.param("  '_X.' =>  1. Goto(ext-did,493012345,1)   [extensions.conf:9]\n", "ok", id="by Goto"),
    pytest.param("  '_X.' =>  1. GotoIf($[1=1]?ext-did,493012345,1)   [x:9]\n", "ok", id="by GotoIf"),
    pytest.param("  '_X.' =>  1. Dial(Local/493012345@ext-did/n)   [x:9]\n", "ok", id="by a Local channel"),
    pytest.param("  '_X.' =>  1. Goto(${PLACE},493012345,1)   [x:9]\n", "ok", id="by a variable"),
    pytest.param(
        "  '_X.' =>  1. GotoIf($[${A}=1]?${PLACE},s,1:h,1)   [x:9]\n", "ok", id="by a variable and a condition"
    ),
    pytest.param("  '_X.' =>  1. GotoIf($[${A}=1]?out,1)   [x:9]\n", "failure", id="a condition"),
    pytest.param("", "failure", id="nothing"),
    pytest.param("  Alt. Switch =>    'Realtime/none@extensions' [x:9]\n", "failure", id="only a switch"),
    pytest.param("  '_X.' =>  1. Goto(other,493012345,1)   [extensions.conf:9]\n", "failure", id="elsewhere"),
]


@pytest.mark.parametrize(("trunk", "verdict"), TO_DID)
async def test_a_line_counts_only_if_calls_of_the_trunk_may_come_to_it(trunk: str, verdict: str) -> None:
    did = line("493012345", "Goto(voiceai,5001,1)", context="ext-did")
    lines = {"5001@voiceai": line("_X.", "Stasis(voiceai)", context="voiceai")}
    settings = config(FULL, routes=[{"to": "5001", "agent": "reception"}])
    dialplan = dialplan_output.read(f"[ Context 'from-pstn' created by 'pbx_config' ]\n{trunk}{did}")
    (found,) = await inbound.look(settings, exchange(lines), {"main": "from-pstn"}, dialplan)
    assert found.verdict == verdict, found


async def test_a_route_for_all_other_numbers_is_no_failure() -> None:
    lines = {"5001@from-trunk": line("5001", "Stasis(voiceai)"), "*@from-trunk": line("_X.", "Dial(x)", "Hangup()")}
    settings = config(FULL, routes=[{"to": "5001", "agent": "reception"}, {"to": "*", "agent": "night"}])
    rest, good = await inbound.look(settings, exchange(lines), {"main": "from-trunk"})
    assert (rest.verdict, good.verdict) == ("warning", "ok")
    assert "ends with Dial(x), then Hangup()" in rest.told
    assert rest.fix.startswith("Nothing, if the other numbers are not for the agent.")


async def test_a_trunk_without_a_route() -> None:
    settings = config(FULL, routes=[{"to": "5001", "agent": "reception", "trunk": "desk"}])
    (found,) = await inbound.look(settings, exchange({}), {"main": "from-trunk"})
    assert (found.verdict, "no route is for its calls" in found.told) == ("warning", True)


async def test_each_spelling_of_a_number_is_tried() -> None:
    """The one that stands in the route counts: if another one reaches us it is a warning."""
    with_plus, without = "+49301234567@from-trunk", "49301234567@from-trunk"
    settings = config(FULL, routes=[{"to": "+49301234567", "agent": "reception"}])
    ours = line("_.", "Stasis(voiceai)")
    (good,) = await inbound.look(settings, exchange({with_plus: ours}), {"main": "from-trunk"})
    assert (good.verdict, "; not as 0049301234567, 49301234567, 0301234567" in good.told) == ("ok", True), good
    (doubtful,) = await inbound.look(settings, exchange({without: ours}), {"main": "from-trunk"})
    assert (doubtful.verdict, "as 49301234567 it reaches Stasis(voiceai)" in doubtful.told) == ("warning", True)
    assert "pjsip set logger on" in doubtful.fix
    assert "_+X!" in doubtful.fix


async def test_routes_with_one_line_share_a_finding_and_each_trunk_has_its_own() -> None:
    settings = config(
        FULL,
        routes=[
            {"to": "5001", "agent": "reception"},
            {"to": "5002", "agent": "reception", "trunk": "desk"},
            {"to": "5003", "agent": "night"},
        ],
    )
    lines = {"*@from-trunk": line("_X!", "Stasis(voiceai)")}
    main, desk = await inbound.look(settings, exchange(lines), {"main": "from-trunk", "desk": "phones"})
    assert (main.check, main.verdict, "calls to routes[0], routes[2] are taken" in main.told) == (
        "trunk main",
        "ok",
        True,
    )
    assert "a call to 5001 (routes[0]) finds no line in [phones]" in desk.told
    assert (desk.verdict, desk.told.endswith("; likewise routes[1], routes[2]")) == ("failure", True)


async def test_more_numbers_than_can_be_asked_for_are_counted() -> None:
    many = [{"to": str(number), "agent": "reception"} for number in range(5000, 5000 + inbound.MOST + 20)]
    lines = {"*@from-trunk": line("_X!", "Stasis(voiceai)")}
    good, rest = await inbound.look(config(FULL, routes=many), exchange(lines), {"main": "from-trunk"})
    assert (good.verdict, rest.verdict, "to 20 routes" in rest.told) == ("ok", "skipped", True)


async def test_a_command_line_that_fails_in_the_middle() -> None:
    async def nothing(_: str) -> None:
        return None

    (found,) = await inbound.look(config(FULL), nothing, {"main": "from-trunk"})
    assert (found.verdict, "gave no answer" in found.told) == ("failure", True)


def test_the_numbers_of_routes() -> None:
    def numbers(*to: str, **more: Any) -> list[tuple[str, ...]]:
        routes_ = [{"to": each, "agent": "reception", **more} for each in to]
        return [each.numbers for each in called_numbers.of_trunk(config(FULL, routes=routes_), "main")]

    assert numbers("*") == [called_numbers.SAMPLES]
    assert numbers("5001", "*98", "sales") == [("5001",), ("*98",), ("sales",)]
    assert numbers("4930*") == [("49305550100",)]
    assert numbers("+49301234567")[0][:3] == ("+49301234567", "0049301234567", "49301234567")
    assert numbers("5001", trunk="desk") == []
    assert [each.numbers for each in called_numbers.of_trunk(config(SMALL), None)] == [called_numbers.SAMPLES]


# ---------------------------------------------------------------- the command line itself

SETTINGS = """
PBX Core settings
-----------------
  Version:                     22.10.1
  Startup time:                21:10:12
  Entity ID:                   02:fc:00:00:00:01
"""


@pytest.mark.parametrize(
    ("entity", "started", "same"),
    [
        ("02:FC:00:00:00:01", "2026-11-30T21:10:12.123+0000", True),
        ("", "", True),
        ("02:fc:00:00:00:02", "2026-11-30T21:10:12.123+0000", False),
        ("02:fc:00:00:00:01", "2026-11-30T20:00:00.000+0000", False),
    ],
)
def test_another_asterisk_is_noticed(entity: str, started: str, same: bool) -> None:
    assert command_line.same(SETTINGS, AsteriskInfo("22.10.1", entity, started)) is same


@pytest.mark.parametrize(
    ("rx", "verdict", "told"),
    [
        ("sh -c 'echo PBX Core settings'", None, ""),
        ("echo", "failure", "does not print Asterisk's answer"),
        ("false", "failure", "failed"),
        ("/nowhere/asterisk -rx", "failure", "failed"),
        ("asterisk '-rx", "failure", "quote"),
        ("sh -c 'echo PBX Core settings; echo \"  Entity ID: 02:aa\"'", "failure", "another Asterisk"),
    ],
)
async def test_what_the_operator_gives_as_command_line(rx: str, verdict: str | None, told: str) -> None:
    found = await command_line.reach(rx, AsteriskInfo("22.10.1", "02:fc"))
    if verdict is None:
        assert isinstance(found, CommandLine)
    else:
        assert not isinstance(found, CommandLine)
        assert (found.verdict, told in found.told) == (verdict, True), found


async def test_ssh_gets_the_command_as_one_word_of_its_shell(tmp_path: Path) -> None:
    """It joins its arguments by spaces and hands them to a shell over there."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nshift\nexec sh -c "$*"\n')
    ssh.chmod(0o755)
    assert await CommandLine((str(ssh), "pbx", "printf", "%s.")).run("dialplan show *1@x") == "dialplan show *1@x."


# ---------------------------------------------------------------- routes that are closed

NEVER = {"time_zone": "UTC", "windows": ["mon 03:00-03:01"]}


@pytest.mark.parametrize(
    ("behind", "verdict", "told"),
    [
        ([], "warning", "such calls are declined"),
        ([{"to": "*", "agent": "night"}], "ok", "night answers instead"),
        ([{"to": "5002", "agent": "night"}], "warning", "such calls are declined"),
    ],
)
def test_a_route_that_is_closed(behind: list[dict[str, Any]], verdict: str, told: str) -> None:
    settings = config(FULL, routes=[{"to": "5001", "agent": "reception", "hours": NEVER}, *behind])
    first = routes.routes(settings, datetime(2026, 12, 1, 12, tzinfo=UTC))[0]
    assert (first.check, first.verdict, told in first.told) == ("routes[0]", verdict, True), first
