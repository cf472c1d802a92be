"""The plans of new calls: what the config makes of a number, an agent and variables, before anything happens. [pure]

Owns the way from the config's words (agents, steps, keys) to the machine's (`Plan`, `Target`). Whether there is room
for one more call is the registry's.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from bridge.contract import SessionSpec
from controller.calls import errors
from controller.calls.machine import inputs as m
from controller.calls.machine.plan import FallbackStep, Plan, PlaySound, TransferTo, Waiting
from controller.calls.planning import routing, session_spec
from controller.calls.tools import definitions
from controller.config import Config, templates
from controller.config.models.agents import Action, Agent
from controller.dialing import numbers


def inbound(
    config: Config,
    arrival: routing.Arrival,
    agent_name: str,
    *,
    leg: str,
    given: Mapping[str, str],
    waiting: Waiting | None = None,
    unserved: str | None = None,
    marked_by: str | None = None,
) -> Plan:
    """`given` fills the agent's templates."""
    agent = config.agents[agent_name]
    return Plan(
        call=arrival.call,
        direction="inbound",
        leg=leg,
        spec=session_spec.session_spec(config, agent_name, given),
        variables=variables_of(arrival.call, agent_name, arrival.caller),
        given=given,
        recording=session_spec.recording_of(agent),
        trunk=arrival.trunk,
        caller=arrival.caller or None,
        callee=arrival.to or None,
        on_ai_failure=rescues_of(config, agent, arrival.trunk),
        digits=digits_of(config, agent, arrival.trunk),
        max_call=agent.max_call_s,
        max_hold=agent.caller_hold_s,
        max_transfer=config.transfer.max_s,
        marked_by=marked_by,
        max_hops=config.transfer.max_hops,
        wrap_up=templates.fill(agent.wrap_up, given),
        answer_deadline=agent.answer_deadline_s,
        waiting=waiting,
        unserved=unserved,
    )


def taken_over(
    config: Config,
    agent_name: str,
    *,
    call: str,
    direction: Literal["inbound", "outbound"],
    leg: str,
    given: Mapping[str, str],
    trunk: str | None,
    caller: str | None,
    callee: str | None,
    webhook: str | None,
    attempt: int,
    answer_detection: bool = False,
) -> Plan:
    """Of a call that an earlier controller began. What belongs to its beginning is not in it."""
    agent = config.agents[agent_name]
    return Plan(
        call=call,
        direction=direction,
        leg=leg,
        spec=spec_of(config, agent_name, given, detects=answer_detection),
        variables={},
        given=given,
        recording=session_spec.recording_of(agent),
        trunk=trunk,
        caller=caller,
        callee=callee,
        on_ai_failure=rescues_of(config, agent, trunk),
        digits=digits_of(config, agent, trunk),
        max_call=agent.max_call_s,
        max_hold=agent.caller_hold_s,
        max_transfer=config.transfer.max_s,
        wrap_up=templates.fill(agent.wrap_up, given),
        webhook=webhook,
        attempt=attempt,
        answer_detection=answer_detection,
        voicemail=message_of(agent, given) if direction == "outbound" else None,
    )


def line_of(config: Config, trunk: str | None) -> str:
    """The trunk that an outbound call takes. Raises UnknownName."""
    name = trunk or routing.first_trunk(config)
    if name is None or name not in config.trunks:
        raise errors.UnknownName("There is no trunk of that name." if trunk else "No trunk is configured.")
    return name


def agent_of(config: Config, agent: str | None) -> str:
    """The agent that an outbound call gets. Raises UnknownName."""
    name = agent or routing.first_agent(config)
    if name not in config.agents:
        raise errors.UnknownName("There is no agent of that name.")
    return name


def spec_of(config: Config, agent: str, variables: Mapping[str, str], *, detects: bool) -> SessionSpec:
    """`detects`: it is for the agent to find out who has answered."""
    spec = session_spec.session_spec(config, agent, variables)
    return spec.model_copy(update={"tools": definitions.with_voicemail(config, spec.tools)}) if detects else spec


def message_of(agent: Agent, given: Mapping[str, str]) -> str | None:
    """What is left with a machine."""
    return templates.fill(agent.voicemail.message, given) if agent.voicemail else None


def recast(
    config: Config, plan: Plan, *, agent_name: str | None, instructions: str | None, variables: Mapping[str, str]
) -> Plan:
    """The same call with another agent, other instructions (taken as they are), or both. Raises UnknownName.

    What has begun stays as it is: the recording, the time until the call must end.
    """
    given = {**plan.given, **variables}
    if agent_name is not None or variables:
        name = agent_name or plan.spec.agent
        if name not in config.agents:
            raise errors.UnknownName("There is no agent of that name.")
        agent = config.agents[name]
        plan = replace(
            plan,
            spec=spec_of(config, name, given, detects=plan.answer_detection).model_copy(
                update={"recording": plan.spec.recording}
            ),
            given=given,
            on_ai_failure=rescues_of(config, agent, plan.trunk),
            digits=digits_of(config, agent, plan.trunk),
            max_hold=agent.caller_hold_s,
            wrap_up=templates.fill(agent.wrap_up, given),
            voicemail=message_of(agent, given) if plan.direction == "outbound" else None,
        )
    if instructions is None:
        return plan
    return replace(plan, spec=plan.spec.model_copy(update={"instructions": instructions}))


def target_of(config: Config, where: numbers.Number | numbers.Context, longest: float = 300.0) -> m.Target:
    """`longest`: seconds that it may ring at most."""
    if isinstance(where, numbers.Context):
        # /n: a Local channel that optimised itself away would leave our bridge with it.
        return m.Target(f"{where.dial}/n", f"{where.extension}@{where.context}", trunk=where.trunk)
    line = config.trunks[where.trunk]
    timeout = min(line.timeout, longest)
    return m.Target(where.dial, where.number, caller_id=line.caller_id, timeout=timeout, trunk=where.trunk)


def transfer_target(
    config: Config,
    agent: str,
    to: str,
    trunk: str | None,
    *,
    kind: m.TransferKind | None = None,
    timeout: float | None = None,
    longest: float = 300.0,
    by_tool: bool = False,
) -> m.Target:
    """Where a transfer goes and how. `kind` None: what the config says of the target, or the agent, where that can be
    done. Raises `numbers.NotAllowed`."""
    destination = numbers.tool_destination if by_tool else numbers.destination
    where = destination(config, to, trunk)
    target = target_of(config, where, longest)
    if timeout is not None:
        target = replace(target, timeout=min(timeout, longest))
    settled = config.transfer.kinds.get(to) or (config.agents[agent].transfer_kind if agent in config.agents else None)
    chosen = kind or settled or "blind"
    if chosen != "refer":
        return replace(target, kind=chosen)
    try:
        return replace(target, kind=chosen, dial=f"PJSIP/{numbers.refer_to(config, where, trunk)}")
    except numbers.NotAllowed:
        if kind is not None:
            raise
        return target


def supervisor_of(config: Config, name: str, trunk: str | None) -> m.Target:
    """A name from `supervisor.extensions`. Raises `numbers.NotAllowed`."""
    extensions = config.supervisor.extensions
    if name not in extensions:
        raise numbers.NotAllowed("There is no supervisor of that name in the config (supervisor.extensions).")
    return target_of(config, numbers.destination(config, extensions[name], trunk))


def rescues_of(config: Config, agent: Agent, trunk: str | None) -> tuple[FallbackStep, ...]:
    steps: list[FallbackStep] = []
    for step in agent.on_ai_failure:
        if step.say:
            steps.append(PlaySound(f"sound:{step.say}"))
        elif target := _target(config, step, trunk):
            steps.append(TransferTo(target))
    return tuple(steps)


def digits_of(config: Config, agent: Agent, trunk: str | None) -> dict[str, m.Target | None]:
    found = {digit: _target(config, action, trunk) for digit, action in agent.dtmf.items()}
    for digit, target in found.items():
        kind = config.transfer.kinds.get(agent.dtmf[digit].transfer or "", agent.transfer_kind)
        if target is not None and kind == "attended":
            found[digit] = replace(target, kind=kind)
    return found


def _target(config: Config, action: Action, trunk: str | None) -> m.Target | None:
    """None: hang up. What the call's own trunk may not dial goes over the first one, which was checked at the start."""
    if action.transfer is None:
        return None
    try:
        where = numbers.destination(config, action.transfer, trunk)
    except numbers.NotAllowed:
        where = numbers.destination(config, action.transfer, None)
    return target_of(config, where)


def variables_of(call: str, agent: str, caller: str) -> dict[str, str]:
    """For CDRs, and for a controller that finds this channel after a restart."""
    return {
        "CDR(ai_session)": call,
        "CDR(caller_id)": caller,
        "VOICEAI_CALL": call,
        "VOICEAI_AGENT": agent,
    }
