"""Whether Asterisk's process has ended, judged from outside. [pure]

When a process ends, its kernel closes what it had open (the event websocket, the AudioSocket connections of all media
legs) and refuses connections to its port; a relay between (docker-proxy, socat) takes them and closes them at once. A
network that is cut does neither, nor does an Asterisk that stands still. One sign alone says too little: a firewall or
another http.conf closes a port as well, and calls live on behind it. So the port has to be dead for `DEAD_S`, and what
was open has to be closed.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from controller.ari.resources import AsteriskInfo

DEAD_S = 5.0
"""Seconds without a break in which nobody is at the port. An Asterisk that is started again needs about as long; its
calls are gone with the first refusal all the same."""
TRIES = 4
"""At least as many connections: this process may have stood still for DEAD_S itself."""
MEDIA_S = 3.0
"""Seconds before the loss of the link: a media leg that ended earlier is no sign."""


def started_later(before: AsteriskInfo, found: AsteriskInfo) -> bool:
    """Whether it is the same Asterisk, started again since: nothing of before is there. False if it does not tell."""
    try:
        times = [datetime.fromisoformat(each.started_at) for each in (before, found)]
        return before.entity_id == found.entity_id and times[1] > times[0]
    except (ValueError, TypeError):
        return False


class Port(Enum):
    REFUSED = "refused"
    CLOSED = "closed"
    """The connection was taken, and closed without an answer. Asterisk does so, too, if it has too many
    (sessionlimit in its http.conf): only together with the end of all sound it says anything."""
    NO_HOST = "no host"
    """Its name is not known, or nobody has its address: its container has ended. Also a fault of the network or of DNS:
    only if the link was closed and all sound has ended it says anything."""
    IN_USE = "in use"
    """Or nobody knows: no answer in time."""


@dataclass(frozen=True, slots=True)
class Media:
    """`up`: a worker has the media leg of a call. `ended_at`: when one was last told to be gone."""

    up: bool = False
    ended_at: float | None = None


class ProcessSigns:
    """Of one Asterisk. Moments are seconds of any one clock. Until the first link nothing is known to be open."""

    def __init__(self) -> None:
        self._link_closed = True
        self._lost_at = 0.0
        self._had_media = False
        self._since: float | None = None
        self._tries: Counter[Port] = Counter()
        self.ended = False

    def link_up(self) -> None:
        self.ended = False
        self._in_use()

    def link_lost(self, *, closed: bool, now: float) -> None:
        """`closed`: by the far end; it did not just fall silent."""
        self._link_closed, self._lost_at, self._had_media = closed, now, False
        self._in_use()

    def tried(self, port: Port, media: Media, now: float) -> bool:
        """A connection to the port. Returns True once: the process has ended."""
        ended = media.ended_at is not None and media.ended_at >= self._lost_at - MEDIA_S
        self._had_media = self._had_media or media.up or ended
        if port is Port.IN_USE:
            self._in_use()
            return False
        self._since = now if self._since is None else self._since
        self._tries[port] += 1
        if self.ended or media.up or now - self._since < DEAD_S or self._tries.total() < TRIES:
            return False
        by_link = self._link_closed and set(self._tries) == {Port.REFUSED}
        by_media = self._had_media and (self._link_closed or Port.NO_HOST not in self._tries)
        self.ended = by_link or by_media
        return self.ended

    def _in_use(self) -> None:
        self._since, self._tries = None, Counter()
