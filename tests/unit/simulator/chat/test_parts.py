"""The stand-ins for the models that play callers and judge, and the shape of their API."""

import json

import pydantic
import pytest
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

from controller.agent_tests import callers, checks
from simulator.chat import parts, schema
from tests.openai_shapes import extras

TRANSCRIPT = (
    "Transcript:\nagent: Good day.\ncaller: When are you open?\n"
    "agent: The office is open from nine to five, Monday to Friday.\n"
    "caller: A person, please.\n(the agent transfers the caller to colleague)\n\nQuestion: "
)


@pytest.mark.parametrize(
    ("goal", "lines"),
    [
        ("Find out when the office is open, then ask for a person.", 2),
        ("You want to know the opening hours and then say goodbye.", 1),
        ("Reach a human being as fast as possible", 1),
    ],
)
def test_a_caller_says_the_parts_of_the_goal_and_goodbye(goal: str, lines: int) -> None:
    said: list[str] = []
    while len(said) < 10:
        text = "The conversation so far:\nagent: Hello.\n" + "".join(f"caller: {each}\nagent: Well.\n" for each in said)
        told = json.loads(parts.caller(callers.INSTRUCTIONS.format(goal=goal, persona="brief"), text))
        said.append(told["say"])
        if told["hang_up"]:
            break
    assert len(said) == lines + 2
    assert said[-2:] == [parts.GOODBYE, parts.GOODBYE]


@pytest.mark.parametrize(
    ("question", "yes"),
    [
        ("Does the agent say that the office is open from nine to five?", True),
        ("Does the agent say that the office is open from nine to six?", False),
        ("Did the agent connect the caller to a person?", True),
        ("Is everything that the agent says in English?", True),
        ("Is everything that the agent says in German?", False),
        ("Does the agent mention prices?", False),
    ],
)
def test_the_judge(question: str, yes: bool) -> None:
    assert json.loads(parts.judge(TRANSCRIPT + question))["yes"] is yes


def test_the_shapes_are_those_of_the_openai_package() -> None:
    body = {
        "model": "gpt-5.4-mini",
        "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": checks.SCHEMA},
        },
        "max_completion_tokens": 10,
    }
    checked = pydantic.TypeAdapter(CompletionCreateParamsNonStreaming).validate_python(body)
    assert checked["model"] == body["model"]
    schema.Completion.model_validate_json(json.dumps(body))
    assert schema.refusal_of_schema(checks.SCHEMA) is None
    assert schema.refusal_of_schema(callers.SCHEMA) is None
    assert schema.refusal_of_schema({"type": "object", "properties": {"a": {}}}) is not None
    answer = ChatCompletion.model_validate(schema.answer(1, 1, "m", "content", "prompt"))
    assert extras(answer) == []
    with pytest.raises(pydantic.ValidationError):
        schema.Completion.model_validate_json(json.dumps(body | {"temperatur": 1}))
