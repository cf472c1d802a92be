"""What the doctor makes of what it sees."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from controller.cli.doctor import asterisk as pbx, asterisk_cli, host, loopback, provider, tls, trunks, versions
from controller.cli.doctor.findings import Verdict, as_json, as_markdown, failure, healthy, ok, summary, warning
from controller.cli.doctor.loopback import Measured
from tests.unit.controller.configs import SMALL, config

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("version", "verdicts"),
    [
        ("22.10.1+dfsg+~cs6.17.60671434-1", ["ok", "warning", "warning"]),
        ("22.10.1+dfsg+~cs6.17.60671434-1+voiceai1", ["ok", "warning"]),
        ("22.11.0", ["ok"]),
        ("22.10.1", ["ok", "warning"]),
        ("22.10.0", ["ok", "warning"]),
        ("22.9.1", ["ok", "warning", "warning"]),
        ("22.7.0", ["ok", "warning", "warning"]),
        ("22.6.1", ["failure"]),
        ("20.17.0", ["ok", "warning", "warning"]),
        ("20.16.9", ["failure"]),
        ("20.18.1", ["ok", "warning", "warning", "warning"]),
        ("20.20.0", ["ok", "warning"]),
        ("20.21.0", ["ok"]),
        ("21.12.3", ["ok", "warning", "warning"]),
        ("23.0.0", ["failure"]),
        ("23.3.0", ["ok", "warning", "warning", "warning"]),
        ("23.4.0", ["ok", "warning"]),
        ("23.5.0", ["ok"]),
        ("18.24.1", ["failure"]),
        ("16.2.1~dfsg", ["failure"]),
        ("24.1.0", ["ok"]),
        ("certified/20.7-cert3", ["failure"]),
        ("certified/22.8-cert1", ["ok", "warning", "warning"]),
        ("GIT-22-abcdef", ["failure"]),
        ("unknown", ["warning"]),
        ("", ["warning"]),
    ],
)
def test_versions(version: str, verdicts: list[str]) -> None:
    assert [each.verdict for each in versions.judged(version)] == verdicts


@pytest.mark.parametrize(
    ("dialled", "endpoint"),
    [
        ("PJSIP/{number}@trunk", "trunk"),
        ("PJSIP/trunk/sip:{number}@carrier.example", "trunk"),
        ("PJSIP/trunk/sip:{number}@carrier.example:5060", "trunk"),
        ("Local/{number}@out", None),
    ],
)
def test_the_endpoint_of_a_dial_string(dialled: str, endpoint: str | None) -> None:
    assert trunks.endpoint_of(dialled) == endpoint


GOOD = {
    "direct_media": "false",
    "rtp_symmetric": "true",
    "force_rport": "true",
    "rewrite_contact": "true",
    "dtmf_mode": "rfc4733",
    "allow": "(ulaw|alaw)",
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        ({"direct_media": "true"}, "direct_media = true"),
        ({"rtp_symmetric": "no"}, "rtp_symmetric = no"),
        ({"force_rport": "false"}, "force_rport = false"),
        ({"rewrite_contact": "false"}, "rewrite_contact = false"),
        ({"dtmf_mode": "inband"}, "dtmf_mode = inband"),
        ({"allow": "(g729)"}, "allow = (g729)"),
    ],
)
def test_settings_of_a_trunk(changed: dict[str, str], told: str | None) -> None:
    found = trunks.settings("trunk main", {**GOOD, **changed})
    assert [each.told.split(",")[0].split(":")[0] for each in found] == ([told] if told else [])
    assert all(each.fix for each in found)


@pytest.mark.parametrize(
    ("asterisk", "listen", "advertise", "verdict"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", "ok"),
        ("10.0.0.5", "0.0.0.0", "10.0.0.9", "ok"),
        ("10.0.0.5", "127.0.0.1", "127.0.0.1", "failure"),
        ("10.0.0.5", "127.0.0.1", "10.0.0.9", "failure"),
        ("10.0.0.5", "0.0.0.0", "host.docker.internal", "warning"),
        ("127.0.0.1", "127.0.0.1", "localhost", "ok"),
    ],
)
def test_addresses(asterisk: str, listen: str, advertise: str, verdict: str) -> None:
    url = f"http://{asterisk}:8088/ari"
    told = config(SMALL, asterisk__ari__url=url, bridge__listen=listen, bridge__advertise=advertise)
    assert [each.verdict for each in pbx.addresses(told)] == [verdict]


EVEN = Measured(
    connected=2, kinds={0x13}, lengths={960}, frames=300, seconds=3.0, gaps=[20.0] * 298, delays=[1.0, 2.0, 3.0]
)


@pytest.mark.parametrize(
    ("measured", "failed"),
    [
        (EVEN, []),
        (replace(EVEN, connected=0), ["audio loop-back"]),
        (replace(EVEN, error="unknown type"), ["audio loop-back"]),
        (replace(EVEN, frames=0), ["audio loop-back"]),
        (replace(EVEN, kinds={0x10}, lengths={320}), ["audio loop-back"]),
        (replace(EVEN, lengths={960, 320}), ["audio loop-back"]),
        (replace(EVEN, frames=174), ["audio rate"]),
        (replace(EVEN, gaps=[60.0] * 298), ["audio rate"]),
        (replace(EVEN, delays=[]), ["audio round trip"]),
        (replace(EVEN, delays=[200.0] * 5), ["audio round trip"]),
    ],
)
def test_what_was_measured(measured: Measured, failed: list[str]) -> None:
    found = loopback.judged(measured)
    assert [each.check for each in found if each.verdict != Verdict.OK] == failed


def test_eight_kilohertz_is_named() -> None:
    found = loopback.judged(replace(EVEN, kinds={0x10}, lengths={320}))[0]
    assert "8 kHz" in found.told
    assert "22.7" in found.fix


@pytest.mark.parametrize(
    ("model", "today", "verdicts"),
    [
        ("gpt-realtime-2.1-mini", TODAY, ["ok"]),
        ("gpt-realtime-mini", TODAY, ["warning"]),
        ("gpt-realtime-mini", date(2027, 1, 20), ["failure"]),
        ("gpt-realtime-mini-2025-10-06", TODAY, ["failure"]),
    ],
)
def test_models(model: str, today: date, verdicts: list[str]) -> None:
    assert [each.verdict for each in provider.models(config(SMALL, openai__model=model), today)] == verdicts


def test_the_question_to_a_provider() -> None:
    asked = provider.model_url("wss://api.openai.com/v1/realtime", "m")
    assert asked == "https://api.openai.com/v1/models/m"
    assert provider.model_url("ws://127.0.0.1:99/v1/realtime/", "m") == "http://127.0.0.1:99/v1/models/m"


@pytest.mark.parametrize(("apart", "verdict"), [(0, "ok"), (4, "ok"), (-60, "warning"), (3600, "warning")])
def test_clocks(apart: int, verdict: str) -> None:
    assert [each.verdict for each in host.clock(NOW + timedelta(seconds=apart), NOW)] == [verdict]
    assert host.clock(None, NOW)[0].verdict == "skipped"


def test_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert host.files(config(SMALL, bridge__capacity=100))[0].verdict == "ok"
    (short,) = host.files(config(SMALL, bridge__capacity=500))
    assert (short.verdict, "LimitNOFILE" in short.fix) == ("failure", True)


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    there = config(SMALL, store__url=f"sqlite+aiosqlite:///{tmp_path}/new/v.sqlite3")
    assert [each.verdict for each in host.disk(there)] == ["ok"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    assert [each.verdict for each in host.disk(there)] == ["failure"]


def test_how_it_is_told() -> None:
    found = [ok("a", "fine"), warning("b", "so | so", "mend b"), failure("c", "bad", "mend c")]
    assert not healthy(found)
    assert healthy(found[:2])
    assert summary(found) == "1 ok, 1 warning, 1 failure"
    assert as_json(found)["findings"][1] == {"check": "b", "verdict": "warning", "told": "so | so", "fix": "mend b"}
    assert "| b | warning | so \\| so |" in as_markdown(found)
    assert "- **c**: mend c" in as_markdown(found)


@pytest.mark.parametrize(
    ("state", "frequencies", "verdict"),
    [
        ("online", ["30"], "ok"),
        ("online", ["0"], "warning"),
        ("online", ["0", "60"], "ok"),
        ("online", [], "ok"),
        ("offline", ["30"], "failure"),
        ("unknown", ["0"], "warning"),
    ],
)
def test_online_is_what_somebody_asked(state: str, frequencies: list[str], verdict: str) -> None:
    aors = [{"qualify_frequency": each} for each in frequencies]
    assert trunks.qualified("trunk main", "carrier", state, aors).verdict == verdict


OUTSIDE = {"external_media_address": "203.0.113.9", "external_signaling_address": "203.0.113.9"}


@pytest.mark.parametrize(
    ("transport", "ours", "carrier", "told"),
    [
        ({}, "10.0.0.5", "10.0.0.9", None),
        ({}, "8.8.4.4", "8.8.8.8", None),
        ({}, None, "8.8.8.8", None),
        ({}, "10.0.0.5", None, None),
        ({}, "10.0.0.5", "8.8.8.8", "no public address"),
        ({**OUTSIDE, "local_net": "10.0.0.0/8"}, "10.0.0.5", "8.8.8.8", None),
        (OUTSIDE, "10.0.0.5", "8.8.8.8", "no local_net"),
        ({"external_media_address": "203.0.113.9"}, None, None, "no external_signaling_address"),
        ({"external_signaling_address": "203.0.113.9"}, None, None, "no external_media_address"),
    ],
)
def test_transports_behind_nat(
    transport: dict[str, str], ours: str | None, carrier: str | None, told: str | None
) -> None:
    found = trunks.nat("trunk main", transport, ours, carrier)
    assert [told in each.told for each in found if told] == ([True] if told else [])
    assert all(each.fix for each in found)


@pytest.mark.parametrize(
    ("contact", "host"),
    [
        ("sip:carrier.example", "carrier.example"),
        ("sip:me@carrier.example:5061;transport=tcp", "carrier.example"),
        ("sips:[2001:db8::1]:5061", "2001:db8::1"),
        ("", None),
    ],
)
def test_the_host_of_a_contact(contact: str, host: str | None) -> None:
    assert trunks.host_of(contact) == host


REGISTRATIONS = """
 <Registration/ServerURI..............................>  <Auth....................>  <Status.......>
==========================================================================================

 main/sip:sip.carrier.example                            main                  Registered        (exp. 2403s)
 other/sip:192.0.2.7:5060                                n/a                   {state}

Objects found: 2
"""


@pytest.mark.parametrize("state", ["Rejected          (exp. 25s ago)", "Unregistered", "Stopped"])
def test_registrations(state: str) -> None:
    well, ill = asterisk_cli.registrations(REGISTRATIONS.format(state=state))
    assert (well.verdict, well.told) == ("ok", "main is registered")
    assert (ill.verdict, ill.told) == ("failure", f"other is not registered ({state.split()[0]})")
    assert ill.fix
    assert asterisk_cli.registrations("No objects found.\n")[0].verdict == "ok"
    assert asterisk_cli.registrations("No such command 'pjsip show registrations'")[0].verdict == "skipped"


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ("name=${CALLERID(name)}", "failure"),
        ("language=de,name=${CALLERID(name)},vip=1", "failure"),
        ('name="${CALLERID(all)}"', "failure"),
        ("n=${callerid(num)}", "failure"),
        ("h=${PJSIP_HEADER(read,X-Account)}", "failure"),
        ("to=${EXTEN}", "failure"),
        ("from=${CHANNEL(pjsip,remote_uri)}", "failure"),
        ("order=${ORDER}", "warning"),
        ("language=de", None),
        ("answered,${AMDSTATUS}", None),
        ("referred,${TRANSFERSTATUS},${TRANSFERSTATUSPROTOCOL}", None),
    ],
)
def test_what_callers_say_is_no_argument(arguments: str, verdict: str | None) -> None:
    head = "[ Context 'from-trunk' created by 'pbx_config' ]\n"
    told = f"  '_X!' =>  1. Stasis(voiceai)   [e.conf:9]\n    2. Stasis(voiceai,{arguments})   [e.conf:10]\n"
    first, *others = asterisk_cli.dialplan(head + told, config(SMALL))
    assert first.told.startswith("2 lines")
    assert [each.verdict for each in others] == ([verdict] if verdict else [])
    assert all("VOICEAI_VAR_" in each.fix for each in others)


@pytest.mark.parametrize(("days", "verdict"), [(400, "ok"), (21, "ok"), (20, "warning"), (0, "warning")])
def test_certificates_that_end(days: int, verdict: str) -> None:
    assert tls.judged("certificate of ari", NOW + timedelta(days=days, hours=1), NOW).verdict == verdict


@pytest.mark.parametrize(
    ("code", "told"), [(10, "has expired"), (9, "is not valid yet"), (62, "another name"), (18, "is not trusted")]
)
def test_certificates_that_nobody_trusts(code: int, told: str) -> None:
    found = tls.untrusted("certificate of ari", code, "because")
    assert (found.verdict, told in found.told, bool(found.fix)) == ("failure", True, True)


def test_only_tls_has_certificates() -> None:
    there = config(SMALL, asterisk__ari__url="https://pbx.example/ari", openai__url="wss://ai.example:444/v1/realtime")
    assert [(peer.check, peer.url) for peer in (*tls.asterisk(there), *tls.providers(there))] == [
        ("certificate of ari", "https://pbx.example/ari"),
        ("certificate of provider openai", "wss://ai.example:444/v1/realtime"),
    ]
    plain = config(SMALL, openai__url="ws://127.0.0.1:9/v1/realtime")
    assert [*tls.asterisk(plain), *tls.providers(plain)] == []
