"""When Asterisk's process is taken for ended: one row a story, a try each second."""

import pytest

from controller.ari.process_signs import MEDIA_S, Media, Port, ProcessSigns, started_later
from controller.ari.resources import AsteriskInfo

R, C, N, T = Port.REFUSED, Port.CLOSED, Port.NO_HOST, Port.IN_USE
SOUND, SILENCE = [True] * 20, [False] * 20


def told(
    signs: ProcessSigns, tries: list[Port], media: list[bool], every: float = 1.0, ended_at: float | None = None
) -> list[int]:
    """After which tries the process was said to have ended."""
    return [
        number
        for number, (tried, up) in enumerate(zip(tries, media, strict=False), 1)
        if signs.tried(tried, Media(up, ended_at), 100 + number * every)
    ]


@pytest.mark.parametrize(
    ("closed", "media_before_s", "tries", "media", "ended"),
    [
        pytest.param(True, None, [R] * 9, SILENCE, [6], id="killed, and no call had sound"),
        pytest.param(True, 1.0, [R] * 9, SILENCE, [6], id="killed, and sound ended with it"),
        pytest.param(True, 1.0, [R] * 9, [True, *SILENCE], [6], id="killed, and sound ended a moment later"),
        pytest.param(True, 1.0, [R] * 9, SOUND, [], id="its port is closed, and sound goes on"),
        pytest.param(True, 1.0, [R] * 9, SOUND[:7] + SILENCE, [8], id="sound ended later"),
        pytest.param(True, 1.0, [T] * 9, SILENCE, [], id="it stands still, or the network is cut"),
        pytest.param(False, 1.0, [T] * 3 + [R] * 9, SOUND[:3] + SILENCE, [9], id="frozen, then killed"),
        pytest.param(False, None, [R] * 9, SILENCE, [], id="nothing was closed: a firewall refuses"),
        pytest.param(False, MEDIA_S + 1, [R] * 9, SILENCE, [], id="the last sound was long before"),
        pytest.param(True, -0.2, [C] * 9, SILENCE, [6], id="killed, behind a relay"),
        pytest.param(True, 1.0, [C] * 9, SOUND, [], id="it has too many connections, and sound goes on"),
        pytest.param(True, None, [R] * 3 + [C] * 6, SILENCE, [], id="too many connections, and no call had sound"),
        pytest.param(True, 0.0, [N] * 9, SILENCE, [6], id="its container has ended"),
        pytest.param(True, 0.0, [R] * 2 + [N] * 7, SILENCE, [6], id="its container has ended a moment later"),
        pytest.param(True, None, [N] * 9, SILENCE, [], id="a fault of DNS, and no call had sound"),
        pytest.param(True, 0.0, [N] * 9, SOUND, [], id="a fault of DNS, and sound goes on"),
        pytest.param(False, 0.0, [N] * 9, SILENCE, [], id="the network is cut: the link fell silent, and sound ended"),
        pytest.param(True, None, [R] * 4 + [T] + [R] * 7, SILENCE, [11], id="it came and went"),
        pytest.param(True, 1.0, [R] * 4 + [T] * 5, SILENCE, [], id="started again in time"),
    ],
)
def test_what_is_seen_and_what_follows(
    closed: bool, media_before_s: float | None, tries: list[Port], media: list[bool], ended: list[int]
) -> None:
    signs = ProcessSigns()
    signs.link_up()
    signs.link_lost(closed=closed, now=100)
    at = None if media_before_s is None else 100 - media_before_s
    assert told(signs, tries, media, ended_at=at) == ended
    assert signs.ended is bool(ended)


def test_at_the_start_nothing_is_known_to_be_open() -> None:
    assert told(ProcessSigns(), [R] * 9, SILENCE) == [6]
    assert told(ProcessSigns(), [R] * 9, SOUND) == [], "a worker of an earlier controller has sound"


def test_each_end_is_told_once_and_the_next_one_again() -> None:
    signs = ProcessSigns()
    for _ in range(2):
        signs.link_lost(closed=True, now=100)
        assert told(signs, [R] * 20, SILENCE) == [6]
        signs.link_up()
        assert not signs.ended


def test_who_stood_still_for_long_tries_again_before_it_judges() -> None:
    assert told(ProcessSigns(), [R] * 6, SILENCE, every=60.0) == [4]


@pytest.mark.parametrize(
    ("before", "found", "later"),
    [
        (("a", "2026-12-01T00:00:00.250+0000"), ("a", "2026-12-01T00:00:01.250+0000"), True),
        (("a", "2026-12-01T00:00:00.250+0000"), ("a", "2026-12-01T01:00:00.250+0100"), False),
        (("a", "2026-12-01T00:00:00.250+0000"), ("a", "2026-11-30T00:00:00.250+0000"), False),
        (("a", "2026-12-01T00:00:00.250+0000"), ("b", "2026-12-01T00:00:01.250+0000"), False),
        (("a", "2026-12-01T00:00:00.250+0000"), ("a", ""), False),
        (("a", "yesterday"), ("a", "2026-12-01T00:00:01.250+0000"), False),
        (("a", "2026-12-01T00:00:00.250"), ("a", "2026-12-01T00:00:01.250+0000"), False),
    ],
)
def test_whether_an_asterisk_was_started_again(before: tuple[str, str], found: tuple[str, str], later: bool) -> None:
    assert started_later(AsteriskInfo("22.10.1", *before), AsteriskInfo("22.10.1", *found)) is later
