"""`deploy/kamailio/kamailio check` names a setting that can't work, before anything is started or fetched."""

import os
import subprocess

import pytest

from tests.peers.kamailio import SCRIPT


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("SIP_PORT", "70000", "SIP_PORT is 70000; it may be 65535 at most"),
        ("METRICS_PORT", "99999", "METRICS_PORT is 99999"),
        ("SIP_HOST", "0.0.0.0", "SIP_HOST must be the address"),
        ("SIP_HOST", "::1", "SIP_HOST is '::1'; it must be an IPv4 address"),
        ("EXTERNAL_ADDRESS", "198.51.100.9:sip", "EXTERNAL_ADDRESS is '198.51.100.9:sip'"),
        ("EXTERNAL_ADDRESS", "300.1.1.1", "EXTERNAL_ADDRESS is '300.1.1.1'"),
        ("NODES", "", "NODES names no node"),
        ("NODES", "10.0.0.1:70000", "NODES has '10.0.0.1:70000'"),
        ("NODES", "10.0.0.1 127.0.0.1", "NODES has '127.0.0.1', which is this Kamailio itself"),
        ("NODES", "-127.0.0.1:5060", "NODES has '-127.0.0.1:5060', which is this Kamailio itself"),
        ("TRUNKS", "main=300.1.1.1", "TRUNKS has 'main=300.1.1.1'"),
        ("TRUNKS", "main=0.0.0.0/0", "TRUNKS has 'main=0.0.0.0/0'"),
        ("BAN_SECONDS", "3601", "BAN_SECONDS is 3601; it may be 3600 at most"),
    ],
)
def test_a_setting_that_can_not_work_is_named(setting: str, value: str, told: str) -> None:
    good = {"SIP_HOST": "127.0.0.1", "SIP_PORT": "5060", "NODES": "127.0.0.1:5070", "TRUNKS": "198.51.100.1"}
    done = subprocess.run(
        [str(SCRIPT), "--name", "settings", "check"],
        env={**os.environ, **good, setting: value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode != 0, told in done.stderr) == (True, True), done.stderr
