"""Runs every stored input of the fuzzer, and proves that the targets can fail."""

import pytest

from bridge import contract
from bridge.audiosocket import wire
from bridge.realtime.protocol import server_events
from controller.api.models.base import Body
from controller.api.models.calls import PlaceCall
from controller.api.models.live_calls import Say
from controller.api.models.transfers import TransferCall
from controller.api.request_body import body_of
from controller.ari import events as ari
from tests.fuzz import corpus, seeds
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_was_kept_is_a_defect(name: str) -> None:
    inputs = [*TARGETS[name].seeds(), *corpus.kept(name)]
    assert inputs
    for each in inputs:
        TARGETS[name].run(each)


def test_the_seeds_are_not_refused_at_once() -> None:
    """The fuzzer would hardly get past the first check if all seeds failed it."""
    assert all(contract.decode_event(seed) for seed in seeds.link_events())
    assert all(contract.decode_command(seed) for seed in seeds.link_commands())
    assert all(not isinstance(server_events.parse(seed), server_events.Malformed) for seed in seeds.realtime())
    assert all(ari.parse(seed) for seed in seeds.ari())
    kinds: tuple[type[Body], ...] = (PlaceCall, TransferCall, Say)
    assert all(body_of(seed, kind) for seed, kind in zip(seeds.bodies(), kinds, strict=False))


def test_a_defect_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that forgets what has begun gives other messages when the stream is cut."""
    feed = wire.Decoder.feed

    def forgetful(decoder: wire.Decoder, data: bytes) -> list[wire.Message]:
        decoder._rest = b""
        return feed(decoder, data)

    monkeypatch.setattr(wire.Decoder, "feed", forgetful)
    with pytest.raises(AssertionError):
        TARGETS["audiosocket"].run(next(iter(seeds.audiosocket())))
