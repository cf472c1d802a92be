"""config.yaml's `text_sessions`: bounds of conversations by typing (`voiceai try`, `voiceai test`). [pure]"""

from pydantic import Field

from controller.config.values import Section


class TextSessions(Section):
    max_sessions: int = Field(10, ge=1, le=1000)
    """At once. Each takes a call's place in a worker."""
    max_turns: int = Field(60, ge=1, le=1000)
    """Messages of the user in one session. Then it ends."""
    idle_s: float = Field(600.0, ge=5, le=86400)
    """A session in which nothing happens for this time ends."""
    max_s: float = Field(3600.0, ge=10, le=86400)
    """A session ends after this time in any case."""
    spend: float = Field(1.0, gt=0)
    """US dollars. A session that has cost as much ends. It counts for `limits.spend_per_day`, too."""
