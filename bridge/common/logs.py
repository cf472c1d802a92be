"""The log of a process, the same for controller and workers.

Written to stderr: on a terminal as text for people, otherwise one JSON object per line. The message is static, data are
in fields. Fields whose name ends in `_pii` hold personal data: they are dropped, as are the messages of exceptions,
unless VOICEAI_LOG_PII=1. Libraries log from WARNING on. VOICEAI_LOG=debug shows more of our own lines.

A thread writes the lines: a terminal that is stopped with Ctrl-S, or a full pipe, must not stop the sound.

Controller and workers write to one pipe, which keeps a write of up to 4096 bytes in one piece (POSIX, PIPE_BUF). So
each text of a line is cut at `LONGEST_TEXT`: lines of other processes would be mixed into a longer one.
"""

import atexit
import json
import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import ExcInfo, Processor

PII_SUFFIX = "_pii"
WAITING_LINES = 10_000
"""Beyond these the newest are dropped, and counted."""
FLUSH_SECONDS = 1.0
LONGEST_TEXT = 2500
"""Bytes of one text in a line, as JSON."""
CHAIN = 8
"""The most exceptions that are written of one traceback: members of groups, and causes."""


class LineWriter:
    """A text stream that never makes its writer wait. One thread owns the real stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self._dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing to do: lines are written as soon as the stream takes them."""

    def close(self) -> None:
        """Write what waits, for at most `FLUSH_SECONDS`. What is written afterwards is lost."""
        try:
            self._lines.put(None, timeout=FLUSH_SECONDS)
        except queue.Full:
            return
        self._thread.join(FLUSH_SECONDS)

    def _run(self) -> None:
        while (text := self._lines.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                text += f"{dropped} log lines were dropped: the log can't be written, or is not being read\n"
            try:
                self._put(text)
                self._stream.flush()
            except OSError:  # a full disk, or a pipe without a reader: the next line may succeed
                self._dropped += dropped + 1
            except ValueError:
                return  # the stream is closed: there is nowhere to say so

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:  # half a surrogate pair, or a stream that is not UTF-8: the line is escaped
            self._stream.write(text.encode("ascii", "backslashreplace").decode())


def set_up(stream: TextIO | None = None) -> LineWriter:
    """Once per process, first thing. Writes to `stream`, by default stderr."""
    stream = stream if stream is not None else sys.stderr
    writer = LineWriter(stream)
    atexit.register(writer.close)
    level = logging.DEBUG if os.environ.get("VOICEAI_LOG", "").lower() == "debug" else logging.INFO
    personal = os.environ.get("VOICEAI_LOG_PII") == "1"
    before = _processors(personal=personal)
    render = _renderers(people=stream.isatty(), personal=personal)
    structlog.configure(
        processors=[*before, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(writer),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    _route_libraries(writer, before, render)
    return writer


def drop_personal(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: without the fields that hold personal data."""
    for key in [key for key in event if key.endswith(PII_SUFFIX)]:
        del event[key]
    return event


def shorten(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: long texts are cut, and end with how long they were. An exception is told whole."""
    for key, value in event.items():
        if isinstance(value, str) and _too_long(value):
            kept = value[:LONGEST_TEXT]
            while _too_long(kept):
                kept = kept[: len(kept) * 3 // 4]
            event[key] = f"{kept}… ({len(value)} characters)"
    return event


def _too_long(text: str) -> bool:
    if 6 * len(text) <= LONGEST_TEXT:  # no character takes more bytes
        return False
    return (
        len(text) > LONGEST_TEXT
        or len(json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace")) > LONGEST_TEXT
    )


def _processors(*, personal: bool) -> list[Processor]:
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    return [*before, shorten] if personal else [*before, drop_personal, shorten]


def _renderers(*, people: bool, personal: bool) -> list[Processor]:
    # Never the pretty tracebacks: those print local variables.
    render = _whole if personal else _without_words
    if people:

        def write(to: TextIO, error: ExcInfo) -> None:
            to.write(f"\n{render(error)}")

        return [structlog.dev.ConsoleRenderer(exception_formatter=write)]
    return [structlog.processors.ExceptionRenderer(render), structlog.processors.JSONRenderer(ensure_ascii=False)]


def _whole(exc_info: ExcInfo) -> str:
    return "".join(traceback.format_exception(*exc_info)).rstrip()


def _without_words(exc_info: ExcInfo) -> str:
    """Traceback and class of an exception, without its message: that may quote what was read, such as a number or a
    sentence of a caller. Only the messages of the operating system are written."""
    parts: list[str] = []
    waiting: list[BaseException | None] = [exc_info[1]]
    while waiting and len(parts) < CHAIN:
        one = waiting.pop(0)
        if one is None:
            continue
        kind = f"{type(one).__module__}.{type(one).__qualname__}"
        why = f": {one.strerror}" if isinstance(one, OSError) else ""
        parts.append(f"Traceback:\n{''.join(traceback.format_tb(one.__traceback__))}{kind}{why}\n")
        waiting += [*(one.exceptions if isinstance(one, BaseExceptionGroup) else ()), one.__cause__ or one.__context__]
    return "from, or while handling:\n".join(parts) + "(what it said: VOICEAI_LOG_PII=1)"


def _route_libraries(writer: LineWriter, before: list[Processor], render: list[Processor]) -> None:
    handler = logging.StreamHandler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in ("httpx", "httpcore"):  # below WARNING they log whole URLs
        logging.getLogger(name).setLevel(logging.WARNING)
