"""bridge.common.logs: what is written, what is dropped, and that nobody waits for it."""

import errno
import io
import json
import logging
import select
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ValidationError

from bridge.common import logs


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_json_object_per_line_with_fields() -> None:
    stream = io.StringIO()
    writer = logs.set_up(stream)
    structlog.get_logger("x").info("media leg connected", call="c-1", rate=24_000)
    structlog.get_logger().debug("not shown")
    writer.close()
    (line,) = lines(stream)
    assert line["event"] == "media leg connected"
    assert line["call"] == "c-1"
    assert line["rate"] == 24_000
    assert line["level"] == "info"
    assert "timestamp" in line


class Disk(io.RawIOBase):
    """That is full, or a pipe that nobody reads, as long as `error` is set."""

    def __init__(self) -> None:
        self.error: OSError | None = None
        self.tried = threading.Event()
        self.held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        error = self.error
        self.tried.set()
        if error is not None:
            raise error
        self.held += bytes(data)
        return len(data)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPIPE, errno.EIO])
def test_a_log_that_can_t_be_written_for_a_while_goes_on_afterwards(number: int) -> None:
    disk = Disk()
    stream = io.TextIOWrapper(io.BufferedWriter(disk), encoding="utf-8", line_buffering=True)
    writer = logs.set_up(stream)
    log = structlog.get_logger()
    disk.error = OSError(number, "not now")
    log.info("lost")
    assert disk.tried.wait(5)
    disk.error = None
    log.info("well again")
    writer.close()
    told = disk.held.decode().splitlines()
    assert json.loads(told[-2])["event"] == "well again"
    assert told[-1].startswith("1 log lines were dropped")


@pytest.mark.parametrize("character", ["x", "é", "😀", "\x01", '"', "\\", "\ud83d"])
@pytest.mark.parametrize("length", [1, 400, 2000, 40_000])
def test_a_line_is_never_longer_than_a_pipe_takes_at_once(
    character: str, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEAI_LOG_PII", "1")
    raw = io.BytesIO()
    writer = logs.set_up(io.TextIOWrapper(raw, encoding="utf-8"))
    structlog.get_logger().info(
        "said", call="3f0f6a54-6a2c-4c73-9d0a-2f6f6c1d9e11", text_pii=character * length, at="x" * 300
    )
    writer.close()
    assert len(raw.getvalue()) <= select.PIPE_BUF
    (line,) = (json.loads(each) for each in raw.getvalue().splitlines())
    assert line["text_pii"] == character * length or line["text_pii"].endswith(f"… ({length} characters)")
    assert line["text_pii"].startswith(character * min(length, 200))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_text_that_the_stream_cannot_hold_is_escaped_and_the_log_goes_on(encoding: str) -> None:
    raw = io.BytesIO()
    writer = logs.set_up(io.TextIOWrapper(raw, encoding=encoding))
    structlog.get_logger().info("odd", name="a\ud83d ü")
    structlog.get_logger().info("next")
    writer.close()
    odd, following = raw.getvalue().decode(encoding).splitlines()
    assert "\\ud83d" in odd
    assert json.loads(following)["event"] == "next"


@pytest.mark.parametrize(("setting", "shown"), [(None, False), ("0", False), ("1", True)])
def test_personal_fields_are_dropped_unless_wanted(
    setting: str | None, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOICEAI_LOG_PII", raising=False)
    if setting is not None:
        monkeypatch.setenv("VOICEAI_LOG_PII", setting)
    stream = io.StringIO()
    writer = logs.set_up(stream)
    structlog.get_logger().info("said", call="c-1", text_pii="my number is 4711")
    writer.close()
    assert ("4711" in stream.getvalue()) is shown
    assert "c-1" in stream.getvalue()


def test_libraries_are_heard_from_warning_on() -> None:
    stream = io.StringIO()
    writer = logs.set_up(stream)
    logging.getLogger("websockets.client").info("connection open")
    logging.getLogger("asyncio").warning("slow callback %d", 7)
    writer.close()
    (line,) = lines(stream)
    assert (line["event"], line["logger"], line["level"]) == ("slow callback 7", "asyncio", "warning")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_a_traceback_shows_no_local_variables(stream: io.StringIO) -> None:
    writer = logs.set_up(stream)

    def fail(words: str) -> None:
        raise RuntimeError("a fault")

    try:
        fail("".join(["sec", "ret"]))
    except RuntimeError:
        structlog.get_logger().exception("session failed", call="c-1")
    writer.close()
    assert "in fail" in stream.getvalue()
    assert "RuntimeError" in stream.getvalue()
    assert "secret" not in stream.getvalue()


SPOKEN = "plus four nine"


class Number(BaseModel):
    number: int


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "terminal"])
@pytest.mark.parametrize("personal", [False, True])
def test_what_an_exception_quotes_is_told_only_if_wanted(
    stream: io.StringIO, personal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.truncate(0)
    monkeypatch.setenv("VOICEAI_LOG_PII", "1" if personal else "0")
    writer = logs.set_up(stream)
    try:
        try:
            Number.model_validate({"number": SPOKEN})
        except ValidationError as error:
            raise ExceptionGroup(
                "two", [ConnectionRefusedError(111, "Connection refused"), KeyError(SPOKEN)]
            ) from error
    except ExceptionGroup:
        structlog.get_logger().exception("session failed", call="c-1")
        logging.getLogger("library").exception("failed as well")
    writer.close()
    told = stream.getvalue()
    assert (SPOKEN in told) is personal
    assert told.count("Connection refused") >= 2
    assert told.count("ValidationError") >= 2
    assert told.count("KeyError") >= 2


def test_a_stream_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(io.StringIO):
        go_on = threading.Event()

        def write(self, text: str) -> int:
            assert self.go_on.wait(30)
            return super().write(text)

    monkeypatch.setattr(logs, "WAITING_LINES", 10)
    stream = Stuck()
    writer = logs.set_up(stream)
    for n in range(1000):
        structlog.get_logger().info("line", n=n)
    assert stream.getvalue() == ""
    stream.go_on.set()
    writer.close()
    assert '"n": 0' in stream.getvalue()
    assert "log lines were dropped" in stream.getvalue()


def test_a_closed_stream_is_the_end_of_the_log_and_of_nothing_else() -> None:
    stream = io.StringIO()
    writer = logs.set_up(stream)
    stream.close()
    structlog.get_logger().info("line")
    writer.close()
