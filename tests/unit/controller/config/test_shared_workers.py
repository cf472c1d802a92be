"""`bridge.share_with`: what is taken and refused, and how the workers are started by it."""

from typing import Any

import pytest

from bridge.worker.process import parse, tokens
from controller.config import Config
from controller.workers.supervisor import workers_of
from tests.unit.controller.config.test_loader import errors_of
from tests.unit.controller.configs import FULL, config, with_

TOKEN = "Hunter2-Hunter2-Hunter2"
B: dict[str, Any] = {"controller": "wss://10.0.0.12:8080/link", "tokens": {"w1": TOKEN}}
C: dict[str, Any] = {
    "controller": "wss://c.internal/link",
    "tokens": {"w1": f"{TOKEN}-1", "w2": f"{TOKEN}-2"},
    "advertise": "10.1.0.11",
    "allow": ["10.1.0.12", "fd00::/64"],
    "ca": "c.pem",
}


def shared(*entries: dict[str, Any], **more: Any) -> Config:
    return config(FULL, cluster__node="berlin1", bridge__listen="0.0.0.0", bridge__share_with=[*entries], **more)


def test_each_worker_is_told_the_controllers_that_it_has_a_token_for() -> None:
    command, count = workers_of(shared(B, C), 8080, lambda name: f"{name}:local")
    assert count == 2
    first, second = (parse(command.argv(name)[3:]) for name in ("w1", "w2"))
    assert [each.url for each in first.others] == [B["controller"], C["controller"]]
    assert [(each.url, each.name) for each in second.others] == [(C["controller"], "berlin1.w2")]
    b, c = first.others
    assert (b.name, b.advertise, b.allow, b.ca) == ("berlin1.w1", "auto", first.allow, None)
    assert (c.advertise, c.allow, c.ca) == ("10.1.0.11", ("10.1.0.12", "fd00::/64"), "c.pem")
    assert tokens(command.tokens("w1"), 3) == ("w1:local", TOKEN, f"{TOKEN}-1")
    assert tokens(command.tokens("w2"), 2) == ("w2:local", f"{TOKEN}-2")
    assert "Hunter2" not in repr(command) + " ".join(command.argv("w1")), "everybody can read command lines"


def test_without_it_a_worker_is_started_as_ever() -> None:
    command, _ = workers_of(config(FULL), 8080, str)
    assert command.argv("w1").count("--controller") == 1
    assert parse(command.argv("w1")[3:]).others == ()
    assert command.tokens("w1") == "w1"


@pytest.mark.parametrize(
    ("entry", "path", "words"),
    [
        (B | {"controller": "ws://10.0.0.12:8080/link"}, "controller", "wss://"),
        (B | {"controller": "https://10.0.0.12/link"}, "controller", "wss://"),
        (B | {"controller": "wss://10.0.0.12/link,name=x"}, "controller", "comma"),
        (B | {"tokens": {}}, "tokens", "must not be empty"),
        (B | {"tokens": {"edge-1": TOKEN}}, "tokens.edge-1", "no worker of this machine"),
        (B | {"tokens": {"w3": TOKEN}}, "tokens.w3", "bridge.workers is 2"),
        (B | {"tokens": {"w1": "short"}}, "tokens.w1", "too short"),
        (B | {"tokens": {"w1": "two tokens, not one of them"}}, "tokens.w1", "spaces"),
        (B | {"allow": ["10.0.0.12/8"]}, "allow[0]", "no network"),
        (B | {"advertise": "10.0.0.11,allow=0.0.0.0/0"}, "advertise", "comma"),
    ],
)
def test_what_is_refused(entry: dict[str, Any], path: str, words: str) -> None:
    found = errors_of(with_(FULL, bridge__listen="0.0.0.0", bridge__share_with=[entry]))
    (where,) = [each for each in found if each.startswith(f"bridge.share_with[0].{path}")]
    assert words in found[where].message + found[where].hint


def test_a_node_elsewhere_reaches_no_worker_on_loopback() -> None:
    found = errors_of(with_(FULL, bridge__share_with=[B]))
    assert "bridge.listen" in found["bridge.share_with[0].controller"].hint
    local = B | {"controller": "ws://127.0.0.1:8081/link"}
    assert config(FULL, bridge__share_with=[local]).bridge.share_with[0].controller == local["controller"]


def test_each_controller_is_named_once() -> None:
    found = errors_of(with_(FULL, bridge__listen="0.0.0.0", bridge__share_with=[B, B]))
    assert "share_with[0]" in found["bridge.share_with[1].controller"].message


@pytest.mark.parametrize("second", [C | {"tokens": {"w1": TOKEN}}, C | {"tokens": {"w2": TOKEN}}])
def test_each_token_is_given_once(second: dict[str, Any]) -> None:
    found = errors_of(with_(FULL, bridge__listen="0.0.0.0", bridge__share_with=[B, second]))
    ((path, error),) = found.items()
    assert path.startswith("bridge.share_with[1].tokens.")
    assert "share_with[0].tokens.w1" in error.message


@pytest.mark.parametrize("token", [f"{TOKEN}\n", [TOKEN], {"token": TOKEN}, 22222222222222222222])
def test_no_token_shows_in_an_error(token: object) -> None:
    found = errors_of(with_(FULL, bridge__listen="0.0.0.0", bridge__share_with=[B | {"tokens": {"w1": token}}]))
    assert not any(shown in repr(found) for shown in ("Hunter2", "2222"))


def test_no_token_shows() -> None:
    made = shared(B, C)
    assert "Hunter2" not in repr(made) + str(made.redacted())
