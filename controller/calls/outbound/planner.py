"""The plan of a call from the queue. [pure]"""

from collections.abc import Callable

from controller.calls.machine import inputs as m
from controller.calls.machine.plan import Plan
from controller.calls.outbound.attempt import QueuedAttempt
from controller.calls.outbound.entry import QueuedCall
from controller.calls.planning import planner, session_spec
from controller.config import Config, templates
from controller.dialing import numbers


def outbound(config: Config, entry: QueuedCall) -> Plan:
    """Of a call from the queue. Checked anew: the config may have changed. Raises UnknownName, `numbers.NotAllowed`."""
    order = entry.order
    line, agent = (
        config.trunks[planner.line_of(config, order.trunk)],
        config.agents[planner.agent_of(config, order.agent)],
    )
    number = numbers.check_number(line, order.callee)
    shown = numbers.check_caller_id(line, order.caller_id) if order.caller_id else line.caller_id
    timeout = order.timeout or line.timeout
    return Plan(
        call=entry.id,
        direction="outbound",
        leg=m.Ids(entry.id).callee,
        spec=planner.spec_of(config, order.agent, order.variables, detects=order.answer_detection),
        variables=planner.variables_of(entry.id, order.agent, shown or ""),
        trunk=order.trunk,
        given=order.variables,
        recording=session_spec.recording_of(agent),
        caller=shown,
        callee=number,
        target=m.Target(numbers.dial_string(line, number), number, caller_id=shown, timeout=timeout, trunk=order.trunk),
        webhook=order.webhook,
        answer_detection=order.answer_detection,
        voicemail=planner.message_of(agent, order.variables),
        attempt=len(entry.attempts) + 1,
        on_ai_failure=planner.rescues_of(config, agent, order.trunk),
        digits=planner.digits_of(config, agent, order.trunk),
        max_call=agent.max_call_s,
        max_hold=agent.caller_hold_s,
        max_transfer=config.transfer.max_s,
        wrap_up=templates.fill(agent.wrap_up, order.variables),
    )


def placed_by(
    config: Config, start: Callable[[Plan, QueuedAttempt], None]
) -> Callable[[QueuedCall, QueuedAttempt], None]:
    """How the dialer has a call placed, which call control is to `start` by its plan. Raises as both do."""

    def place(entry: QueuedCall, errand: QueuedAttempt) -> None:
        start(outbound(config, entry), errand)

    return place
