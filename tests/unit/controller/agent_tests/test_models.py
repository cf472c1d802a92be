"""The tests of agents in the config: what is wrong is told with its path."""

from pathlib import Path

import pytest

from controller.config.errors import ConfigErrors
from controller.config.loader import parse
from controller.config.test_file import load_tests

CONFIG = """
asterisk: {{ari: {{password: p-12345678}}}}
openai: {{api_key: sk-1234567890}}
trunks: {{main: {{endpoint: "PJSIP/{{number}}@t", allow: ["[0-9+]+"], country_code: "49"}}}}
transfer: {{targets: {{colleague: "+493012345678"}}}}
agents:
  reception:
    instructions: Be kind.
    tests:
      one: {test}
"""


def errors_of(test: str) -> dict[str, str]:
    with pytest.raises(ConfigErrors) as raised:
        parse(CONFIG.format(test=test), {})
    return {each.path.removeprefix("agents.reception.tests.one"): each.message for each in raised.value.errors}


def test_a_good_one() -> None:
    text = "{says: [Hello, {text: Fine, wav: fine.wav}], checks: [{said: kind}, {tool_called: hang_up}]}"
    test = parse(CONFIG.format(test=text), {}).agents["reception"].tests["one"]
    assert [line.text for line in test.says] == ["Hello", "Fine"]
    assert test.checks[0].said is not None
    assert test.checks[0].said.text == "kind"


@pytest.mark.parametrize(
    ("test", "path"),
    [
        ("{checks: [{said: a}]}", ""),
        ("{says: [a], caller: {goal: g}, checks: [{said: a}]}", ""),
        ("{says: [a], checks: []}", ".checks"),
        ("{says: [a], checks: [{said: a, not_said: b}]}", ".checks[0]"),
        ("{says: [a], checks: [{said: {text: a, regex: b}}]}", ".checks[0].said"),
        ("{says: [a], checks: [{said: {regex: '('}}]}", ".checks[0].said.regex"),
        ("{says: [a], checks: [{tool_called: fly}]}", ".checks[0].tool_called"),
        ("{says: [a], checks: [{tool_called: {name: fly}}]}", ".checks[0].tool_called"),
        ("{says: [a], checks: [{tool_not_called: fly}]}", ".checks[0].tool_not_called"),
        ("{says: [a], checks: [{transferred_to: nobody}]}", ".checks[0].transferred_to"),
        ("{says: [a], results: {fly: x}, checks: [{said: a}]}", ".results.fly"),
        ("{says: [a], checks: [{said: {question: q}}]}", ".checks[0].said.question"),
        ("{says: [a], checks: [{language: German}]}", ".checks[0].language"),
        ("{caller: {goal: g}, checks: [{said: a}]}", ".caller"),
        ("{says: [a], checks: [{sayd: a}]}", ".checks[0].sayd"),
        ("{says: ['']}", ".checks"),
    ],
)
def test_faults_have_paths(test: str, path: str) -> None:
    assert path in errors_of(test)


def test_a_file_of_tests(tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text("tests: {one: {says: [a], checks: [{said: a}]}}")
    assert list(load_tests(file, {})) == ["one"]
    for text in ("tests: {}", "one: {}", "[", "", "tests: {one: {says: [a]}}"):
        file.write_text(text)
        with pytest.raises(ConfigErrors):
            load_tests(file, {})
    with pytest.raises(ConfigErrors):
        load_tests(tmp_path / "none.yaml", {})
