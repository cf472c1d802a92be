"""Which browsers may telephone, for how long, and for what. [pure]

Owns the table of sessions. A session has the credentials of one PJSIP endpoint; with them a browser makes one call to
one agent, or is rung as the telephone of a supervisor. Times are seconds of a monotonic clock.
"""

import hashlib
import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.calls.errors import Busy
from controller.calls.machine.types import ANYBODY
from controller.config import Config
from controller.config.models.softphone import Softphone

_CHANNEL = re.compile(r"PJSIP/(.+)-[0-9a-f]{8}")


@dataclass(slots=True)
class SoftphoneSession:
    """`id` is the name of its endpoint, and its SIP user."""

    id: str
    password: str = field(repr=False)
    by: str
    agent: str | None
    """Whom it may call. None: nobody; it is rung, as the telephone of a supervisor or of who is available."""
    available: bool
    """It waits for a call that is transferred."""
    variables: Mapping[str, str] = field(repr=False)
    """For the agent's templates."""
    opened_at: float
    allowed: Callable[[], bool] = field(repr=False)
    """Whether who has opened it may still ask for anything."""
    config: Config | None = field(default=None, repr=False)
    """With which its call begins; None: with what is in force then."""
    made: bool = False
    """Asterisk has its objects."""
    call: str | None = None
    """That of its call to an agent, which is known before; else the call for which it is rung."""
    channel: str | None = None
    """Of its call to an agent, once it has come."""
    rung_at: datetime | None = None
    """When a call was transferred to it."""
    seen_at: float = 0.0
    """When it was registered at Asterisk, as far as it was asked."""


class SessionTable:
    """`app`: the Stasis app, so that controllers which share an Asterisk know whose endpoints are whose."""

    def __init__(self, settings: Softphone, app: str) -> None:
        self._settings = settings
        self._prefix = f"browser-{hashlib.sha256(app.encode()).hexdigest()[:8]}-"
        self._open: dict[str, SoftphoneSession] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[SoftphoneSession]:
        return iter(list(self._open.values()))

    def open(
        self,
        *,
        by: str,
        agent: str | None,
        variables: Mapping[str, str],
        allowed: Callable[[], bool],
        now: float,
        available: bool = False,
    ) -> SoftphoneSession:
        """Raises Busy."""
        if sum(each.by == by for each in self._open.values()) >= self._settings.per_token:
            raise Busy("As many browsers as allowed telephone with this token already (softphone.per_token).")
        if len(self._open) >= self._settings.total:
            raise Busy("As many browsers as allowed telephone already (softphone.total).")
        id_ = self._prefix + secrets.token_hex(8)
        session = SoftphoneSession(id_, secrets.token_urlsafe(24), by, agent, available, dict(variables), now, allowed)
        session.seen_at = now
        session.call = str(uuid.uuid4()) if agent is not None else None
        self._open[id_] = session
        return session

    def get(self, id_: str) -> SoftphoneSession | None:
        return self._open.get(id_)

    def waiting(self, user: str) -> list[SoftphoneSession]:
        """Those of this user, or (`*`) of all, which wait for a call; who has waited longest first."""
        found = [each for each in self if each.available and each.made and each.call is None]
        return sorted((each for each in found if user in (ANYBODY, each.by)), key=lambda each: each.opened_at)

    def close(self, id_: str) -> SoftphoneSession | None:
        """None: it is not open (any more)."""
        return self._open.pop(id_, None)

    def is_ours(self, endpoint: str) -> bool:
        """Whether a controller of this app has made this endpoint, for whatever session."""
        return endpoint.startswith(self._prefix)

    def endpoint_of(self, channel_name: str) -> str | None:
        """The endpoint of a channel such as `PJSIP/browser-…-0000002a`, if it is one of a session."""
        match = _CHANNEL.fullmatch(channel_name)
        return match[1] if match is not None and self.is_ours(match[1]) else None

    def seconds_left(self, session: SoftphoneSession, now: float) -> float:
        if session.available and session.call is None:
            return min(session.opened_at + self._settings.max_s, session.seen_at + 2 * self._settings.unused_s) - now
        unused = session.channel is None if session.agent is not None else session.call is None
        longest = self._settings.unused_s if unused else self._settings.max_s
        return session.opened_at + longest - now
