"""docs/asterisk.md prints the contexts that others copy as asterisk/extensions.conf has them."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[3]
SHIPPED = (ROOT / "asterisk/extensions.conf").read_text().replace("@ARI_APP@", "voiceai")
PAGE = (ROOT / "docs/asterisk.md").read_text()


def lines_of(context: str, text: str) -> list[str]:
    """Without comments and conditions."""
    found = re.search(rf"^\[{re.escape(context)}\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, context
    return [line for line in found[1].splitlines() if line and not line.startswith(";")]


@pytest.mark.parametrize("context", ["voiceai-answered", "voiceai-refer"])
def test_a_context_is_printed_as_it_is_shipped(context: str) -> None:
    blocks = map(dedent, re.findall(r"^ *```ini\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL))
    (printed,) = [each for each in blocks if f"[{context}]" in each]
    assert lines_of(context, printed) == lines_of(context, SHIPPED)


def test_each_line_for_callers_has_a_pattern_that_is_shipped() -> None:
    steps = PAGE[PAGE.index("## Into an existing Asterisk") : PAGE.index("### When no controller")]
    printed = set(re.findall(r"^ *exten => (_\S+|s),1,Stasis\(voiceai\)$", steps, re.MULTILINE))
    shipped = set(re.findall(r"^exten => (\S+),1,", SHIPPED[SHIPPED.index("[from-trunk]") :].partition("\n[")[0], re.M))
    assert printed == shipped - {"voiceai-bad-number"}
