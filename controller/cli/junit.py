"""Results of tests of agents as JUnit XML, as CI servers read it. [pure]

Source: the schema of the Jenkins xUnit plugin (testsuites, testsuite, testcase, failure, error, system-out).
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from controller.api.models.agent_tests import AgentTestRun, ConversationLine

_NOT_XML = re.compile(r"[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(agent: str, runs: Sequence[AgentTestRun]) -> str:
    """One testcase for each run."""
    failed = sum(not each.passed and each.error is None for each in runs)
    counts = {
        "tests": str(len(runs)),
        "failures": str(failed),
        "errors": str(sum(each.error is not None for each in runs)),
        "time": f"{sum(each.seconds for each in runs):.3f}",
    }
    top = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(top, "testsuite", {"name": _text(agent), **counts})
    many = any(each.number > 1 for each in runs)
    for run in runs:
        name = f"{run.test} [{run.number}]" if many else run.test
        attributes = {"classname": _text(agent), "name": _text(name), "time": f"{run.seconds:.3f}"}
        case = ElementTree.SubElement(suite, "testcase", attributes)
        if run.error is not None:
            ElementTree.SubElement(case, "error", {"message": _text(run.error)})
        elif not run.passed:
            wrong = [f"{each.check}: {each.why}" for each in run.verdicts if not each.passed]
            failure = ElementTree.SubElement(case, "failure", {"message": _text(wrong[0])})
            failure.text = _text("\n".join(wrong))
        ElementTree.SubElement(case, "system-out").text = _text("\n".join(map(line, run.conversation)))
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def line(said: ConversationLine) -> str:
    """One line of a conversation."""
    arguments = f" {said.arguments}" if said.arguments else ""
    return f"{said.who}: {said.text}{arguments}"


def _text(text: str) -> str:
    """Without the characters that no XML can hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
