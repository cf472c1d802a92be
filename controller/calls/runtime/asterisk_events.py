"""What Asterisk tells: which event belongs to which call.

Owns the map from channels to calls, and which of our legs are in our Stasis app. Implements
`reconcile.ReconcileCalls`: a comparison with Asterisk finds what no event has told.
"""

import asyncio
from collections.abc import Mapping, Set as AbstractSet
from datetime import datetime

import structlog

from bridge.common.background_tasks import Tasks
from controller.ari import events as ari_events
from controller.ari.process_signs import Media
from controller.ari.resources import Channel
from controller.ari.rest import Ari, AriError
from controller.calls.machine import inputs
from controller.calls.machine.ids import Ids
from controller.calls.runtime import dialplan
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.inbound import InboundCalls
from controller.calls.runtime.reconcile import is_caller

log = structlog.get_logger()


class AsteriskEvents:
    """`live`: the calls that live at this moment, by id."""

    def __init__(self, ari: Ari, tasks: Tasks, live: Mapping[str, CallActor], inbound: InboundCalls) -> None:
        self._ari = ari
        self._tasks = tasks
        self._live = live
        self._inbound = inbound
        self.link_up = False
        self.frozen = False
        """Asterisk answers, but acts on no channel (`ari.health`)."""
        self._by_leg: dict[str, str] = {}
        """The call of each person's channel. Other legs of ours have their call's id in their own (`Ids`)."""
        self._recovered: set[str] = set()
        """Calls of an earlier controller, of which Asterisk may have more than this one was told."""
        self._fresh: set[str] = set()
        """Callers of an earlier controller whose call could not be taken over."""
        self._in_app: set[str] = set()
        """Legs of ours whose StasisStart was told, and whose end was not yet."""
        self._received: set[str] = set()
        """Callers that a reconcile has found; their StasisStart may still come."""
        self._media_ended_at: float | None = None

    # ------------------------------------------------------------ what the registry tells

    def began(self, actor: CallActor) -> None:
        self._by_leg[actor.call.plan.leg] = actor.id

    def recovered(self, actor: CallActor) -> None:
        """A call of an earlier controller goes on."""
        self._recovered.add(actor.id)
        self._in_app |= actor.owned.existing

    def readmit(self, channel: str) -> None:
        """A caller whose call could not be taken over: if they are still there, they have just come."""
        self._fresh.add(channel)

    def ended(self, actor: CallActor) -> None:
        self._by_leg.pop(actor.call.plan.leg, None)

    # ------------------------------------------------------------ its process (`ari.process`)

    def media_ended(self) -> None:
        """A worker tells that the media leg of a call is gone."""
        self._media_ended_at = asyncio.get_running_loop().time()

    def media(self) -> Media:
        return Media(any(each.call.media_up for each in self._live.values()), self._media_ended_at)

    def calls_in_asterisk(self) -> frozenset[str]:
        return frozenset(call for call, actor in self._live.items() if actor.owned.any)

    def process_ended(self, since: datetime, calls: AbstractSet[str] | None = None) -> None:
        """Every channel is gone. `since`: when Asterisk was last heard of. `calls`: it is there again, and had these
        before; None: all that live."""
        calls = self._live.keys() if calls is None else calls
        log.error("asterisk has ended, and its calls with it", calls=len(calls), started_again=self.link_up)
        self._inbound.all_left()
        self._in_app.clear()
        self._received.clear()
        self._fresh.clear()
        for call in sorted(calls & self._live.keys()):
            self._live[call].put(inputs.AsteriskEnded(since))

    # ------------------------------------------------------------ events

    def take(self, event: ari_events.Event) -> None:
        try:
            self._take(event)
        except Exception:  # the top of one event: at most its own call is affected
            log.exception("an event of Asterisk could not be handled: internal error", event_type=type(event).__name__)
            if isinstance(event, ari_events.StasisStart) and not self.owned(event.channel.id):
                self._tasks.create_task(self._reject(event.channel.id, "congestion"))

    def _take(self, event: ari_events.Event) -> None:
        match event:
            case ari_events.StasisStart(channel=channel) if back := dialplan.returned(event):
                if not self._put(channel.id, back):
                    self._tasks.create_task(self._reject(channel.id, "normal"))  # its call ended meanwhile
            case ari_events.StasisStart(channel=channel, args=args):
                self._entered(channel, args)
            case ari_events.StasisEnd(channel=channel):
                self._left_app(channel.id)
                self._inbound.left(channel.id)
                self._put(channel.id, inputs.LegGone(channel.id, in_dialplan=True))
            case ari_events.ChannelDestroyed(channel=channel, cause=cause, tech_cause=status):
                self._put(channel.id, inputs.LegGone(channel.id, cause, status))
                self._by_leg.pop(channel.id, None)
                self._left_app(channel.id)
            case _ if (told := input_of(event)) is not None:
                self._put(*told)

    def _left_app(self, channel: str) -> None:
        self._in_app.discard(channel)
        self._received.discard(channel)

    def _put(self, name: str, what: inputs.Input) -> bool:
        actor = self._live.get(self._by_leg.get(name) or Ids.call_of(name) or "")
        if actor is not None:
            actor.put(what)
        return actor is not None

    def _entered(self, channel: Channel, args: tuple[str, ...]) -> None:
        if Ids.call_of(channel.id) is not None:
            self._in_app.add(channel.id)
            if not self._put(channel.id, inputs.LegEntered(channel.id, args)):
                self._tasks.create_task(self._reject(channel.id, "normal"))  # its call ended meanwhile
        elif is_caller(channel):
            if channel.id in self._received:
                self._received.discard(channel.id)  # a reconcile was faster than its event
            else:
                self._inbound.arrived(channel, args)
        else:
            log.info("not a caller, left alone", channel=channel.id, technology=channel.name.partition("/")[0])

    async def _reject(self, channel: str, reason: str) -> bool:
        """True: it was there, and is hung up now."""
        try:
            return await self._ari.hangup(channel, reason=reason)
        except AriError as error:
            log.warning("could not hang up a channel", channel=channel, reason=str(error))
            return False

    # ------------------------------------------------------------ reconcile.ReconcileCalls

    def owned_resources(self) -> dict[str, frozenset[str]]:
        return {call: actor.owned.existing for call, actor in self._live.items()}

    def holds(self) -> dict[str, bool]:
        return {each.call.plan.leg: each.call.plan.leg in each.call.caller_hold.legs for each in self._live.values()}

    def owned(self, name: str) -> bool:
        call = self._by_leg.get(name) or Ids.call_of(name)
        if call in self._recovered and call in self._live:
            return self._live[call].owned.claims(name.removesuffix(";2"))  # the far half of a Local leg
        return call in self._live or self._inbound.has_no_call_yet(name)

    def left(self, call: str, channel: str) -> None:
        self._left_app(channel)
        if call in self._live:
            self._live[call].put(inputs.LegGone(channel))

    def entered(self, channel: Channel, arguments: tuple[str, ...]) -> None:
        if channel.id not in self._in_app and self.owned(channel.id):
            log.warning("a leg has answered while nobody listened", channel=channel.id)
            self._entered(channel, arguments)

    def is_fresh(self, channel: str) -> bool:
        return channel in self._fresh

    def receive(self, channel: Channel, arguments: tuple[str, ...]) -> None:
        self._fresh.discard(channel.id)
        self._received.add(channel.id)
        self._inbound.arrived(channel, arguments)

    def all_owned(self) -> None:
        self._recovered.clear()


def input_of(event: ari_events.Event) -> tuple[str, inputs.Input] | None:
    """The channel or playback that it is about, and what it means to its call. None: no such."""
    match event:
        case ari_events.ChannelHangupRequest(channel=channel, soft=True):  # its cause is none of Q.850
            return channel.id, inputs.LegHungUp(channel.id, soft=True)
        case ari_events.ChannelHangupRequest(channel=channel, cause=cause):
            return channel.id, inputs.LegHungUp(channel.id, cause)
        case ari_events.PlaybackFinished(playback_id=playback):
            return playback, inputs.SoundOver(playback)
        case ari_events.ChannelStateChange(channel=channel) if channel.state == "Ringing":
            return channel.id, inputs.LegRinging(channel.id)
        case ari_events.Dial(peer=channel, dialstatus="PROGRESS"):  # the network's own sound, instead of ringing
            return channel.id, inputs.LegRinging(channel.id)
        case ari_events.ChannelHold(channel=channel):
            return channel.id, inputs.SipHold(channel.id, on=True)
        case ari_events.ChannelUnhold(channel=channel):
            return channel.id, inputs.SipHold(channel.id, on=False)
    return None
