"""An Asterisk for each storm, which may kill it."""

from tests.e2e.conftest import own_asterisk as own_asterisk
