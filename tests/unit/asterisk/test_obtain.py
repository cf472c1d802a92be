"""asterisk/obtain: which archives it reads out of apt's sources, and that half a tree is no tree."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

OBTAIN = Path(__file__).parents[3] / "asterisk" / "obtain"


def mirrors(folder: Path, name: str, text: str) -> list[str]:
    """What it finds with `text` as the only source file of an apt that has never fetched a list."""
    parts = folder / "sources.list.d"
    parts.mkdir()
    (parts / name).write_text(text)
    (folder / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "{parts}";\nDir::State::lists "{folder}/lists";\n'
    )
    done = subprocess.run(
        [str(OBTAIN), "--mirrors"],
        env={**os.environ, "APT_CONFIG": str(folder / "apt.conf")},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


ONE_LINE = """
# deb http://commented.example/debian stable main
deb [arch=amd64 trusted=yes] http://one.example/debian stable main contrib
deb-src http://source.example/debian stable main
deb http://one.example/debian stable-updates main
deb http://security.example/debian-security stable-security main
deb http://vendor.example/apt stable-tools main
deb http://other.example/apt stable nonfree
"""

DEB822 = """
Types: deb deb-src
URIs: http://one.example/debian http://two.example/debian
Suites: stable stable-updates
Components: main contrib

Types: deb
URIs: http://off.example/debian
Suites: stable
Components: main
Enabled: no

Types: deb
URIs: http://security.example/debian-security
Suites: stable-security
Components: main
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.list", ONE_LINE, ["http://one.example/debian/"]),
        ("a.sources", DEB822, ["http://one.example/debian/", "http://two.example/debian/"]),
        ("a.list", "deb http://one.example/debian forky main\n", ["http://one.example/debian/"]),
        ("a.list", "", []),
    ],
)
def test_the_archives_of_debian_itself_are_found(tmp_path: Path, name: str, text: str, expected: list[str]) -> None:
    assert mirrors(tmp_path, name, text) == expected


def test_a_list_of_mirrors_is_followed(tmp_path: Path) -> None:
    listed = tmp_path / "mirrors"
    listed.write_text("# nearest first\nhttp://one.example/debian\tpriority:1\nhttp://two.example/debian\n")
    found = mirrors(tmp_path, "a.list", f"deb mirror+file:{listed} stable main\n")
    assert found == ["http://one.example/debian", "http://two.example/debian"]


def test_an_unfinished_tree_is_not_taken_for_a_finished_one(tmp_path: Path) -> None:
    script = tmp_path / "asterisk" / "obtain"
    script.parent.mkdir()
    shutil.copy(OBTAIN, script)
    program = tmp_path / ".cache/asterisk-forky.part/usr/sbin/asterisk"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    done = subprocess.run([str(script), "--find"], capture_output=True, text=True, timeout=10)
    assert str(tmp_path) not in done.stdout
