"""Values of damaged rows, read as far as they can be. [pure]

SQLite keeps a value of any type in any column. A row with a wrong value must not hide the other rows: each function
here takes whatever the column holds and returns a value of the type that is expected.
"""

from datetime import datetime
from typing import Any

LARGEST = 2**63 - 1


def text_in(value: Any) -> str:
    """Empty for NULL."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def text_or_none_in(value: Any) -> str | None:
    return None if value is None else text_in(value)


def whole_in(value: Any) -> int:
    """0 for everything but a whole number from 0 to `LARGEST`."""
    return value if isinstance(value, int) and 0 <= value <= LARGEST else 0


def moment_in(*values: Any) -> datetime | None:
    """The first of them that is a moment; None: none is."""
    return next((each for each in values if isinstance(each, datetime)), None)


def fields_in(value: Any) -> dict[str, Any]:
    """Empty for everything but a JSON object."""
    return value if isinstance(value, dict) else {}
