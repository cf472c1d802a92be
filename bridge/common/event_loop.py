"""The event loop of our processes: uvloop, which takes an eighth less of the core; asyncio's own on Windows."""

import sys

if sys.platform == "win32":
    from asyncio import run as run
else:
    from uvloop import run as run
