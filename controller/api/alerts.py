"""Alerts: what needs attention now, with what to do, from what the controller knows of itself. [pure]

Owns the rules and their limits. An alert is there as long as its cause is: nothing is stored, and nothing is
acknowledged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from controller.calls.outbound.trunk_breaker import SuspendedTrunk
from controller.cluster.overview import NodeView

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")

NEAR_LIMIT = 0.8
"""Of the money of a day."""
LOW_DISK, LOW_BYTES, LEAST_BYTES = 0.1, 20 << 30, 1 << 30
"""Less than this share and these bytes free: a warning. Less than the last: critical."""
RECENT_MINUTES = 15
FEWEST_FAILED, MANY_FAILED, MOST_FAILED = 5, 0.2, 0.5
"""As many calls that failed in that time, and which share of all: a warning, and critical."""
FAILED = frozenset({"failed", "congestion", "trunk_fault", "incompatible", "no_room", "node_lost"})
"""Outcomes for which callers and callees are not to blame."""
NODE_SECONDS = 86_400.0
"""A node of which nothing was heard for longer is not expected back."""


@dataclass(frozen=True, slots=True)
class Alert:
    """`type` is stable. `subject`: the name of the trunk, worker, node, task or folder; None: the controller itself."""

    type: str
    severity: Severity
    message: str
    action: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    path: str
    free: int
    """Bytes."""
    total: int


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """`state`: as the API tells it: up, late, draining, away, unreached."""

    name: str
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SystemState:
    """What the controller knows at one moment. What it does not know is empty, or None."""

    parts: Mapping[str, bool] = field(default_factory=dict)
    """Of readiness: asterisk, workers, accepting."""
    store: Sequence[str] = ()
    """What is wrong with it."""
    workers: Sequence[WorkerFacts] = ()
    unstartable: Mapping[str, str] = field(default_factory=dict)
    """Workers that can't be started, and why."""
    refused: Mapping[str, str] = field(default_factory=dict)
    failing_tasks: Sequence[str] = ()
    listing_fails: bool = False
    suspended: Sequence[SuspendedTrunk] = ()
    trunks: Mapping[str, str] = field(default_factory=dict)
    """What Asterisk says of the endpoints of trunks: online, offline, unknown, missing."""
    nodes: Sequence[NodeView] = ()
    cluster: Sequence[str] = ()
    """What is wrong with it."""
    spent: float = 0.0
    """US dollars today, on all nodes."""
    spend_limit: float | None = None
    dead_letters: int | None = None
    paused: frozenset[str] = frozenset()
    """Trunks over which dialing is paused; an empty text: all."""
    disks: Sequence[Disk] = ()
    ended: Mapping[str, int] = field(default_factory=dict)
    """How many calls ended with each outcome in the last `RECENT_MINUTES`."""


def alerts_of(state: SystemState) -> list[Alert]:
    """The most severe first."""
    found = (
        *_readiness(state),
        *_store(state),
        *_workers(state),
        *_trunks(state),
        *_nodes(state),
        *_spend(state),
        *_calls(state.ended),
        *_webhooks(state.dead_letters),
        *_disks(state.disks),
        *_internal(state),
    )
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def _readiness(state: SystemState) -> Iterator[Alert]:
    if not state.parts.get("asterisk", True):
        action = "Check that Asterisk runs, and `asterisk.ari` in config.yaml. `voiceai doctor` finds the cause."
        yield Alert("asterisk-away", "critical", "Asterisk is not connected. No call can be handled.", action)
    if not state.parts.get("workers", True):
        action = "Start a worker, or see the alerts of workers. `voiceai doctor` finds the cause."
        yield Alert("no-worker", "critical", "No bridge worker is available. No call can be handled.", action)
    if not state.parts.get("accepting", True):
        action = "Undrain the node when maintenance is over: Health, or `voiceai nodes undrain`."
        yield Alert("draining", "warning", "The controller takes no new calls: it is draining.", action)
    if "" in state.paused:
        action = "Resume dialing on the Queue page, or with `voiceai queue resume`."
        yield Alert("dialing-paused", "info", "Dialing is paused. Queued calls wait.", action)
    for trunk in sorted(state.paused - {""}):
        action = f"Resume it on the Queue page, or with `voiceai queue resume --trunk {trunk}`."
        yield Alert("dialing-paused", "info", f"Dialing over the trunk {trunk} is paused.", action, trunk)


def _store(state: SystemState) -> Iterator[Alert]:
    for trouble in state.store:
        action = "Check the database, its disk and its permissions. Live calls continue; records wait in a file."
        yield Alert("store-failing", "critical", _sentence(trouble), action)


def _workers(state: SystemState) -> Iterator[Alert]:
    for name, reason in state.unstartable.items():
        action = "Correct the cause. The start is tried again by itself."
        yield Alert("worker-not-started", "warning", f"Worker {name} can't be started: {reason}", action, name)
    for name, reason in state.refused.items():
        action = "Correct what the message says. The worker tries again by itself."
        yield Alert("worker-refused", "warning", f"Worker {name} is refused: {reason}", action, name)
    for each in state.workers:
        match each.state:
            case "away":
                action = "See the worker's log. Its calls go to other workers; its supervisor starts it again."
                yield Alert("worker-lost", "warning", f"The link to worker {each.name} is lost.", action, each.name)
            case "unreached":
                message = f"Asterisk does not reach worker {each.name}: {each.reason or 'no connection'}"
                action = "Check `bridge.advertise`, the firewall and chan_audiosocket. `voiceai doctor` helps."
                yield Alert("worker-unreached", "warning", message, action, each.name)
            case "late":
                action = "Give the machine more CPU, or lower `bridge.capacity`. It gets no new calls meanwhile."
                yield Alert("worker-overloaded", "warning", f"Worker {each.name} is overloaded.", action, each.name)


def _trunks(state: SystemState) -> Iterator[Alert]:
    for each in state.suspended:
        status = f" (SIP {each.sip_status})" if each.sip_status is not None else ""
        message = f"Trunk {each.trunk} fails again and again: {each.outcome.replace('_', ' ')}{status}. Dialing pauses."
        action = "Check the trunk at the carrier and with `pjsip show endpoints`. One call tries it after each pause."
        yield Alert("trunk-suspended", "warning", message, action, each.trunk)
    for trunk, endpoint in sorted(state.trunks.items()):
        if endpoint == "offline":
            message = (
                f"Trunk {trunk} is offline: the carrier does not answer OPTIONS, or the contact is not registered."
            )
            action = "Check `pjsip show contacts` and `pjsip show registrations`, the address and the firewall."
            yield Alert("trunk-offline", "warning", message, action, trunk)
        if endpoint == "missing":
            message = f"Asterisk has no PJSIP endpoint for the trunk {trunk}."
            action = "Add it to pjsip.conf and reload res_pjsip.so, or correct `endpoint` of the trunk."
            yield Alert("trunk-missing", "warning", message, action, trunk)


def _nodes(state: SystemState) -> Iterator[Alert]:
    for each in state.nodes:
        name = each.id.name
        if each.own or (each.silent_s is not None and each.silent_s > NODE_SECONDS):
            continue
        if each.state == "away":
            message = f"Nothing is heard of the node {name}. Other nodes end its calls when its lease has expired."
            yield Alert("node-away", "critical", message, "Check the machine and its network.", name)
        if each.state == "lost":
            message = f"The node {name} is dead. Other nodes have ended its calls."
            yield Alert("node-lost", "warning", message, "Start the node again, or see its log.", name)
    for trouble in state.cluster:
        action = "Do what the message says. Until then this node works with its shares of the limits."
        yield Alert("cluster", "warning", _sentence(trouble), action)


def _spend(state: SystemState) -> Iterator[Alert]:
    limit = state.spend_limit
    if limit is None or state.spent < NEAR_LIMIT * limit:
        return
    amount = f"${state.spent:.2f} of ${limit:.2f} (`limits.spend_per_day`)"
    if state.spent >= limit:
        message = f"The spending limit of today is reached: {amount}. No call gets an agent."
        yield Alert("spend-limit-reached", "critical", message, "Raise the limit and reload, or wait until tomorrow.")
        return
    message = f"Spending is near the limit of today: {amount}."
    yield Alert("spend-near-limit", "warning", message, "Raise the limit and reload if these calls are wanted.")


def _calls(ended: Mapping[str, int]) -> Iterator[Alert]:
    failed = {name: count for name, count in ended.items() if name in FAILED}
    count, total = sum(failed.values()), sum(ended.values())
    if count < FEWEST_FAILED or count < MANY_FAILED * total:
        return
    kinds = ", ".join(f"{name.replace('_', ' ')} {each}" for name, each in sorted(failed.items()))
    message = f"{count} of {total} calls of the last {RECENT_MINUTES} minutes failed: {kinds}."
    action = "See these calls in the history. `voiceai doctor --call CALL` names the cause of one."
    yield Alert("calls-failing", "critical" if count >= MOST_FAILED * total else "warning", message, action)


def _webhooks(dead_letters: int | None) -> Iterator[Alert]:
    if dead_letters:
        message = f"{dead_letters} webhook message{'s were' if dead_letters > 1 else ' was'} not delivered."
        action = "Correct the receiver, then send them again: Webhooks, or `voiceai webhooks replay`."
        yield Alert("dead-letters", "warning", message, action)


def _disks(disks: Iterable[Disk]) -> Iterator[Alert]:
    for each in disks:
        if each.free >= LEAST_BYTES and (each.free >= LOW_BYTES or each.free >= LOW_DISK * each.total):
            continue
        message = f"The disk of the recordings {each.path} has {each.free / (1 << 30):.1f} GiB free."
        severity: Severity = "critical" if each.free < LEAST_BYTES else "warning"
        yield Alert("recordings-disk", severity, message, "Make room, or lower `recording.keep_days`.", each.path)


def _internal(state: SystemState) -> Iterator[Alert]:
    for task in state.failing_tasks:
        message = f"The task {task} failed. It is started again by itself."
        yield Alert("task-failing", "warning", message, "See the controller's log.", task)
    if state.listing_fails:
        message = "Asterisk can't list its channels, so leftovers of calls are not removed."
        yield Alert("asterisk-listing-fails", "warning", message, "See the controller's log.")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
