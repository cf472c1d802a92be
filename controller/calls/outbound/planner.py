"""The plan of a call from the queue. [pure]"""

from collections.abc import Awaitable, Callable

from controller.calls.machine.ids import Ids
from controller.calls.machine.plan import Plan
from controller.calls.machine.types import Target
from controller.calls.outbound.attempt import QueuedAttempt
from controller.calls.outbound.entry import CallOrder, QueuedCall
from controller.calls.planning import planner
from controller.config import Config, CurrentConfig
from controller.config.models.trunks import Trunk
from controller.dialing import numbers


def outbound(config: Config, entry: QueuedCall) -> Plan:
    """Of a call from the queue. Checked anew: the config may have changed. Raises UnknownName, `numbers.NotAllowed`."""
    order = entry.order
    trunk = config.trunks[planner.trunk_named(config, order.trunk)]
    number = numbers.check_number(trunk, order.callee)
    shown = numbers.check_caller_id(trunk, order.caller_id) if order.caller_id else trunk.caller_id
    dialled, timeout = numbers.dial_string(trunk, number), ring_s(order, trunk)
    return Plan(
        call=entry.id,
        direction="outbound",
        leg=Ids(entry.id).callee,
        agent=planner.agent_plan(
            config, order.agent, order.variables, order.trunk, answer_detection=order.answer_detection
        ),
        variables=planner.leg_variables(entry.id, order.agent, shown or ""),
        trunk=order.trunk,
        caller=shown,
        callee=number,
        target=Target(dialled, number, caller_id=shown, timeout=timeout, trunk=order.trunk),
        webhook=order.webhook,
        metadata=order.metadata,
        answer_detection=order.answer_detection,
        attempt=len(entry.attempts) + 1,
        max_transfer=config.transfer.max_s,
    )


def ring_s(order: CallOrder, trunk: Trunk | None) -> float:
    """Seconds that a call may ring: of the order, or else of the trunk. 0 if the config has that trunk no more."""
    return order.timeout or (trunk.timeout if trunk else 0.0)


def placed_by(
    current: CurrentConfig, start: Callable[[Plan, Config, QueuedAttempt], Awaitable[None]]
) -> Callable[[QueuedCall, QueuedAttempt], Awaitable[None]]:
    """How the dialer has a call placed, which call control is to `start` by its plan. Raises as both do."""

    def place(entry: QueuedCall, placed: QueuedAttempt) -> Awaitable[None]:
        config = current.for_call(entry.id)
        return start(outbound(config, entry), config, placed)

    return place
