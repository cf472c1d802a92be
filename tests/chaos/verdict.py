"""What must hold after a chaos run, and in the quiet moment before its callers hang up.

Owns the invariants: every channel has an owner and every owner a channel; no call is lost and no sound is missing
that did not live in a part that was hit; every call has a recorded end; processes hold no more than before.
"""

import asyncio
import os
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from controller.calls.machine.ids import Ids
from tests.chaos.callers import Callers, Visit
from tests.chaos.faults import Struck
from tests.chaos.missed_audio import Hole
from tests.chaos.plan import OF_NOBODY, OF_WORKER, Fault
from tests.e2e.installation import Installation

HELLO_SECONDS = 3.0
"""A caller who stays for less, because the run is over, need not have heard the agent."""
WAKE = 6.0
"""Seconds after a strike in which those who were hit may still miss something: reconnecting, taking over."""
RECOVERED = 12.0
"""Seconds within which who was hit hears the agent again: the product gives a takeover ten."""
STRUCK_DOWN = 4
"""A call that lost its worker so often may end: three times are made good."""
NOISE_SECONDS, NOISE_PER_MINUTE = 0.5, 6
"""What a machine with a core too few does to callers who were not hit. A part that stands still is beyond both."""
SETTLED = 25.0
WRITTEN = 10.0
IDLE = 12.0
"""Twenty hang-ups at once take twenty connections to ARI, which are kept for 10 s and closed when the next call comes.
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process holds."""

    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        return cls(len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")))

    def flat(self, before: "Usage") -> bool:
        return self.files <= before.files + 10 and self.threads <= before.threads + 10


async def usage(running: Installation) -> dict[str, Usage]:
    """Of the controller, its workers (the same names are the same parts) and Asterisk."""
    workers = (await running.api("GET", "/v1/workers"))["workers"]
    pids = {each["name"]: each["pid"] for each in workers} | {"controller": running.service.pid}
    pids["asterisk"] = int((Path(running.asterisk.settings["ASTERISK_HOME"]) / "pid").read_text().split()[0])
    return {name: Usage.of(int(pid)) for name, pid in pids.items()}


# ---------------------------------------------------------------- channels and owners


async def unowned(running: Installation) -> list[str]:
    """Channels and bridges without a call, and calls without what they need. Callers who just come or go are seen
    twice differently: ask again before believing it."""
    async with running.asterisk.ari() as ari:
        channels = {each["id"]: each["name"] for each in (await ari.get("/channels")).json()}
        bridges = [each["id"] for each in (await ari.get("/bridges")).json()]
        calls = (await running.api("GET", "/v1/calls?state=active&limit=1000"))["calls"]
        callers: dict[str, str] = {}
        for channel, name in channels.items():
            if name.startswith("PJSIP/"):
                answer = await ari.get(f"/channels/{channel}/variable", params={"variable": "VOICEAI_CALL"})
                callers[channel] = answer.json().get("value", "") if answer.is_success else ""
    live = {each["id"] for each in calls}
    talking = {each["id"] for each in calls if each["state"] == "talking"}
    media = {Ids.call_of(channel) for channel, name in channels.items() if name.startswith("AudioSocket/")}
    return [
        *(f"channel {channels[each]} without a call" for each, call in callers.items() if call not in live),
        *(f"media of a call that is over: {call}" for call in media - live),
        *(f"bridge without a call: {each}" for each in bridges if Ids.call_of(each) not in live),
        *(f"call without a caller's channel: {call}" for call in live - set(callers.values())),
        *(f"call that talks without a media leg: {call}" for call in talking - media),
    ]


async def all_owned(running: Installation, seconds: float = SETTLED) -> None:
    """Within so many seconds, while calls go on."""
    deadline = time.monotonic() + seconds
    while left := await unowned(running):
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.3)


async def settled(running: Installation) -> None:
    """Nothing is left of any call. `Installation.nothing_left`, with a longer timeout."""
    deadline = time.monotonic() + SETTLED
    while left := await running._left():
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.2)


# ---------------------------------------------------------------- what callers lost


def hits(visit: Visit, call: str, strikes: Iterable[Struck]) -> list[Struck]:
    """The faults that concerned this call."""
    during = (each for each in strikes if each.since < visit.ended and (each.until or each.since) + WAKE > visit.began)
    return [each for each in during if each.fault not in OF_NOBODY and _felt(visit, call, each)]


def _felt(visit: Visit, call: str, strike: Struck) -> bool:
    among_all = strike.everybody and visit.caller not in strike.spared
    return among_all or visit.caller in strike.callers or call in strike.calls


def unexplained(visits: Sequence[Visit], calls: dict[str, str], strikes: Collection[Struck]) -> list[str]:
    """Calls that ended otherwise than their callers wanted, and holes that are too long or too many, without a strike
    that would account for it. `calls`: id by the caller's number."""
    found: list[str] = []
    for visit in visits:
        call = calls.get(visit.caller, "")
        hit = hits(visit, call, strikes)
        if visit.outcome != "done" and not _may_end(hit):
            found.append(f"{visit.caller} {call}: {visit.outcome} {visit.what}; hit by {list(map(str, hit))}")
        found += [f"{visit.caller} {call}: {what}" for what in _missed(visit, hit)]
    return found


def _may_end(hit: Collection[Struck]) -> bool:
    lethal = {Fault.CONTROLLER_KILLED, Fault.ASTERISK_KILLED}
    return any(each.fault in lethal for each in hit) or sum(each.fault in OF_WORKER for each in hit) >= STRUCK_DOWN


def _missed(visit: Visit, hit: Sequence[Struck]) -> list[str]:
    ours = [hole for hole in visit.heard.holes if _accounted(hole, hit)]
    others = [hole for hole in visit.heard.holes if hole not in ours]
    minutes = 1 + (visit.heard.last - visit.heard.first) / 60
    stayed = visit.ended - visit.began > (WAKE if hit else HELLO_SECONDS)
    mute = stayed and visit.outcome == "done" and not visit.heard.first and not _may_end(hit)
    return [
        *(f"{hole.seconds:.2f} s of the agent are missing, and nobody struck" for hole in _longer(others)),
        *(f"the agent came back only after {hole.seconds:.1f} s" for hole in ours if hole.seconds > RECOVERED),
        *([f"{len(others)} holes"] if len(others) > NOISE_PER_MINUTE * minutes else []),
        *(["never heard the agent"] if mute else []),
    ]


def _longer(holes: Iterable[Hole]) -> list[Hole]:
    return [hole for hole in holes if hole.seconds > NOISE_SECONDS]


def _accounted(hole: Hole, hit: Iterable[Struck]) -> bool:
    return any(each.since - 0.1 < hole.until and hole.since < (each.until or each.since) + WAKE for each in hit)


# ---------------------------------------------------------------- what is written down


async def history(running: Installation) -> list[dict[str, Any]]:
    """All calls in the records."""
    found: list[dict[str, Any]] = []
    before = ""
    while True:
        page = (await running.api("GET", f"/v1/history?limit=100{before}"))["calls"]
        found += page
        if len(page) < 100:
            return found
        before = f"&before={page[-1]['number']}"


async def written_down(running: Installation, born_before: float = 0.0) -> list[dict[str, Any]]:
    """All calls, once those that ended are written down as such: that happens beside them."""
    deadline = time.monotonic() + WRITTEN
    while True:
        found = await history(running)
        if not without_end(found, born_before) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.3)


def without_end(calls: Iterable[dict[str, Any]], born_before: float = 0.0) -> list[str]:
    """`born_before`: of a controller that was killed; they are marked a minute after the next start."""
    return [
        f"{each['id']} of {each['caller']}"
        for each in calls
        if each["ended_at"] is None and seconds_of(each["started_at"]) >= born_before
    ]


def seconds_of(moment: str) -> float:
    """ISO 8601 to the wall clock's."""
    return datetime.fromisoformat(moment).timestamp()


async def seen(callers: Callers, count: int, seconds: float = 20.0) -> None:
    """So many callers at once have heard the agent."""
    async with asyncio.timeout(seconds):
        while len(callers.talking) < count:  # noqa: ASYNC110 - telephones tell of it, and nobody waits long
            await asyncio.sleep(0.1)
