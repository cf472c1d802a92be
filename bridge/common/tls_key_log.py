"""The environment variable SSLKEYLOGFILE: a file to which TLS keys are written, to debug a connection.

If that file can't be written, Python raises for each TLS context, also while libraries are imported. So it is checked
before anything else is imported, and ignored if it can't be written.
"""

import os
import sys
from collections.abc import MutableMapping

NAME = "SSLKEYLOGFILE"


def ignore_unwritable(environment: MutableMapping[str, str]) -> None:
    """Removes the variable, with a line on stderr, if its file can't be written."""
    path = environment.get(NAME)
    if not path:
        return
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600))
    except (OSError, ValueError) as error:
        del environment[NAME]
        reason = error.strerror if isinstance(error, OSError) else "no path"
        sys.stderr.write(f"{NAME} is ignored: that file can't be written ({reason}). Unset it, or name another one.\n")
