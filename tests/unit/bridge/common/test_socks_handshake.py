"""Whatever a SOCKS proxy answers: it lets us through, or there is one fault that names it."""

import pytest
from hypothesis import given, strategies as st

from bridge.common.proxies import ProxyFault
from bridge.common.socks_handshake import handshake, next_step, takes_host

BOUND = b"\x01" + bytes(6)


def said(proxy: str, host: str, answers: bytes) -> tuple[list[bytes], bytes]:
    """What we send, and what of the answers is left for the server's connection. Raises ProxyFault."""
    sent, left = [], answers
    steps = handshake(proxy, host, 443)
    step = next(steps, None)
    while step is not None:
        if isinstance(step, bytes):
            sent.append(step)
            step = next_step(steps, b"")
        else:
            answer, left = left[:step], left[step:]
            step = next_step(steps, answer)
    return sent, left


@pytest.mark.parametrize(
    ("proxy", "host", "answers", "sent"),
    [
        (
            "socks5h://p:1",
            "a.example",
            b"\x05\x00\x05\x00\x00" + BOUND,
            ["050100", "05010003" + "09612e6578616d706c65"],
        ),
        ("socks5://p:1", "192.0.2.1", b"\x05\x00\x05\x00\x00" + BOUND, ["050100", "05010001" + "c0000201"]),
        ("socks5://p:1", "2001:db8::1", b"\x05\x00\x05\x00\x00\x04" + bytes(18), ["050100", "05010004" + "20010db8"]),
        (
            "socks5h://u:%20@p:1",
            "a",
            b"\x05\x02\x01\x00\x05\x00\x00\x03\x00ab",
            ["05020002", "0101750120", "0501000301"],
        ),
        ("socks5h://u:p@p:1", "a", b"\x05\x00\x05\x00\x00" + BOUND, ["05020002", "0501000301"]),
        ("socks4://p:1", "192.0.2.1", b"\x00\x5a" + bytes(6), ["040101bbc000020100"]),
        ("socks4a://u:@p:1", "a", b"\x00\x5a" + bytes(6), ["040101bb000000ff7500" + "6100"]),
    ],
)
def test_a_proxy_that_lets_us_through(proxy: str, host: str, answers: bytes, sent: list[str]) -> None:
    told, left = said(proxy, host, answers + b"the server's")
    assert left == b"the server's"
    assert len(told) == len(sent)
    assert [each.hex().startswith(begin) for each, begin in zip(told, sent, strict=True)] == [True] * len(sent)


@given(st.sampled_from(["socks5h://u:hidd3n@p:1", "socks5://p:1", "socks4a://u:hidd3n@p:1", "socks4://p:1"]), st.data())
def test_whatever_it_answers(proxy: str, data: st.DataObject) -> None:
    begin = data.draw(
        st.sampled_from([b"", b"\x05", b"\x05\x00", b"\x05\x02\x01\x00", b"\x05\x00\x05\x00\x00", b"\x00"])
    )
    answers = begin + data.draw(st.binary(max_size=30))
    fault, left = None, b""
    try:
        _, left = said(proxy, "192.0.2.1", answers)
    except ProxyFault as error:
        fault = str(error)
    assert answers.endswith(left)
    assert fault is None or fault.startswith(f"the proxy {proxy.partition(':')[0]}://p:1 ")
    assert "hidd3n" not in str(fault)


@pytest.mark.parametrize(
    ("proxy", "host", "told"),
    [
        ("socks5h://p:1", "a.example", True),
        ("socks4a://p:1", "a.example", True),
        ("socks5h://p:1", "a" * 256, False),
        ("socks5://p:1", "a.example", False),
        ("socks5://p:1", "192.0.2.1", True),
        ("socks4://p:1", "2001:db8::1", True),
    ],
)
def test_what_the_proxy_is_told(proxy: str, host: str, told: bool) -> None:
    assert takes_host(proxy, host) == told
