"""The command line of a bridge worker, checked."""

import argparse
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import get_args

from bridge import contract
from bridge.audiosocket.server import LOOPBACK
from bridge.common.tls import is_readable_on_the_way
from bridge.worker import scheduling

PRIVATE = (*LOOPBACK, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Who may connect unless told otherwise: AudioSocket has no password but a connection's media id."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """One controller that the worker serves, and how it presents itself there. `home`: the first one."""

    url: str
    name: str
    advertise: str
    allow: tuple[str, ...]
    ca: str | None = None
    home: bool = False
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `controller`, `name`, `advertise`, `allow` and `ca` are those of the first controller."""

    controller: str
    listen: str
    ports: tuple[int, ...]
    advertise: str
    allow: tuple[str, ...]
    capacity: int
    name: str
    drain: float
    quit_after: float | None
    warm: int = 0
    ca: str | None = None
    realtime: scheduling.Mode = "auto"
    metrics: tuple[str, tuple[int, ...]] | None = None
    """Address and ports of its own /metrics."""
    insecure: bool = False
    others: tuple[LinkOptions, ...] = ()
    """The further controllers."""

    def links(self, *tokens: str) -> tuple[LinkOptions, ...]:
        """All controllers, the first one first. `tokens`: of this worker, one for each, in this order."""
        first = LinkOptions(self.controller, self.name, self.advertise, self.allow, self.ca, home=True)
        return tuple(replace(link, token=token) for link, token in zip((first, *self.others), tokens, strict=True))

    @property
    def all_allowed(self) -> tuple[str, ...]:
        """Networks from which anybody may connect."""
        return tuple(
            dict.fromkeys(network for allow in (self.allow, *(each.allow for each in self.others)) for network in allow)
        )


def port_list(text: str) -> tuple[int, ...]:
    """ "9092-9099", "9092" or "9092,9095"; 0 lets the system choose. Raises argparse.ArgumentTypeError."""
    ports: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            ports += range(int(first), int(last if dash else first) + 1)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part!r} is no port and no range of ports like 9092-9099") from None
    if not ports or not all(0 <= port <= 65_535 for port in ports):
        raise argparse.ArgumentTypeError(f"{text!r} holds no ports between 0 and 65535")
    return tuple(ports)


def metrics_place(text: str) -> tuple[str, tuple[int, ...]]:
    """ "9192-9199" on loopback, "10.0.0.5:9192" or "[::1]:9192" elsewhere. Raises argparse.ArgumentTypeError."""
    host, _, ports = text.rpartition(":")
    try:
        place = str(ip_address(host.strip("[]"))) if host else "127.0.0.1"
    except ValueError:
        raise argparse.ArgumentTypeError(f"{host!r} is no IP address") from None
    return place, port_list(ports)


OF_A_LINK = ("name", "advertise", "allow", "ca")


def link_parts(text: str) -> dict[str, str]:
    """ "wss://host/link,name=edge-1,allow=10.0.0.5": a controller's URL, and how this worker presents itself there.
    `allow` may come several times. Raises argparse.ArgumentTypeError."""
    url, *more = text.split(",")
    if not re.match(r"wss?://[^/]", url):
        raise argparse.ArgumentTypeError(f"{url!r} is no URL like wss://host:port{contract.LINK_PATH}")
    parts = {"url": url}
    for each in more:
        key, _, value = each.partition("=")
        if key not in OF_A_LINK or not value or (key in parts and key != "allow"):
            raise argparse.ArgumentTypeError(f"{each!r} is none of {'=, '.join(OF_A_LINK)}=, each once, with a value")
        parts[key] = f"{parts[key]},{value}" if key in parts else value
    return parts


def tokens(text: str, count: int) -> tuple[str, ...]:
    """From the environment, separated by spaces, in the order of the controllers. Raises ValueError."""
    found = tuple(text.split()) if count > 1 else tuple(filter(None, [text.strip()]))
    if len(found) != count:
        raise ValueError(
            f"{len(found)} of {count}: one for each --controller, in their order, with spaces between them"
        )
    if len(set(found)) < count:
        raise ValueError("the same token for two controllers: each could play this worker at the other one")
    return found


def parse(argv: Sequence[str]) -> Options:
    """The command line as `Options`. Exits with status 2 and a usage message when it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="voiceai bridge",
        description="Runs a bridge worker: moves the audio of calls between Asterisk (AudioSocket) and the AI.",
        epilog=f"The link's token is read from the environment: {contract.TOKEN_ENV}. Of several controllers: one for "
        "each, in their order, with spaces between them.",
    )
    add = parser.add_argument
    add(
        "--controller",
        required=True,
        action="append",
        type=link_parts,
        metavar="URL[,KEY=VALUE…]",
        help=f"ws://host:port{contract.LINK_PATH}, or wss://…; again for each further controller that shares this "
        f"worker, where {', '.join(OF_A_LINK)} may differ",
    )
    add("--ca", metavar="FILE", help="for wss: CA certificate, or the controller's own (default: the system's)")
    add("--listen", default="127.0.0.1", metavar="IP", help="address for AudioSocket (default %(default)s)")
    add("--ports", type=port_list, default="9092-9099", metavar="A-B", help="the first free one (default %(default)s)")
    add("--advertise", default="auto", metavar="IP", help="address for Asterisk (default: as --listen)")
    add("--allow", default=",".join(PRIVATE), metavar="CIDR,…", help="networks of Asterisk (default: private ones)")
    add("--capacity", type=int, default=100, metavar="N", help="number of calls (default %(default)s)")
    add("--name", default=f"{socket.gethostname()}-{os.getpid()}", help="name at the controller")
    add("--drain", type=float, default=3.0, metavar="S", help="seconds for live calls after SIGTERM (%(default)g)")
    add("--quit-after", type=float, metavar="S", help="end after S seconds without controller and calls (never)")
    add("--warm", type=int, default=0, metavar="N", help="AI connections kept open for new calls (%(default)s)")
    add(
        "--metrics", type=metrics_place, metavar="[IP:]A-B", help="serve /metrics there, on loopback unless IP is given"
    )
    when = "realtime priority, sched(7); auto: if it is permitted and safe (default %(default)s)"
    add("--realtime", nargs="?", const="yes", default="auto", choices=get_args(scheduling.Mode), help=when)
    add("--insecure", action="store_true", help="permit ws:// to another machine; token and keys are not encrypted")
    given = parser.parse_args(argv)
    given.allow = tuple(part.strip() for part in given.allow.split(","))
    first, *further = given.controller
    if set(first) != {"url"}:
        parser.error("--controller: what goes for the first one is said by --name, --advertise, --allow and --ca")
    given.controller = first["url"]
    given.others = tuple(_other(parts, given) for parts in further)
    _check(parser, given)
    return Options(**vars(given))


def _other(parts: dict[str, str], given: argparse.Namespace) -> LinkOptions:
    """What is not said is as for the first controller."""
    return LinkOptions(
        parts["url"],
        parts.get("name", given.name),
        parts.get("advertise", given.advertise),
        tuple(parts["allow"].split(",")) if "allow" in parts else given.allow,
        parts.get("ca", given.ca),
    )


def _check(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Exits with a usage message when it makes no sense."""
    urls = [given.controller, *(each.url for each in given.others)]
    if any(map(is_readable_on_the_way, urls)) and not given.insecure:
        parser.error(
            "--controller: ws:// to another machine sends the token, the AI's key and what is said in clear. "
            "Use wss:// (api.tls in the controller's config), or --insecure in a network that nobody else is in"
        )
    if len(set(urls)) < len(urls):
        parser.error("--controller: the same one twice")
    if not 1 <= given.capacity <= 100_000:
        parser.error("--capacity must be from 1 to 100000")
    if not all(
        re.fullmatch(contract.WORKER_NAME, name) for name in (given.name, *(each.name for each in given.others))
    ):
        parser.error("--name: letters, digits and . _ : -, 100 at most, the first a letter or digit")
    for network in (*given.allow, *(network for each in given.others for network in each.allow)):
        try:
            ip_network(network)
        except ValueError as fault:
            parser.error(f"--allow: {fault}")
    if given.warm < 0:
        parser.error("--warm must not be negative")
