"""The table of sessions: how many, for what, how long."""

import pytest

from controller.calls.errors import Busy
from controller.config.models.softphone import Softphone
from controller.softphone.endpoints import fields_of
from controller.softphone.sessions import SessionTable, SoftphoneSession

SETTINGS = Softphone(per_token=2, total=3, unused_s=60, max_s=3600)


def opened(table: SessionTable, by: str = "ops", agent: str | None = "reception", now: float = 0) -> SoftphoneSession:
    return table.open(by=by, agent=agent, variables={"name": "Ada"}, allowed=lambda: True, now=now)


def test_each_session_has_a_name_a_password_and_a_call_of_its_own() -> None:
    table = SessionTable(SETTINGS, "voiceai")
    one, other = opened(table), opened(table)
    assert len({one.id, other.id, one.password, other.password, one.call, other.call}) == 6
    assert one.password not in repr(one)
    assert "Ada" not in repr(one)
    assert opened(table, "ada", None).call is None


def test_the_limits_by_token_and_in_total() -> None:
    table = SessionTable(SETTINGS, "voiceai")
    opened(table)
    last = opened(table)
    with pytest.raises(Busy, match="per_token"):
        opened(table)
    opened(table, "other")
    with pytest.raises(Busy, match="total"):
        opened(table, "third")
    table.close(last.id)
    opened(table, "third")
    assert table.close(last.id) is None


def test_a_channel_is_known_by_its_name_and_not_by_that_of_another_app() -> None:
    table, other = SessionTable(SETTINGS, "voiceai"), SessionTable(SETTINGS, "staging")
    session = opened(table)
    assert table.endpoint_of(f"PJSIP/{session.id}-0000002a") == session.id
    assert other.endpoint_of(f"PJSIP/{session.id}-0000002a") is None
    for name in ("PJSIP/trunk-0000002a", f"Local/{session.id}-0000002a", f"PJSIP/{session.id}", ""):
        assert table.endpoint_of(name) is None


def test_time_without_a_call_and_with_one() -> None:
    table = SessionTable(SETTINGS, "voiceai")
    talk, supervisor = opened(table), opened(table, "ada", None)
    assert (table.seconds_left(talk, 50), table.seconds_left(supervisor, 50)) == (10, 10)
    talk.channel, supervisor.call = "1.1", "some call"
    assert (table.seconds_left(talk, 50), table.seconds_left(supervisor, 3700)) == (3550, -100)


def test_the_endpoint_may_do_little_and_is_made_first() -> None:
    objects = fields_of(SETTINGS, "browser-1", "secret")
    assert list(objects) == ["endpoint", "aor", "auth"]
    endpoint = objects["endpoint"]
    assert (endpoint["webrtc"], endpoint["context"], endpoint["identify_by"]) == ("yes", "from-browser", "username")
    assert {endpoint[name] for name in ("allow_transfer", "allow_subscribe", "direct_media")} == {"no"}
    assert objects["auth"]["password"] == "secret"
