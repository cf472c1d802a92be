"""The look-up of a caller: what a tool over HTTP knows of them, before their call begins."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

import structlog

from bridge.common.strict_json import well_formed
from controller.ari.rest import Ari, AriError
from controller.calls.metadata import Metadata, fitting
from controller.calls.planning import routing
from controller.calls.tools.http import Answer, HttpTools
from controller.config import Config

log = structlog.get_logger()

MOST_VARIABLES, LONGEST_VALUE = 50, 4096
"""Of a look-up's answer; the length in characters."""
METADATA = "metadata"
"""The name of an object in that answer: metadata of the call."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a caller: template variables, and metadata of the call."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    metadata: Metadata = field(default_factory=dict, repr=False)


async def look_up(
    config: Config, ari: Ari, tools: HttpTools, arrival: routing.Arrival, leg: str, tool: str, budget: float
) -> Found:
    """What `tool` found. The caller hears ringing meanwhile. Nothing, after `budget` seconds or
    if anything goes wrong."""
    found = Found()
    began = monotonic()
    try:
        async with asyncio.timeout(budget):
            await ari.ring(leg)
            known_tool = config.http_tools[tool]
            asked = known_tool.parameters.get("properties", {})
            known = {"caller": arrival.caller, "caller_name": arrival.caller_name, "called": arrival.to}
            arguments = {name: value for name, value in known.items() if name in asked}
            found = found_in(await tools.run(arrival.call, tool, known_tool, arguments), arrival.call)
    except (TimeoutError, AriError) as error:
        log.warning("look-up gave nothing", call=arrival.call, reason=type(error).__name__)
    except Exception:  # whatever a server answers must not cost the call
        log.exception("look-up gave nothing: internal error", call=arrival.call, tool=tool)
    log.info("looked up", call=arrival.call, found=len(found.variables), ms=round((monotonic() - began) * 1000))
    return found


def found_in(answer: Answer, call: str) -> Found:
    """Of a JSON object: its texts and numbers, as text, and the object `metadata`. The log has the reason where there
    is none."""
    told, reason = None, "the answer is no JSON object"
    if answer.failure is not None:
        reason = f"the tool failed: {answer.failure}"
    elif not answer.ok:
        reason = "the tool failed"
    try:
        told = json.loads(answer.output) if answer.ok else None
    except RecursionError:
        reason = "the answer is nested too deeply"
    except ValueError:
        reason = reason if answer.failure is not None else "the answer is no JSON"
    if not isinstance(told, dict):
        log.warning("look-up gave nothing", call=call, reason=reason)
        return Found()
    plain = [(name, str(value)) for name, value in told.items() if isinstance(value, str | int | float)]
    variables = {well_formed(name): well_formed(value)[:LONGEST_VALUE] for name, value in plain[:MOST_VARIABLES]}
    return Found(variables, {key: well_formed(value) for key, value in fitting(told.get(METADATA)).items()})
