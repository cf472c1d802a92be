"""The pages of the documentation, their fenced blocks, and the commands in them. [pure]

Each block of shell commands has a mark in a comment before it, which no reader sees: `<!-- run: PLACE -->`, where
tests/e2e/test_documented_commands.py runs it as it is printed, or `<!-- not run: REASON -->`.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHELLS = ("sh", "bash", "console", "shell")

_MARK = re.compile(r"<!-- (run|not run): (.+) -->")
_ENDS = {"&&", "||", ";", "|", "&", "(", ")", ";;", "\n"}
_BEFORE = {"do", "then", "else", "if", "while", "{", "!", "export", "sudo"}


@dataclass(frozen=True, slots=True)
class Block:
    """`mark`: "run" or "not run", and why or where; None without one. `text`: without the page's indentation."""

    page: str
    line: int
    language: str
    mark: tuple[str, str] | None
    text: str

    @property
    def id(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> str:
        """What a reader types. In a console block: the lines after `$ `."""
        if self.language != "console":
            return self.text
        lines = [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]
        return "\n".join(lines) + "\n"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in FENCE.finditer(text):
        before = text[: found.start()].splitlines()
        mark = _MARK.fullmatch(before[-1].strip()) if before else None
        told = (mark[1], mark[2]) if mark else None
        yield Block(page.name, len(before) + 1, found[2], told, dedent(found[3]))


def shell_blocks() -> list[Block]:
    return [each for page in PAGES for each in blocks(page) if each.language in SHELLS]


def commands(script: str) -> list[list[str]]:
    """The simple commands of a script, as words: without assignments, redirections, and words such as `do`."""
    found: list[list[str]] = []
    for text in _lines(script):
        lexer = shlex.shlex(text, posix=True, punctuation_chars="();|&<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for word in [*lexer, "\n"]:
            if word in _ENDS:
                found.append(_plain(words))
                words = []
            else:
                words.append(word)
    return [each for each in found if each]


def _lines(script: str) -> list[str]:
    """Lines of a script; those that a backslash or an open quote continues are one."""
    lines: list[str] = []
    kept = ""
    for line in script.replace("\\\n", " ").splitlines():
        kept += line
        try:
            shlex.split(kept, comments=True)
        except ValueError:
            kept += "\n"
            continue
        lines.append(kept)
        kept = ""
    return lines


def _plain(words: list[str]) -> list[str]:
    kept = [word for position, word in enumerate(words) if not _redirection(words, position)]
    while kept and (kept[0] in _BEFORE or re.match(r"\w+=", kept[0])):
        kept.pop(0)
    return kept


def _redirection(words: list[str], position: int) -> bool:
    arrows = {">", "<", ">>", "<<", ">&"}
    return words[position] in arrows or (position > 0 and words[position - 1] in arrows)
