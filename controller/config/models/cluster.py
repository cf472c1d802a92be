"""config.yaml's `cluster`: which of several controllers this one is, and what they share. [pure]"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from controller.config import cluster_url
from controller.config.values import HttpUrl, Name, OptionalSecret, Secret, Section, wrong

SHORTEST_TOKEN = 32


def _url(secret: SecretStr) -> SecretStr:
    cluster_url.parse(secret.get_secret_value())
    return secret


def _long_enough(secret: SecretStr | None) -> SecretStr | None:
    text = secret.get_secret_value() if secret is not None else None
    if text is not None and (len(text) < SHORTEST_TOKEN or not re.fullmatch("[!-~]+", text)):
        raise wrong(f"needs at least {SHORTEST_TOKEN} ASCII characters without spaces", "openssl rand -hex 32")
    return secret


class Cluster(Section):
    """Several controllers that share one PostgreSQL (docs/scaling.md). One machine needs none of it."""

    node: Name = "node1"
    """The name of this controller, the same at each start: by it the controller finds its own calls again. Each
    controller of one store needs a name of its own; a second one of the same name does not start."""
    url: (
        Annotated[Secret, AfterValidator(_url), WithJsonSchema({"type": "string", "pattern": "^(redis|valkey)"})] | None
    ) = None
    """The Valkey, or Redis 7 or newer, that all nodes share: `redis://host`, `rediss://` by TLS, or
    `redis+sentinel://host1,host2,host3/service`. null: this controller is alone, and its limits are its own."""
    ca_file: str | None = None
    """With `rediss://`, and with `https://` to other nodes: whom to believe, a PEM file of the authority or of the
    server's own certificate. None: the system's authorities (for Valkey they count in any case)."""
    prefix: Name = "voiceai"
    """Of all keys there. Clusters that share a server need one each."""
    take_ms: int = Field(200, ge=20, le=2000)
    """Milliseconds that a call waits for its slots. If there is no answer by then, this node admits up to its share of
    each limit by itself until Valkey or Redis answers as quickly again."""
    api_url: HttpUrl | None = None
    """Where other nodes reach the HTTP API of this one. null: they don't."""
    token: Annotated[OptionalSecret, AfterValidator(_long_enough)] = None
    """By it the nodes know each other when one carries a request to another (docs/scaling.md): the same on all, at
    least 32 characters, such as `openssl rand -hex 32`. null: nothing is carried. Whoever has it may do with
    calls what anybody may, and drain nodes."""
