"""config.yaml's `shutdown`: how the controller and its workers end. [pure]"""

from pydantic import Field

from controller.config.values import Section


class Shutdown(Section):
    drain_s: float = Field(60.0, ge=0, le=86400)
    """Seconds for live calls after SIGTERM; no new calls start. Then the agents say their `wrap_up` (20 seconds at
    most), and remaining calls are hung up. 0: hang up at once. A second SIGTERM, or Ctrl-C, does not wait."""
    keep_calls: bool = False
    """true: at SIGTERM the controller ends at once, and workers and Asterisk continue with its calls. The next
    controller takes them over. Start it within seconds."""
    worker_drain_s: float = Field(60.0, ge=0, le=86400)
    """Seconds for the calls of a worker that is drained or replaced (`voiceai workers drain`, `replace`). Then other
    workers take them over; they know the conversation."""
