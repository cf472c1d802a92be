"""`voiceai doctor` on a real Asterisk, whole and broken on purpose: it names the cause, and what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.doctor_harness import Settings, doctor, examined, settings_of
from tests.peers.asterisk import Asterisk, free_udp_port


async def test_a_whole_installation(asterisk: Asterisk, tmp_path: Path) -> None:
    report = await doctor(settings_of(asterisk, tmp_path) | {"softphone": {}}, tmp_path)
    assert report.status == 0, report.text
    assert [each["verdict"] for each in report.of("softphone")] == ["ok"], report.text
    assert report.of("dialplan") == []
    assert [each["check"] for each in report.findings if each["verdict"] == "failure"] == []
    assert report.of("audio loop-back")[0]["told"].startswith("24 kHz, 960 bytes")
    assert report.of("asterisk version")[0]["verdict"] == "ok"
    assert report.of("trunk main")[0]["verdict"] in ("ok", "warning")
    assert "voiceai-doctor" not in asterisk.rx("core show channels") + asterisk.rx("bridge show all")


def _ari(**changes: Any) -> Callable[[Settings], None]:
    return lambda settings: settings["asterisk"]["ari"].update(changes)


def _bridge(**changes: Any) -> Callable[[Settings], None]:
    return lambda settings: settings["bridge"].update(changes)


def _trunk(**changes: Any) -> Callable[[Settings], None]:
    return lambda settings: settings["trunks"]["main"].update(changes)


BROKEN: list[tuple[str, Callable[[Settings], None], str, str, str]] = [
    ("wrong password", _ari(password="wrong"), "ari", "does not accept user or password", "ari.conf"),
    ("wrong user", _ari(username="nobody"), "ari", "does not accept user or password", "ari.conf"),
    ("closed port", _ari(url=f"http://127.0.0.1:{free_udp_port()}/ari"), "ari", "can't be reached", "http.conf"),
    ("not ARI", _ari(url="@ASTERISK@"), "ari", "can't be reached", "must end with /ari"),
    ("no endpoint", _trunk(endpoint="PJSIP/{number}@nowhere"), "trunk main", "no PJSIP endpoint", "pjsip.conf"),
    ("wrong address", _bridge(advertise="127.0.0.9"), "audio loop-back", "can't connect", "bridge.advertise"),
    (
        *("address of Asterisk's own", lambda s: s["bridge"].update(listen="127.0.0.1", advertise="192.0.2.1")),
        *("advertised address", "Asterisk is told 192.0.2.1", "bridge.listen"),
    ),
    (
        *("no websocket transport", lambda s: s.update(softphone={"transport": "transport-wss"})),
        *("softphone", "no transport named transport-wss", "pjsip.conf"),
    ),
    (
        *("no websocket for browsers", lambda s: s.update(softphone={"websocket_url": "ws://127.0.0.1:9/ws"})),
        *("softphone", "ws://127.0.0.1:9/ws can't be reached", "http.conf"),
    ),
    ("not our address", _bridge(listen="192.0.2.1"), "audio loop-back", "can't listen on 192.0.2.1", "bridge.listen"),
    ("too many calls", _bridge(capacity=1000), "open files", "may open", "LimitNOFILE"),
    (
        *("no store", lambda s: s["store"].update(url="sqlite+aiosqlite:////proc/nowhere/v.sqlite3")),
        *("store", "can't be opened", "store.url"),
    ),
    (
        *("old model", lambda s: s["openai"].update(model="gpt-realtime-mini-2025-10-06")),
        *("models", "was switched off", "gpt-realtime-2.1-mini"),
    ),
    (
        *("no database", lambda s: s["store"].update(url="postgresql+asyncpg://u:p@127.0.0.1:9/v")),
        *("store", "can't be opened", "start the database"),
    ),
    ("config", lambda s: s.update(agentz={}), "config", "agentz", "Correct"),
]


@pytest.mark.parametrize(("spoil", "check", "told", "fix"), [each[1:] for each in BROKEN], ids=[b[0] for b in BROKEN])
async def test_broken_on_purpose(
    asterisk: Asterisk, tmp_path: Path, spoil: Callable[[Settings], None], check: str, told: str, fix: str
) -> None:
    settings = settings_of(asterisk, tmp_path)
    spoil(settings)
    settings["asterisk"]["ari"]["url"] = settings["asterisk"]["ari"]["url"].replace(
        "@ASTERISK@", asterisk.ari_url.removesuffix("/ari")
    )
    with few_files() if check == "open files" else _nothing():
        report = await (doctor if check == "config" else examined)(settings, tmp_path)
    assert report.status == 1, report.text
    (found,) = [each for each in report.of(check) if each["verdict"] == "failure"]
    assert told in found["told"]
    assert fix in found["fix"]


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def few_files() -> Iterator[None]:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_missing_module_is_named(asterisk: Asterisk, tmp_path: Path) -> None:
    asterisk.rx("module unload chan_audiosocket.so")
    asterisk.rx("module unload codec_alaw.so")
    try:
        report = await doctor(settings_of(asterisk, tmp_path), tmp_path)
    finally:
        asterisk.rx("module load chan_audiosocket.so")
        asterisk.rx("module load codec_alaw.so")
    (found,) = report.of("modules")
    assert (found["verdict"], found["told"][:20]) == ("failure", "chan_audiosocket.so ")
    assert report.of("audio loop-back")[0]["verdict"] == "failure"
    report.names("trunk main", "failure", "it allows alaw, and no module converts that", "module load codec_alaw.so")
