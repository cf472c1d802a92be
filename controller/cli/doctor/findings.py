"""The findings of the doctor and their output. [pure]

A warning or failure has a fix: what to change, and where.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """Calls work; something may fail later, or could not be checked."""
    FAILURE = "failure"
    """Calls fail, or work badly."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """`told`: what was found. `fix`: what to do about it. Neither holds a secret or a telephone number."""

    check: str
    verdict: Verdict
    told: str
    fix: str = ""


def ok(check: str, told: str) -> Finding:
    return Finding(check, Verdict.OK, told)


def warning(check: str, told: str, fix: str) -> Finding:
    return Finding(check, Verdict.WARNING, told, fix)


def failure(check: str, told: str, fix: str) -> Finding:
    return Finding(check, Verdict.FAILURE, told, fix)


def skipped(check: str, told: str) -> Finding:
    return Finding(check, Verdict.SKIPPED, told)


def healthy(findings: Iterable[Finding]) -> bool:
    """Nothing failed; warnings are allowed."""
    return all(each.verdict != Verdict.FAILURE for each in findings)


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    return {"healthy": healthy(findings), "findings": [asdict(each) for each in findings]}


def as_markdown(findings: Sequence[Finding]) -> str:
    """For a report of a problem: a table, and the fixes below it."""
    lines = ["| check | verdict | found |", "|---|---|---|"]
    lines += [f"| {each.check} | {each.verdict} | {_cell(each.told)} |" for each in findings]
    fixes = [f"- **{each.check}**: {each.fix}" for each in findings if each.fix]
    return "\n".join([*lines, *(["", *fixes] if fixes else [])]) + "\n"


def summary(findings: Iterable[Finding]) -> str:
    counted = Counter(each.verdict for each in findings)
    return ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
