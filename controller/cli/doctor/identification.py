"""Checks that calls of a carrier come in by its trunk's endpoint, and are let in. [pure]

Owns the reading of `pjsip show identifies`, and what an endpoint asks of who calls. Which addresses a carrier calls
from is not visible: only its contact is.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network

from controller.cli.doctor.findings import Finding, failure, warning

_IDENTIFY = re.compile(r"^\s*Identify:\s+(?P<name>[^\s<]\S*?)/(?P<endpoint>\S+)\s*$")
_MATCH = re.compile(r"^\s*Match:\s+(?P<match>\S.*?)\s*$")


def read(output: str) -> dict[str, list[str]]:
    """The matches by endpoint."""
    found: dict[str, list[str]] = {}
    matches: list[str] = []
    for line in output.splitlines():
        if head := _IDENTIFY.match(line):
            matches = found.setdefault(head["endpoint"], [])
        elif each := _MATCH.match(line):
            matches.append(each["match"])
    return found


def admitted(check: str, keys: Mapping[str, str]) -> list[Finding]:
    """What the endpoint asks of who calls. `keys`: its settings."""
    found = []
    if keys.get("auth"):
        told = f"auth = {keys['auth']}: it asks callers for a password, which a carrier does not send: they get 401"
        found.append(
            warning(check, told, "Remove `auth` from the endpoint (`outbound_auth` is for calls to the carrier).")
        )
    if keys.get("acl") or keys.get("deny"):
        told = "its `acl` or `deny` refuses addresses: a carrier that calls from one of them gets 401"
        found.append(warning(check, told, "Compare it with all addresses of the carrier (`permit` lets them in)."))
    encryption = keys.get("media_encryption", "no")
    if encryption not in ("no", "none", "") and keys.get("media_encryption_optimistic") not in ("yes", "true"):
        told = f"media_encryption = {encryption}: calls without encrypted sound are refused (488), in both directions"
        fix = "Nothing, if the carrier has SRTP. Otherwise `media_encryption = no` at the endpoint in pjsip.conf."
        found.append(warning(check, told, fix))
    return found


def identified(
    check: str, endpoint: str, keys: Mapping[str, str], matches: Mapping[str, Sequence[str]], carrier: str | None
) -> list[Finding]:
    """`matches`: of `pjsip show identifies`. `carrier`: the address of its contact, if known."""
    own = matches.get(endpoint, ())
    reload = "then `module reload res_pjsip_endpoint_identifier_ip.so`."
    if not own and not keys.get("auth"):
        told = f"no `identify` names {endpoint}: calls of the carrier get 401, or come in by another endpoint"
        fix = f"Add `[{endpoint}] type = identify, endpoint = {endpoint}, match = ADDRESSES` to pjsip.conf, {reload}"
        return [
            warning(check, told, f"{fix} Not needed with `line = yes` at its registration, or for outbound calls only.")
        ]
    found = []
    if carrier is not None and own and all(map(_is_network, own)) and not any(_holds(each, carrier) for each in own):
        told = f"its contact {carrier} is not among the addresses of its `identify` ({', '.join(own)}): calls get 401"
        fix = f"Add {carrier}, and all others from which the carrier calls, to `match` in pjsip.conf, {reload}"
        found.append(warning(check, told, fix))
    for other, theirs in matches.items():
        shared = sorted(set(own) & set(theirs)) if other != endpoint else []
        if shared:
            told = f"the endpoint {other} has the same `match` ({', '.join(shared)}): calls may come in by that one"
            fix = f"Remove it from the `identify` of one of them, {reload} Asterisk takes the first that it finds."
            found.append(failure(check, told, fix))
    return found


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _holds(network: str, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(network, strict=False)
    except ValueError:
        return True
