"""What Valkey refuses until somebody mends it, and what to do then. [pure]

Source: valkey.io, "ACL", "Key eviction", "Replication", "Persistence"; the prefixes of errors in its server.c.
"""

from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError

_KINDS: dict[type[Exception], str] = {
    AuthenticationError: "WRONGPASS",
    NoPermissionError: "NOPERM",
    OutOfMemoryError: "OOM",
    ReadOnlyError: "READONLY",
}
"""redis-py takes these prefixes off."""
_ACTIONS = {
    "WRONGPASS": "set the user and password in `cluster.url`",
    "NOPERM": "give the user of `cluster.url` the rights ~{prefix}* +@all -@admin",
    "OOM": "its `maxmemory` is reached; raise it, or delete what other programs keep there",
    "READONLY": "`cluster.url` leads to a replica; name the primary, or Sentinels",
    "WRONGTYPE": "another program has written a key of ours; stop it, and delete all keys {prefix}:* there: the nodes "
    "write them again",
    "NOREPLICAS": "fewer replicas are connected than its `min-replicas-to-write`; start them, or lower it",
    "MISCONF": 'it can\'t save to its disk; repair that, or set `save ""`',
}


def action(error: BaseException, prefix: str) -> str | None:
    """None: it may work again by itself. `prefix`: of all keys, with its braces."""
    if not isinstance(error, ResponseError | AuthenticationError):
        return None
    text = str(error)
    code = next((code for kind, code in _KINDS.items() if isinstance(error, kind)), text.partition(" ")[0])
    if text.startswith("ACL failure in script"):
        code = "NOPERM"
    found = _ACTIONS.get(code)
    return found.replace("{prefix}", prefix) if found is not None else None
