"""Reading events. `captured.jsonl` is from a real Asterisk 22.10.1; `composed.jsonl` follows its api-docs."""

import copy
import dataclasses
import json
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from controller.ari import events
from controller.ari.events import BadEvent, parse
from controller.ari.resources import Channel

HERE = Path(__file__).parent
CAPTURED = [json.loads(line) for line in (HERE / "captured.jsonl").read_text().splitlines()]
COMPOSED = [json.loads(line) for line in (HERE / "composed.jsonl").read_text().splitlines()]
SAMPLES = CAPTURED + COMPOSED
TYPES = {kind.__name__: kind for kind in typing.get_args(events.Event)}


def sample(name: str, number: int = 0) -> dict[str, Any]:
    found = [each for each in SAMPLES if each["type"] == name][number]
    return copy.deepcopy(typing.cast("dict[str, Any]", found))


def read(source: object) -> events.Event:
    return parse(json.dumps(source))


# ---------------------------------------------------------------- every type


@pytest.mark.parametrize("source", SAMPLES, ids=lambda each: each["type"])
def test_each_sample_is_of_its_type(source: dict[str, Any]) -> None:
    event = read(source)
    assert type(event) is TYPES.get(source["type"], events.Other)
    assert event == parse(json.dumps(source).encode())


def test_each_type_has_a_reader_and_a_sample() -> None:
    assert set(events._READERS) == set(TYPES) - {"Other"}
    assert {each["type"] for each in SAMPLES} >= set(TYPES) - {"Other"}


def test_what_is_not_acted_on_is_other() -> None:
    assert read(sample("ChannelVarset")) == events.Other("ChannelVarset")
    assert read({"type": "SomethingOf2031", "channel": 7}) == events.Other("SomethingOf2031")


# ---------------------------------------------------------------- what is read


def test_stasis_start() -> None:
    event = read(sample("StasisStart"))
    assert isinstance(event, events.StasisStart)
    assert event.args == () or all(isinstance(each, str) for each in event.args)
    channel = event.channel
    assert (channel.state, channel.exten, channel.app_name) == ("Up", "6000", "Stasis")


def test_a_channel_in_full() -> None:
    event = read(sample("ChannelUnhold"))
    assert isinstance(event, events.ChannelUnhold)
    assert event.channel == Channel(
        id="c1",
        name="PJSIP/trunk-00000001",
        state="Up",
        caller_number="+4930123",
        caller_name="Ann",
        exten="5001",
        app_name="Stasis",
        app_data="voiceai",
    )


def test_destroyed_tells_both_causes() -> None:
    event = read(sample("ChannelDestroyed"))
    assert isinstance(event, events.ChannelDestroyed)
    assert (event.cause, event.tech_cause) == (19, 480)
    source = sample("ChannelDestroyed")
    del source["tech_cause"]
    without = read(source)
    assert isinstance(without, events.ChannelDestroyed)
    assert without.tech_cause is None


def test_hangup_request() -> None:
    source = sample("ChannelHangupRequest")
    event = read(source)
    assert isinstance(event, events.ChannelHangupRequest)
    assert (event.cause, event.soft) == (source["cause"], source["soft"])
    del source["cause"], source["soft"]
    bare = read(source)
    assert isinstance(bare, events.ChannelHangupRequest)
    assert (bare.cause, bare.soft) == (None, False)


def test_the_smaller_events() -> None:
    event = read(sample("Dial", 1))
    assert isinstance(event, events.Dial)
    assert (event.peer.id, event.dialstatus) == ("c2", "BUSY")
    assert read(sample("PlaybackFinished")) == events.PlaybackFinished("p1")
    assert read(sample("ApplicationReplaced")) == events.ApplicationReplaced("voiceai")


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"StasisStart"',
        "{}",
        '{"type": null}',
        '{"type": ["StasisStart"]}',
        b"\xff\xfe\xfd",
        "[" * 100_000,
        '{"type": "StasisStart", "n": ' + "9" * 5000 + "}",
    ],
    ids=repr,
)
def test_a_frame_that_is_no_event(frame: str | bytes) -> None:
    with pytest.raises(BadEvent):
        parse(frame)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("StasisStart", ("channel",), None),
        ("StasisStart", ("channel",), "c1"),
        ("StasisStart", ("channel", "id"), None),
        ("StasisStart", ("channel", "id"), 7),
        ("StasisStart", ("channel", "caller"), []),
        ("StasisStart", ("channel", "caller", "number"), 4930),
        ("StasisStart", ("channel", "dialplan"), "s"),
        ("StasisStart", ("args",), "a"),
        ("StasisStart", ("args",), [1]),
        ("ChannelDestroyed", ("cause",), None),
        ("ChannelDestroyed", ("cause",), "16"),
        ("ChannelDestroyed", ("cause",), True),
        ("ChannelDestroyed", ("tech_cause",), "486"),
        ("ChannelHangupRequest", ("soft",), 1),
        ("ApplicationReplaced", ("application",), None),
        ("PlaybackFinished", ("playback", "id"), None),
        ("Dial", ("dialstatus",), None),
    ],
)
def test_a_known_event_without_what_is_acted_on(name: str, place: tuple[str, ...], value: object) -> None:
    source = sample(name)
    inner = source
    for key in place[:-1]:
        inner = inner.setdefault(key, {})
    inner[place[-1]] = value
    with pytest.raises(BadEvent, match=name):
        read(source)


@pytest.mark.parametrize(("odd", "wanted"), [("\ud83d\ude00", "😀"), ("a\ud83d", "a\ufffd"), ("a\0b", "a\ufffdb")])
def test_texts_are_well_formed(odd: str, wanted: str) -> None:
    source = sample("StasisStart")
    source["channel"]["caller"] = {"number": odd, "name": odd}
    source["args"] = [odd]
    event = parse(json.dumps(source))
    assert isinstance(event, events.StasisStart)
    channel = event.channel
    assert (channel.caller_number, channel.caller_name, event.args) == (wanted, wanted, (wanted,))


def test_a_name_that_is_no_utf_8_costs_its_signs_and_not_the_event() -> None:
    source = sample("StasisStart")
    source["channel"]["caller"] = {"number": "100", "name": "NAME"}
    event = parse(json.dumps(source).encode().replace(b"NAME", b"M\xfcller"))
    assert isinstance(event, events.StasisStart)
    assert event.channel.caller_name == "M\ufffdller"


# ---------------------------------------------------------------- nothing else, ever

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def settle(frame: str | bytes) -> events.Event | None:
    try:
        event = parse(frame)
    except BadEvent:
        return None
    assert type(event) in TYPES.values()
    hash(event)
    assert json.dumps(plain(event), ensure_ascii=False).encode()
    return event


def plain(value: object) -> object:
    """All that is in an event, as JSON."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return list(map(plain, value))
    if dataclasses.is_dataclass(value):
        return [plain(getattr(value, each.name)) for each in dataclasses.fields(value)]
    return value


@given(st.text() | st.binary())
def test_any_frame(frame: str | bytes) -> None:
    settle(frame)


@given(st.sampled_from(sorted(TYPES)), st.dictionaries(st.sampled_from(["channel", "playback", "args", "peer"]), JSON))
def test_any_content(name: str, content: dict[str, Any]) -> None:
    settle(json.dumps({**content, "type": name}))


@given(st.data())
def test_any_change_to_a_real_event(data: st.DataObject) -> None:
    """One place of a real event, at any depth, is replaced by anything or removed."""
    source = copy.deepcopy(data.draw(st.sampled_from(SAMPLES)))
    inner: Any = source
    while True:
        key = data.draw(st.sampled_from(sorted(inner)))
        if not isinstance(inner[key], dict) or not inner[key] or data.draw(st.booleans()):
            break
        inner = inner[key]
    if data.draw(st.booleans()):
        del inner[key]
    else:
        inner[key] = data.draw(JSON)
    settle(json.dumps(source))


# ---------------------------------------------------------------- privacy


@pytest.mark.parametrize("source", SAMPLES, ids=lambda each: each["type"])
def test_what_is_printed_tells_no_number_and_no_name(source: dict[str, Any]) -> None:
    shown = repr(read(source))
    for secret in ("4930", "6000", "9001", "1001", "5001", "Ann", "Zoë", "q1"):
        assert secret not in shown.replace("'call-1", "").replace("timestamp", ""), shown


def test_what_is_refused_tells_no_content() -> None:
    source = sample("StasisStart")
    source["channel"]["caller"] = "+4930123456"
    with pytest.raises(BadEvent) as caught:
        read(source)
    assert "4930123456" not in str(caught.value)


def test_events_are_values() -> None:
    one, two = read(sample("StasisStart", 1)), read(sample("StasisStart", 1))
    assert one == two
    assert isinstance(one, events.StasisStart)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.args = ()  # type: ignore[misc]
