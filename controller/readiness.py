"""What /readyz warns of: what works again by itself, or not, and does not keep callers from being served."""

from collections.abc import Iterable

from controller.worker_choice import unreached
from controller.workers import Workers


def warnings_of(workers: Workers, failing: Iterable[str]) -> list[str]:
    """`failing`: names of tasks."""
    unstartable = [f"worker {name} can't be started: {why}" for name, why in workers.unstartable.items()]
    tasks = (f"the task `{name}` failed; the log has more" for name in failing)
    return [*unstartable, *unreached(workers.all()), *tasks]
