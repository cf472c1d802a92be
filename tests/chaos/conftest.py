"""An Asterisk for each chaos test, which may kill it."""

from tests.e2e.conftest import own_asterisk as own_asterisk
