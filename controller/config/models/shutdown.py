"""config.yaml's `shutdown`: how the controller and its workers end. [pure]"""

from pydantic import Field

from controller.config.values import Section


class Shutdown(Section):
    drain_s: float = Field(60.0, ge=0, le=86400)
    """Seconds that live calls are given at SIGTERM, while no new ones begin. Then the agents say their `wrap_up`, for
    20 seconds at most, and what is left is hung up. 0: hung up at once. A second SIGTERM or Ctrl-C does not wait."""
    keep_calls: bool = False
    """true: at SIGTERM the controller ends at once, and workers and Asterisk go on with its calls. The next controller
    takes them over: start it within seconds."""
    worker_drain_s: float = Field(60.0, ge=0, le=86400)
    """As long for the calls of a worker that is to be replaced (`voiceai workers drain`, `replace`). Then others take
    them over, with the memory of what was said."""
