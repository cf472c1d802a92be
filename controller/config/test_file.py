"""Tests of an agent in a file of their own: `tests:` as under an agent in config.yaml.

Raises ConfigErrors with all errors, as the config does.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from controller.config.checks.messages import problems_of
from controller.config.errors import ConfigError, ConfigErrors
from controller.config.models.agent_tests import AgentTest
from controller.config.source import read
from controller.config.values import Name, Section

MOST_BYTES = 4 << 20


class TestsFile(Section):
    __test__ = False  # pytest: this is no test

    tests: dict[Name, AgentTest] = Field(min_length=1)


def load_tests(path: Path, env: Mapping[str, str]) -> dict[str, AgentTest]:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigErrors([ConfigError("", "", f"is larger than {MOST_BYTES >> 20} MiB")], str(path))
        document = read(data.decode("utf-8-sig"), env)
    except OSError as error:
        raise ConfigErrors([ConfigError("", "", f"can't be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigErrors([ConfigError("", "", "is not UTF-8 text")], str(path)) from None
    try:
        tests = TestsFile.model_validate(document.data).tests
    except ValidationError as error:
        raise ConfigErrors([*document.errors, *problems_of(error, document, TestsFile)], str(path)) from None
    if document.errors:
        raise ConfigErrors(document.errors, str(path))
    return tests
