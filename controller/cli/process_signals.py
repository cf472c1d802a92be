"""The signals that the controller handles: SIGINT and SIGTERM stop it, SIGHUP makes it read its config again."""

import asyncio
import contextlib
import signal
from collections.abc import Callable


def install_handlers(*, stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Installs the handlers on the running loop, until it is closed."""
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(signum, stop)
        except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt instead
            with contextlib.suppress(ValueError):
                signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stop))
    with contextlib.suppress(NotImplementedError, AttributeError):  # Windows has no SIGHUP
        loop.add_signal_handler(signal.SIGHUP, reload)
