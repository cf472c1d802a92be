"""An input of one AI session of the call. [pure]

A call that loses its agent gets another session, at the same worker or at another one. What was told of the former
session may still be in the call's queue then, and must not be taken for news of the present one.
"""

from dataclasses import dataclass

from controller.calls.machine.inputs import agent_tools, asterisk, operators, runtime, worker

FORMER = 0
"""`OfSession.session` of a session that is known to be a former one. `Call.session` begins with 1."""


@dataclass(frozen=True, slots=True)
class OfSession:
    """`what` is of the session with this number (`Call.session`). Without this around it, it is of the present one."""

    session: int
    what: asterisk.Input | worker.Input | operators.Input | agent_tools.Input | runtime.Input
