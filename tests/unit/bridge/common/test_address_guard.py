"""bridge.common.address_guard: which addresses are open to everybody, and which only to hosts that the config names."""

import asyncio

import pytest

from bridge.common.address_guard import PrivateAddress, allowed_addresses, is_public


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "8.8.8.8",
        "168.63.129.15",
        "2606:2800:220:1::1",
        "2a00:1450:4001::1",
        "::ffff:93.184.216.34",
        "64:ff9b::93.184.216.34",  # what a DNS64 makes of a public host, in a network without IPv4
        "2002:5db8:d822::1",
    ],
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.5.5",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "2002:0a00:0001::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        # NAT64, with each kind of IPv4 address in it
        "64:ff9b::10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b::168.63.129.16",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:1:ffff::10.0.0.1",
        # IPv4-compatible, -mapped, -translated, ISATAP, 6to4, Teredo with a private server
        "::10.0.0.1",
        "::93.184.216.34",
        "::ffff:169.254.169.254",
        "::ffff:168.63.129.16",
        "::ffff:0:10.0.0.1",
        "2606:2800:220:1:0:5efe:10.0.0.1",
        "2606:2800:220:1:200:5efe:127.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:a00:1:8000:63bf:a247:27dd",
        # site-local, unique local, discard, documentation, benchmarks, ORCHID, segment routing, multicast
        "fec0::1",
        "feff::1",
        "fc00::1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "2001:2::1",
        "2001:20::1",
        "5f00::1",
        "4000::1",
        "ff0e::1",
        "::",
        # IPv4's special purposes
        "192.0.0.8",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "240.0.0.1",
        # metadata of clouds
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "169.254.170.2",
        "169.254.42.42",
        "192.80.8.124",
        "161.26.0.10",
        "166.9.0.1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
    ],
)
def test_private(address: str) -> None:
    assert not is_public(address)


async def test_a_private_host_has_addresses_only_if_it_is_listed() -> None:
    assert await allowed_addresses("127.0.0.1", 80, listed=True) == ["127.0.0.1"]
    for host in ("127.0.0.1", "::1", "2130706433", "0x7f.1"):
        with pytest.raises(PrivateAddress):
            await allowed_addresses(host, 80, listed=False)
    assert await allowed_addresses("93.184.216.34", 80, listed=False) == ["93.184.216.34"]


@pytest.mark.parametrize("answers", [["93.184.216.34", "10.0.0.1"], ["64:ff9b::10.0.0.1", "93.184.216.34"]])
async def test_of_several_addresses_only_public_ones_are_connected_to(
    answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (each, 80)) for each in answers]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    assert await allowed_addresses("example.com", 80, listed=False) == ["93.184.216.34"]
