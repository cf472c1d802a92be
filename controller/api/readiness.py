"""What /readyz warns of: what works again by itself, or not, and does not keep callers from being served."""

from collections.abc import Iterable
from datetime import UTC, datetime

from controller.calls.outbound.trunk_breaker import TrunkBreakers
from controller.store.health import StoreHealth
from controller.workers.pool import WorkerPool
from controller.workers.worker_choice import unreached


def warnings_of(
    workers: WorkerPool,
    failing: Iterable[str],
    breakers: TrunkBreakers,
    store: StoreHealth,
    *,
    listing_fails: bool = False,
    cluster: Iterable[str] = (),
) -> list[str]:
    """`failing`: names of tasks. `listing_fails`: Asterisk can't tell which channels it has. `cluster`: of
    the other nodes, and what all share."""
    listing = ["Asterisk can't list its channels; the log has more"] if listing_fails else []
    unstartable = [f"worker {name} can't be started: {why}" for name, why in workers.unstartable.items()]
    refused = [f"worker {each.name} is refused: {each.reason}" for each in workers.refusals.all()]
    tasks = (f"the task `{name}` failed; the log has more" for name in failing)
    suspended = (
        f"trunk {each.trunk} fails again and again ({each.outcome}, SIP {each.sip_status or 'status unknown'}): no "
        "queued call is placed over it for now"
        for each in breakers.all_suspended(datetime.now(UTC))
    )
    return [*store.trouble(), *listing, *unstartable, *refused, *unreached(workers.all()), *tasks, *suspended, *cluster]
