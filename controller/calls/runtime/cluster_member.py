"""What lives on this controller, as the cluster is told of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date

from controller.calls.admission import limits
from controller.calls.admission.control import AdmissionControl, today
from controller.calls.runtime.actor import CallActor
from controller.cluster.port import NodeFacts, Report
from controller.config import CurrentConfig


class ClusterMember:
    """`cluster.membership.Member`. `live`: by call. `asked_for`: calls that are being admitted. `waits`: whether a live
    call waits for room."""

    def __init__(
        self,
        current: CurrentConfig,
        live: Mapping[str, CallActor],
        asked_for: Callable[[], Iterable[str]],
        waits: Callable[[str], bool],
        admission: AdmissionControl,
        version: str,
    ) -> None:
        self._current, self._live, self._asked_for, self._waits = current, live, asked_for, waits
        self._admission, self._version = admission, version

    def report(self) -> Report:
        url = self._current.config.cluster.api_url or ""
        day = today()
        calls, capacity = len(self._live), self._admission.capacity()
        facts = NodeFacts(url, self._version, calls=calls, capacity=capacity, names_itself=True)
        if self._admission.draining:
            facts = replace(facts, state="draining")
        return Report(facts, day.isoformat(), self._admission.amounts(day))

    def holdings(self) -> Mapping[str, tuple[str, ...]]:
        config = self._current.config
        found: dict[str, tuple[str, ...]] = dict.fromkeys(self._asked_for(), ())
        for call, each in self._live.items():
            found[call] = limits.scopes_of_call(config, each.call.plan, waits=self._waits(call))
            own = each.call.plan.leg
            found |= {leg: limits.scopes_of_leg(config, trunk) for leg, trunk in each.legs.up().items() if leg != own}
        return found

    def elsewhere(self, day: str, amounts: Mapping[str, float]) -> None:
        self._admission.elsewhere(date.fromisoformat(day), amounts)
