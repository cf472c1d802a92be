"""bridge.worker.process: the command line and what is told to Asterisk."""

import argparse

import pytest

from bridge.worker import process
from bridge.worker.process import advertised, metrics_place, parse, port_list
from controller.workers.supervisor import WorkerCommand


def test_the_command_line_of_a_supervisor() -> None:
    argv = "--name w1 --controller ws://127.0.0.1:8080/link --listen 127.0.0.1 --ports 9092-9094"
    options = parse([*argv.split(), "--advertise", "127.0.0.1", "--capacity", "60"])
    assert options.controller == "ws://127.0.0.1:8080/link"
    assert options.ports == (9092, 9093, 9094)
    assert (options.name, options.capacity, options.advertise) == ("w1", 60, "127.0.0.1")


def test_what_the_controllers_supervisor_asks_for_is_understood() -> None:
    command = WorkerCommand("ws://c/link", str, "127.0.0.1", "9092-9094", "127.0.0.1", 60, 2, "ca.pem", "yes", "9192")
    options = parse(command.argv("w1")[3:])
    assert (options.name, options.capacity, options.warm, options.ca, options.realtime) == (
        "w1",
        60,
        2,
        "ca.pem",
        "yes",
    )
    assert options.metrics == ("127.0.0.1", (9192,))


def test_what_is_not_said_has_a_default() -> None:
    options = parse(["--controller", "wss://c/link"])
    assert options.listen == "127.0.0.1"
    assert options.ports == tuple(range(9092, 9100))
    assert options.advertise == "auto"
    assert options.name
    assert "127.0.0.0/8" in options.allow
    assert options.quit_after is None


FAR = ["ws://10.0.0.5:8080/link", "ws://controller/link", "ws://[fd00::5]:8080/link"]
ALIKE = [
    "ws://127.0.0.1.example.com/link",
    "ws://127.example.com/link",
    "ws://127.1/link",
    "ws://localhost.example/link",
]
ODD = ["ws://[::ffff:10.0.0.1]/link", "ws://2130706433/link", "ws://0.0.0.0/link", "ws://127.0.0.1@far/link"]


@pytest.mark.parametrize("url", [*FAR, *ALIKE, *ODD])
def test_nothing_goes_to_another_machine_in_clear_unless_it_is_said(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(["--controller", url])
    assert "--insecure" in capsys.readouterr().err
    assert parse(["--controller", url, "--insecure"]).controller == url


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:1/link", "ws://localhost/link", "ws://[::1]/link", "ws://127.8.9.1/link", "wss://far/link"]
)
def test_what_nobody_can_read_on_the_way_is_not_asked_about(url: str) -> None:
    assert parse(["--controller", url]).controller == url


@pytest.mark.parametrize(("text", "ports"), [("9092", (9092,)), ("1-3", (1, 2, 3)), ("5,7-8", (5, 7, 8)), ("0", (0,))])
def test_ports(text: str, ports: tuple[int, ...]) -> None:
    assert port_list(text) == ports


@pytest.mark.parametrize("text", ["", "x", "9-", "9099-9092", "70000", "-1"])
def test_what_are_no_ports(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        port_list(text)


@pytest.mark.parametrize(
    ("text", "host", "ports"),
    [("9192-9193", "127.0.0.1", (9192, 9193)), ("10.0.0.5:9192", "10.0.0.5", (9192,)), ("[::1]:9192", "::1", (9192,))],
)
def test_where_metrics_are_served(text: str, host: str, ports: tuple[int, ...]) -> None:
    assert metrics_place(text) == (host, ports)
    assert parse(["--controller", "wss://c/link", "--metrics", text]).metrics == (host, ports)


@pytest.mark.parametrize("text", ["", "x:9192", "10.0.0.5:", "::1", "10.0.0.5:x"])
def test_nowhere_to_serve_metrics(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        metrics_place(text)


@pytest.mark.parametrize("argv", [[], ["--controller", "ws://c", "--capacity", "0"], ["--controller", "u", "--x"]])
def test_nonsense_ends_with_usage(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(argv)
    assert end.value.code == 2


def test_the_token_must_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEAI_BRIDGE_TOKEN", raising=False)
    monkeypatch.setattr("bridge.worker.process.logs.set_up", lambda: None)
    assert process.main(["--controller", "ws://127.0.0.1:1/link"]) == 2


@pytest.mark.parametrize(
    ("wanted", "bound", "told"),
    [
        ("auto", "127.0.0.1", "127.0.0.1"),
        ("auto", "0.0.0.0", "10.1.2.3"),
        ("auto", "::", "10.1.2.3"),
        ("192.0.2.7", "0.0.0.0", "192.0.2.7"),
    ],
)
def test_what_asterisk_is_told(wanted: str, bound: str, told: str) -> None:
    assert advertised(wanted, bound, local="10.1.2.3") == told


def test_further_controllers_are_told_what_the_first_one_is_unless_it_is_said() -> None:
    first = ["--controller", "wss://a/link", "--name", "edge-1", "--allow", "10.0.0.0/24", "--ca", "a.pem"]
    more = "wss://b:8443/link,name=a.w1,advertise=10.0.0.9,allow=10.1.0.5,allow=10.1.0.6,ca=b.pem"
    options = parse([*first, "--controller", "wss://c/link", "--controller", more])
    home, plain, other = options.links("ta", "tc", "tb")
    assert (home.url, home.name, home.home, home.token) == ("wss://a/link", "edge-1", True, "ta")
    as_first = ("wss://c/link", "edge-1", "auto", ("10.0.0.0/24",), "a.pem", False, "tc")
    assert (plain.url, plain.name, plain.advertise, plain.allow, plain.ca, plain.home, plain.token) == as_first
    assert (other.name, other.advertise, other.allow) == ("a.w1", "10.0.0.9", ("10.1.0.5", "10.1.0.6"))
    assert (other.ca, other.token) == ("b.pem", "tb")
    assert options.all_allowed == ("10.0.0.0/24", "10.1.0.5", "10.1.0.6")
    assert "tb" not in repr(other)


@pytest.mark.parametrize(
    ("further", "said"),
    [
        ("http://b/link", "is no URL"),
        ("wss://b/link,name", "is none of"),
        ("wss://b/link,name=", "is none of"),
        ("wss://b/link,name=x,name=y", "is none of"),
        ("wss://b/link,port=1", "is none of"),
        ("wss://b/link,url=wss://c", "is none of"),
        ("wss://b/link,name=a b", "--name"),
        ("wss://b/link,allow=10.0.0.5/8", "host bits"),
        ("wss://b/link,allow=anywhere", "--allow"),
        ("ws://10.0.0.5/link", "--insecure"),
        ("wss://a/link", "the same one twice"),
    ],
)
def test_a_further_controller_that_makes_no_sense(further: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(["--controller", "wss://a/link", "--controller", further])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_the_first_controller_is_described_by_the_other_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--controller", "wss://a/link,name=x"])
    assert "--name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "count", "found"),
    [(" t ", 1, ("t",)), ("a b", 1, ("a b",)), ("a b", 2, ("a", "b")), ("a\n b \tc", 3, ("a", "b", "c"))],
)
def test_tokens_are_in_the_order_of_the_controllers(text: str, count: int, found: tuple[str, ...]) -> None:
    assert process.tokens(text, count) == found


@pytest.mark.parametrize(("text", "count"), [("", 1), ("  ", 1), ("a", 2), ("a b c", 2), ("", 3)])
def test_a_controller_without_a_token_is_an_error(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"of {count}: one for each"):
        process.tokens(text, count)


def test_no_two_controllers_are_shown_the_same_token() -> None:
    with pytest.raises(ValueError, match="could play this worker"):
        process.tokens("a b a", 3)
