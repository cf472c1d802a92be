"""The documentation's site: complete, without a dead link, and nothing in it is loaded from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

from controller.api.problem_meanings import MEANINGS

ROOT = Path(__file__).parents[2]
LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]+src=.?https?://|<link[^>]+href=.?https?://|@import|url\(.?https?://"
)


def test_it_is_built_strictly_and_loads_nothing(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path))
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert built.returncode == 0, built.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert {"index.html", "api-reference.html", "architecture.html"} <= {page.name for page in pages}
    foreign = {page.name: LOADED.findall(page.read_text("utf-8")) for page in pages}
    assert {name: found for name, found in foreign.items() if found} == {}
    problems = (tmp_path / "problems.html").read_text("utf-8")
    assert [type_ for type_ in MEANINGS if f'id="{type_}"' not in problems] == []
