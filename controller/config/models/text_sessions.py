"""config.yaml's `text_sessions`: bounds of conversations by typing (`voiceai try`, `voiceai test`). [pure]"""

from pydantic import Field

from controller.config.values import Section


class TextSessions(Section):
    max_sessions: int = Field(10, ge=1, le=1000)
    """Concurrent sessions. Each uses the capacity of one call at a worker."""
    max_turns: int = Field(60, ge=1, le=1000)
    """Messages of the user in one session. Then it ends."""
    idle_s: float = Field(600.0, ge=5, le=86400)
    """Seconds without activity after which a session ends."""
    max_s: float = Field(3600.0, ge=10, le=86400)
    """Seconds after which a session ends in any case."""
    spend: float = Field(1.0, gt=0)
    """US dollars. A session that has cost this much ends. The cost also counts for `limits.spend_per_day`."""
