"""Mistakes in Asterisk's configuration and in ours: what a caller gets of each, and what `voiceai doctor` says of it.

One Asterisk, with all mistakes of the dialplan in it at once: each has a number, or an endpoint, of its own.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from simulator.realtime import Say, ToneModel
from simulator.services import SCRIPT
from tests.e2e.doctor_harness import Settings, examined, settings_of
from tests.e2e.installation import Installation, end_shared, installation, shared
from tests.e2e.test_doctor_damaged import appended
from tests.e2e.test_hostile_callers import RawCaller, raw_caller
from tests.peers.asterisk import Asterisk

OWN = "trunk"
"""The endpoint of `main`: its context is from-trunk, where `_X!` hands all numbers to our app."""


@dataclass(frozen=True)
class Mistake:
    """`lines`: of extensions.conf, in the context of `endpoint`. `status`: the SIP status that the caller gets.
    `verdict`, `told`, `fix`: what the doctor says of a call to `number`."""

    name: str
    number: str
    lines: str
    status: int
    verdict: str
    told: str
    fix: str
    endpoint: str = OWN
    of_endpoint: str = ""


RENUMBERED = "exten => 7116,1,Goto(row-agent,s,1)\n[row-agent]\nexten => s,1,Stasis(voiceai)"
MISTAKES = (
    Mistake("none", "7100", "", 200, "ok", "calls to routes[0] are taken by `_X!` of [from-trunk]", ""),
    Mistake(
        *("another app", "7101", "exten => 7101,1,Stasis(voice-ai)", 603),
        *("failure", "goes to Stasis(voice-ai): that is another app", "asterisk.ari.app", "row-other"),
    ),
    Mistake(
        *(
            "a line that comes before ours",
            "71020",
            "exten => _7102.,1,Hangup(1)\nexten => _7102!,1,Stasis(voiceai)",
            404,
        ),
        *("failure", "is taken by `_7102.` of [from-trunk]", "exten => 71020,1,Stasis(voiceai)"),
    ),
    Mistake(
        *("a line that ends the call", "7103", "exten => 7103,1,Hangup(17)", 486),
        *("failure", "and ends with Hangup(17)", "dialplan show 7103@from-trunk"),
    ),
    Mistake(
        *("Goto() into a context that is not there", "7104", "exten => 7104,1,Goto(nowhere,s,1)", 603),
        *("failure", "goes on to where there is no line", "dialplan show"),
    ),
    Mistake(
        *("an application that is not there", "7190", "exten => 7190,1,Wiat(1)\n same => n,Stasis(voiceai)", 603),
        *("failure", "ends at Wiat(1): this Asterisk has no application Wiat", "core show application Wiat"),
    ),
    Mistake(
        *("Goto() to our line", "7105", "exten => 7105,1,Goto(from-trunk,7100,1)", 200),
        *("ok", "`7105` of [from-trunk]", ""),
    ),
    Mistake(
        *("a line that leads nowhere", "7106", "exten => 7106,1,NoOp()", 603),
        *("failure", "which leads nowhere", "dialplan show", "row-nowhere"),
    ),
    Mistake(
        *("a line that goes on in ours", "7112", "exten => 7112,1,NoOp()", 200), *("ok", "`7112` of [from-trunk]", "")
    ),
    Mistake(
        *("a telephone first", "7107", "exten => 7107,1,Dial(PJSIP/nobody)\n same => n,Stasis(voiceai)", 200),
        *("ok", "calls Stasis(voiceai) unless Dial() before it leads elsewhere", ""),
    ),
    Mistake(
        *("a telephone only", "7113", "exten => 7113,1,Dial(PJSIP/nobody)", 503),
        *("failure", "and ends with Dial(PJSIP/nobody)", "dialplan show", "row-desk"),
    ),
    Mistake(
        *("no line for the number", "7108", "exten => 5001,1,Stasis(voiceai)", 404),
        *(
            "failure",
            "finds no line in [row-narrow]: the caller gets 404",
            "exten => _X!,1,Stasis(voiceai)",
            "row-narrow",
        ),
    ),
    Mistake(
        *("a context that is not there", "7109", "", 404),
        *("failure", "finds no line in [row-lost]", "exten => _X!,1,Stasis(voiceai)", "row-lost"),
    ),
    Mistake(
        *("a space in the app's name", "7114", "exten => 7114,1,Stasis(voiceai )", 603),
        *(
            "failure",
            "goes to Stasis(voiceai ): that is another app (a space",
            "Write Stasis(voiceai) there",
            "row-space",
        ),
    ),
    Mistake(
        *("capitals in the app's name", "7115", "exten => 7115,1,Stasis(VoiceAI)\n same => n,Hangup()", 603),
        *("failure", "goes to Stasis(VoiceAI): that is another app", "Write Stasis(voiceai) there", "row-capitals"),
    ),
    Mistake(
        *("another called number", "7116", RENUMBERED, 480),
        *("failure", "calls Stasis(voiceai) as s: no route is for that", "Add a route for s", "row-renumbered"),
    ),
    Mistake(
        *(
            "an include behind a pattern",
            "7117",
            "exten => _7.,1,Busy()\ninclude => row-included\n[row-included]\nexten => _X!,1,Stasis(voiceai)",
            486,
        ),
        *("failure", "which comes before `_X!` of [row-included]", "7117,1,Stasis(voiceai)", "row-includes"),
    ),
    Mistake(
        *("no first priority", "7118", "exten => 7118,n,Stasis(voiceai)", 404),
        *("failure", "finds no line in [row-second]", "dialplan reload", "row-second"),
    ),
    Mistake(
        *("two lines of one number", "7119", "exten => 7119,1,Busy()\nexten => 7119,1,Stasis(voiceai)", 486),
        *("failure", "ends with Busy()", "the first one wins", "row-twice"),
    ),
    Mistake(
        *("capitals in the context's name", "7120", "", 404),
        *("failure", "finds no line in [From-Trunk]", "Stasis(voiceai)", "From-Trunk"),
    ),
    Mistake(
        *("a password from the carrier", "7121", "exten => _X!,1,Stasis(voiceai)", 401),
        *("warning", "it asks callers for a password", "Remove `auth`", "row-auth", "allow = ulaw\nauth = row-auth"),
    ),
    Mistake(
        *("encrypted sound only", "7122", "exten => _X!,1,Stasis(voiceai)", 488),
        *(
            "warning",
            "calls without encrypted sound are refused",
            "SRTP",
            "row-sdes",
            "allow = ulaw\nmedia_encryption = sdes",
        ),
    ),
    Mistake(
        *("a transport that is not there", "7123", "exten => _X!,1,Stasis(voiceai)", 500),
        *("failure", "its transport row-none is not there", "pjsip show transports"),
        *("row-transport", "allow = ulaw\ntransport = row-none"),
    ),
    Mistake(
        *("no codec", "7110", "exten => _X!,1,Stasis(voiceai)", 488),
        *("failure", "it allows no codec", "allow = ulaw,alaw", "row-mute", "allow = !all"),
    ),
    Mistake(
        *("no codec of ours", "7111", "exten => _X!,1,Stasis(voiceai)", 488),
        *("warning", "none that Asterisk converts", "ulaw,alaw", "row-g729", "allow = g729"),
    ),
)
ENDPOINT = """
[{name}]
type = endpoint
context = {name}
transport = transport-udp
disallow = all
{more}
aors = {name}
direct_media = no
[{name}]
type = aor
contact = sip:127.0.0.1:9
[{name}]
type = auth
auth_type = userpass
username = {name}
password = none
[{name}]
type = identify
endpoint = {name}
match_header = X-Endpoint: {name}
"""


@pytest.fixture(scope="module")
def mistaken(asterisk: Asterisk) -> Iterator[Asterisk]:
    """With all of them."""
    contexts: dict[str, str] = {}
    for each in MISTAKES:
        context = "from-trunk" if each.endpoint == OWN else each.endpoint
        contexts[context] = contexts.get(context, "") + each.lines + "\n"
    contexts["voiceai-answered"] = "exten => copied,1,Stasis(@ARI_APP@,answered)"
    added = dict.fromkeys(("from-trunk", "voiceai-answered"), "(+)")
    dialplan = "".join(f"\n[{name}]{added.get(name, '')}\n{lines}" for name, lines in contexts.items() if lines.strip())
    endpoints = {each.endpoint: each.of_endpoint or "allow = ulaw" for each in MISTAKES if each.endpoint != OWN}
    pjsip = "".join(ENDPOINT.format(name=name, more=more) for name, more in endpoints.items())
    with (
        appended(asterisk, "extensions.conf", dialplan, "dialplan reload"),
        appended(asterisk, "pjsip.conf", pjsip, "module reload res_pjsip.so"),
    ):
        asterisk.rx("module reload res_pjsip_endpoint_identifier_ip.so")
        yield asterisk
    asterisk.rx("module reload res_pjsip_endpoint_identifier_ip.so")


def settings(asterisk: Asterisk, folder: Path) -> Settings:
    made = settings_of(asterisk, folder)
    main = made["trunks"]["main"]
    trunks = {each.endpoint: {**main, "endpoint": f"PJSIP/{{number}}@{each.endpoint}"} for each in MISTAKES}
    made["trunks"] = {"main": trunks.pop(OWN), **trunks}
    made["routes"] = [
        {"to": each.number, "agent": "reception", "trunk": "main" if each.endpoint == OWN else each.endpoint}
        for each in MISTAKES
    ]
    return made


def rx(asterisk: Asterisk) -> str:
    return f"{SCRIPT} --name {asterisk.name} rx"


@asynccontextmanager
async def controller(asterisk: Asterisk, folder: Path) -> AsyncIterator[Installation]:
    routes = [{"to": each.number, "agent": "reception"} for each in MISTAKES]
    async with shared(asterisk, folder, ToneModel(forever=Say("Hello.", 0.2)), routes=routes) as running:
        yield running


async def status_of(caller: RawCaller, number: str, endpoint: str = OWN) -> int:
    """The SIP status of a call; one that is answered is hung up."""
    call = str(uuid4())
    caller.headers = () if endpoint == OWN else (f"X-Endpoint: {endpoint}".encode(),)
    caller.send("INVITE", number, b"", call)
    answer = await caller.final(call)
    tag = re.search(rb"\r\nTo:[^\r]*(;tag=[^;\r]+)", answer, re.IGNORECASE)
    assert tag is not None, answer
    caller.send("ACK", number, b"", call, tag[1].decode())
    status = int(answer.split()[1])
    if status == 200:
        caller.send("BYE", number, b"", call, tag[1].decode())
        await caller.final(call)
    return status


async def test_what_callers_get(mistaken: Asterisk, tmp_path: Path) -> None:
    async with controller(mistaken, tmp_path), raw_caller(mistaken.sip_port) as caller:
        got = {each.name: await status_of(caller, each.number, each.endpoint) for each in MISTAKES}
    assert got == {each.name: each.status for each in MISTAKES}


async def test_what_the_doctor_says(mistaken: Asterisk, tmp_path: Path) -> None:
    """While the controller runs: Asterisk's own context `stasis-voiceai` is there, and is no line of ours."""
    asked = settings(mistaken, tmp_path)
    asked["agents"]["reception"]["on_ai_failure"] = [{"say": "voiceai/sorry"}, {"say": "voiceai/not-copied"}]
    asked["routes"][0]["overflow"] = [{"context": "1@nowhere"}]
    asked["trunks"] |= {
        "office": asked["trunks"]["main"] | {"endpoint": "Local/{number}@nowhere"},
        "desk": asked["trunks"]["main"] | {"endpoint": "Local/{number}@test-targets/n"},
    }
    mistaken.rx("module unload app_amd.so")
    try:
        async with controller(mistaken, tmp_path):
            report = await examined(asked, tmp_path, rx(mistaken))
    finally:
        mistaken.rx("module load app_amd.so")
    assert report.status == 1
    for each in MISTAKES:
        report.names(trunk_of(each), each.verdict, each.told, each.fix)
    report.names("dialplan", "failure", "`copied` of [voiceai-answered]", "Write Stasis(voiceai,…) there")
    report.names("sounds", "failure", "no sound voiceai/not-copied", "core show settings")
    assert len(report.of("sounds")) == 1, "voiceai/sorry is there"
    report.names("dialplan", "failure", "routes[0].overflow[0]: Asterisk has no extension 1@nowhere", "dialplan reload")
    report.names("trunk office", "failure", "Asterisk has no context [nowhere]", "dialplan show")
    report.names("trunk desk", "warning", "[test-targets] takes neither", "dialplan show")
    report.names("modules", "warning", "app_amd.so is not loaded", "amd.conf")
    report.names("modules", "warning", "app_amd.so is not loaded", "module load app_amd.so")


def trunk_of(mistake: Mistake) -> str:
    return "trunk main" if mistake.endpoint == OWN else f"trunk {mistake.endpoint}"


@pytest.mark.parametrize(
    ("app", "told"),
    [("voiceia", "no line calls Stasis(voiceia), but there is Stasis("), ("voice-ai", "1 lines call Stasis(voice-ai)")],
)
async def test_a_wrong_name_of_the_app(mistaken: Asterisk, tmp_path: Path, app: str, told: str) -> None:
    """In the config. No controller has the app of the dialplan's lines, so each call is declined."""
    await end_shared()
    asked = settings(mistaken, tmp_path)
    asked["routes"], asked["trunks"] = asked["routes"][:1], {"main": asked["trunks"]["main"]}
    asked["asterisk"]["ari"]["app"] = app
    async with raw_caller(mistaken.sip_port) as caller:
        assert await status_of(caller, "7100") == 603
    report = await examined(asked, tmp_path, rx(mistaken))
    assert report.status == 1
    assert told in report.text
    report.names("trunk main", "failure", "a call to 7100 (routes[0]) is taken by `_X!`", f"Stasis({app})")


async def test_a_config_without_a_trunk(mistaken: Asterisk, tmp_path: Path) -> None:
    """Or with one that Asterisk does not know: each endpoint's context is looked at."""
    asked = settings(mistaken, tmp_path)
    asked["trunks"] = {"main": asked["trunks"]["main"] | {"endpoint": "PJSIP/{number}@carrier"}}
    asked["routes"] = [{"to": "7100", "agent": "reception"}]
    report = await examined(asked, tmp_path, rx(mistaken))
    report.names("trunk main", "failure", "no PJSIP endpoint 'carrier'; it has From-Trunk, ", "PJSIP/{number}@NAME")
    report.names("calls of trunk", "ok", "calls to routes[0] are taken by `_X!` of [from-trunk]", "")
    report.names("calls of phone1, phone2", "skipped", "finds no line in [test-phones]", "")
    asked["routes"] = [{"to": "x", "agent": "reception"}]
    asked["trunks"] = {}
    report = await examined(asked, tmp_path, rx(mistaken))
    report.names("calls of endpoints", "failure", "no call of any PJSIP endpoint", "exten => x,1,Stasis(voiceai)")


async def test_without_the_command_line_nothing_is_said_to_be_well(mistaken: Asterisk, tmp_path: Path) -> None:
    report = await examined(settings(mistaken, tmp_path), tmp_path)
    report.names("command line", "skipped", "asterisk", "")
    report.names("trunk main", "warning", "is not visible over ARI", "--rx")
    report.names("trunk row-narrow", "failure", "[row-narrow] takes no number", "Stasis(voiceai)")
    report.names("trunk row-lost", "failure", "Asterisk has no context [row-lost]", "Stasis(voiceai)")


async def test_another_asterisk_than_that_of_ari(asterisk: Asterisk, tmp_path: Path) -> None:
    other = "sh -c 'echo PBX Core settings; echo \"  Startup time: 99:99:99\"'"
    report = await examined(settings_of(asterisk, tmp_path), tmp_path, other)
    report.names("command line", "failure", "another Asterisk than the one at", "Name the command line")


FAILING = {
    "nowhere": ("Local/{number}@nowhere", "gave no reason that tells more (Q.850 cause 0)", "dialplan show"),
    "hangs-up": ("Local/{number}@row-hangs-up", "(Q.850 cause 16): normal clearing", "dialplan show"),
    "nobody": ("PJSIP/{number}@nobody", "Asterisk has no way to the trunk", "pjsip show endpoints"),
}
"""Trunks: the endpoint, the only reason that `voiceai doctor --call` gives, and what is to be done."""


async def test_an_outbound_call_that_fails_has_a_reason(asterisk: Asterisk, tmp_path: Path) -> None:
    trunk = {"allow": ["[0-9]+"], "country_code": "49"}
    trunks = {name: {**trunk, "endpoint": endpoint} for name, (endpoint, _, _) in FAILING.items()}
    lines = "\n[row-hangs-up]\nexten => _X!,1,Hangup(16)\n"
    with appended(asterisk, "extensions.conf", lines, "dialplan reload"):
        async with installation(
            asterisk, tmp_path, ToneModel(forever=Say("Hi.", 0.2)), more={"trunks": trunks}
        ) as running:
            for name, (_, told, fix) in FAILING.items():
                placed = await running.api("POST", "/v1/calls", to="4930123456", agent="reception", trunk=name)
                await running.service.logged("call ended", call=placed["id"])
                trace = await running.api("GET", f"/v1/calls/{placed['id']}/trace")
                (reason,) = trace["reasons"]
                assert (told in reason["message"], fix in reason["fix"]) == (True, True), reason
