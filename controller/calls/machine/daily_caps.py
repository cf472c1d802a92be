"""Which inputs a live call gets when a cap of the day is reached. [pure]

    the call's own leg is over that trunk           the agent wraps up, or (transferred) a warning tone, then the end
    a leg that has taken the agent's place          a warning tone, then the end
    a participant, a supervisor, beside the agent   they are hung up

It is asked again and again: a call for which it is too early, because the other side rings, gets it the next time.
"""

from collections.abc import Callable, Mapping

from controller.calls.machine import inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State


def inputs_of(call: Call, legs: Mapping[str, str], cap_of: Callable[[str], str | None]) -> list[inputs.Input]:
    """`legs`: the trunk of each, by channel. `cap_of`: the cap that is reached for a trunk."""
    found: list[inputs.Input] = []
    for channel, trunk in legs.items():
        why = cap_of(trunk)
        if why is None:
            continue
        if channel == call.plan.leg or (call.state is State.TRANSFERRED and channel in call.other_parties):
            return [inputs.WrapUpDue(why)]
        if channel in call.participants and call.participants[channel].state == "joined":
            found.append(inputs.ParticipantDropped(channel, by=f"system: {why}"))
        elif call.supervision is not None and call.supervision.channel == channel and call.supervised:
            found.append(inputs.SupervisionEnded(by=f"system: {why}"))
    return found
