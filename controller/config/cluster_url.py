"""The address of the server that the nodes of a cluster share. [pure]

    redis://[user:password@]host[:6379][/database]               rediss:// the same by TLS
    redis+sentinel://[user:password@]host[:26379][,host…]/service[/database]
        ?sentinel_username=…&sentinel_password=…                 of the Sentinels, where they want any
    rediss+sentinel://                                           the same by TLS, to the Sentinels as well

`valkey` may stand for `redis` and `valkeys` for `rediss`. In a password, `@ : / ? # % &` are written as %40 and so on.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from controller.config.values import Address, wrong

_KINDS = {"redis": False, "rediss": True, "valkey": False, "valkeys": True}
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+))(?::([0-9]{1,5}))?")
_HINT = "e.g. redis://127.0.0.1:6379, or redis+sentinel://host1,host2,host3/voiceai"


@dataclass(frozen=True, slots=True)
class ClusterUrl:
    """`service`: the name by which the Sentinels at `hosts` know the server; None: `hosts` is the server."""

    hosts: tuple[Address, ...]
    service: str | None
    tls: bool
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)


def parse(text: str) -> ClusterUrl:
    """Raises PydanticCustomError, which repeats nothing of the text."""
    kind, found, rest = text.partition("://")
    base, plus, sentinel = kind.partition("+")
    if not found or base not in _KINDS or (plus and sentinel != "sentinel"):
        raise wrong("must begin with redis://, rediss://, redis+sentinel:// or rediss+sentinel://", _HINT)
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    secret, _, places = authority.rpartition("@")
    hosts = tuple(_address(each, 26379 if sentinel else 6379) for each in places.split(","))
    if len(hosts) > 1 and not sentinel:
        raise wrong("has several hosts, which only Sentinels may be", _HINT)
    service, path = (path.partition("/")[0], path.partition("/")[2]) if sentinel else (None, path)
    if service is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+", service):
        raise wrong("must name the service after the Sentinels' hosts", _HINT)
    if path and not re.fullmatch(r"[0-9]{1,4}", path):
        raise wrong("may end with the number of a database, and with nothing else", _HINT)
    user, _, password = secret.partition(":")
    asked = _query(query, sentinel=bool(sentinel))
    return ClusterUrl(
        *(hosts, service, _KINDS[base], int(path or 0)),
        *(unquote(user) or None, unquote(password) or None),
        *(asked.get("sentinel_username"), asked.get("sentinel_password")),
    )


def _address(text: str, port: int) -> Address:
    match = _HOST.fullmatch(text)
    if match is None or not 0 < int(match[3] or port) <= 65535:
        raise wrong("must name a host, and after a colon its port", _HINT)
    return Address(match[1] or match[2], int(match[3] or port))


def _query(text: str, *, sentinel: bool) -> dict[str, str]:
    pairs = (each.partition("=") for each in text.split("&") if each)
    found = {unquote(name): unquote(value) for name, _, value in pairs}  # a `+` is a `+`
    if found.keys() - ({"sentinel_username", "sentinel_password"} if sentinel else set()):
        raise wrong("has an option that is not known", "with Sentinels: sentinel_username, sentinel_password")
    return found
