"""Regular expressions of the config: bounded, and refused where they can't be."""

from time import monotonic

import pytest

from bridge.common import patterns


@pytest.mark.parametrize(
    "pattern", [r"\+?[0-9]{4,15}", "1|2", "(?i)abc", r"sip:[a-z0-9]+@pbx\.example\.com", "", "a-z", r"[^@\-/]+"]
)
def test_taken(pattern: str) -> None:
    assert patterns.problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[0-9", "not a regular expression"),
        ("a)(b", "not a regular expression"),
        ("*", "not a regular expression"),
        (r"(?!\+49900)[0-9]+", "bounded time"),
        ("(?<=a)b", "bounded time"),
        (r"(a)\1", "bounded time"),
        ("a{1000}{1000}", "repeats too much"),
        ("(" * 499, "expression"),
        ("a" * 501, "longer than 500"),
        (r"(\w{30}){30}x", "too large"),
    ],
)
def test_refused_without_its_text(pattern: str, words: str) -> None:
    told = patterns.problem(pattern)
    assert told is not None
    assert words in told
    assert "49900" not in told


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)+b", "(a|a)*b", "(.*a){20}b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_what_holds_pythons_matcher_for_ever_costs_nothing(pattern: str) -> None:
    assert patterns.problem(pattern) is None
    began = monotonic()
    assert not patterns.fullmatch(pattern, "a" * 32_000)
    assert not patterns.search(pattern, "a" * 32_000)
    assert monotonic() - began < 5  # Python's own: longer than anybody waits


def test_whole_and_part() -> None:
    assert patterns.fullmatch("a|bc", "bc")
    assert not patterns.fullmatch("a|bc", "bcd")
    assert not patterns.fullmatch("[0-9]+", "49\n")
    assert patterns.search("b", "abc")
    assert not patterns.fullmatch("[", "[")
