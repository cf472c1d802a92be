"""Messages to systemd (`Type=notify`, `WatchdogSec=`). Without systemd nothing is done.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


def notify(state: str, env: Mapping[str, str] = os.environ) -> None:
    """Sends a state such as READY=1 or STOPPING=1. Never waits and never raises."""
    address = env.get(SOCKET, "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)


async def watchdog(env: Mapping[str, str] = os.environ) -> None:
    """Tells systemd that the event loop runs, twice in each `WatchdogSec`. Returns at once if systemd does not ask."""
    usec = env.get(WATCHDOG, "")
    if not usec.isdigit() or env.get(WATCHDOG_PID, str(os.getpid())) != str(os.getpid()):
        return
    while True:
        notify("WATCHDOG=1", env)
        await asyncio.sleep(int(usec) / 2e6)
