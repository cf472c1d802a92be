"""Who comes in by which endpoint, and what Asterisk limits: read off what Asterisk 22.10 prints."""

import pytest

from controller.cli.doctor import capacity, identification, trunks

IDENTIFIES = """
 Identify:  <Identify/Endpoint...........................................................>
      Match:  <criteria...........................>
==========================================================================================

 Identify:  carrier/carrier
      Match: 127.0.0.1/32
      Match: 192.0.2.0/24

 Identify:  by-header/office
      Match: X-Endpoint: office

 Identify:  spare/spare
      Match: 192.0.2.0/24


Objects found: 3
"""


def test_identifies_are_read() -> None:
    assert identification.read(IDENTIFIES) == {
        "carrier": ["127.0.0.1/32", "192.0.2.0/24"],
        "office": ["X-Endpoint: office"],
        "spare": ["192.0.2.0/24"],
    }
    assert identification.read("No such command 'pjsip show identifies'") == {}


@pytest.mark.parametrize(
    ("endpoint", "keys", "carrier", "told"),
    [
        ("carrier", {}, "192.0.2.9", ["the endpoint spare has the same `match` (192.0.2.0/24)"]),
        ("carrier", {}, None, ["the endpoint spare has the same `match`"]),
        ("spare", {}, "198.51.100.1", ["its contact 198.51.100.1 is not among", "the endpoint carrier has the same"]),
        ("office", {}, "198.51.100.1", []),
        ("phone", {"auth": "phone"}, None, []),
        ("lost", {}, "192.0.2.9", ["no `identify` names lost"]),
    ],
)
def test_who_comes_in_by_an_endpoint(endpoint: str, keys: dict[str, str], carrier: str | None, told: list[str]) -> None:
    found = identification.identified("trunk main", endpoint, keys, identification.read(IDENTIFIES), carrier)
    assert [text in each.told and bool(each.fix) for each, text in zip(found, told, strict=True)] == [True] * len(told)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, None),
        ({"auth": "", "acl": "", "media_encryption": "no"}, None),
        ({"auth": "carrier"}, "they get 401"),
        ({"deny": "0.0.0.0/0"}, "gets 401"),
        ({"media_encryption": "sdes"}, "refused (488)"),
        ({"media_encryption": "sdes", "media_encryption_optimistic": "true"}, None),
    ],
)
def test_what_an_endpoint_asks_of_callers(keys: dict[str, str], told: str | None) -> None:
    found = identification.admitted("trunk main", keys)
    assert [told in each.told and bool(each.fix) for each in found if told] == ([True] if told else [])
    assert bool(found) is (told is not None)


@pytest.mark.parametrize(
    ("settings", "rtp", "told"),
    [
        ("  Maximum calls:               Not set", "  Port start:      10000\n  Port end:        20000", []),
        ("  Maximum calls:               5 (0 active)", "", [("warning", "takes 5 calls at once")]),
        ("", "  Port start:      10000\n  Port end:        10003", [("warning", "RTP ports for 2 calls")]),
        ("", "  Port start:      10000\n  Port end:        10000", [("failure", "RTP ports for 0 calls")]),
        ("", "No such command", []),
    ],
)
def test_what_asterisk_carries(settings: str, rtp: str, told: list[tuple[str, str]]) -> None:
    found = capacity.calls_at_once(settings, rtp, 50)
    assert [(each.verdict.value, text in each.told) for each, (_, text) in zip(found, told, strict=True)] == [
        (verdict, True) for verdict, _ in told
    ]


def test_music_on_hold() -> None:
    assert capacity.music("Class: default\n\tMode: files\n") == []
    assert capacity.music("No such command 'moh show classes'") == []
    assert [each.verdict.value for each in capacity.music("")] == ["warning"]


def test_an_endpoint_without_a_contact() -> None:
    found = trunks.qualified("trunk main", "carrier", "offline", [{"qualify_frequency": "0"}])
    assert (found.verdict.value, "nobody has registered" in found.told) == ("failure", True)
