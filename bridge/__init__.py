"""The sound side: worker processes that carry audio between AudioSocket and the Realtime API."""

import os

from bridge.common.tls_key_log import ignore_unwritable

ignore_unwritable(os.environ)
