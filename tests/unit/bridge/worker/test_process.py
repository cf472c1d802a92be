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
