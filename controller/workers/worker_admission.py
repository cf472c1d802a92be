"""Which workers are let in over the control link, under which name, and which media address each may advertise. [pure]

Owns the comparison of tokens (in constant time, by hash), the limit on guesses by address, and the check of a worker's
hello. A worker of this machine has a token made of its name and a secret that never leaves this
process; one of another machine has its own from `bridge.tokens`, or the one that all share (`bridge.token`).
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge import contract
from bridge.common.auth_throttle import AuthThrottle
from controller.config.models.api import Credential
from controller.config.models.bridge import Bridge

ALLOWED_HOSTS = "bridge.allowed_hosts"


@dataclass(frozen=True, slots=True)
class Holder:
    """Of a token that is right. `name`: the only worker that it lets in; None: any that has no token of its own."""

    name: str | None
    local: bool = False
    token: bytes = field(default=b"", repr=False)
    """Its SHA-256."""


class WorkerAdmission:
    """`secret`: of this controller, the same after each restart. `tokens`: name and SHA-256 of the token, for workers
    of other machines. `shared`: the token of workers without one of their own. `allowed_hosts`: media addresses that
    workers may advertise besides the address that their link comes from: addresses, networks, host names."""

    def __init__(
        self,
        secret: str,
        *,
        tokens: Iterable[tuple[str, bytes]] = (),
        shared: str | None = None,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        self._secret = secret.encode()
        self.exchange(tokens=tokens, shared=shared, allowed_hosts=allowed_hosts)
        self._guesses = AuthThrottle()
        self.local_names: frozenset[str] = frozenset()
        """Of the workers of this machine: nobody else may have them."""

    def exchange(
        self, *, tokens: Iterable[tuple[str, bytes]] = (), shared: str | None = None, allowed_hosts: Iterable[str] = ()
    ) -> None:
        """From now on these count. Who has come already: `valid`."""
        self._tokens = tuple(tokens)
        self._shared = digest(shared) if shared else None
        self._allowed_hosts = tuple(allowed_hosts)

    def valid(self, holder: Holder) -> bool:
        """Whether a token that was right still is."""
        if holder.local:
            return True
        tokens = [right for name, right in self._tokens if name == holder.name]
        if holder.name is None and self._shared is not None:
            tokens = [self._shared]
        return any(hmac.compare_digest(right, holder.token) for right in tokens)

    def local_token(self, name: str) -> str:
        """The token of a worker of this machine."""
        return f"{name}:{hmac.new(self._secret, _bytes(name), hashlib.sha256).hexdigest()}"

    def holder(self, authorization: str) -> Holder | None:
        """The holder of the token in this header; None: nobody has such a token."""
        kind, _, text = authorization.partition(" ")
        given = text.strip() if kind.lower() == "bearer" else ""
        found: Holder | None = None
        name, token = given.rpartition(":")[0], digest(given)
        if hmac.compare_digest(digest(self.local_token(name)), token):
            found = Holder(name, local=True, token=token)
        for name, right in self._tokens:  # always all of them, so that the time taken gives nothing away
            if hmac.compare_digest(right, token):
                found = Holder(name, token=token)
        if self._shared is not None and hmac.compare_digest(self._shared, token):
            found = Holder(None, token=token)
        return found if given else None

    def wait(self, remote: str | None, holder: Holder | None, now: float) -> float:
        """Seconds for which this address is refused; 0: it is not. A wrong token counts as a guess."""
        return self._guesses.wait(remote, None if holder is None else holder.name or "(shared)", now)

    def refusal(self, holder: Holder, hello: contract.Hello, remote: str | None) -> str | None:
        """Why this worker is not let in, and what to do about it; None: it is."""
        if holder.name is not None and hello.worker != holder.name:
            return f"its token is that of {holder.name}: start it with --name {holder.name}"
        if holder.local:
            return None  # we have started it, with the address that the config says
        own = {name for name, _ in self._tokens}
        if hello.worker in self.local_names or (holder.name is None and hello.worker in own):
            return "its name belongs to another worker: start it with another --name, or with that name's token"
        if self._may_send_to(hello.host, remote):
            return None
        return f"it advertises {hello.host} and comes from {remote}: add {hello.host} to {ALLOWED_HOSTS}"

    def _may_send_to(self, host: str, remote: str | None) -> bool:
        wanted = _address(host)
        if wanted is not None and wanted == _address(remote or ""):
            return True
        return any(_covers(allowed, host, wanted) for allowed in self._allowed_hosts)


def of(bridge: Bridge, secret: str) -> WorkerAdmission:
    admission = WorkerAdmission(secret)
    exchange(admission, bridge)
    return admission


def exchange(admission: WorkerAdmission, bridge: Bridge) -> None:
    """The tokens of this configuration count from now on."""
    admission.exchange(
        tokens=[(each.name, _digest_of(each)) for each in bridge.tokens],
        shared=bridge.token.get_secret_value() if bridge.token else None,
        allowed_hosts=bridge.allowed_hosts,
    )


def _digest_of(given: Credential) -> bytes:
    if given.token is not None:
        return digest(given.token.get_secret_value())
    return bytes.fromhex(given.token_sha256 or "")


def digest(token: str) -> bytes:
    return hashlib.sha256(_bytes(token)).digest()


def _bytes(text: str) -> bytes:
    """Headers may hold any bytes; aiohttp gives those that are no UTF-8 as surrogates."""
    return text.encode("utf-8", "surrogatepass")


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def _covers(allowed: str, host: str, address: Address | None) -> bool:
    if address is None:
        return allowed.lower() == host.lower()
    try:
        return address in ipaddress.ip_network(allowed, strict=False)
    except ValueError:
        return False  # a host name
