"""Calls of an earlier controller: what has to be stored of a live call, and how it goes on. [pure]

Worker and Asterisk carry on the sound of a call when the controller is killed. The next controller finds the call in
the store and takes over its channels and its session; operators can control it again:

    talking, held, among others      goes on as it was
    a transfer under way             is called off: the caller is with the agent, which is told
    an agent that is being replaced  is asked for again
    last words                       are said again
    without an AI, for good          is ended
    not yet with an agent            can't be taken over: an inbound caller is received anew, who was dialled is let go

What ran in the earlier controller does not go on: a tool over HTTP is answered as failed. A supervisor who hears the
call stays; one whose telephone rings is hung up. Legs that the stored call does not know are hung up by the reconcile.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.call_loops import Origin
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import Participant, Plan, State, Supervision, Transfer
from controller.calls.machine.rows import caller_hold, inbound_audio, transferred, wrap_up
from controller.calls.machine.types import Target
from controller.calls.planning import planner
from controller.calls.runtime import stored_call
from controller.config import Config
from controller.workers.worker import Worker

LOST = "The tool was interrupted, and nobody knows what it did."
HOLD_S, REFER_S = 30.0, 60.0
"""Seconds that a hold by the agent, and a REFER, may still take: when they began is not stored."""

_ADOPTED = frozenset(
    {
        State.TALKING,
        State.HOLDING,
        State.CLOSING,
        State.TRANSFERRING,
        State.CONSULTING,
        State.REFERRING,
        State.TRANSFERRED,
        State.FAILOVER,
        State.FALLBACK,
    }
)
_PLAIN = (
    *("media", "losses", "sounds", "transfers", "answering_machine", "session_open", "media_lost", "stranded"),
    *("conversed", "music", "paused", "hold_tool_call", "held_by", "recording", "supervisions", "snoops", "detail"),
)

_STORED_AS = {"answering_machine": "machine", "hold_tool_call": "hold"}
"""Fields of `Call` whose key in a stored row is another: the key must stay the one of `stored_call.VERSION`."""


@dataclass(frozen=True, slots=True)
class RecoveredCall:
    """`existing`: ids of its channels and bridges. `first`: its first inputs. `timers`: seconds, by name. `undo`:
    commands that bring Asterisk and the worker to what is stored. `worker_boot`: which process of a worker had it;
    None: not known."""

    call: Call
    existing: frozenset[str]
    first: tuple[inputs.Input, ...] = ()
    timers: Mapping[str, float] = field(default_factory=dict)
    undo: tuple[commands.Command, ...] = ()
    worker_boot: str | None = None


def snapshot(call: Call, existing: frozenset[str], worker: Worker | None = None) -> dict[str, Any]:
    """What is stored of a live call, for JSON. Personal: it has telephone numbers and template variables."""
    plan = call.plan
    return {
        "version": stored_call.VERSION,
        "plan": {
            "direction": plan.direction,
            "leg": plan.leg,
            "agent": plan.agent.name,
            "agent_version": plan.agent.version,
            "instructions": plan.agent.spec.instructions,
            "given": dict(plan.agent.template_vars),
            "trunk": plan.trunk,
            "caller": plan.caller,
            "callee": plan.callee,
            "webhook": plan.webhook,
            "metadata": dict(call.metadata),
            "attempt": plan.attempt,
            "answer_detection": plan.answer_detection,
        },
        "state": call.state.value,
        "back_to": call.failover.back_to.value if call.failover else None,
        "tone": call.failover.tone if call.failover else None,
        "supervision": _leg(call.supervision) if call.supervision else None,
        "started_at": call.started_at.isoformat(),
        "answered_at": call.answered_at.isoformat() if call.answered_at else None,
        "muted": sorted(call.muted),
        "company": sorted(call.other_parties),
        "participants": [_leg(each) for each in call.participants.values() if each.state == "joined"],
        "transfer": _leg(call.transfer) if call.transfer else None,
        "transferred_at": call.transferred_at.isoformat() if call.transferred_at else None,
        "hops": call.origin.most,
        "caller_hold": {leg: since.isoformat() for leg, since in call.caller_hold.legs.items()},
        "worker_boot": (worker.boot or None) if worker is not None else None,
        "open_tools": sorted(call.open_tools),
        "standing": sorted(existing),
        **{_STORED_AS.get(name, name): getattr(call, name) for name in _PLAIN},
    }


def _leg(each: Participant | Transfer | Supervision) -> dict[str, Any]:
    target = each.target
    same = {"channel": each.channel, "by": each.by, "state": each.state, "outcome": each.outcome}
    where = {"dial": target.dial, "shown": target.shown, "trunk": target.trunk, "kind": target.kind}
    more: dict[str, Any] = {}
    if isinstance(each, Transfer):
        more = {"tool_call": each.tool_call, "consultation": each.consultation}
    if isinstance(each, Supervision):
        more = {"mode": each.mode, "snoop": each.snoop}
    return same | {"target": where} | more


def legs_of(call: Call) -> Iterator[tuple[str, str]]:
    """Channel and trunk of each leg that was dialled over a trunk and is up, for the count of minutes."""
    if call.plan.direction == "outbound" and call.plan.trunk is not None:
        yield call.plan.leg, call.plan.trunk
    dialled: list[Participant | Transfer] = [*call.participants.values(), *([call.transfer] if call.transfer else [])]
    yield from (
        (each.channel, each.target.trunk)
        for each in dialled
        if each.channel in call.other_parties and each.target.trunk is not None
    )
    watched = call.supervision
    if watched is not None and watched.state == "on" and watched.target.trunk is not None:
        yield watched.channel, watched.target.trunk


def recover(config: Config, id_: str, found: Mapping[str, Any], now: datetime) -> RecoveredCall | None:
    """`found`: as `stored_call.checked` lets it pass. None: it can't be taken over."""
    state = State(found["state"])
    if state not in _ADOPTED or not config.agents:
        return None
    call = Call(_plan(config, id_, found["plan"]), datetime.fromisoformat(found["started_at"]))
    call.answered_at = datetime.fromisoformat(found["answered_at"]) if found["answered_at"] else None
    for name in _PLAIN:
        setattr(call, name, found[_STORED_AS.get(name, name)])
    call.ai_ready = call.media_entered = call.media_flowing = True
    since = found.get("transferred_at")
    call.transferred_at = datetime.fromisoformat(since) if since else None
    call.origin = Origin(found.get("hops", 0))
    call.muted = frozenset(found["muted"])
    call.supervision = _supervision(found["supervision"]) if found.get("supervision") else None
    call.participants = {each["channel"]: _participant(each) for each in found["participants"]}
    call.transfer = _transfer(found["transfer"]) if found["transfer"] else None
    call.other_parties = {each for each in found["company"] if each in _people(call)}
    call.take_over_tools(found["open_tools"])
    call.state, first = _state(call, state, found)
    holding = found.get("caller_hold", {})
    caller_hold.restored(call, {leg: datetime.fromisoformat(since) for leg, since in holding.items()})
    if call.supervision is not None and call.supervision.state == "ringing":
        first.append(inputs.SupervisionEnded(by="system"))
    stopped = [commands.StopTone(found["tone"])] if found.get("tone") else []
    known = found["plan"]["agent"] == call.plan.agent.name
    undo = (*stopped, *_legs_as_stored(call, state), *_agent_as_stored(call, state, known=known))
    return RecoveredCall(
        call, _existing(call), (*first, *_tools(call)), _timers(call, now), undo, found.get("worker_boot")
    )


_RECORDING: Mapping[str, Literal["pause", "stop", "tell"]] = {"paused": "pause", "off": "stop", "on": "tell"}


def _legs_as_stored(call: Call, state: State) -> list[commands.Command]:
    """Puts the legs that belong into the bridge into it. The earlier controller may have been killed between two
    requests to Asterisk."""
    if state in (State.REFERRING, State.FALLBACK):
        return []
    agent = state in (State.TALKING, State.HOLDING, State.CLOSING, State.TRANSFERRING) and not call.media_lost
    legs = (call.plan.leg, *((call.media,) if agent else ()), *sorted(call.other_parties))
    return [commands.RestoreBridge(call.ids.bridge, legs)]


def _agent_as_stored(call: Call, state: State, *, known: bool) -> list[commands.Command]:
    """Brings the worker and the caller's leg to what is stored. The earlier controller may have sent a command and been
    killed before it was stored, or the other way round; a command for what is so already changes nothing. A recording
    that was paused or stopped in that moment stays so, and the worker reports it. `known`: the config has the stored
    agent."""
    if not call.session_open or call.media_lost:
        return []
    if state is State.TRANSFERRED:
        return [commands.CloseAi("transferred")]
    id_, paused = call.plan.call, call.paused or call.caller_hold.paused_at is not None
    orders: list[contract.AgentCommand | contract.Record | contract.Greet] = [
        contract.Mute(call=id_, caller="caller" in call.muted, agent="agent" in call.muted)
    ]
    if known and state is not State.CONSULTING:
        orders.append(contract.SwitchAgent(call=id_, spec=call.plan.agent.spec, again=True))
    if call.plan.agent.recording is not None:
        orders.append(contract.Record(call=id_, action=_RECORDING[call.recording]))
    issued: list[commands.Command] = [
        commands.StartMusic(call.plan.leg) if call.music else commands.StopMusic(call.plan.leg),
        *map(commands.OrderAi, orders),
        commands.PauseAi() if paused else commands.ResumeAi(),
    ]
    greeted = call.answering_machine or state not in (State.TALKING, State.HOLDING, State.TRANSFERRING)
    return issued if greeted else [*issued, commands.OrderAi(contract.Greet(call=id_))]


def _people(call: Call) -> set[str]:
    """Legs of others who can be with the caller."""
    moved, watched = call.transfer, call.supervision
    people = {each.channel for each in call.participants.values()}
    if moved is not None and moved.state == "answered":
        people.add(moved.channel)
    if watched is not None and watched.state == "on" and watched.mode == "take_over":
        people.add(watched.channel)
    return people


def _existing(call: Call) -> frozenset[str]:
    """Ids of channels and bridges, made of the call's state; the stored list is not believed."""
    moved, watched = call.transfer, call.supervision
    names: set[str | None] = {call.plan.leg, call.ids.bridge, *call.other_parties}
    names |= {each.channel for each in call.participants.values()}
    if not call.media_lost and call.state is not State.TRANSFERRED:
        names.add(call.media)
    if moved is not None and moved.state in ("ringing", "consulting"):
        names |= {moved.channel, moved.consultation}
    if watched is not None and watched.state in ("ringing", "on"):
        names |= {watched.channel, watched.snoop, call.ids.supervision}
    return frozenset(name for name in names if name)


def _plan(config: Config, id_: str, found: Mapping[str, Any]) -> Plan:
    """Without what is only needed at the beginning of a call."""
    name = found["agent"] if found["agent"] in config.agents else next(iter(config.agents))
    same = {each: found[each] for each in ("direction", "leg", "trunk", "caller", "callee", "webhook", "attempt")}
    detection = found.get("answer_detection", False)
    agent = planner.agent_plan(config, name, found["given"], found["trunk"], answer_detection=detection)
    spec = agent.spec.model_copy(update={"instructions": found["instructions"]})
    return Plan(
        call=id_,
        agent=replace(agent, spec=spec),
        variables={},
        max_transfer=config.transfer.max_s,
        metadata=found.get("metadata", {}),
        answer_detection=detection,
        **same,
    )


def _state(call: Call, state: State, found: Mapping[str, Any]) -> tuple[State, list[inputs.Input]]:
    """The state in which the call goes on, and its first inputs."""
    match state:
        case State.TRANSFERRING | State.CONSULTING:
            return state, [inputs.TransferCancelled(by="system")]
        case State.CLOSING:
            return State.TALKING, [inputs.WrapUpDue(wrap_up.VOICEMAIL if call.answering_machine else wrap_up.LENGTH)]
        case State.FAILOVER:
            call.session_open = True  # as far as anybody knows; it is given up at once
            return State(found["back_to"] or State.TALKING), [
                inputs.WorkerLost("it was lost before the controller was")
            ]
        case State.FALLBACK:
            return state, [inputs.HangUpAsked(by="system")]
        case State.TRANSFERRED if not call.other_parties:
            return state, [inputs.HangUpAsked(by="system")]  # nobody is with the caller, or nobody knows who
    return state, []


def _tools(call: Call) -> list[inputs.Input]:
    """Answers for tools that ran in the earlier controller. Those of a transfer and a hold are answered later."""
    waiting = {call.hold_tool_call, call.transfer.tool_call if call.transfer else None}
    return [inputs.ToolDone(each, LOST, ok=False) for each in sorted(call.open_tools - waiting)]


def _timers(call: Call, now: datetime) -> dict[str, float]:
    found = caller_hold.remaining(call, now)
    longest = call.plan.agent.max_call
    if longest is not None and call.answered_at is not None and call.state is not State.TRANSFERRED:
        found["length"] = max(longest - (now - call.answered_at).total_seconds(), 1.0)
    if call.state is State.TRANSFERRED and (longest := call.plan.max_transfer) is not None:
        call.transferred_at = call.transferred_at or now
        so_far = (now - call.transferred_at).total_seconds()
        found[transferred.LIMIT] = max(transferred.warned_after(longest) - so_far, 1.0)
    if call.other_parties and call.state is not State.TRANSFERRED:
        found[inbound_audio.OTHERS] = inbound_audio.WITH_AGENT_S
    if call.state is State.HOLDING and call.held_by == "agent":
        found["hold"] = HOLD_S
    if call.state is State.REFERRING:
        found["transfer"] = REFER_S
    return found


def _participant(found: Mapping[str, Any]) -> Participant:
    return Participant(found["channel"], _target(found["target"]), found["by"], found["state"], _outcome(found))


def _supervision(found: Mapping[str, Any]) -> Supervision:
    watched = Supervision(found["channel"], _target(found["target"]), found["mode"], found["by"], found["state"])
    watched.outcome, watched.snoop = _outcome(found), found["snoop"]
    return watched


def _transfer(found: Mapping[str, Any]) -> Transfer:
    moved = Transfer(found["channel"], _target(found["target"]), found["by"], found["tool_call"], found["state"])
    moved.outcome, moved.consultation = _outcome(found), found["consultation"]
    return moved


def _target(found: Mapping[str, Any]) -> Target:
    return Target(found["dial"], found["shown"], trunk=found["trunk"], kind=found["kind"])


def _outcome(found: Mapping[str, Any]) -> Outcome | None:
    return Outcome(found["outcome"]) if found["outcome"] else None
