"""The environment's SSLKEYLOGFILE: a file that TLS keys are written to, for whoever debugs a connection.

Python raises for each TLS context, also while libraries are imported, if that file can't be written. Owns the look at
it, before anything else is imported; one that can't be written is ignored.
"""

import os
import sys
from collections.abc import MutableMapping

NAME = "SSLKEYLOGFILE"


def ignore_unwritable(environment: MutableMapping[str, str]) -> None:
    path = environment.get(NAME)
    if not path:
        return
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600))
    except (OSError, ValueError) as error:
        del environment[NAME]
        reason = error.strerror if isinstance(error, OSError) else "no path"
        sys.stderr.write(f"{NAME} is ignored: that file can't be written ({reason}). Unset it, or name another one.\n")
