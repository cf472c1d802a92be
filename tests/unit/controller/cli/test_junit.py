"""Results as JUnit XML."""

from xml.etree import ElementTree

from controller.api.models.agent_tests import AgentTestRun
from controller.cli import junit


def run(number: int, *, passed: bool, error: str | None = None) -> AgentTestRun:
    verdict = {"check": "said 'a\x00<b>'", "passed": passed, "why": "" if passed else "the agent said: \ud7ff nothing"}
    line = {"who": "tool", "text": "order", "arguments": {"number": "1"}}
    told = {"test": "hours", "number": number, "passed": passed and error is None, "error": error, "seconds": 1.5}
    rest = {"cost": 0.1, "ended_by": "caller", "ended_how": "", "transferred_to": None, "latencies_ms": (5,)}
    return AgentTestRun.model_validate({**told, **rest, "verdicts": [verdict], "conversation": [line]})


def test_passed_failed_and_errors() -> None:
    text = junit.report("reception", [run(1, passed=True), run(2, passed=False), run(3, passed=True, error="no room")])
    suite = ElementTree.fromstring(text)[0]
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "errors", "time")} == {
        "name": "reception",
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "time": "4.500",
    }
    good, bad, broken = suite
    assert [each.tag for each in good] == ["system-out"]
    assert good.get("name") == "hours [1]"
    assert bad[0].tag == "failure"
    assert "said 'a\N{REPLACEMENT CHARACTER}<b>'" in str(bad[0].get("message"))
    assert (broken[0].tag, broken[0].get("message")) == ("error", "no room")
    assert broken[-1].text == "tool: order {'number': '1'}"
