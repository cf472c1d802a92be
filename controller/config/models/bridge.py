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
    """The token of one worker on another machine. `name` is the name of the worker."""


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
    """The controller of another node that may use workers of this machine (docs/scaling.md)."""

    controller: Annotated[RealtimeUrl, AfterValidator(_one_word), AfterValidator(_not_in_clear)]
    """The URL of its control link, such as `wss://10.0.0.12:8080/link`."""
    tokens: dict[LocalWorker, Secret] = Field(min_length=1)
    """For each shared worker (`w1`, `w2` …) its token at that controller. There it is in `bridge.tokens` under the name
    `<cluster.node>.<worker>`, such as `berlin1.w1`."""
    advertise: OneWord = "auto"
    """The address under which the Asterisk of that node reaches the workers. `auto`: `listen`, or, if that is all
    addresses, the address from which they connect to the controller."""
    allow: tuple[Network, ...] = ()
    """Addresses from which the Asterisk of that node may connect, such as 10.0.0.12 or 10.0.0.0/24. None: private
    networks."""
    ca: OneWord | None = None
    """For `wss://`: a PEM file with the CA certificate or that controller's own certificate. null: the system's CA
    store."""


class Bridge(Section):
    """The bridge workers: the processes that move audio."""

    workers: WorkerCount = "auto"
    """The number of workers on this machine. `auto`: one less than the CPU cores, at least one. 0: none; workers run on
    other machines or in their own units."""
    listen: SomeText = "127.0.0.1"
    """The address on which local workers accept AudioSocket connections from Asterisk. They are not encrypted, and the
    only credential is an id that is made for one connection: use loopback or a private network."""
    ports: PortsInRow = Field(default="9092-9099", validate_default=True)
    """Each local worker takes the first free port."""
    advertise: SomeText = "127.0.0.1"
    """The address under which Asterisk reaches the local workers."""
    capacity: int = Field(100, ge=1, le=1000)
    """The number of calls per worker."""
    warm: int = Field(0, ge=0, le=20)
    """Connections that each local worker keeps open for coming calls, to each AI provider that was used in the last
    hour. They save about one second at the start of a call. They are renewed after 50 minutes, or after five sixths of
    the limit of the provider."""
    realtime: bool | Literal["auto"] = "auto"
    """Realtime priority for local workers, like `highpriority` of Asterisk: they run before every other process of the
    machine that has no realtime priority. `auto`: if the system permits it (`LimitRTPRIO=10` in the systemd unit) and
    one core more than workers is free for other processes."""
    metrics: PortsInRow | None = None
    """Ports for `/metrics` of each local worker, on loopback and without a password. Each worker takes the first free
    port. None: off."""
    tokens: tuple[WorkerToken, ...] = ()
    """Tokens of workers on other machines, one for each (`voiceai bridge --name NAME`). A token is valid only for the
    worker of that name. `voiceai token NAME` makes one."""
    token: OptionalSecret = None
    """One token for all workers on other machines, with any free name, for a group of equal workers. Everybody who has
    it can register as any of them, so prefer `tokens`. Without both, only local workers are accepted."""
    share_with: tuple[SharedWith, ...] = ()
    """Controllers of other nodes that may use the local workers. Calls of this controller come first. `capacity` is for
    all controllers together."""
    allowed_hosts: tuple[AllowedHost, ...] = ()
    """Addresses that workers on other machines may give to Asterisk (`--advertise`), besides the address from which
    their link comes: addresses, networks such as 10.0.0.0/24, host names."""
