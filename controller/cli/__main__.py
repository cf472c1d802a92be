"""The entry point of the `voiceai` command.

Owns what is loaded. `voiceai serve` runs for months: it loads no other command, and not what structlog, httpx and Mako
load if it is there, to colour text on terminals. That is 9 MB.

Owns also the garbage collector at the start: it is off during the imports, and then ignores the imported objects.
Without this the start takes a sixth longer.
"""

import gc
import io
import sys
from collections.abc import Callable
from functools import partial

COLOURS = ("rich", "pygments", "click")
"""Optional packages, each imported within `try`. None in `sys.modules` is Python's own way to say that a package is not
installed (docs.python.org/3/reference/import.html#the-module-cache)."""


def main() -> None:
    """Run the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # no traceback on a terminal that lacks a character
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # half of a character can't be sent
    gc.disable()
    run = _serve() if sys.argv[1:2] == ["serve"] and "--help" not in sys.argv else _any()
    gc.freeze()
    gc.enable()
    run()


def _serve() -> Callable[[], None]:
    sys.modules.update(dict.fromkeys(COLOURS))  # type: ignore[arg-type]
    from controller.cli import serve, serve_command

    assert serve  # the command needs it
    return partial(serve_command.app, sys.argv[2:], prog_name="voiceai serve")


def _any() -> Callable[[], None]:
    from controller.cli.main import app

    return app


if __name__ == "__main__":
    main()
