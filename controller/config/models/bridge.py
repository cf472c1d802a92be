"""config.yaml's `bridge`: the worker processes, and who may be one. [pure]"""

from typing import Literal

from pydantic import Field

from controller.config.models.api import Credential
from controller.config.values import AllowedHost, OptionalSecret, PortsInRow, Section, SomeText, WorkerCount


class WorkerToken(Credential):
    """Of one worker on another machine. `name` is the worker's."""


class Bridge(Section):
    """The worker processes, which carry the sound."""

    workers: WorkerCount = "auto"
    """How many to start on this machine; `auto`: one less than there are cores. 0: only workers on other machines."""
    listen: SomeText = "127.0.0.1"
    """Where the local workers wait for Asterisk's AudioSocket connections, which have no encryption."""
    ports: PortsInRow = Field(default="9092-9099", validate_default=True)
    """Each local worker takes the first one that is free."""
    advertise: SomeText = "127.0.0.1"
    """The address under which Asterisk reaches the local workers."""
    capacity: int = Field(100, ge=1, le=1000)
    """Calls per worker."""
    warm: int = Field(0, ge=0, le=20)
    """Connections to each AI provider in use that each local worker keeps open for coming calls; they save a call's
    first second."""
    realtime: bool | Literal["auto"] = "auto"
    """Whether the local workers run with realtime priority, as Asterisk does with its `highpriority`: before everything
    on this machine that is not realtime. `auto`: where the system permits it (`LimitRTPRIO=10` in the systemd unit) and
    one core more than workers is left for everything else."""
    metrics: PortsInRow | None = None
    """Each local worker serves its own `/metrics` on loopback, without a password, at the first of these ports that is
    free."""
    tokens: tuple[WorkerToken, ...] = ()
    """Workers on other machines, each with a token of its own, which lets in the worker of that name and no other
    (`voiceai bridge --name NAME`)."""
    token: OptionalSecret = None
    """One token that all workers on other machines share, under any name that is not taken: for a group of equal ones.
    Whoever has it can play any of them; `tokens` are better. Without either only the local workers are let in."""
    allowed_hosts: tuple[AllowedHost, ...] = ()
    """Where workers on other machines may send Asterisk, besides the address that their link comes from: addresses,
    networks such as 10.0.0.0/24, host names."""
