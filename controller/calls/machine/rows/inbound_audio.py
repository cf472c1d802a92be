"""A telephone sends sound that Asterisk drops: its leg joins the bridge anew. Rows of the call's table. [pure]

Some builds of Asterisk (Debian's) drop every packet whose sequence number is lower than the last one of its path, until
the numbers have caught up: for minutes, where a carrier moved the media or another box took the caller off hold. A leg
that joins its bridge anew gets a new path, which takes what comes.

    sound ceases at the worker      Asterisk is asked what it received from the leg that the agent hears, twice and on
    it comes again                  nothing is asked any more
    packets of sound are received   it joins its bridge anew; again after a pause that grows while this does not help
    none are, or hardly any         the caller holds the line, or sends nothing in pauses: it is looked at again
    others are in the bridge        a mix comes to the worker whatever is dropped, and nothing once the agent has left:
                                    legs are looked at every second or two, and join anew after their numbers jumped
    a supervisor whispers           so does theirs

Keys that are held down, and comfort noise, are packets as well, but few bytes. Not so a key that is sent by SIP INFO:
its caller's leg joins anew if it lasts longer than 0.2 s, and the worker is told, since Asterisk then tells the key
twice.
"""

from datetime import datetime, timedelta

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.caller_sound import InboundAudio
from controller.calls.machine.plan import State
from controller.calls.machine.row import Row, Steps

TIMER = "caller audio"
OTHERS = "other parties audio"
LOOKS_S = (0.05, 0.1, 0.25, 0.6)
"""Seconds between two looks at the leg that the agent hears; the last value repeats. The first two looks fit into a
quarter of a second: after 300 ms a server may take the dropped sound for silence, and so for the end of the caller's
turn. The third look finds a second jump right after the first; the leg joins anew after `PAUSES_S`."""
WITH_AGENT_S, WITHOUT_AGENT_S = 1.0, 2.0
"""Seconds between two looks at the legs of several people: with an agent among them, and without."""
SOUND_BYTES_PER_S = 500
"""Every codec sends more than this while there is sound. Keys (200) and comfort noise send less."""
JUMPED = 30_000
"""If this many packets seem lost at once, the sequence numbers jumped: Asterisk takes a number that went back for one
that wrapped around."""
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until a leg may join anew once more, by the number of times in a row that this did not help."""
BUSY_AFTER, BUSY_S = 20, 60.0
"""A leg joins anew at most `BUSY_AFTER` times in `BUSY_S` seconds."""

_WITH_AGENT = (State.TALKING, State.HOLDING, State.CLOSING, State.TRANSFERRING, State.CONSULTING)


def takes(_: Call, what: inputs.Input) -> bool:
    timers = isinstance(what, inputs.TimeUp) and what.timer in (TIMER, OTHERS)
    return timers or isinstance(what, inputs.CallerAudio | inputs.RtpCounted | inputs.SipHold)


def handle(call: Call, what: inputs.Input, now: datetime) -> Steps:
    """The commands that follow from an input about sound."""
    audio = call.inbound_audio
    match what:
        case inputs.CallerAudio(flowing=False) if audio.ceased and audio.losses == call.losses:
            return []  # told again
        case inputs.CallerAudio(flowing):
            audio.ceased, audio.losses, audio.looks = not flowing, call.losses, 0
            audio.counted.clear()
            if flowing:
                audio.in_vain = 0
                return [commands.StopTimer(TIMER)]
            return _look(call)
        case inputs.TimeUp("caller audio"):
            return _look(call)
        case inputs.TimeUp():
            audio.watching = False
            return list(map(commands.CountRtp, _legs_to_watch(call)))
        case inputs.SipHold(channel, on):
            audio.counted.pop(channel, None)
            audio.looks = 0
            return [] if on or not audio.ceased else _look(call)
        case _:
            assert isinstance(what, inputs.RtpCounted), "see takes"
            return _counted(call, what, now)


def after_input(call: Call) -> Steps:
    """After each input: starts to look at the legs where there are several people."""
    if call.inbound_audio.watching or not _legs_to_watch(call):
        return []
    call.inbound_audio.watching = True
    return [commands.StartTimer(OTHERS, WITHOUT_AGENT_S if call.state is State.TRANSFERRED else WITH_AGENT_S)]


def _look(call: Call) -> Steps:
    audio, heard = call.inbound_audio, _heard_by_agent(call)
    if not audio.ceased or audio.losses != call.losses or heard is None:
        audio.ceased = False
        return []
    again_s = LOOKS_S[min(audio.looks, len(LOOKS_S) - 1)]
    audio.looks += 1
    return [commands.StartTimer(TIMER, again_s), commands.CountRtp(heard[1])]


def _legs_to_watch(call: Call) -> dict[str, str]:
    """The bridge of each leg whose sound the worker can't tell from that of others."""
    found = {}
    if call.other_parties and (_heard_by_agent(call) is not None or call.state is State.TRANSFERRED):
        found = dict.fromkeys((call.plan.leg, *sorted(call.other_parties)), call.ids.bridge)
    supervision = call.supervision
    if supervision is not None and (supervision.state, supervision.mode) == ("on", "whisper") and call.other_parties:
        found.setdefault(supervision.channel, call.ids.supervision)
    return found


def _heard_by_agent(call: Call) -> tuple[str, str] | None:
    """The bridge in which the agent stands, and the leg that it hears there; None: there is no agent."""
    if call.state not in _WITH_AGENT or call.media_lost:
        return None
    transfer = call.transfer
    if call.state is State.CONSULTING and transfer is not None and transfer.consultation:
        return transfer.consultation, transfer.channel
    return call.ids.bridge, call.plan.leg


def _counted(call: Call, what: inputs.RtpCounted, now: datetime) -> Steps:
    audio, heard = call.inbound_audio, _heard_by_agent(call)
    before = audio.counted.get(what.channel)
    audio.counted[what.channel] = (what, now)
    if what.received is None:  # Asterisk has no RTP figures of this leg
        return [commands.StopTimer(TIMER)] if audio.ceased else []
    away = what.channel in call.caller_hold.legs or (call.music and what.channel == call.plan.leg)
    bridge = heard[0] if heard is not None and what.channel == heard[1] else _legs_to_watch(call).get(what.channel)
    if before is None or bridge is None or away:
        return []
    dropped = audio.ceased and heard is not None and what.channel == heard[1] and _sound_received(before, what, now)
    jumped = what.channel in _legs_to_watch(call) and _numbers_jumped(before[0], what)
    if not (dropped or jumped) or not _may_rejoin(audio, now):
        return []
    audio.rejoined += 1
    audio.in_vain += 1
    audio.rejoined_at.append(now)
    audio.counted.pop(what.channel)
    told = [commands.OrderAi(contract.Rejoined(call=call.plan.call))] if dropped else []
    return [*told, commands.Rejoin(bridge, what.channel)]


def _sound_received(before: tuple[inputs.RtpCounted, datetime], now_counted: inputs.RtpCounted, now: datetime) -> bool:
    """Asterisk has received sound since. A new source counts from 0."""
    then, at = before
    received, had = now_counted.received or 0, then.received or 0
    grown = received - had if now_counted.source == then.source and received >= had else received
    return grown >= SOUND_BYTES_PER_S * max(0.1, (now - at).total_seconds())


def _numbers_jumped(before: inputs.RtpCounted, after: inputs.RtpCounted) -> bool:
    return after.source != before.source or after.lost - before.lost >= JUMPED


def _may_rejoin(audio: InboundAudio, now: datetime) -> bool:
    audio.rejoined_at = [at for at in audio.rejoined_at if now - at < timedelta(seconds=BUSY_S)]
    if not audio.rejoined_at:
        return True
    pause = PAUSES_S[min(max(0, audio.in_vain - 1), len(PAUSES_S) - 1)] if audio.ceased else PAUSES_S[0]
    return len(audio.rejoined_at) < BUSY_AFTER and now - audio.rejoined_at[-1] >= timedelta(seconds=pause)


ROW = Row(handle)
