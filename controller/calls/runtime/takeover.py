"""Takes over the calls of an earlier controller that are in the store when this one starts.

Which can be taken over, and how, is in `recovery`. A stored call that can't be read is let go: it is in no map of ours
then, so the first reconcile hangs up its channels and removes its bridges, its worker is told to close its session, and
its record is marked as interrupted.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from controller.calls.runtime import recovery, stored_call
from controller.calls.runtime.ports import OutboundAttempt, Recall
from controller.calls.runtime.registry import Registry
from controller.calls.runtime.snapshot_store import SnapshotStore
from controller.config import Config
from controller.store.database import StoreError

log = structlog.get_logger()

GoOn = Callable[[str], Awaitable[OutboundAttempt | None]]
ConfigOf = Callable[[str, int | None], Awaitable[Config]]
Recalled = Callable[[str, int], Awaitable[Recall | None]]


async def recover_calls(
    config_of: ConfigOf, snapshots: SnapshotStore, go_on: GoOn, registry: Registry, recalled: Recalled
) -> None:
    """Before the first event of Asterisk or a worker. `config_of` gives the configuration for an agent and its version
    (None: not known). `go_on` finds the attempt of a queued call, `recalled` the
    records of a call's attempt. Raises StoreError."""
    for call, row in (await snapshots.read()).items():
        try:
            await _recover(config_of, call, row, go_on, registry, recalled)
        except StoreError:
            raise
        except stored_call.Unreadable as error:
            _let_go(call, str(error))
        except Exception:  # of this call
            log.exception("a stored call can't be taken over: internal error", call=call)
            _let_go(call, "an internal error")


def _let_go(call: str, reason: str) -> None:
    log.error("a call of an earlier controller can't be taken over and is let go", call=call, reason=reason)


async def _recover(
    config_of: ConfigOf, call: str, row: object, go_on: GoOn, registry: Registry, recalled: Recalled
) -> None:
    kept = stored_call.checked(row)
    config = await config_of(kept["plan"]["agent"], kept["plan"].get("agent_version"))
    found = recovery.recover(config, call, kept, datetime.now(UTC))
    if found is not None:
        plan = found.call.plan
        attempt = await go_on(call) if plan.direction == "outbound" else None
        registry.recover(found, config, attempt, await recalled(call, plan.attempt))
    elif kept["plan"]["direction"] == "inbound":
        registry.asterisk.readmit(kept["plan"]["leg"])
