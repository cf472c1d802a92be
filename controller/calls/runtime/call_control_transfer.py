"""The part of `CallControl` for transfers and supervision. [pure]"""

from collections.abc import Callable

from controller.calls import errors
from controller.calls.machine import inputs
from controller.calls.machine.plan import State
from controller.calls.machine.rows import supervision
from controller.calls.machine.types import SupervisionMode, Target, TransferKind
from controller.calls.planning import planner
from controller.calls.reporting import view
from controller.calls.runtime.ports import LiveCall
from controller.config import CurrentConfig

Find = Callable[[str], LiveCall]
"""By the call's id. Raises `errors.UnknownCall`, and `errors.WrongState` for one that has ended."""


_MODES = {"listen": "listened to", "whisper": "whispered into", "take_over": "taken over"}


class TransferControl:
    """`find` finds a live call by its id."""

    def __init__(self, current: CurrentConfig, find: Find) -> None:
        self._current = current
        self._find = find

    def _in(self, call: str, done: str, *states: State) -> LiveCall:
        """The call, if it is in one of these. `done`: what it should be, such as "transferred"."""
        live = self._find(call)
        if live.call.state not in states:
            raise errors.WrongState(f"This call can't be {done} now: it is {live.call.state.value}.")
        return live

    # ------------------------------------------------------------ where the call goes

    def transfer(
        self,
        call: str,
        *,
        to: str,
        kind: TransferKind | None = None,
        announce: str | None = None,
        timeout: float | None = None,
        decide_timeout: float | None = None,
        by: str,
    ) -> view.CallView:
        """`kind`: None is what the config says. Raises `numbers.NotAllowed` too."""
        live = self._in(call, "transferred", State.TALKING, State.HOLDING)
        if supervision.taking_over(live.call):
            raise errors.WrongState("This call can't be transferred now: a supervisor is taking it over.")
        plan = live.call.plan
        begun = self._current.during(live.begun)
        target = planner.transfer_target(begun, plan.agent.name, to, plan.trunk, kind=kind, timeout=timeout)
        if target.kind == "refer" and live.call.other_parties:
            raise errors.WrongState("This call can't be referred now: others are in it.")
        if target.kind != "attended" and (announce is not None or decide_timeout is not None):
            raise errors.WrongState("Nobody is spoken to before this transfer: it is not an attended one.")
        longest = self._current.config.transfer.decide_s if decide_timeout is None else decide_timeout
        return put(live, inputs.TransferAsked(target, by, None, announce, longest))

    def cancel_transfer(self, call: str, *, by: str) -> view.CallView:
        """The caller is back with the agent. One by REFER can't be cancelled."""
        live = self._in(call, "kept from its transfer", State.TRANSFERRING, State.CONSULTING)
        return put(live, inputs.TransferCancelled(by))

    def decide_transfer(self, call: str, *, accept: bool, by: str) -> view.CallView:
        """Accepts or refuses an attended transfer whose target has answered."""
        return put(self._in(call, "decided on", State.CONSULTING), inputs.TransferDecided(accept, by))

    # ------------------------------------------------------------ who watches over it

    def supervise(
        self, call: str, *, to: str | None = None, target: Target | None = None, mode: SupervisionMode, by: str
    ) -> view.CallView:
        """Calls a supervisor (`to`: as the config names them, or `target`), or changes what the present one does.
        Raises `numbers.NotAllowed` too."""
        live = self._in(call, _MODES[mode], *supervision.OPEN)
        current, found = live.call, live.call.supervision
        if to is None and target is None:
            if found is None or not current.supervised:
                raise errors.WrongState("Nobody supervises this call: `to` says who is to.")
            if mode != found.mode and not supervision.changeable(current, found, mode):
                raise errors.WrongState(_why_not(mode))
            return put(live, inputs.SupervisionChanged(mode, by))
        if current.supervised:
            raise errors.WrongState("Somebody supervises this call already.")
        if not supervision.possible(current, mode):
            raise errors.WrongState(_why_not(mode))
        if to is not None:
            target = planner.supervisor_of(self._current.config, to, current.plan.trunk)
        assert target is not None, "one of both"
        return put(live, inputs.SuperviseAsked(current.ids.supervisor(current.supervisions + 1), target, mode, by))

    def leave(self, call: str, *, by: str) -> view.CallView:
        """The supervisor is hung up."""
        live = self._find(call)
        if not live.call.supervised:
            raise errors.WrongState("Nobody supervises this call.")
        return put(live, inputs.SupervisionEnded(by))


def _why_not(mode: SupervisionMode) -> str:
    match mode:
        case "whisper":
            return "There is no colleague to whisper to: the agent is told things with `say`, as an instruction."
        case "take_over":
            return "This call can't be taken over now: a transfer is under way. Cancel it first."
    return "The supervisor can't leave the caller alone: hang the call up, or transfer it."


def put(live: LiveCall, what: inputs.Input) -> view.CallView:
    """Puts the input into the call's queue. Returns the present view of the call."""
    live.put(what)
    return view.view_of(live.call, live.call_log)
