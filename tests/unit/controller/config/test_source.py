"""The text of a config: variables, doubled keys, lines, and syntax errors that quote nothing."""

import time

import pytest
from hypothesis import given, strategies as st

from controller.config import source as source_module
from controller.config.source import read

ENV = {"NAME": "value", "EMPTY": "", "TRICKY": "${NAME} $$ \\1"}


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("${NAME}", "value"),
        ("a-${NAME}-${NAME}", "a-value-value"),
        ("${NAME:-other}", "value"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("${NOBODY:-other}", "other"),
        ("${NOBODY:-}", ""),
        ("${NOBODY:-wss://host:1/x?y=z}", "wss://host:1/x?y=z"),
        ("$${NAME}", "${NAME}"),
        ("[0-9]+$", "[0-9]+$"),
        ("$NAME", "$NAME"),
        ("${TRICKY}", "${NAME} $$ \\1"),  # what comes from the environment is not looked at again
    ],
)
def test_variables(written: str, becomes: str) -> None:
    source = read(f"a: ['{written}']", ENV)
    assert source.errors == []
    assert source.data == {"a": [becomes]}


@pytest.mark.parametrize("written", ["${NOBODY}", "${", "${NAME", "${1}", "${A B}", "x ${NAME:default}"])
def test_a_variable_that_cannot_be_filled_is_told_with_its_place(written: str) -> None:
    source = read(f"x: 1\na:\n  - b: '{written}'", ENV)
    (error,) = source.errors
    assert (error.path, error.line) == ("a[0].b", 3)
    assert error.hint


def test_a_variable_that_is_not_set_is_named() -> None:
    (error,) = read("a: ${NOBODY}", ENV).errors
    assert "NOBODY" in error.message


def test_every_doubled_key_is_told_with_both_lines() -> None:
    source = read("a:\n  b: 1\n  c: 2\n  b: 3\na: 4\n", {})
    told = {error.path: (error.line, error.hint) for error in source.errors}
    assert told == {
        "a.b": (4, "the first one is in line 2; keep one"),
        "a": (5, "the first one is in line 1; keep one"),
    }


def test_merged_keys_are_no_doubles() -> None:
    source = read("base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}", {})
    assert source.errors == []
    assert source.data["more"] == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2", "line 1, column 9"),
        ("a: 1\nb: x: y", "line 2, column 5"),
        ("a:\n\t- 1", "line 2, column 1"),
        ("a: 1\n---\nb: 2", "line 2, column 1"),
    ],
)
def test_syntax_errors_have_line_and_column(text: str, place: str) -> None:
    (error,) = read(text, {}).errors
    assert place in error.message
    assert error.line == int(place.split()[1].rstrip(","))


@pytest.mark.parametrize("text", ["a: *Hunter2", "a: !Hunter2 x", "a: &Hunter2 *Hunter3", "a: 'Hunter2", "a: @Hunter2"])
def test_syntax_errors_quote_nothing_of_the_file(text: str) -> None:
    (error,) = read(text, {}).errors
    assert "Hunter" not in f"{error}"


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n", "~"])
def test_nothing_is_not_a_config(text: str) -> None:
    source = read(text, {})
    assert source.data is None


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {b: *a}",
        "a: &a [*a]",
        "\n".join(["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 12)}]" for n in range(1, 12)]),
    ],
)
def test_a_document_that_never_ends_is_refused(text: str) -> None:
    source = read(text, {})
    assert source.data is None
    assert len(source.errors) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 20_000, "nested too deeply"),
        ("{" * 1000, "nested too deeply"),
        ("- " * 5000, "nested too deeply"),
        ("[" + "a," * 300_000 + "]", "has too many entries"),
    ],
)
def test_what_is_no_config_is_given_up_early(text: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MAX_NODES", 1000)
    begun = time.process_time()
    errors = read(text, {}).errors
    assert [message in each.message for each in errors] == [True]
    assert time.process_time() - begun < 1.0  # "[" * 3000 took four


@pytest.mark.parametrize("text", ["a: 2026-13-45", "a: \x00", "\ud800", "[" * 5000, "a: 0b2", "? [a]\n: b"])
def test_odd_values_are_errors_not_exceptions(text: str) -> None:
    source = read(text, {})
    assert source.data is None or isinstance(source.data, dict)
    assert source.data is not None or len(source.errors) == 1


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    read(text, ENV)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"\n $NAME", max_size=60))
def test_any_yaml_like_text_is_read_or_refused(text: str) -> None:
    read(text, ENV)
