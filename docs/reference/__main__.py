"""`python -m docs.reference [FOLDER]` writes the reference pages; the default folder is docs.
It also writes the generated part of the Python client."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from controller import config
from controller.api.audit import AuditResources
from controller.api.openapi import document
from controller.api.operation import Operation
from controller.api.resources.agent_tests import AgentTestResources
from controller.api.resources.alerts import AlertResources
from controller.api.resources.call_trace import TraceResources
from controller.api.resources.events import EventResources
from controller.api.resources.history import HistoryResources
from controller.api.resources.keys import KeyResources
from controller.api.resources.live_status import LiveStatusResources
from controller.api.resources.nodes import NodeResources
from controller.api.resources.softphone import SoftphoneResources
from controller.api.resources.statistics import StatisticsResources
from controller.api.resources.text_sessions import TextSessionResources
from controller.api.resources.versions import configuration_operations
from controller.api.resources.workers import WorkerResources
from controller.api.server import operations_of
from controller.config.models.records import Records
from docs.reference import api, client, configuration, licences, problems

LOCK = Path(__file__).parents[2] / "requirements.lock"
UNUSED = cast(Any, None)
"""Operations are only described, never called."""


def operations() -> tuple[Operation, ...]:
    """All operations of a controller."""
    return (
        *operations_of(UNUSED, UNUSED),
        *EventResources(UNUSED, UNUSED, UNUSED).operations(),
        *AuditResources(UNUSED).operations(),
        *WorkerResources(UNUSED, 0, UNUSED).operations(),
        *NodeResources(UNUSED).operations(),
        *LiveStatusResources(UNUSED, UNUSED).operations(),
        *configuration_operations(UNUSED, cast(Any, SimpleNamespace(store=None)), UNUSED),
        *AgentTestResources(UNUSED, UNUSED, UNUSED, UNUSED).operations(),
        *TextSessionResources(UNUSED, UNUSED, UNUSED).operations(),
        *TraceResources(UNUSED, UNUSED, UNUSED).operations(),
        *KeyResources(UNUSED, UNUSED, UNUSED).operations(),
        *SoftphoneResources(UNUSED, UNUSED, UNUSED, UNUSED, UNUSED, UNUSED).operations(),
        *HistoryResources(UNUSED, UNUSED, (), Records()).operations(),
        *StatisticsResources(UNUSED).operations(),
        *AlertResources(UNUSED).operations(),
    )


def pages() -> dict[str, str]:
    """The pages by file name."""
    return {
        "configuration-reference.md": configuration.page(json.loads(config.json_schema())),
        "api-reference.md": api.page(document(operations(), "")),
        "problems.md": problems.page(operations()),
        "licences.md": licences.page(licences.locked(LOCK.read_text("utf-8"))),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    client.write(document(operations(), ""))
