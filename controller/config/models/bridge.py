"""config.yaml's `bridge`: the worker processes, and who may be one. [pure]"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from bridge.common.tls import is_readable_on_the_way
from controller.config.models.api import Credential
from controller.config.values import (
    AllowedHost,
    Network,
    OptionalSecret,
    PortsInRow,
    RealtimeUrl,
    Secret,
    Section,
    SomeText,
    WorkerCount,
    wrong,
)

LOCAL_NAME = "w[1-9][0-9]{0,2}"
"""How the supervisor calls the workers of this machine."""


class WorkerToken(Credential):
    """Of one worker on another machine. `name` is the worker's."""


def _local_name(name: str) -> str:
    if not re.fullmatch(LOCAL_NAME, name):
        raise wrong("is no worker of this machine", "they are w1, w2 and so on")
    return name


def _not_in_clear(url: str) -> str:
    if is_readable_on_the_way(url):
        raise wrong("must begin with wss://", "ws is for this machine only: the token and the AI's key go there")
    return url


def _one_word(text: str) -> str:
    if re.search(r"[,\s]", text):
        raise wrong("must have no comma and no space")
    return text


OneWord = Annotated[SomeText, AfterValidator(_one_word)]
LocalWorker = Annotated[
    str, AfterValidator(_local_name), WithJsonSchema({"type": "string", "pattern": f"^{LOCAL_NAME}$"})
]


class SharedWith(Section):
    """The controller of another node, which may use workers of this machine (docs/scaling.md)."""

    controller: Annotated[RealtimeUrl, AfterValidator(_one_word), AfterValidator(_not_in_clear)]
    """Its link, such as `wss://10.0.0.12:8080/link`."""
    tokens: dict[LocalWorker, Secret] = Field(min_length=1)
    """Of each worker that is shared (`w1`, `w2` …) its token there. In `bridge.tokens` of that controller it has the
    name `<cluster.node>.<worker>`, such as `berlin1.w1`."""
    advertise: OneWord = "auto"
    """The address under which the Asterisk of that node reaches them; `auto`: `listen`, or, where that is all
    addresses, the one from which they reach the controller."""
    allow: tuple[Network, ...] = ()
    """From where the Asterisk of that node may connect, such as 10.0.0.12 or 10.0.0.0/24. None: from private
    networks."""
    ca: OneWord | None = None
    """A PEM file: whom to believe at `wss://`, an authority or that controller itself. null: the system's."""


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
    share_with: tuple[SharedWith, ...] = ()
    """Controllers of other nodes that may use the local workers. This one is served first; `capacity` is for all
    together."""
    allowed_hosts: tuple[AllowedHost, ...] = ()
    """Where workers on other machines may send Asterisk, besides the address that their link comes from: addresses,
    networks such as 10.0.0.0/24, host names."""
