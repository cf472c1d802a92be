"""config.yaml's `canary`: a regular test call. [pure]"""

from pydantic import Field

from controller.config.values import Section, SomeText


class Canary(Section):
    """A regular test call: Asterisk calls an extension of its own dialplan, and the agent must be heard. Off without
    this section."""

    to: SomeText = Field(pattern=r"^[A-Za-z0-9+*#][A-Za-z0-9+_.*#-]{0,63}@[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """`extension@context` where inbound calls arrive, such as `5001@from-trunk`. The agent needs a `greeting`."""
    every_s: float = Field(300.0, ge=30, le=86400)
    """Seconds between two calls. Each is a normal call: it uses capacity, costs a greeting, and has a record."""
    wait_s: float = Field(15.0, ge=2, le=120)
    """Seconds within which the agent must be heard."""
