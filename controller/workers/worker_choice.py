"""Which worker gets a call. [pure]"""

from collections.abc import Collection, Iterable, Mapping

from controller.workers.worker import Worker


def with_room(workers: Iterable[Worker]) -> list[Worker]:
    """Those that can take one more call. Those that Asterisk did not reach come only if it reaches none, and not once
    that is certain (`Reachability.hopeless`)."""
    serving = [worker for worker in workers if worker.serving and not worker.media.hopeless]
    reached = [worker for worker in serving if worker.media.reached]
    return [worker for worker in reached or serving if worker.fits()]


def choose(
    workers: Iterable[Worker],
    failed: Mapping[str, int],
    call: str = "",
    *,
    refused: Collection[str] = (),
    again: bool = False,
) -> Worker | None:
    """One of this controller's own workers before one of another node. Of these the one with the lowest load score;
    among equals the one with the most room. None: there is no room.

    `failed`: how often Asterisk did not reach a worker for this call, by boot id. Such a worker is not taken again,
    unless it is the only one, and then once. One that may still speak of a former session of the call (`Worker.keeps`)
    is not taken, nor one that has refused the call (`refused`, by boot id).
    """
    known = list(workers)
    others = any(worker.serving and worker.boot not in failed for worker in known)
    fit = [worker for worker in with_room(known) if failed.get(worker.boot, 0) < (1 if others else 2)]
    fit = [worker for worker in fit if not worker.keeps(call, again=again) and worker.boot not in refused]
    return min(fit, key=lambda w: (not w.load.home, w.load_score, w.taken / w.capacity), default=None)


def unreached(workers: Iterable[Worker]) -> list[str]:
    """A warning, if there are workers that Asterisk does not reach."""
    known = list(workers)
    lost = sum(not worker.media.reached for worker in known)
    return [f"Asterisk does not reach {lost} of {len(known)} workers: voiceai workers"] if lost else []
