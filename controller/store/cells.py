"""What a cell of a damaged row is read as. SQLite keeps any value in any column: a row that can't be read as it was
written must not hide the others, and stays to be seen. [pure]"""

from datetime import datetime
from typing import Any

LARGEST = 2**63 - 1


def text_in(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def text_or_none_in(value: Any) -> str | None:
    return None if value is None else text_in(value)


def whole_in(value: Any) -> int:
    """0 for what is no whole number."""
    return value if isinstance(value, int) and 0 <= value <= LARGEST else 0


def moment_in(*values: Any) -> datetime | None:
    """The first that is one."""
    return next((each for each in values if isinstance(each, datetime)), None)


def fields_in(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
