"""asterisk/asterisk and the configuration it lays out, against the real program: its verbs and their exit statuses,
two instances side by side, and what a caller meets when no controller is there."""

import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from simulator.services import SCRIPT


class Running(Protocol):
    """What these tests use of the fixtures `asterisk` and `own_asterisk`."""

    name: str
    settings: dict[str, str]

    @property
    def sip_port(self) -> int: ...

    def rx(self, command: str) -> str: ...

    def kill(self) -> None: ...


def script(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPT), "--name", name, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
    )


def knock(port: int, number: str, caller: str) -> int:
    """One INVITE from 127.0.0.1, where the carrier is; the status of its final answer. A refusal is acknowledged."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(5)
        phone.connect(("127.0.0.1", port))
        us = f"127.0.0.1:{phone.getsockname()[1]}"
        uri = f"sip:{number}@127.0.0.1:{port}" if number else f"sip:127.0.0.1:{port}"
        sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        via = f"Via: SIP/2.0/UDP {us};branch=z9hG4bK{os.urandom(6).hex()}"
        sender, call = f"From: <sip:{caller}@{us}>;tag=1", f"Call-ID: {os.urandom(6).hex()}"

        def send(method: str, to: str, *more: str, body: str = "") -> None:
            lines = [f"{method} {uri} SIP/2.0", via, sender, to, call, f"CSeq: 1 {method}", "Max-Forwards: 70"]
            phone.send("\r\n".join([*lines, *more, f"Content-Length: {len(body)}", "", body]).encode())

        send("INVITE", f"To: <{uri}>", f"Contact: <sip:{us}>", "Content-Type: application/sdp", body=sdp)
        while True:
            answer = phone.recv(4000).decode()
            status = int(answer.split()[1])
            if status >= 200:
                to = re.search(r"^To:.*$", answer, re.MULTILINE | re.IGNORECASE)
                assert to is not None
                send("ACK", to[0].strip())
                return status


def listening(pid: int) -> set[str]:
    """Local addresses, in proc(5)'s hexadecimal, on which a process accepts TCP connections."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):
            inodes.add(match[1])
    tables = [Path("/proc/net") / table for table in ("tcp", "tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def alive(pid: int) -> bool:
    """A process that has ended and waits for init to notice is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pid_of(running: Running) -> int:
    return int((Path(running.settings["ASTERISK_HOME"]) / "pid").read_text().split()[0])


@pytest.fixture
def unstarted() -> Iterator[str]:
    """The name of an instance that does not exist yet; removed afterwards."""
    name = f"e2e-{os.getpid()}-new"
    yield name
    script(name, "remove")


# ---- Verbs


def test_status_and_a_second_start_of_what_runs(asterisk: Running) -> None:
    status = script(asterisk.name, "status")
    assert status.returncode == 0
    assert f"SIP 127.0.0.1:{asterisk.sip_port}" in status.stdout
    again = script(asterisk.name, "start")
    assert again.returncode == 0
    assert "runs already" in again.stdout


def test_a_command_passes_through(asterisk: Running) -> None:
    version = re.match(r"Asterisk (\d+)\.(\d+)", asterisk.rx("core show version"))
    assert version is not None
    assert (int(version[1]), int(version[2])) >= (22, 7)


def test_stop_leaves_nothing_and_may_be_repeated(own_asterisk: Running) -> None:
    pid = pid_of(own_asterisk)
    assert script(own_asterisk.name, "stop").returncode == 0
    assert not alive(pid)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", own_asterisk.sip_port))
    assert script(own_asterisk.name, "status").returncode == 3
    assert script(own_asterisk.name, "stop").returncode == 0
    refused = script(own_asterisk.name, "rx", "core show version")
    assert refused.returncode == 1
    assert "does not run" in refused.stderr


def test_restart_keeps_ports_and_passwords_and_takes_what_is_new(own_asterisk: Running) -> None:
    before = pid_of(own_asterisk)
    done = script(own_asterisk.name, "restart", TRUNK_CODECS="alaw")
    assert done.returncode == 0, done.stderr
    assert pid_of(own_asterisk) != before
    settings = dict(each.split("=", 1) for each in shlex.split(script(own_asterisk.name, "env").stdout))
    assert settings == own_asterisk.settings | {"TRUNK_CODECS": "alaw"}
    assert re.search(r"^ *allow +: \(alaw\)$", own_asterisk.rx("pjsip show endpoint trunk"), re.MULTILINE)


def test_after_a_crash_it_starts_again(own_asterisk: Running, unstarted: str) -> None:
    own_asterisk.kill()
    assert script(own_asterisk.name, "status").returncode == 3
    script(unstarted, "--ports", "auto", "start", SIP_HOST="192.0.2.1", ASTERISK_START_SECONDS="1")
    another = dict(each.split("=", 1) for each in shlex.split(script(unstarted, "env").stdout))
    assert another["HTTP_PORT"] != own_asterisk.settings["HTTP_PORT"], "nobody takes what was its own"
    assert script(own_asterisk.name, "start").returncode == 0
    assert script(own_asterisk.name, "status").returncode == 0


def test_it_keeps_nothing_of_who_started_it(own_asterisk: Running) -> None:
    """Who reads the script's output to its end through some other descriptor would wait for Asterisk's own end."""
    own_asterisk.kill()
    theirs, inherited = os.pipe()
    with os.fdopen(theirs, "rb") as reader:
        again = [str(SCRIPT), "--name", own_asterisk.name, "start"]
        subprocess.run(again, pass_fds=[inherited], check=True, timeout=50)
        os.close(inherited)
        os.set_blocking(theirs, False)
        assert reader.read() == b"", "the end of the pipe, not None: nobody holds it any more"


def test_two_run_side_by_side(asterisk: Running, own_asterisk: Running) -> None:
    for key in ("HTTP_PORT", "SIP_PORT", "RTP_START", "ARI_PASSWORD", "PHONE_PASSWORD", "ASTERISK_HOME"):
        assert asterisk.settings[key] != own_asterisk.settings[key], key
    assert script(own_asterisk.name, "stop").returncode == 0
    assert script(asterisk.name, "status").returncode == 0


def test_a_port_that_is_taken_is_named(asterisk: Running, unstarted: str) -> None:
    done = script(unstarted, "start", HTTP_PORT=asterisk.settings["HTTP_PORT"])
    assert done.returncode == 1
    assert f"HTTP_PORT {asterisk.settings['HTTP_PORT']} is in use" in done.stderr


def test_a_start_that_fails_shows_the_log_and_leaves_nothing(unstarted: str) -> None:
    done = script(unstarted, "--ports", "auto", "start", SIP_HOST="192.0.2.1", ASTERISK_START_SECONDS="3")
    assert done.returncode == 1
    assert "gives no answer on ARI and SIP" in done.stderr
    assert "Transport 'transport-udp' could not be started" in done.stderr
    assert script(unstarted, "status").returncode == 3


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"TRUNK_MODE": "magic"}, "TRUNK_MODE is 'magic'"),
        ({"TRUNK_MODE": "registration"}, "needs TRUNK_USERNAME and TRUNK_PASSWORD"),
        ({"PHONES": "maybe"}, "PHONES is 'maybe'"),
        ({"WEBRTC": "maybe"}, "WEBRTC is 'maybe'"),
        ({"WSS_PORT": "8089x"}, "WSS_PORT is '8089x'"),
        ({"WSS_PORT": "8089", "WSS_CERTIFICATE": "/c.pem"}, "WSS_CERTIFICATE and WSS_KEY belong together"),
        ({"SIP_PORT": "5060a"}, "SIP_PORT is '5060a'"),
        ({"ARI_PASSWORD": "two\nlines"}, "ARI_PASSWORD has more than one line"),
    ],
)
def test_wrong_settings_are_refused(unstarted: str, settings: dict[str, str], complaint: str) -> None:
    done = script(unstarted, "--ports", "auto", "start", **settings)
    assert done.returncode == 1
    assert complaint in done.stderr


@pytest.mark.parametrize("arguments", [(), ("dance",)])
def test_an_unknown_verb_gets_the_usage(arguments: tuple[str, ...]) -> None:
    done = script("demo", *arguments)
    assert done.returncode == 2
    assert "status" in done.stderr


# ---- What it lays out


def test_passwords_are_readable_by_their_owner_only(asterisk: Running) -> None:
    home = Path(asterisk.settings["ASTERISK_HOME"])
    for secret in (home / "settings", home / "etc" / "ari.conf", home / "etc" / "pjsip.conf"):
        assert secret.stat().st_mode & 0o077 == 0, secret
    assert len(asterisk.settings["ARI_PASSWORD"]) >= 32


def test_it_starts_without_a_warning(own_asterisk: Running) -> None:
    log = (Path(own_asterisk.settings["ASTERISK_HOME"]) / "console.log").read_text()
    assert "Asterisk Ready." in log
    assert not re.findall(r".*(?:WARNING|ERROR)\[.*", log)


def test_it_accepts_tcp_on_loopback_only_and_is_not_root(asterisk: Running) -> None:
    pid = pid_of(asterisk)
    assert listening(pid) == {"0100007F"}
    assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_audiosocket_at_24_khz_is_there(asterisk: Running) -> None:
    modules = asterisk.rx("module show like audiosocket")
    for module in ("res_audiosocket.so", "chan_audiosocket.so", "app_audiosocket.so"):
        assert re.search(rf"^{re.escape(module)} .* Running ", modules, re.MULTILINE)
    paths = asterisk.rx("core show translation paths slin 24000")
    for codec in ("ulaw:8000", "alaw:8000", "g722:16000"):
        assert re.search(rf"To {codec} +: \(slin@24000\)->", paths), codec


def test_garbage_at_the_sip_port_is_not_written_down_packet_by_packet(asterisk: Running) -> None:
    logs = list((Path(asterisk.settings["ASTERISK_HOME"]) / "log").glob("*.log"))
    before = {log: log.stat().st_size for log in logs}
    invite = b"INVITE sip:5001@127.0.0.1 SIP/2.0\r\n"
    garbage = [
        b"\x00\xff" * 200,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        invite,
        invite + b"Via: SIP/2.0/UDP 127.0.0.1;branch=\r\nFrom: <<<>;tag=\r\nCSeq: x\r\n\r\n",
        invite + b"Content-Length: -1\r\n\r\n" + b"a" * 900,
        b"SIP/2.0 999\r\n\r\n",
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(600):
            stranger.sendto(garbage[number % len(garbage)], ("127.0.0.1", asterisk.sip_port))
            time.sleep(0.001)
    assert knock(asterisk.sip_port, "5001", "+4930123") == 603, "it is well, and has seen all of it"
    grown = sum(log.stat().st_size - size for log, size in before.items())
    assert grown < 20_000, f"{grown} bytes for 600 packets"


# ---- What a caller meets while no controller is there


@pytest.mark.parametrize("number", ["5001", "+4930555123", "sales", "0", ""])
def test_every_number_of_the_trunk_reaches_stasis(asterisk: Running, number: str) -> None:
    assert knock(asterisk.sip_port, number, "+4930123") == 603
    record = f'"+4930123","{number or "s"}","from-trunk","Stasis"'
    records = Path(asterisk.settings["ASTERISK_HOME"]) / "log/cdr-custom/calls.csv"
    deadline = time.monotonic() + 10  # written by a thread of its own, soon after the caller has heard
    while not (records.exists() and record in records.read_text()):
        assert time.monotonic() < deadline, f"no record with {record}"
        time.sleep(0.02)


def test_a_phone_must_prove_who_it_is(asterisk: Running) -> None:
    assert knock(asterisk.sip_port, "5001", "phone1") == 401


def test_the_trunk_cannot_be_claimed_by_name(own_asterisk: Running) -> None:
    done = script(own_asterisk.name, "restart", TRUNK_MATCH="192.0.2.7")
    assert done.returncode == 0, done.stderr
    assert knock(own_asterisk.sip_port, "5001", "trunk") == 401


def test_the_fallback_line_takes_callers_when_its_semicolon_is_gone(own_asterisk: Running) -> None:
    dialplan = Path(own_asterisk.settings["ASTERISK_HOME"]) / "etc/extensions.conf"
    text = dialplan.read_text()
    shipped = '; same => n,ExecIf($["${STASISSTATUS}" = "FAILED"]?Dial(PJSIP/reception,30))'
    assert shipped in text
    ours = shipped.removeprefix(";").replace("Dial(PJSIP/reception,30)", "Busy(0)")
    dialplan.write_text(text.replace(shipped, ours))
    own_asterisk.rx("dialplan reload")
    assert knock(own_asterisk.sip_port, "5001", "+4930123") == 486


def test_registration_is_really_sent(unstarted: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as carrier:
        carrier.bind(("127.0.0.1", 0))
        carrier.settimeout(20)
        port = carrier.getsockname()[1]
        account = {
            "TRUNK_MODE": "registration",
            "TRUNK_USERNAME": "100",
            "TRUNK_PASSWORD": "x",
            "TRUNK_PORT": str(port),
        }
        done = script(unstarted, "--ports", "auto", "start", **account)
        assert done.returncode == 0, done.stderr
        request = carrier.recv(4000).decode()
    assert request.startswith(f"REGISTER sip:127.0.0.1:{port} SIP/2.0")
    assert re.search(r"^To: <sip:100@127\.0\.0\.1", request, re.MULTILINE)
