"""controller.reach: which addresses are open to everybody, and which only to hosts that the config names."""

import pytest

from controller.reach import PrivateAddress, addresses, public


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public(address: str) -> None:
    assert public(address)


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
    ],
)
def test_private(address: str) -> None:
    assert not public(address)


async def test_a_private_host_has_addresses_only_if_it_is_listed() -> None:
    assert await addresses("127.0.0.1", 80, listed=True) == ["127.0.0.1"]
    for host in ("127.0.0.1", "::1", "2130706433", "0x7f.1"):
        with pytest.raises(PrivateAddress):
            await addresses(host, 80, listed=False)
    assert await addresses("93.184.216.34", 80, listed=False) == ["93.184.216.34"]
