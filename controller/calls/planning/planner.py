"""The plans of new calls: what the config makes of a number, an agent and variables, before anything happens. [pure]

Owns the way from the config (agents, steps, keys) to the machine's types (`Plan`, `AgentPlan`, `Target`). Whether there
is room for one more call is in `admission/control`.
"""

from collections.abc import Mapping
from dataclasses import replace

from controller.calls import errors
from controller.calls.machine.plan import AgentPlan, FallbackStep, Plan, PlaySound, TransferTo, Waiting
from controller.calls.machine.types import Target, TransferKind
from controller.calls.metadata import Metadata
from controller.calls.planning import routing, session_spec
from controller.calls.tools import definitions
from controller.config import Config, templates
from controller.config.models.agents import Action, Agent
from controller.dialing import numbers

RING_BROWSER_S = 30.0
"""Seconds that a browser rings."""


def agent_plan(
    config: Config, name: str, template_vars: Mapping[str, str], trunk: str | None, *, answer_detection: bool = False
) -> AgentPlan:
    """The agent for a call over `trunk`, with its templates filled. `answer_detection`: the agent is to find out
    whether a person or a machine has answered. Raises UnknownName."""
    agent = config.agents[agent_named(config, name)]
    spec = session_spec.session_spec(config, name, template_vars)
    if answer_detection:
        spec = spec.model_copy(update={"tools": definitions.with_voicemail(config, spec.tools)})
    return AgentPlan(
        spec,
        template_vars,
        recording=session_spec.recording_of(agent),
        on_ai_failure=_fallback_steps(config, agent, trunk),
        digits=_digit_actions(config, agent, trunk),
        max_call=agent.max_call_s,
        max_caller_hold=agent.caller_hold_s,
        wrap_up=templates.fill(agent.wrap_up, template_vars),
        voicemail=templates.fill(agent.voicemail.message, template_vars) if agent.voicemail else None,
        answer_timeout=agent.answer_deadline_s,
        version=config.agent_versions.get(spec.agent),
    )


def inbound(
    config: Config,
    arrival: routing.Arrival,
    agent_name: str,
    *,
    leg: str,
    template_vars: Mapping[str, str],
    waiting: Waiting | None = None,
    unserved: str | None = None,
    overflow: str | None = None,
    marked_by: str | None = None,
    metadata: Metadata | None = None,
) -> Plan:
    return Plan(
        call=arrival.call,
        direction="inbound",
        leg=leg,
        agent=agent_plan(config, agent_name, template_vars, arrival.trunk),
        variables=leg_variables(arrival.call, agent_name, arrival.caller),
        trunk=arrival.trunk,
        caller=arrival.caller or None,
        callee=arrival.to or None,
        max_transfer=config.transfer.max_s,
        marked_by=marked_by,
        max_hops=config.transfer.max_hops,
        waiting=waiting,
        unserved=unserved,
        metadata=metadata or {},
        overflow=extension_and_context(overflow),
    )


def extension_and_context(place: str | None) -> tuple[str, str] | None:
    """Of `extension@context`."""
    extension, _, context = (place or "").partition("@")
    return (extension, context) if place else None


def trunk_named(config: Config, trunk: str | None) -> str:
    """The trunk that an outbound call takes. Raises UnknownName."""
    name = trunk or routing.first_trunk(config)
    if name is None or name not in config.trunks:
        raise errors.UnknownName("There is no trunk of that name." if trunk else "No trunk is configured.")
    return name


def agent_named(config: Config, agent: str | None) -> str:
    """The agent that an outbound call gets. Raises UnknownName."""
    name = agent or routing.first_agent(config)
    if name not in config.agents:
        raise errors.UnknownName("There is no agent of that name.")
    return name


def with_agent(
    config: Config, plan: Plan, *, agent_name: str | None, instructions: str | None, variables: Mapping[str, str]
) -> Plan:
    """The same call with another agent, other instructions (taken as they are), or both. Raises UnknownName.

    What has begun stays as it is: the recording, the time until the call must end.
    """
    agent = before = plan.agent
    if agent_name is not None or variables:
        template_vars = {**before.template_vars, **variables}
        detection = plan.answer_detection
        agent = agent_plan(config, agent_name or before.name, template_vars, plan.trunk, answer_detection=detection)
        spec = agent.spec.model_copy(update={"recording": before.spec.recording})
        agent = replace(agent, spec=spec, recording=before.recording, max_call=before.max_call)
    if instructions is not None:
        agent = replace(agent, spec=agent.spec.model_copy(update={"instructions": instructions}))
    return replace(plan, agent=agent)


def target_of(
    config: Config, where: numbers.Number | numbers.Context | numbers.Browser, longest: float = 300.0
) -> Target:
    """`longest`: seconds that it may ring at most."""
    if isinstance(where, numbers.Browser):
        return Target(where.dial, where.shown, timeout=min(RING_BROWSER_S, longest), browser=where.user)
    if isinstance(where, numbers.Context):
        # /n: otherwise Asterisk optimises the Local channel away, and with it the leg in our bridge.
        return Target(f"{where.dial}/n", f"{where.extension}@{where.context}", trunk=where.trunk)
    trunk = config.trunks[where.trunk]
    timeout = min(trunk.timeout, longest)
    return Target(where.dial, where.number, caller_id=trunk.caller_id, timeout=timeout, trunk=where.trunk)


def transfer_target(
    config: Config,
    agent: str,
    to: str,
    trunk: str | None,
    *,
    kind: TransferKind | None = None,
    timeout: float | None = None,
    longest: float = 300.0,
    by_tool: bool = False,
) -> Target:
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


def supervisor_of(config: Config, name: str, trunk: str | None) -> Target:
    """A name from `supervisor.extensions`. Raises `numbers.NotAllowed`."""
    extensions = config.supervisor.extensions
    if name not in extensions:
        raise numbers.NotAllowed("There is no supervisor of that name in the config (supervisor.extensions).")
    return target_of(config, numbers.telephone(config, extensions[name], trunk))


def _fallback_steps(config: Config, agent: Agent, trunk: str | None) -> tuple[FallbackStep, ...]:
    steps: list[FallbackStep] = []
    for step in agent.on_ai_failure:
        if step.say:
            steps.append(PlaySound(f"sound:{step.say}"))
        elif target := _target(config, step, trunk):
            steps.append(TransferTo(target))
    return tuple(steps)


def _digit_actions(config: Config, agent: Agent, trunk: str | None) -> dict[str, Target | None]:
    found = {digit: _target(config, action, trunk) for digit, action in agent.dtmf.items()}
    for digit, target in found.items():
        kind = config.transfer.kinds.get(agent.dtmf[digit].transfer or "", agent.transfer_kind)
        if target is not None and kind == "attended":
            found[digit] = replace(target, kind=kind)
    return found


def _target(config: Config, action: Action, trunk: str | None) -> Target | None:
    """None: hang up. A number that the call's own trunk may not dial goes over the first trunk, for which the config
    was checked."""
    if action.transfer is None:
        return None
    try:
        where = numbers.destination(config, action.transfer, trunk)
    except numbers.NotAllowed:
        where = numbers.destination(config, action.transfer, None)
    return target_of(config, where)


def leg_variables(call: str, agent: str, caller: str) -> dict[str, str]:
    """For CDRs, and for a controller that finds this channel after a restart."""
    return {"CDR(ai_session)": call, "CDR(caller_id)": caller, "VOICEAI_CALL": call, "VOICEAI_AGENT": agent}
