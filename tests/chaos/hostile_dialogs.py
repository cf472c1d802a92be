"""What a hostile telephone sends within a call, at once and without waiting for answers. [pure]

Owns the sequences of requests. Does no I/O: whoever has the call sends them.
Sources: RFC 3261, 9 (CANCEL), 12.2 (CSeq), 14 (re-INVITE), 15 (BYE); RFC 3264, 8.4 (hold); RFC 3311 (UPDATE);
RFC 3515 (REFER).
"""

import random
from collections.abc import Callable

from tests.chaos import hostile_sip as sip, hostile_values as odd

SDP = "Content-Type: application/sdp"
HOLDS = ("sendonly", "inactive", "recvonly", "sendrecv")
REFERS = (
    "6000",
    "5001",
    "6660",
    "112",
    "%00",
    "voiceai",
    "nobody;method=BYE",
    "a?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2",
)


def flaps(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """On hold and off hold, some dozens of times."""
    return [_invite(dialog, port, HOLDS[number % 2 * 3]) for number in range(chance.choice([6, 20, 60]))]


def hold_and_end(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """The end of the call, in the middle of a re-INVITE, and another one behind it."""
    sent = [_invite(dialog, port, chance.choice(HOLDS)), _next(dialog, "BYE"), _invite(dialog, port, "sendrecv")]
    return sent if chance.random() < 0.5 else [*sent[:1], dialog.request("CANCEL"), *sent[1:]]


def cancelled(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """A re-INVITE that is cancelled, and again."""
    sent = []
    for _ in range(chance.choice([1, 5])):
        sent += [_invite(dialog, port, chance.choice(HOLDS)), dialog.request("CANCEL")]
    return sent


def same_number(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """Requests of one CSeq that differ, of an older one, and of the highest that there is."""
    again = [dialog.request("INVITE", [SDP], sip.sdp(port, each, 9)) for each in HOLDS]
    numbers = (0, 1, dialog.sequence - 1, 2**31 - 1, 2**32, 10**20)
    old = [dialog.request("INVITE", [SDP], sip.sdp(port), chance.choice(numbers)) for _ in range(4)]
    return again + old


def updates(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """UPDATE, with another description each time, and PRACK for nothing."""
    bodies = [sip.sdp(port, chance.choice(HOLDS), number) for number in range(5)] + [sip.odd_sdp(chance, port), ""]
    sent = [_next(dialog, "UPDATE", [SDP], body) for body in bodies]
    return [*sent, _next(dialog, "PRACK", ["RAck: 1 1 INVITE"])]


def refers(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """The caller transfers us, to anybody, several times at once."""
    to = [chance.choice([*REFERS, *sip.USERS]) for _ in range(chance.choice([1, 3, 12]))]
    by = "Referred-By: <sip:h@127.0.0.1>"
    return [_next(dialog, "REFER", [f"Refer-To: <sip:{each}@{dialog.server}>", by]) for each in to]


def keys(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """Hundreds of INFO with what is no key, and one key (why not more: `hostile_sound`)."""
    pressed = [chance.choice("0123456789*#ABCD"), *(chance.choice(" ,w\xe9١") for _ in range(chance.choice([20, 300])))]
    relay = "Content-Type: application/dtmf-relay"
    return [_next(dialog, "INFO", [relay], f"Signal={key}\r\nDuration={chance.choice([0, 80])}\r\n") for key in pressed]


def bodies(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """INFO and MESSAGE with what is never read: large, of many parts, of no kind."""
    kinds = (
        "multipart/mixed; boundary=x",
        "multipart/mixed; boundary=" + "-" * 300,
        "application/sdp",
        "",
        "x/y",
        "\x01/\x02",
    )
    body = chance.choice(["--x\r\n" * 500, "\xff" * 60_000, odd.deep_json(chance)[:60_000], "\r\n" * 900, "--x--"])
    method = chance.choice(["INFO", "MESSAGE", "NOTIFY", "OPTIONS"])
    return [_next(dialog, method, [f"Content-Type: {chance.choice(kinds)}"], body[:60_000])]


def others(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """Requests within this call from somebody whose tags are not those of it; the first INVITE once more."""
    mine = dialog.request("INVITE", [SDP], sip.sdp(port), 1)
    strange = [
        request.replace(b";tag=", b";tag=x") for request in (mine, dialog.request("BYE"), dialog.request("CANCEL"))
    ]
    return [*strange, mine, mine.replace(b"tag=h", b"tag=i"), mine.replace(b"INVITE", b"ACK")]


def nobody_waits(chance: random.Random, dialog: sip.Dialog, port: int) -> list[bytes]:
    """All of it mixed."""
    kinds = (flaps, cancelled, same_number, updates, refers, keys)
    sent = [request for kind in chance.sample(kinds, 3) for request in kind(chance, dialog, port)]
    chance.shuffle(sent)
    return sent[:80]


KINDS: tuple[Callable[[random.Random, sip.Dialog, int], list[bytes]], ...] = (
    *(flaps, hold_and_end, cancelled, same_number, updates, refers, keys, bodies, others, nobody_waits),
)


def _invite(dialog: sip.Dialog, port: int, mode: str) -> bytes:
    dialog.sequence += 1
    return dialog.request("INVITE", [SDP], sip.sdp(port, mode, dialog.sequence))


def _next(dialog: sip.Dialog, method: str, headers: list[str] | None = None, body: str = "") -> bytes:
    dialog.sequence += 1
    return dialog.request(method, headers or [], body)
