"""bridge.worker.scheduling: who gets realtime priority, and who gives it back."""

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from bridge.worker import process, scheduling
from bridge.worker.process import parse
from controller.workers.supervisor import realtime_mode


@pytest.mark.parametrize(
    ("cores", "kernel_limit_us", "reason"),
    [
        (1, 950_000, "only one core"),
        (2, 950_000, None),
        (2, None, None),
        (8, -1, "the kernel does not limit realtime processes"),
    ],
)
def test_auto_keeps_a_machine_usable(cores: int, kernel_limit_us: int | None, reason: str | None) -> None:
    assert scheduling.obstacle(cores, kernel_limit_us) == reason


@pytest.mark.parametrize(
    ("configured", "workers", "cores", "mode"),
    [("auto", 1, 2, "auto"), ("auto", 2, 2, "no"), ("auto", 1, 1, "no"), (True, 4, 2, "yes"), (False, 1, 8, "no")],
)
def test_a_core_is_left_for_everything_else(configured: bool | str, workers: int, cores: int, mode: str) -> None:
    assert realtime_mode(configured, workers, cores) == mode  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "mode"),
    [((), "auto"), (("--realtime",), "yes"), (("--realtime", "no"), "no"), (("--realtime=auto",), "auto")],
)
def test_the_command_line(words: tuple[str, ...], mode: str) -> None:
    assert parse(["--controller", "wss://c/link", *words]).realtime == mode


LOOP = """
import os, threading, time
from bridge.worker.scheduling import RealtimePriority

def policies():
    return {os.sched_getscheduler(int(each)) for each in os.listdir("/proc/self/task")}

def loop():
    since = time.thread_time()
    while not priority.given_back and time.thread_time() - since < 20:
        pass

priority = RealtimePriority()
reason = priority.request("yes")
done = threading.Event()
threading.Thread(target=done.wait).start()
print(reason, policies() == {os.SCHED_RR}, os.sched_getparam(0).sched_priority)
if reason is None:
    for _ in range(2):
        loop()
        print(priority.given_back, policies() == {os.SCHED_OTHER}, priority.resume(), policies() == {os.SCHED_RR})
done.set()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_a_loop_without_end_gives_the_priority_of_all_threads_back_each_time() -> None:
    done = subprocess.run([sys.executable, "-c", LOOP], capture_output=True, text=True, check=True, timeout=60)
    # By what this machine permits its tests.
    assert done.stdout in ("None True 10\n" + 2 * "True True True True\n", "not permitted False 0\n")


def test_only_what_was_given_back_is_requested_again() -> None:
    priority = scheduling.RealtimePriority()
    assert priority.request("no") == "as configured"
    assert not priority.resume()


@pytest.mark.parametrize(
    ("mode", "reason", "line"),
    [
        ("yes", None, ("info", "worker runs with realtime priority")),
        ("yes", "not permitted", ("warning", "worker runs without realtime priority: the system does not permit it; "
                                             "calls are heard, fewer at once")),
        ("auto", "only one core", ("info", "worker runs without realtime priority")),
        ("no", "as configured", ("info", "worker runs without realtime priority")),
    ],
)  # fmt: skip
def test_it_is_said_once_at_the_start(
    monkeypatch: pytest.MonkeyPatch, mode: str, reason: scheduling.Reason | None, line: tuple[str, str]
) -> None:
    monkeypatch.setenv("VOICEAI_BRIDGE_TOKEN", "token")
    monkeypatch.setattr("bridge.worker.process.logs.set_up", lambda: None)
    monkeypatch.setattr(scheduling.RealtimePriority, "request", lambda _self, given: reason if given == mode else "?")
    monkeypatch.setattr(process, "run", lambda serving: serving.close())
    with capture_logs() as lines:
        assert process.main(["--controller", "ws://127.0.0.1:1/link", "--realtime", mode]) == 0
    assert [(each["log_level"], each["event"]) for each in lines] == [line]
