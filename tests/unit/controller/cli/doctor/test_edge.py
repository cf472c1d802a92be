"""The dialplan behind a SIP front, as `dialplan show` of Asterisk 22.10 prints it."""

from pathlib import Path

import pytest

from controller.cli.doctor import edge
from controller.cli.doctor.findings import Verdict

EXTENSIONS = Path(__file__).parents[5] / "asterisk" / "extensions.conf"
GOOD = """\
[ Context 'edge' created by 'pbx_config' ]
  's' =>            1. Goto(from-trunk,s,1)                       [extensions.conf:57]
  '_read[a-xzA-Z0-9]!' => 1. Goto(from-trunk,${EXTEN},1)                [extensions.conf:55]
  '_X!' =>          1. Goto(from-trunk,${EXTEN},1)                [extensions.conf:48]
  Include =>        'stasis-voiceai-ready'                        [pbx_config]

[ Context 'from-trunk' created by 'pbx_config' ]
  's' =>            1. Stasis(voiceai)                            [extensions.conf:40]
                    2. Hangup(34)                                 [extensions.conf:41]
  '_X!' =>          1. GotoIf(${REGEX("^[ -~]*$" ${EXTEN})}?:voiceai-bad-number,1) [extensions.conf:12]
                    2. Stasis(voiceai)                            [extensions.conf:13]
                    3. Hangup(34)                                 [extensions.conf:19]

[ Context 'test-phones' created by 'pbx_config' ]
  '5001' =>         1. Stasis(voiceai)                            [extensions.conf:79]
"""


@pytest.mark.parametrize(
    ("before", "after", "verdicts", "told"),
    [
        ("", "", [Verdict.OK], "[edge] tells"),
        ("'stasis-voiceai-ready'", "'stasis-other-ready'", [Verdict.FAILURE], "no context includes"),
        ("'_X!' =>          1. Goto", "'_[a-z].' =>    1. Goto", [Verdict.FAILURE], "`_[a-z].@edge` takes calls"),
        ("  Include =>", "  'ready' =>    1. NoOp()\n  Include =>", [Verdict.FAILURE], "`ready@edge` takes calls"),
        ("3. Hangup(34)", "3. NoOp(34)", [Verdict.OK, Verdict.WARNING], "[from-trunk] ends after Stasis(voiceai)"),
        ("3. Hangup(34)", "3. Congestion(5)", [Verdict.OK], "[edge] tells"),
    ],
)
def test_what_is_wrong_is_named(before: str, after: str, verdicts: list[Verdict], told: str) -> None:
    found = edge.edge(GOOD.replace(before, after, 1) if before else GOOD, "voiceai")
    assert [each.verdict for each in found] == verdicts
    assert told in found[-1].told


@pytest.mark.parametrize(
    ("extension", "number", "taken"),
    [
        ("ready", "ready", True),
        ("_ready", "ready", True),
        ("_.", "ready", True),
        ("_!", "ready", True),
        ("_r!", "ready", True),
        ("_[a-zA-Z].", "ready", True),
        ("_reXdy", "ready", False),
        ("_re[a]d[y]", "ready", True),
        ("_ready.", "ready", False),
        ("_X!", "ready", False),
        ("_X!", "4930", True),
        ("_NXX", "123", False),
        ("_ZXX", "123", True),
        ("_[*#(].", "*5", True),
        ("_+X!", "+49", True),
        ("_[z-a]", "ready", False),
    ],
)
def test_a_pattern_takes_what_asterisk_would_take(extension: str, number: str, taken: bool) -> None:
    assert edge.matches(extension, number) is taken


NAMES = (
    "a1",
    "sales",
    "reception",
    "r2d2",
    "rx",
    "re",
    "rea",
    "read",
    "reads",
    "readx",
    "ready2",
    "readyness",
    "Ready",
)


def test_the_shipped_context_takes_every_name_but_ready() -> None:
    text = EXTENSIONS.read_text()
    own = text[text.index("[edge]") : text.index(";@end", text.index("[edge]"))]
    extensions = [line.removeprefix("exten => ").partition(",")[0] for line in own.splitlines() if "exten =>" in line]
    taken = [name for name in (*NAMES, "ready") if any(edge.matches(each, name) for each in extensions)]
    assert taken == list(NAMES)
