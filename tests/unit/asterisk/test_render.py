"""asterisk/render: what a template becomes, what is refused, and that every template of ours comes out whole."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ASTERISK = Path(__file__).parents[3] / "asterisk"
TEMPLATES = sorted(ASTERISK.glob("*.conf"))
SCRIPT = (ASTERISK / "asterisk").read_text()


def defaults() -> dict[str, str]:
    """The script's own table of settings, with what it adds."""
    table = re.search(r"declare -A defaults=\((.*?)\n\)", SCRIPT, re.DOTALL)
    assert table is not None
    found = re.findall(r"\[([A-Z_]+)\]=(\S*)", table[1])
    return {name: value.strip("'") for name, value in found} | {
        "HOME": "/srv/voiceai/unit",
        "TRUNK_CONTEXT": "from-trunk",
    }


def rendered(template: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ASTERISK / "render"), str(template)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=10,
    )


def render(tmp_path: Path, text: str, **environment: str) -> str:
    template = tmp_path / "one.conf"
    template.write_text(text)
    done = rendered(template, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("line", "value", "expected"),
    [
        ("bind = @A@", "127.0.0.1", "bind = 127.0.0.1"),
        ("@A@@A@", "x", "xx"),
        ("sip:@A@@@A@", "u", "sip:u@u"),
        ("exten => _X!,1,Stasis(${EXTEN}@trunk)", "x", "exten => _X!,1,Stasis(${EXTEN}@trunk)"),
        ("password = @A@", "a;b", r"password = a\;b"),
        ("password = @A@", r"a\b&c\1", r"password = a\b&c\1"),
        ("password = @A@", "@A@", "password = @A@"),
        ("empty = @A@", "", "empty = "),
    ],
)
def test_names_become_values_and_all_else_stays(tmp_path: Path, line: str, value: str, expected: str) -> None:
    assert render(tmp_path, line + "\n", A=value) == expected + "\n"


@pytest.mark.parametrize(
    ("condition", "value", "stays"),
    [("A", "x", True), ("A", "", False), ("A=yes", "yes", True), ("A=yes", "no", False), ("B", "x", False)],
)
def test_a_block_stays_only_where_its_condition_holds(tmp_path: Path, condition: str, value: str, stays: bool) -> None:
    text = render(tmp_path, f"before\n;@if {condition}\ninside\n;@end\nafter\n", A=value)
    assert text == ("before\ninside\nafter\n" if stays else "before\nafter\n")


def test_what_is_left_out_needs_no_values(tmp_path: Path) -> None:
    assert render(tmp_path, ";@if A\n@NOWHERE@\n;@end\n", A="") == ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fine\nx = @NOWHERE@\n", "one.conf:2: no value for NOWHERE"),
        ("x = @A@\n", "one.conf:1: A has more than one line"),
        (";@if A\n;@if A\n;@end\n;@end\n", "one.conf:2: an ;@if inside another"),
        (";@if A\n", "an ;@if without ;@end"),
        (";@end\n", "one.conf:1: an ;@end without ;@if"),
    ],
)
def test_mistakes_are_refused_by_line(tmp_path: Path, text: str, complaint: str) -> None:
    template = tmp_path / "one.conf"
    template.write_text(text)
    done = rendered(template, A="a\nb")
    assert done.returncode == 1
    assert complaint in done.stderr


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_our_templates_come_out_whole(template: Path) -> None:
    done = rendered(template, **defaults())
    assert done.returncode == 0, done.stderr
    assert not re.search(r"@[A-Z][A-Z_]*@|^;@", done.stdout, re.MULTILINE)


def pjsip(**settings: str) -> dict[str, dict[str, str]]:
    """pjsip.conf as Asterisk sees it: "section/type" -> its options, templates left out."""
    done = rendered(ASTERISK / "pjsip.conf", **(defaults() | settings))
    assert done.returncode == 0, done.stderr
    sections: dict[str, dict[str, str]] = {}
    for block in re.split(r"^(?=\[)", done.stdout, flags=re.MULTILINE)[1:]:
        head, *lines = block.splitlines()
        options = dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if re.match(r"\w+ *=", line))
        sections[f"{head.strip('[]')}/{options.get('type', '')}"] = options
    return sections


def test_a_trunk_known_by_its_address() -> None:
    sections = pjsip(TRUNK_HOST="sip.carrier.example", TRUNK_PORT="5060", TRUNK_MATCH="192.0.2.0/24")
    assert sections["trunk/aor"]["contact"] == "sip:sip.carrier.example:5060"
    assert sections["trunk/identify"]["match"] == "192.0.2.0/24"
    assert not {"trunk/auth", "trunk/registration"} & set(sections)
    assert "outbound_auth" not in sections["trunk/endpoint"]


def test_a_trunk_that_we_register_with() -> None:
    account = {"TRUNK_USERNAME": "100", "TRUNK_PASSWORD": "p;w", "TRUNK_FROM_USER": "100"}
    sections = pjsip(TRUNK_MODE="registration", TRUNK_HOST="sip.carrier.example", TRUNK_PORT="5060", **account)
    assert sections["trunk/registration"]["client_uri"] == "sip:100@sip.carrier.example:5060"
    assert sections["trunk/registration"]["endpoint"] == "trunk"
    assert sections["trunk/auth"] == {
        "type": "auth", "auth_type": "digest", "username": "100", "password": r"p\;w"
    }  # fmt: skip
    assert sections["trunk/endpoint"]["outbound_auth"] == "trunk"
    assert sections["trunk/endpoint"]["from_user"] == "100"


@pytest.mark.parametrize("mode", ["ip", "registration"])
def test_every_trunk_keeps_sound_and_keys_in_our_hands(mode: str) -> None:
    endpoint = pjsip(TRUNK_MODE=mode, TRUNK_USERNAME="u", TRUNK_PASSWORD="p")["trunk/endpoint"]
    wanted = {
        "direct_media": "no", "dtmf_mode": "rfc4733", "force_rport": "yes", "rewrite_contact": "yes",
        "rtp_symmetric": "yes", "allow": "ulaw,alaw", "context": "from-trunk", "identify_by": "ip",
    }  # fmt: skip
    assert wanted.items() <= endpoint.items()
    assert "callerid" not in endpoint  # it would replace the number of every caller


def test_phones_and_their_targets_exist_only_for_tests() -> None:
    assert not [name for name in pjsip(PHONES="no") if name.startswith("phone")]
    dialplan = rendered(ASTERISK / "extensions.conf", **(defaults() | {"PHONES": "no"})).stdout
    assert "[from-trunk]" in dialplan
    assert "[test-" not in dialplan


def test_nothing_listens_beyond_loopback_by_default() -> None:
    settings = defaults()
    assert settings["HTTP_HOST"] == settings["SIP_HOST"] == "127.0.0.1"


def test_there_is_no_default_password() -> None:
    assert {name: value for name, value in defaults().items() if name.endswith("PASSWORD")} == {
        "ARI_PASSWORD": "", "PHONE_PASSWORD": "", "TRUNK_PASSWORD": ""
    }  # fmt: skip
