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
    """Several controllers that share one PostgreSQL (docs/scaling.md). A single machine needs nothing of this."""

    node: Name = "node1"
    """The name of this controller. It must stay the same at each start: by it the controller finds its calls again.
    Each controller of a database needs a different name; a second one with the same name does not start."""
    url: (
        Annotated[Secret, AfterValidator(_url), WithJsonSchema({"type": "string", "pattern": "^(redis|valkey)"})] | None
    ) = None
    """The Valkey, or Redis 7 or newer, that all nodes share: `redis://host`, `rediss://host` with TLS, or
    `redis+sentinel://host1,host2,host3/service`. null: this controller counts only its own calls."""
    ca_file: str | None = None
    """For `rediss://`, and for `https://` to other nodes: a PEM file with the CA certificate or the server's own
    certificate. None: the system's CA store. For Valkey the system's CA store is trusted in any case."""
    prefix: Name = "voiceai"
    """The start of all keys. Installations that share a server need different prefixes."""
    take_ms: int = Field(200, ge=20, le=2000)
    """Milliseconds that a call waits for an answer of Valkey about limits. Without an answer in this time, the node
    admits calls up to its share of each limit until Valkey answers in time again."""
    api_url: HttpUrl | None = None
    """The URL under which other nodes reach the HTTP API of this node. null: they cannot."""
    token: Annotated[OptionalSecret, AfterValidator(_long_enough)] = None
    """The token with which nodes forward requests to each other (docs/scaling.md). The same on all nodes, at least 32
    characters: `openssl rand -hex 32`. null: requests are not forwarded. It permits every operation on calls, and
    draining nodes."""
